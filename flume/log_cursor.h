#pragma once

#include <memory>

#include "flume/record_reader.h"

namespace sbot::flume {

/// The cursor of `OffsetLog::scan`. `log` says where the log ends; it and what `reader` refers to
/// outlive the cursor.
std::unique_ptr<Cursor> make_cursor(const Log& log, RecordReader reader, Mode mode, Range range);

}  // namespace sbot::flume
