#pragma once

#include <string_view>

namespace sbot::base {

/// The number that JavaScript's `Number(text)` makes of a text: white space around it does not
/// count, empty is 0, `0x10` `0b1` `0o7` `1e3` `.5` `5.` `-Infinity` are numbers, the rest is NaN.
double to_number(std::string_view text);

}  // namespace sbot::base
