// The replicator with a peer that is slow to speak EBT.

#include "replication/replicator.h"

#include <gtest/gtest.h>

#include "tests/sbot/sessions.h"

namespace sbot::app {
namespace {

using muxrpc::Allow;

/// A history stream that says nothing, for ever; counts how many of it are open.
class Silent final : public muxrpc::Source {
 public:
    explicit Silent(int& open) : open_(open) { ++open_; }
    ~Silent() override { --open_; }
    muxrpc::AsyncReply<std::optional<muxrpc::Body>> next() override {
        co_await never_.wait();
        co_return std::optional<muxrpc::Body>();
    }

 private:
    int& open_;
    io::Event never_;
};

TEST(Replicator, stops_asking_the_older_way_once_a_peer_speaks_ebt) {
    io::Loop loop;
    io::Pool pool(loop);
    NoIntake intake;
    NoHistory history;
    replication::PeerClocks clocks(pool);
    const FeedId own = pair_of(1).id, peer = pair_of(2).id;
    replication::Replicator::Options options;
    options.own = own;
    replication::Replicator replicator(loop, pool, intake, history, clocks, options,
                                       [](const FeedId&, const FeedId&, const std::string&) {});
    for (std::uint8_t i = 3; i < 8; ++i) replicator.request(pair_of(i).id, true);
    replicator.start();
    int open = 0;
    muxrpc::Router ours, theirs;
    ours.duplex("ebt.replicate", Allow::peer,
                [&](muxrpc::Request request, std::unique_ptr<muxrpc::Source> in,
                    std::unique_ptr<muxrpc::Sink> out) {
                    return replicator.serve(std::move(request), std::move(in), std::move(out));
                });
    theirs.source("createHistoryStream", Allow::peer,
                  [&](const muxrpc::Request&) -> muxrpc::Reply<std::unique_ptr<muxrpc::Source>> {
                      return std::unique_ptr<muxrpc::Source>(std::make_unique<Silent>(open));
                  });
    Joined both(loop, own, ours, peer, theirs);
    auto accompanying = replicator.accompany(both.near, peer, false);
    ASSERT_TRUE(comes(loop, [&] { return open == 6; })) << "it opens no stream, so it is asked";
    auto ebt = both.far.duplex("ebt.replicate", R"([{"version":3}])");
    auto first = loop.run(ebt->next());
    ASSERT_TRUE(first && *first);
    EXPECT_EQ(open, 6) << "it has not said anything yet";
    ASSERT_TRUE(loop.run(ebt->send(muxrpc::Body::json("{}"))));
    EXPECT_TRUE(comes(loop, [&] { return open == 0; }));
    EXPECT_TRUE(replicator.ebt().slot_of(peer));
}

}  // namespace
}  // namespace sbot::app
