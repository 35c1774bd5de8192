#pragma once

#include <deque>
#include <map>
#include <utility>

#include "replication/history.h"
#include "sbot/reading.h"
#include "sbot/writer.h"

namespace sbot::app {

/// Stored messages for peers: the newest out of memory, so that hundreds of peers get a live one
/// without a look at the disk, the others through the index. Loop thread.
class FeedHistory final : public replication::History {
 public:
    explicit FeedHistory(Reading& reading) : reading_(reading) {}

    io::Async<std::vector<Bytes>> read(FeedId feed, Sequence first, Sequence last) override;

    /// These are on the disk now. Large batches are not kept: what comes in thousands is not asked
    /// for one by one.
    void remember(const Batch& batch);
    /// Something is being deleted.
    void forget();

 private:
    using Place = std::pair<FeedId, Sequence>;

    Reading& reading_;
    std::map<Place, Bytes> recent_;
    std::deque<Place> order_;
    std::size_t bytes_ = 0;
};

}  // namespace sbot::app
