#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace sbot::base {

/// Standard base64 (RFC 4648, `+` `/`, padded).
std::string to_base64(ByteView data);

/// Only canonical text: right alphabet, right padding, unused bits zero. Nothing otherwise. This is
/// what the npm package is-canonical-base64 accepts.
std::optional<Bytes> from_base64(std::string_view text);
bool is_canonical_base64(std::string_view text);

/// As Node's `Buffer.from(text, 'base64')`: skips what is not in the alphabet, stops at the first
/// `=`, takes `-` and `_` too, never fails.
Bytes from_base64_lenient(std::string_view text);

/// Lower-case hex, and back (either case, even length).
std::string to_hex(ByteView data);
std::optional<Bytes> from_hex(std::string_view text);

}  // namespace sbot::base
