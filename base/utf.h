#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/bytes.h"

/// Encodings. Texts here are UTF-8 or WTF-8 (see base/json.h).
namespace sbot::base {

/// True for well-formed UTF-8 (no surrogates).
bool is_utf8(std::string_view text);

/// Well-formed UTF-8: each maximal bad part becomes U+FFFD (the WHATWG decoder's rule).
std::string to_utf8(ByteView bytes);

/// Length in UTF-16 units, what JavaScript's `length` says; 4-byte sequences count two.
std::size_t utf16_length(std::string_view text);

/// The low byte of every UTF-16 unit ("latin1" as Node's Buffer truncates it).
Bytes latin1_truncated(std::string_view text);

/// Appends one code point; surrogates come out as three bytes.
void append_code_point(std::string& out, char32_t code);

}  // namespace sbot::base
