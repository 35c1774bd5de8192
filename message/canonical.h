#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/json.h"
#include "message/ids.h"

/// The texts that are signed and hashed: V8's `JSON.stringify(message, null, 2)`, in UTF-8.
namespace sbot::message {

/// A message's text and its length as the protocol counts it.
struct Canonical {
    std::string text;
    std::size_t units = 0;  ///< UTF-16 units
};

/// Prints a message (or any value). Meant for texts within `limits::message_units_max`: longer ones
/// are printed to tell their length, and given up somewhere behind
/// `limits::oversize_text_bytes_max`.
Canonical canonical(json::Value message);

/// The name of a message: SHA-256 over the low byte of every UTF-16 unit of its canonical text with
/// signature.
MessageId key_of(std::string_view canonical_text);

/// The signed text, cut out of a canonical text whose last member is `signature` (`text` has the
/// order of a valid message, `signature` no character that JSON escapes), and the way back.
std::string without_signature(std::string text, std::string_view signature);
std::string with_signature(std::string_view unsigned_text, std::string_view signature);

/// Length in UTF-16 units, quick for ASCII.
std::size_t units_of(std::string_view text);

}  // namespace sbot::message
