#pragma once

#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "io/pipe.h"
#include "muxrpc/session.h"
#include "replication/history.h"
#include "replication/intake.h"
#include "tests/sbot/support.h"

/// What tests of services that talk with a peer share.
namespace sbot::app {

/// Two sessions joined in memory, both running.
class Joined {
 public:
    /// `ours` is whom the far side talks with.
    Joined(io::Loop& loop, const FeedId& ours, const muxrpc::Router& near_router,
           const FeedId& theirs, const muxrpc::Router& far_router)
        : pipe_(io::make_pipe()),
          near(loop, std::move(pipe_.near), near_router, {muxrpc::Rights::peer, theirs.text()}, {}),
          far(loop, std::move(pipe_.far), far_router, {muxrpc::Rights::peer, ours.text()}, {}),
          near_runs_(near.run()),
          far_runs_(far.run()) {}

 private:
    io::Pipe pipe_;

 public:
    muxrpc::Session near, far;

 private:
    io::Async<void> near_runs_, far_runs_;
};

/// Knows no message and takes none.
class NoIntake final : public replication::Intake {
 public:
    Sequence latest(const FeedId&) const override { return 0; }
    Sequence stored_sequence(const FeedId&) const override { return 0; }
    io::Task<std::vector<replication::Taken>> take(
        std::vector<replication::FeedRun> runs) override {
        co_return std::vector<replication::Taken>(runs.size());
    }
};

class NoHistory final : public replication::History {
 public:
    io::Async<std::vector<Bytes>> read(FeedId, Sequence, Sequence) override {
        co_return std::vector<Bytes>();
    }
};

/// Gives these, one after another, and ends.
class Items final : public muxrpc::Source {
 public:
    explicit Items(std::vector<std::string> items,
                   muxrpc::Encoding encoding = muxrpc::Encoding::json)
        : items_(items.begin(), items.end()), encoding_(encoding) {}

    muxrpc::AsyncReply<std::optional<muxrpc::Body>> next() override {
        if (items_.empty()) co_return std::optional<muxrpc::Body>();
        muxrpc::Body item{encoding_, base::to_bytes(items_.front())};
        items_.pop_front();
        co_return std::optional(std::move(item));
    }

 private:
    std::deque<std::string> items_;
    muxrpc::Encoding encoding_;
};

/// Runs the loop until it is so; false if that takes too long.
inline bool comes(io::Loop& loop, std::function<bool()> truth, int looks = 2000) {
    auto waiting = [](io::Loop& its_loop, std::function<bool()> its_truth,
                      int its_looks) -> io::Task<bool> {
        for (int i = 0; i < its_looks && !its_truth(); ++i) {
            auto nap = its_loop.sleep(5);
            co_await nap;
        }
        co_return its_truth();
    };
    return loop.run(waiting(loop, std::move(truth), looks));
}

}  // namespace sbot::app
