#pragma once

#include <cstddef>
#include <string>
#include <string_view>

/// Characters as JavaScript sees them. Texts are UTF-8 or WTF-8 (see base/json.h); where bytes are
/// neither, one byte is one (meaningless) character, so nothing here fails or reads past the end.
namespace sbot::base {

/// The code point that starts at `at`, which moves behind it. `at` must be inside the text.
char32_t next_code_point(std::string_view text, std::size_t& at);

/// What `\s` matches and `trim` removes: white space and line ends, U+FEFF among them.
bool is_space(char32_t code);

/// What `.` does not match.
bool is_line_end(char32_t code);

/// `0` to `9`.
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// The text up to its first line end, or all of it.
std::string_view first_line(std::string_view text);

/// The text without white space at both ends.
std::string_view trimmed(std::string_view text);

/// `String.prototype.toLowerCase` by Unicode 15: mappings of one code point, U+0130, and the final
/// form of the Greek sigma. (Where a sigma ends a word is judged by letters that have two cases.)
std::string lower_case(std::string_view text);

}  // namespace sbot::base
