#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>

#include "base/fifo.h"
#include "message/ids.h"

namespace sbot::replication {

/// How near a feed is, 0 the nearest: nearer ones are asked for and checked first.
using Rank = std::function<std::size_t(const FeedId&)>;
/// From the last of these on all count as equally far.
inline constexpr std::size_t ranks = 4;

/// Feeds that wait for their turn: equally near ones in the order in which they came.
class RankedQueue {
 public:
    bool is_empty() const { return std::none_of(lines_.begin(), lines_.end(), has_some); }
    void push(const FeedId& feed, std::size_t rank) {
        lines_[std::min(rank, ranks - 1)].push(feed);
    }
    /// Of one that is not empty.
    FeedId pop_nearest() { return std::find_if(lines_.begin(), lines_.end(), has_some)->pop(); }
    FeedId pop_farthest() { return std::find_if(lines_.rbegin(), lines_.rend(), has_some)->pop(); }

 private:
    static bool has_some(const base::Fifo<FeedId>& line) { return !line.empty(); }

    std::array<base::Fifo<FeedId>, ranks> lines_;
};

}  // namespace sbot::replication
