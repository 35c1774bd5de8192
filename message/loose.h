#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/json.h"

/// JavaScript's conversions, where the reference's checks lean on them (`!=`, `'…' + value`).
namespace sbot::message::loose {

/// `String(value)`: `undefined`, `null`, `[object Object]`, list items joined by commas. Not more
/// than `bytes_max`, cut between characters.
std::string text(json::Value value, std::size_t bytes_max);

/// `value == text`, for a text that no number and no boolean could be written as.
bool equal(json::Value value, std::string_view text);

/// `value == number`. A text of more than 1024 bytes is not taken for a number.
bool equal(json::Value value, double number);

/// The beginning of `text`, at most `bytes_max`, cut between characters.
std::string_view cut(std::string_view text, std::size_t bytes_max);

}  // namespace sbot::message::loose
