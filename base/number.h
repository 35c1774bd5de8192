#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sbot::base {

/// The number that JavaScript's `Number(text)` makes of a text: white space around it does not
/// count, empty is 0, `0x10` `0b1` `0o7` `1e3` `.5` `5.` `-Infinity` are numbers, the rest is NaN.
double to_number(std::string_view text);

/// A whole number from 0 on that doubles hold exactly, below 2^53; nothing for any other.
std::optional<std::uint64_t> whole(double number);

}  // namespace sbot::base
