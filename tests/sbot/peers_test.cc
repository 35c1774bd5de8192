#include "sbot/peers.h"

#include <gtest/gtest.h>

#include <functional>

#include "tests/replication/history_peer.h"
#include "tests/sbot/sessions.h"

namespace sbot::app {
namespace {

using replication::test::source_of;

class Counter final : public Watcher {
 public:
    void linked(Link&) override { ++came; }
    void unlinked(Link&) override { ++went; }
    int came = 0, went = 0;
};

/// A server without anything but connections, on a port of its own.
class Server {
 public:
    Server(io::Loop& loop, std::uint8_t number, Peers::Options options = {})
        : loop_(loop), pool(loop), clocks(pool) {
        keys = pair_of(number);
        std::array<std::uint8_t, 32> network{};
        identity.network = shs::NetworkKey(std::span<const std::uint8_t, 32>(network));
        identity.keys = {keys.id.bytes, shs::SecretKey(keys.secret)};
        options.own = keys.id;
        replication::Replicator::Options replication;
        replication.own = keys.id;
        auto no_trouble = [](const FeedId&, const FeedId&, const std::string&) {};
        replicator = std::make_unique<replication::Replicator>(loop, pool, intake, history, clocks,
                                                               replication, no_trouble);
        peers =
            std::make_unique<Peers>(loop, identity, router, *replicator, log, std::move(options));
        peers->watch(counter);
        auto listener = loop.run(io::listen_tcp(loop, "127.0.0.1", 0));
        port = (*listener)->local().port;
        peers->serve(std::move(*listener));
    }

    net::NetTarget target() const {
        net::NetTarget to;
        to.host = "127.0.0.1";
        to.port = port;
        to.remote = keys.id;
        return to;
    }
    bool dial(const Server& other) { return loop_.run(peers->connect(other.target())).has_value(); }
    std::size_t links() const { return peers->links().size(); }

    io::Loop& loop_;
    message::KeyPair keys;
    net::Identity identity;
    muxrpc::Router router;
    io::Pool pool;
    NoIntake intake;
    NoHistory history;
    replication::PeerClocks clocks;
    std::unique_ptr<replication::Replicator> replicator;
    base::Logger log{base::LogLevel::error};
    Counter counter;
    std::uint16_t port = 0;
    std::unique_ptr<Peers> peers;
};

class PeersTest : public testing::Test {
 protected:
    /// Runs the loop until it is so; false if that takes too long.
    bool comes(std::function<bool()> truth) { return app::comes(loop, std::move(truth)); }

