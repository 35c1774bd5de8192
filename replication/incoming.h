#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "io/loop.h"
#include "io/sync.h"
#include "io/task.h"
#include "replication/intake.h"
#include "replication/rank.h"

/// Messages of all peers on their way to the intake: in order within a feed, several feeds at once,
/// those of nearer feeds before those of farther ones.
namespace sbot::replication {

class Incoming {
 public:
    /// What one peer has in here.
    struct Share {
        std::size_t messages = 0;
    };
    /// The end of a run that was not taken whole.
    using OnEnd = std::function<void(const FeedId& feed, const FeedId& peer, const Taken& how)>;

    Incoming(io::Loop& loop, Intake& intake, OnEnd on_end, Rank rank);

    void add(const FeedId& feed, const FeedId& peer, Bytes message, std::shared_ptr<Share> share);

    /// The peer, or all together, have as much in here as may be: wait for `room`, in a loop.
    bool is_full(const Share& share) const;
    io::Event& room() { return room_; }
    std::size_t bytes() const { return bytes_; }

 private:
    struct Item {
        FeedId peer;
        Bytes message;
        std::shared_ptr<Share> share;
    };
    /// The messages of one feed. Those being checked are not in it any more.
    struct Line {
        std::deque<Item> items;
        bool busy = false;
    };
    /// A run being checked, and where it came from.
    struct Origin {
        FeedId peer;
        std::size_t messages = 0, bytes = 0;
        std::shared_ptr<Share> share;
    };

    io::Task<void> work();
    std::uint64_t time_to_collect_ms();
    FeedId next_feed();
    FeedRun next_run(std::size_t messages_max, std::vector<Origin>& origins);
    void finish(const FeedId& feed, const Origin& origin, const Taken& how);
    void drop(Line& line, const FeedId& peer);

    io::Loop& loop_;
    Intake& intake_;
    OnEnd on_end_;
    Rank rank_;
    std::unordered_map<FeedId, Line> lines_;
    RankedQueue ready_;  // lines with items that are not busy
    std::size_t turn_ = 0;
    std::size_t bytes_ = 0;
    std::size_t lined_up_ = 0;         // messages that no job has yet
    std::uint64_t next_small_ms_ = 0;  // when a job may begin that is not a full one
    io::Event something_;
    io::Event room_;
    std::vector<io::Task<void>> workers_;
};

}  // namespace sbot::replication
