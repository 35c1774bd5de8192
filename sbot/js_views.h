#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/files.h"
#include "flume/core_view.h"
#include "flume/journal.h"

/// The JavaScript server's own views beside the log, as far as what we do to the log concerns them:
/// it goes on with this folder some day.
namespace sbot::app {

/// What its view `last` says: how far each feed has come.
struct JsLast {
    std::vector<flume::FeedState> states;  ///< without offsets
    flume::Offset upto = 0;                ///< the entry of the log that the view is level with

    /// Null for a feed that it does not know.
    const flume::FeedState* of(const FeedId& feed) const;
};

/// Reads `flume/last.json`. The last message of a feed that it deleted is known from there alone.
/// Nothing where there is no such file, or none that it would believe itself.
std::optional<JsLast> read_js_last(base::Files& files, const std::string& folder);

/// Of `last`, the feeds that have come farther than in `states`: their ends were deleted.
std::vector<flume::FeedState> js_ends_beyond(const JsLast& last,
                                             const std::vector<flume::FeedState>& states);

/// Takes over into the journal that feeds have come so far, to messages that are not in the log.
Result<void> keep_ends(flume::Journal& journal, std::span<const flume::FeedState> ends);

/// Brings `states` as far as the journal knows: an index that is older than that does not.
void add_kept(std::vector<flume::FeedState>& states, const flume::Journal& journal);

/// After something in the log was deleted or cut off: removes what it would go on believing. It
/// makes that anew; the LevelDB views meet deleted entries as they go and drop them.
Result<void> forget_js_views(base::Files& files, const std::string& folder);

/// True if the last message of some feed is a deleted one, so that nobody can learn it from the
/// log: by the journal, or one of `more`.
bool ends_deleted(const std::vector<flume::FeedState>& states, const flume::Journal& journal,
                  std::span<const flume::Deleted> more);

/// Writes its view `last` (`flume/last.json`, flumeview-reduce 1.3) as of the entry at `upto`, all
/// feeds' states there. It believes that file, and goes on from `upto`: without it, it would use a
/// deleted sequence of ours again.
Result<void> write_js_last(base::Files& files, const std::string& folder,
                           const std::vector<flume::FeedState>& states, flume::Offset upto);

}  // namespace sbot::app
