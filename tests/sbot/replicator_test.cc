// The replicator with a peer that is slow to speak EBT.

#include "replication/replicator.h"

#include <gtest/gtest.h>

#include "tests/replication/history_peer.h"
#include "tests/sbot/sessions.h"

namespace sbot::app {
namespace {

using replication::test::source_of;

using muxrpc::Allow;

/// A peer that dials us, and whose history streams stay silent.
class ReplicatorTest : public testing::Test {
 protected:
    ReplicatorTest() : pool(loop), clocks(pool) {
        replication::Replicator::Options options;
        options.own = own;
        replicator = std::make_unique<replication::Replicator>(
            loop, pool, intake, history, clocks, options,
            [](const FeedId&, const FeedId&, const std::string&) {});
        ours.duplex("ebt.replicate", Allow::peer,
                    [this](muxrpc::Request request, std::unique_ptr<muxrpc::Source> in,
                           std::unique_ptr<muxrpc::Sink> out) {
                        return replicator->serve(std::move(request), std::move(in), std::move(out));
                    });
        theirs.source("createHistoryStream", Allow::peer,
                      [this](const muxrpc::Request&) { return source_of({}, false, open); });
    }
    void dial() {
        both = std::make_unique<Joined>(loop, own, ours, peer, theirs);
        accompanying = replicator->accompany(both->near, peer, false);
    }
    std::unique_ptr<muxrpc::Channel> open_ebt() {
        return both->far.duplex("ebt.replicate", R"([{"version":3}])");
    }

    const FeedId own = pair_of(1).id, peer = pair_of(2).id;
    int open = 0;
    io::Loop loop;
    io::Pool pool;
    NoIntake intake;
    NoHistory history;
    replication::PeerClocks clocks;
    std::unique_ptr<replication::Replicator> replicator;
    muxrpc::Router ours, theirs;
    std::unique_ptr<Joined> both;
    io::Task<void> accompanying;
};

TEST_F(ReplicatorTest, stops_asking_the_older_way_once_a_peer_speaks_ebt) {
    for (std::uint8_t i = 3; i < 8; ++i) replicator->request(pair_of(i).id, true);
    replicator->start();
    dial();
    ASSERT_TRUE(comes(loop, [&] { return open == 6; })) << "it opens no stream, so it is asked";
    auto ebt = open_ebt();
    auto first = loop.run(ebt->next());
    ASSERT_TRUE(first && *first);
    EXPECT_EQ(open, 6) << "it has not said anything yet";
    ASSERT_TRUE(loop.run(ebt->send(muxrpc::Body::json("{}"))));
    EXPECT_TRUE(comes(loop, [&] { return open == 0; }));
    EXPECT_TRUE(replicator->ebt().slot_of(peer));
}

TEST_F(ReplicatorTest, fetches_a_long_run_from_who_dialled_as_long_as_it_is_there) {
    const FeedId feed = pair_of(3).id;
    replicator->start();
    dial();
    auto ebt = open_ebt();
    ASSERT_TRUE(loop.run(ebt->next()));
    ASSERT_TRUE(loop.run(ebt->send(muxrpc::Body::json("{\"" + feed.text() + "\":40}"))));
    auto declined = loop.run(ebt->next());
    ASSERT_TRUE(declined && *declined);
    EXPECT_EQ((*declined)->text(), "{\"" + feed.text() + "\":-1}");
    replicator->request(feed, true);
    EXPECT_TRUE(comes(loop, [&] { return open == 1; }));
    auto told = loop.run(ebt->next());
    ASSERT_TRUE(told && *told);
    EXPECT_EQ((*told)->text(), "{\"" + feed.text() + "\":1}") << "it is not to be sent as well";
    ebt = nullptr;
    accompanying = {};
    both = nullptr;
    EXPECT_EQ(open, 0);
    EXPECT_FALSE(replicator->ebt().slot_of(peer));
}

}  // namespace
}  // namespace sbot::app