    io::Loop loop;
};

TEST_F(PeersTest, know_of_a_connection_on_both_sides_and_of_its_end) {
    Server one(loop, 1), two(loop, 2);
    ASSERT_TRUE(one.dial(two));
    ASSERT_TRUE(comes([&] { return two.links() == 1; }));
    Link& here = *one.peers->link_with(two.keys.id);
    Link& there = *two.peers->link_with(one.keys.id);
    EXPECT_TRUE(here.dialled);
    EXPECT_FALSE(there.dialled);
    EXPECT_EQ(here.address, net::net_address("127.0.0.1", two.port, two.keys.id));
    EXPECT_TRUE(one.peers->hang_up(two.keys.id));
    EXPECT_FALSE(one.peers->hang_up(two.keys.id));
    EXPECT_EQ(one.peers->link_with(two.keys.id), nullptr);
    ASSERT_TRUE(comes([&] { return one.links() == 0 && two.links() == 0; }));
    EXPECT_EQ(one.counter.came, 1);
    EXPECT_EQ(one.counter.went, 1);
    EXPECT_EQ(two.counter.went, 1);
}

TEST_F(PeersTest, give_up_the_same_of_two_connections_made_at_once) {
    for (int round = 0; round < 10; ++round) {
        Server one(loop, 1), two(loop, 2);
        auto from_one = one.peers->connect(two.target());
        auto from_two = two.peers->connect(one.target());
        auto first = loop.run(std::move(from_one));
        auto second = loop.run(std::move(from_two));
        ASSERT_TRUE(first && second);
        ASSERT_TRUE(comes([&] { return one.counter.came == 2 && two.counter.came == 2; }));
        ASSERT_TRUE(comes([&] { return one.links() == 1 && two.links() == 1; }));
        const Server& smaller = one.keys.id < two.keys.id ? one : two;
        EXPECT_TRUE(smaller.peers->links().front()->dialled);
    }
}

TEST_F(PeersTest, keep_a_second_connection_from_the_same_side) {
    Server one(loop, 1), two(loop, 2);
    ASSERT_TRUE(one.dial(two) && one.dial(two));
    ASSERT_TRUE(comes([&] { return two.links() == 2; }));
    EXPECT_EQ(one.links(), 2u);
}

TEST_F(PeersTest, hang_up_on_one_that_is_silent) {
    Peers::Options options;
    options.inactivity_ms = 60;
    Server one(loop, 1, std::move(options)), two(loop, 2);
    ASSERT_TRUE(two.dial(one));
    ASSERT_TRUE(comes([&] { return two.counter.went == 1 && one.counter.went == 1; }));
}

TEST_F(PeersTest, make_room_by_the_farthest_and_refuse_only_who_is_farther_than_all) {
    Server near(loop, 2), far(loop, 3), middle(loop, 4), stranger(loop, 5);
    auto distances = std::make_shared<std::map<FeedId, double>>();
    (*distances)[near.keys.id] = 1;
    (*distances)[far.keys.id] = 3;
    (*distances)[middle.keys.id] = 2;
    Peers::Options options;
    options.peers_max = 2;
    options.distance = [distances](const FeedId& feed) {
        auto found = distances->find(feed);
        return found == distances->end() ? 9.0 : found->second;
    };
    Server full(loop, 1, std::move(options));
    ASSERT_TRUE(far.dial(full));
    ASSERT_TRUE(near.dial(full));
    ASSERT_TRUE(comes([&] { return full.links() == 2; }));
    ASSERT_TRUE(middle.dial(full));
    ASSERT_TRUE(comes([&] { return far.links() == 0 && full.links() == 2; }));
    EXPECT_NE(full.peers->link_with(near.keys.id), nullptr);
    EXPECT_NE(full.peers->link_with(middle.keys.id), nullptr);
    ASSERT_TRUE(stranger.dial(full));  // told only behind the handshake
    ASSERT_TRUE(comes([&] { return stranger.links() == 0; }));
    EXPECT_EQ(full.links(), 2u);
}

TEST_F(PeersTest, let_in_who_shakes_hands_however_many_say_nothing) {
    Peers::Options options;
    options.handshakes_max = 4;
    Server one(loop, 1, std::move(options));
    std::vector<std::unique_ptr<io::Socket>> silent;
    for (int i = 0; i < 10; ++i) {
        auto dialling = io::dial_tcp(loop, "127.0.0.1", one.port, 10000);
        auto dialled = loop.run(std::move(dialling));
        ASSERT_TRUE(dialled);
        silent.push_back(std::move(*dialled));
    }
    Server stranger(loop, 2);
    EXPECT_TRUE(stranger.dial(one));
    // The first made way: its end is there.
    Bytes byte(1);
    auto reading = silent.front()->read(byte);
    auto got = loop.run(std::move(reading));
    EXPECT_FALSE(got && *got > 0);
}

TEST_F(PeersTest, go_on_with_the_nearest_where_files_are_few) {
    Server near(loop, 2);
    Peers::Options options;
    options.connections_max = 4;  // three and a handshake
    options.distance = [id = near.keys.id](const FeedId& feed) { return feed == id ? 1.0 : 9.0; };
    Server full(loop, 1, std::move(options));
    ASSERT_TRUE(near.dial(full));
    std::vector<std::unique_ptr<Server>> strangers;
    for (std::uint8_t i = 3; i < 13; ++i) {
        strangers.push_back(std::make_unique<Server>(loop, i));
        ASSERT_TRUE(strangers.back()->dial(full));
        ASSERT_TRUE(comes([&] { return full.peers->link_with(strangers.back()->keys.id); }));
        ASSERT_TRUE(comes([&] { return full.links() <= 3; }));
    }
    EXPECT_NE(full.peers->link_with(near.keys.id), nullptr);
    EXPECT_EQ(near.links(), 1u);
}

TEST_F(PeersTest, do_not_let_in_whom_we_block) {
    Server stranger(loop, 2);
    Peers::Options options;
    options.blocked = [id = stranger.keys.id](const FeedId& feed) { return feed == id; };
    Server one(loop, 1, std::move(options));
    EXPECT_FALSE(stranger.dial(one));
    EXPECT_EQ(one.counter.came, 0);
}

TEST_F(PeersTest, count_what_goes_over_a_connection) {
    Server one(loop, 1), two(loop, 2);
    ASSERT_TRUE(one.dial(two));
    ASSERT_TRUE(comes([&] { return two.links() == 1; }));
    Link& link = *one.peers->links().front();
    auto asking = link.session->async("nothing", "[]");
    auto answer = loop.run(std::move(asking));
    EXPECT_FALSE(answer.has_value());
    EXPECT_GT(link.meter.bytes_out, 20u);
    EXPECT_GT(link.meter.bytes_in, 20u);
}

/// Opens so many streams that stay; how many of them the peer does not refuse.
io::Task<std::size_t> streams_open(muxrpc::Session& session, std::size_t count) {
    std::vector<std::unique_ptr<muxrpc::Channel>> streams;
    for (std::size_t i = 0; i < count; ++i) streams.push_back(session.source("standing", "[]"));
    std::size_t open = 0;
    for (auto& stream : streams) {
        auto asking = stream->next();
        auto item = co_await asking;
        if (item && item->has_value()) ++open;
    }
    co_return open;
}

TEST_F(PeersTest, keep_more_streams_open_for_whom_we_follow) {
    int alive = 0;
    Server followed(loop, 2), stranger(loop, 3);
    Peers::Options options;
    options.distance = [id = followed.keys.id](const FeedId& feed) {
        return feed == id ? 1.0 : 9.0;
    };
    Server one(loop, 1, std::move(options));
    one.router.source("standing", muxrpc::Allow::peer,
                      [&alive](const muxrpc::Request&) { return source_of({"1"}, false, alive); });
    const std::size_t count = limits::streams_per_peer_max + 100;
    for (Server* each : {&followed, &stranger}) {
        ASSERT_TRUE(each->dial(one));
        muxrpc::Session& session = *each->peers->links().front()->session;
        std::size_t open = loop.run(streams_open(session, count));
        EXPECT_EQ(open, each == &followed ? count : limits::streams_per_peer_max);
    }
}

}  // namespace
}  // namespace sbot::app
