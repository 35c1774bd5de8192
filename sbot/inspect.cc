#include "sbot/inspect.h"

#include <algorithm>
#include <cstdio>
#include <vector>

#include "base/json.h"

namespace sbot::app {
namespace {

using base::Tree;

constexpr std::size_t line_length = 80;
constexpr std::size_t short_text = 16;  // never broken into lines

/// In the quotes that need no escaping, if there are any.
std::string quoted(std::string_view text) {
    char quote = '\'';
    if (text.find('\'') != text.npos) {
        if (text.find('"') == text.npos) {
            quote = '"';
        } else if (text.find('`') == text.npos && text.find("${") == text.npos) {
            quote = '`';
        }
    }
    std::string out(1, quote);
    for (char c : text) {
        constexpr std::string_view letters = "\b\t\n\f\r";
        constexpr std::string_view names = "btnfr";
        if (auto at = letters.find(c); at != letters.npos) {
            out += {'\\', names[at]};
        } else if (c == '\\' || c == quote) {
            out += {'\\', c};
        } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
            char code[8];
            std::snprintf(code, sizeof code, "\\x%02X", static_cast<unsigned>(c));
            out += code;
        } else {
            out += c;
        }
    }
    return out + quote;
}

std::string text_lines(std::string_view text, std::size_t indent) {
    if (text.size() <= short_text || text.size() + indent + 4 <= line_length) return quoted(text);
    std::string out;
    while (!text.empty()) {
        std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
        if (!out.empty()) out += " +\n" + std::string(indent + 2, ' ');
        out += quoted(text.substr(0, end));
        text.remove_prefix(end);
    }
    return out;
}

bool is_name(std::string_view text) {
    auto letter = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$';
    };
    return !text.empty() && letter(text[0]) && std::all_of(text.begin(), text.end(), [&](char c) {
        return letter(c) || (c >= '0' && c <= '9');
    });
}

/// Brackets around the members: in one line if they fit into it.
std::string bracketed(const std::vector<std::string>& members, std::string_view brackets,
                      std::size_t indent) {
    std::string open(1, brackets[0]), close(1, brackets[1]);
    if (members.empty()) return open + close;
    std::size_t length = 2 * members.size() + indent + 1 + 10;
    bool one_line = true;
    for (const std::string& each : members) {
        length += each.size();
        one_line = one_line && each.find('\n') == each.npos;
    }
    one_line = one_line && length <= line_length;
    std::string between = one_line ? " " : "\n" + std::string(indent + 2, ' ');
    std::string out = open;
    for (const std::string& each : members) {
        if (&each != &members.front()) out += ',';
        out += between + each;
    }
    return out + (one_line ? " " : "\n" + std::string(indent, ' ')) + close;
}

std::string inspect_at(const Tree& value, std::size_t indent, int levels) {
    std::vector<std::string> members;
    if (value.is_text()) return text_lines(value.text(), indent);
    if (value.is_list()) {
        if (levels == 0) return "[Array]";
        for (const Tree& each : value.items()) {
            members.push_back(inspect_at(each, indent + 2, levels - 1));
        }
        return bracketed(members, "[]", indent);
    }
    if (value.is_object()) {
        if (levels == 0) return "[Object]";
        for (const Tree::Member& each : value.members()) {
            members.push_back((is_name(each.name) ? each.name : quoted(each.name)) + ": " +
                              inspect_at(each.value, indent + 2, levels - 1));
        }
        return bracketed(members, "{}", indent);
    }
    return value.to_json();
}

}  // namespace

std::string inspect(const Tree& value) { return inspect_at(value, 0, 3); }

}  // namespace sbot::app
