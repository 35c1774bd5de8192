#pragma once

#include <vector>

#include "io/task.h"
#include "message/ids.h"

namespace sbot::replication {

/// Where messages for peers come from.
class History {
 public:
    virtual ~History() = default;

    /// Messages of a feed as bare values, as stored, from `first` on and without a gap: as many as
    /// make a page, at most up to `last`. None: the first is not there.
    virtual io::Async<std::vector<Bytes>> read(FeedId feed, Sequence first, Sequence last) = 0;
};

}  // namespace sbot::replication
