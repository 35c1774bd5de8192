#pragma once

#include <string>

#include "base/tree.h"

namespace sbot::app {

/// A value as Node prints it (`util.inspect` with its defaults): one line where it fits into 72
/// columns, `{ cmd: [], help: [ 'x' ] }`, else a line for each member, long texts a line for each
/// of theirs. For the few shapes that the command line prints: up to three levels, lists of up to
/// six items.
std::string inspect(const base::Tree& value);

}  // namespace sbot::app
