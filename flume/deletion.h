#pragma once

#include <functional>
#include <span>
#include <vector>

#include "flume/core_view.h"
#include "flume/journal.h"
#include "flume/offset_log.h"

/// Deleting entries so that a crash at any moment leaves them deleted, or not, and everything else
/// in step: intent in the journal and on the disk, then zero bytes in the log, then done.
namespace sbot::flume {

/// What the journal keeps of an entry.
Deleted deleted_of(const Entry& entry);

/// Overwrites those of the entries that are still what the journal says, on the disk when it
/// returns. What was deleted before, or was cut off the log and lies elsewhere, is passed over.
Result<void> blank(Log& log, std::span<const Deleted> entries);

/// Called when the view is level with the log, before the first entry is touched.
using BeforeErasing = std::function<Result<void>(std::span<const Deleted>)>;

/// Called when the view has retracted them: other views of the log do the same.
using AlsoRetract = std::function<void(std::span<const Entry>)>;

/// Deletes entries, at most `limits::journal_entries_max`: into the journal, out of the view, blank
/// in the log; on the disk when this returns. Those that were deleted before are passed over. A
/// crash on the way costs a new index. The log is synced up to its end.
Result<void> erase(Log& log, CoreView& view, Journal& journal, std::vector<Offset> offsets,
                   BeforeErasing before, AlsoRetract also = {});

/// To be called after opening both, before the log is read: finishes what a predecessor began.
/// True if there was something; then views that were fed before are no longer to be believed.
Result<bool> finish_deletions(Log& log, Journal& journal);

/// For the JavaScript server, which may go on with the log when it is closed: its indexes never
/// become level with a log whose last entry is blank, and it then answers nobody. What they read of
/// that message (whose it was, which one and when, not what it said) stands in for it, where it is
/// the end of a feed by the journal. For all readers of ours it stays deleted.
Result<void> leave_stand_in(OffsetLog& log, const Journal& journal);
/// Blanks what stands in for messages again; to be called before the log is read.
Result<void> take_stand_ins_back(OffsetLog& log, const Journal& journal);

/// States of the feeds of which something was deleted, for a view that begins from nothing.
std::vector<FeedState> kept_states(const Journal& journal);

}  // namespace sbot::flume
