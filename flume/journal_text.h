#pragma once

#include <string>
#include <string_view>

#include "flume/journal.h"

/// The text of a journal's record, within its checked line. Pure functions.
namespace sbot::flume {

/// `at` and `next` are not part of it; `kind` is not `other`.
std::string text_of(const Change& change);

/// Error `invalid` for what is no record at all.
Result<Change> change_of(std::string_view text);

}  // namespace sbot::flume
