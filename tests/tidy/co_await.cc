// g++ 12 miscompiles some temporaries inside a co_await expression: braced aggregates, lambdas that
// capture, choices. Naming the thing on the line above cures each.

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <string_view>

#include "tests/tidy/rules.h"

namespace sbot::tidy {
namespace {

constexpr std::string_view openers = "([{";

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

char closing_of(char opener) { return opener == '(' ? ')' : opener == '[' ? ']' : '}'; }

/// Behind the bracket that closes the one at `open`; the end of the text if none does.
std::size_t behind_group(std::string_view code, std::size_t open) {
    std::string expected;
    for (std::size_t at = open; at < code.size(); ++at) {
        if (openers.find(code[at]) != std::string_view::npos) {
            expected.push_back(closing_of(code[at]));
        } else if (!expected.empty() && code[at] == expected.back()) {
            expected.pop_back();
            if (expected.empty()) return at + 1;
        }
    }
    return code.size();
}

/// Behind the '>' of a template's argument list at `open`, or nothing if this '<' compares.
std::optional<std::size_t> behind_template(std::string_view code, std::size_t open) {
    int depth = 0;
    for (std::size_t at = open; at < code.size(); ++at) {
        if (code[at] == '<') ++depth;
        if (code[at] == '>' && --depth == 0) return at + 1;
        if (std::string_view(";{}").find(code[at]) != std::string_view::npos) break;
    }
    return std::nullopt;
}

/// The operand of a co_await that begins at `from`: names, calls, members, template arguments.
std::string_view operand(std::string_view code, std::size_t from) {
    std::size_t at = from;
    while (at < code.size()) {
        const std::string_view rest = code.substr(at);
        if (openers.find(code[at]) != std::string_view::npos) {
            at = behind_group(code, at);
        } else if (code[at] == '<') {
            const auto behind = behind_template(code, at);
            if (!behind) break;
            at = *behind;
        } else if (rest.starts_with("::") || rest.starts_with("->")) {
            at += 2;
        } else if (is_word(code[at]) || code[at] == '.' ||
                   std::isspace(static_cast<unsigned char>(code[at])) != 0 ||
                   (at == from && (code[at] == '*' || code[at] == '&'))) {
            ++at;
        } else {
            break;
        }
    }
    return code.substr(from, at - from);
}

/// Is the '[' at `at` the beginning of a lambda, and not an index?
bool begins_lambda(std::string_view text, std::size_t at) {
    while (at > 0 && std::isspace(static_cast<unsigned char>(text[at - 1])) != 0) --at;
    return at == 0 || std::string_view("(,={&").find(text[at - 1]) != std::string_view::npos;
}

/// Does the '{' at `at` only convert a number, as in `int{byte}`?
bool converts_number(std::string_view text, std::size_t at) {
    constexpr std::array scalars = {"int",   "bool", "char",  "double",
                                    "float", "long", "short", "unsigned"};
    std::size_t from = at;
    while (from > 0 && is_word(text[from - 1])) --from;
    const std::string_view type = text.substr(from, at - from);
    return type.ends_with("int8_t") || type.ends_with("int16_t") || type.ends_with("int32_t") ||
           type.ends_with("int64_t") || type == "size_t" ||
           std::find(scalars.begin(), scalars.end(), type) != scalars.end();
}

/// What is wrong with an operand; empty if nothing. The body of a lambda without captures is
/// another function: it is passed over.
std::string judge(std::string_view text) {
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == '?') return "a choice inside a co_await";
        if (text[at] == '{' && !converts_number(text, at))
            return "a braced value inside a co_await";
        if (text[at] != '[' || !begins_lambda(text, at)) continue;
        const std::size_t behind = behind_group(text, at);
        const std::string_view captures = text.substr(at + 1, behind - at - 2);
        if (captures.find_first_not_of(" \n") != std::string_view::npos) {
            return "a lambda with captures inside a co_await";
        }
        const std::size_t body = text.find('{', behind);
        if (body == std::string_view::npos) return {};
        at = behind_group(text, body) - 1;
    }
    return {};
}

}  // namespace

Complaints wrong_co_awaits(const File& file) {
    constexpr std::string_view word = "co_await";
    const std::string code = only_code(file.text);
    Complaints complaints;
    for (std::size_t at = code.find(word); at != std::string::npos; at = code.find(word, at + 1)) {
        const std::size_t behind = at + word.size();
        if ((at > 0 && is_word(code[at - 1])) || (behind < code.size() && is_word(code[behind])) ||
            std::string_view(code).substr(0, at).ends_with("operator ")) {
            continue;
        }
        const std::string wrong = judge(operand(code, behind));
        if (wrong.empty()) continue;
        complaints.push_back(file.path + ":" + std::to_string(line_at(code, at)) + ": " + wrong);
    }
    return complaints;
}

}  // namespace sbot::tidy
