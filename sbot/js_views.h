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

/// What its view `last` says of one feed.
struct JsLast {
    flume::FeedState state;
    flume::Offset upto = 0;  ///< the entry of the log that the view is level with
};

/// Reads `flume/last.json`. The last message of a feed that it deleted is known from there alone.
/// Nothing where there is no such file, or none that it would believe itself.
std::optional<JsLast> read_js_last(base::Files& files, const std::string& folder,
                                   const FeedId& feed);

/// Takes over into the journal that a feed has come as far as `end`, which is not in the log.
Result<void> keep_js_end(flume::Journal& journal, const flume::FeedState& end);

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
