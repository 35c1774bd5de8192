#pragma once

#include <set>
#include <string>
#include <unordered_map>

#include "base/result.h"
#include "io/loop.h"
#include "io/task_group.h"
#include "muxrpc/session.h"
#include "replication/intake.h"
#include "replication/rank.h"

/// Replication by `createHistoryStream`, the older way: one live stream for each wanted feed.
/// Protocol source: ssb-replicate 1.3 (docs/wire.md).
namespace sbot::replication {

/// What `createHistoryStream` is called with for bare messages from `first` on.
std::string history_arguments(const FeedId& feed, Sequence first, bool live);

/// The feeds that are wanted by name (`replicate.request`).
class Wants {
 public:
    /// True if that changed anything.
    bool set(const FeedId& feed, bool wanted) {
        return wanted ? feeds_.insert(feed).second : feeds_.erase(feed) > 0;
    }
    const std::set<FeedId>& feeds() const { return feeds_; }

 private:
    std::set<FeedId> feeds_;
};

/// Pulls wanted feeds from one peer as long as it lives. Must go before the session it uses. Loop
/// thread.
class Puller {
 public:
    /// Hears of a peer that sends bad messages: which feed, and why it was given up.
    using OnTrouble = std::function<void(const FeedId&, const Error&)>;

    Puller(io::Loop& loop, muxrpc::Session& session, Intake& intake, OnTrouble on_trouble);

    /// Makes the open streams those of `wants`: opens what is missing, that of the lowest rank
    /// first, drops what is not wanted.
    void update(
        const Wants& wants, const Rank& rank = [](const FeedId&) { return std::size_t{0}; });
    /// The same for one feed that is now wanted or not any more.
    void update(const FeedId& feed, bool wanted);
    std::size_t count() const { return running_.size(); }

 private:
    io::Task<void> pull(FeedId feed);
    io::Async<void> pull_until_end(FeedId feed);

    io::Loop& loop_;
    muxrpc::Session& session_;
    Intake& intake_;
    OnTrouble on_trouble_;
    std::unordered_map<FeedId, io::Task<void>> running_;
};

}  // namespace sbot::replication
