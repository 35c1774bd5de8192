#include <algorithm>
#include <array>
#include <cctype>
#include <set>
#include <string_view>

#include "tests/tidy/rules.h"

namespace sbot::tidy {
namespace {

constexpr std::size_t characters_max = 100;
constexpr std::size_t lines_max = 800;

/// In halves, so that this file passes its own test.
const std::array<std::string, 3> notes_to_self = {
    std::string("TO") + "DO", std::string("FIX") + "ME", std::string("XX") + "X"};

bool is_code(const File& file) {
    if (file.ends_with(".md")) return false;
    return file.ends_with(".h") || file.ends_with(".cc") || file.ends_with(".js") ||
           file.ends_with(".cmake") || file.ends_with("CMakeLists.txt") ||
           file.starts_with("scripts/") || file.starts_with(".ci/");
}

bool is_letter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; }

/// Has `word` in it, and not just as a part of a longer one.
bool has_word(std::string_view line, std::string_view word) {
    for (std::size_t at = line.find(word); at != std::string_view::npos;
         at = line.find(word, at + 1)) {
        const std::size_t behind = at + word.size();
        const bool alone = (at == 0 || !is_letter(line[at - 1])) &&
                           (behind == line.size() || !is_letter(line[behind]));
        if (alone) return true;
    }
    return false;
}

/// Characters, not bytes.
std::size_t width(std::string_view line) {
    return static_cast<std::size_t>(std::count_if(line.begin(), line.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U;
    }));
}

std::string judge(std::string_view line) {
    if (width(line) > characters_max) return "is longer than 100 characters";
    if (line.ends_with(' ') || line.ends_with('\t')) return "ends with a blank";
    for (const std::string& note : notes_to_self) {
        if (has_word(line, note)) return "is a note to self: " + note;
    }
    return {};
}

/// Folders whose README says what they are for. Those below tests/ mirror the ones of the root and
/// are told of in tests/README.md.
bool needs_readme(std::string_view folder) { return folder.find('/') == std::string_view::npos; }

}  // namespace

Complaints wrong_lines(const File& file) {
    if (!is_code(file)) return {};
    Complaints complaints;
    std::size_t number = 0;
    for (std::string_view line : lines_of(file.text)) {
        ++number;
        const std::string wrong = judge(line);
        if (wrong.empty()) continue;
        complaints.push_back(file.path + ":" + std::to_string(number) + ": " + wrong);
    }
    if (number > lines_max) {
        complaints.push_back(file.path + ": has " + std::to_string(number) + " lines");
    }
    if (!file.text.empty() && file.text.back() != '\n') {
        complaints.push_back(file.path + ": does not end with a line end");
    }
    return complaints;
}

Complaints missing_readmes(const std::vector<File>& files) {
    std::set<std::string> folders, described;
    for (const File& file : files) {
        for (std::size_t slash = file.path.find('/'); slash != std::string::npos;
             slash = file.path.find('/', slash + 1)) {
            folders.insert(file.path.substr(0, slash));
        }
        if (file.ends_with("/README.md")) {
            described.insert(file.path.substr(0, file.path.rfind('/')));
        }
    }
    Complaints complaints;
    for (const std::string& folder : folders) {
        if (folder.starts_with('.') || !needs_readme(folder) || described.contains(folder))
            continue;
        complaints.push_back(folder + ": has no README.md");
    }
    return complaints;
}

Complaints named_downloads(const File& file) {
    const bool names =
        file.ends_with("package-lock.json") && file.text.find("\"resolved\"") != std::string::npos;
    return names ? Complaints{file.path + ": names where packages came from"} : Complaints{};
}

}  // namespace sbot::tidy
