#pragma once

#include <vector>

#include "base/files.h"
#include "flume/core_view.h"

namespace sbot::app {

/// What must be known beside the log once messages were deleted from it: how far their feeds had
/// come. Without that a new index would forget it, and our own next message would fork our feed.
/// `flume/kept.json`, written before anything is blanked: a member for each feed, its name the
/// feed, with `key`, `sequence` and `claimed` of the feed's last message.
class KeptStates {
 public:
    KeptStates(base::Files& files, const std::string& folder);

    /// Nothing where there is no such file. Error `corrupt` for one that cannot be read: what it
    /// held cannot be guessed.
    Result<std::vector<flume::FeedState>> read() const;
    /// Adds these to the file, or moves them on. On the disk when it returns.
    Result<void> keep(const std::vector<flume::FeedState>& states) const;
    /// Forgets all others.
    Result<void> keep_only(const FeedId& feed) const;

 private:
    Result<void> write(const std::vector<flume::FeedState>& states) const;

    base::Files& files_;
    std::string path_;
};

/// After something in the log was deleted or cut off: removes those views of the JavaScript's
/// beside it which it would go on believing. It makes them anew.
Result<void> forget_js_views(base::Files& files, const std::string& folder);

}  // namespace sbot::app
