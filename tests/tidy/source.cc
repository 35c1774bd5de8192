#include "tests/tidy/source.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace sbot::tidy {
namespace {

namespace fs = std::filesystem;

const fs::path root = SBOT_SOURCE_DIR;

bool foreign(const fs::path& folder) {
    const std::string name = folder.filename().string();
    return name == "build" || name == "node_modules" || (name.starts_with('.') && name != ".ci");
}

std::string read(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return std::move(text).str();
}

/// Blanks out [from, to) of `text`, keeping line ends.
void blank(std::string& text, std::size_t from, std::size_t to) {
    for (std::size_t at = from; at < to && at < text.size(); ++at) {
        if (text[at] != '\n') text[at] = ' ';
    }
}

/// Where the literal ends whose opening quote is at `open`: the place of its closing quote.
std::size_t end_of_literal(std::string_view text, std::size_t open) {
    std::size_t at = open + 1;
    while (at < text.size() && text[at] != text[open]) at += text[at] == '\\' ? 2 : 1;
    return std::min(at, text.size());
}

/// The same for R"mark(...)mark", `open` being the place of the quote.
std::size_t end_of_raw_literal(std::string_view text, std::size_t open) {
    const std::size_t bracket = text.find('(', open);
    if (bracket == std::string_view::npos) return text.size();
    std::string closing(1, ')');
    closing.append(text.substr(open + 1, bracket - open - 1)).push_back('"');
    const std::size_t end = text.find(closing, bracket);
    return end == std::string_view::npos ? text.size() : end + closing.size() - 1;
}

bool digit_separator(std::string_view text, std::size_t quote) {
    const auto is_digit = [](char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0; };
    return quote > 0 && quote + 1 < text.size() && is_digit(text[quote - 1]) &&
           is_digit(text[quote + 1]);
}

}  // namespace

std::string File::folder() const {
    const std::size_t slash = path.find('/');
    return slash == std::string::npos ? "." : path.substr(0, slash);
}

std::vector<File> repository() {
    std::vector<File> files;
    for (auto each = fs::recursive_directory_iterator(root); each != fs::end(each); ++each) {
        if (each->is_directory() && foreign(each->path())) {
            each.disable_recursion_pending();
        } else if (each->is_regular_file()) {
            files.push_back(
                {fs::relative(each->path(), root).generic_string(), read(each->path())});
        }
    }
    std::sort(files.begin(), files.end(),
              [](const File& a, const File& b) { return a.path < b.path; });
    return files;
}

std::vector<File> sources(const std::vector<File>& files) {
    std::vector<File> chosen;
    for (const File& file : files) {
        if (file.ends_with(".h") || file.ends_with(".cc")) chosen.push_back(file);
    }
    return chosen;
}

std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        lines.push_back(text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return lines;
}

std::size_t line_at(std::string_view text, std::size_t position) {
    const auto head = text.substr(0, position);
    return 1 + static_cast<std::size_t>(std::count(head.begin(), head.end(), '\n'));
}

std::string only_code(std::string_view text) {
    std::string code(text);
    for (std::size_t at = 0; at < text.size(); ++at) {
        const std::string_view rest = text.substr(at);
        if (rest.starts_with("//")) {
            const std::size_t end = std::min(text.find('\n', at), text.size());
            blank(code, at, end);
            at = end;
        } else if (rest.starts_with("/*")) {
            const std::size_t end = std::min(text.find("*/", at + 2), text.size() - 2) + 2;
            blank(code, at, end);
            at = end - 1;
        } else if (rest[0] == '"' || (rest[0] == '\'' && !digit_separator(text, at))) {
            const bool raw = rest[0] == '"' && at > 0 && text[at - 1] == 'R';
            const std::size_t end = raw ? end_of_raw_literal(text, at) : end_of_literal(text, at);
            blank(code, at + 1, end);
            at = end;
        }
    }
    return code;
}

}  // namespace sbot::tidy
