// Whether publishing waits, and where the messages come from that it waits for.

#include "sbot/own_guard.h"

#include <gtest/gtest.h>

#include "tests/sbot/sessions.h"

namespace sbot::app {
namespace {

using muxrpc::Allow;
using Doubt = OwnGuard::Doubt;

class NoHistory final : public replication::History {
 public:
    io::Async<std::vector<Bytes>> read(FeedId, Sequence, Sequence) override {
        co_return std::vector<Bytes>();
    }
};

class OwnGuardTest : public testing::Test {
 protected:
    OwnGuardTest() : store(loop), clocks(store.pool) {
        Friends::Options options;
        options.view.path = store.folder / "contacts.sqlite";
        options.view.own = store.own.id;
        friends =
            std::make_unique<Friends>(loop, store.pool, store.log, logger, std::move(options));
        EXPECT_TRUE(loop.run(friends->load(*store.indexer)));
        replication::Replicator::Options replication;
        replication.own = store.own.id;
        replicator = std::make_unique<replication::Replicator>(
            loop, store.pool, *store.feeds, history, clocks, replication,
            [](const FeedId&, const FeedId&, const std::string&) {});
    }
    ~OwnGuardTest() override {
        questioning.drop();
        waiting.drop();
        both.reset();
        guard.reset();
        replicator.reset();
        store.close();
        friends.reset();
    }

    void begin(Doubt doubt) {
        guard = std::make_unique<OwnGuard>(loop, *friends, *replicator, *store.feeds, logger, doubt,
                                           [this] { ++settled; });
        store.feeds->before_publish([this] { return guard->clear_to_publish(); });
        store.feeds->on_own_beyond([this](Sequence) { guard->seen_beyond(); });
        store.feeds->on_own_fork([this](Sequence at) { forks.push_back(at); });
    }
    void follow(const FeedId& feed) {
        store.publish(R"({"type":"contact","following":true,"contact":")" + feed.text() + "\"}");
        loop.run(store.indexer->level());
    }
    /// Whether one may publish by now, after a while of waiting.
    bool may_publish() {
        if (!asked) waiting = guard->clear_to_publish();
        asked = true;
        comes(
            loop, [this] { return waiting.done(); }, 100);
        return waiting.done();
    }
    /// One message, from anybody.
    replication::Taken show(std::string message) {
        return store.take(store.own.id, {base::to_bytes(message)});
    }
    std::string post() { return store.publish(R"({"type":"post","text":"on"})"); }
    /// A peer that has `count` messages of ours.
    void connect(const FeedId& peer, int count) {
        messages = feed_of(store.own, count);
        theirs.source(
            "createHistoryStream", Allow::peer,
            [this](
                const muxrpc::Request& request) -> muxrpc::Reply<std::unique_ptr<muxrpc::Source>> {
                auto from = static_cast<std::size_t>(request.arg(0)["seq"].number());
                asked_from.push_back(from);
                std::vector<std::string> rest;
                for (auto i = from; i <= messages.size(); ++i) {
                    rest.push_back(messages[i - 1]);
                }
                return std::unique_ptr<muxrpc::Source>(std::make_unique<Items>(std::move(rest)));
            });
        both = std::make_unique<Joined>(loop, store.own.id, ours, peer, theirs);
        questioning = guard->question(both->near, peer);
    }

    io::Loop loop;
    base::Logger logger{base::LogLevel::error};
    Store store;
    NoHistory history;
    replication::PeerClocks clocks;
    std::unique_ptr<Friends> friends;
    std::unique_ptr<replication::Replicator> replicator;
    std::unique_ptr<OwnGuard> guard;
    muxrpc::Router ours, theirs;
    std::vector<std::string> messages;
    std::vector<std::size_t> asked_from;
    std::unique_ptr<Joined> both;
    io::Task<void> waiting, questioning;
    bool asked = false;
    std::vector<Sequence> forks;
    int settled = 0;
    FeedId bob = pair_of(2).id, carol = pair_of(3).id;
};

TEST_F(OwnGuardTest, without_doubt_does_not_wait) {
    follow(bob);
    begin(Doubt::none);
    auto clear = guard->clear_to_publish();
    EXPECT_TRUE(clear.done());
    EXPECT_EQ(settled, 0);
}

TEST_F(OwnGuardTest, of_a_restored_folder_that_follows_nobody_asks_nobody) {
    begin(Doubt::restored);
    EXPECT_TRUE(may_publish());
    EXPECT_EQ(guard->doubt(), Doubt::none);
    EXPECT_EQ(settled, 1);
}

TEST_F(OwnGuardTest, of_a_restored_folder_waits_for_somebody_whom_we_follow) {
    follow(bob);
    begin(Doubt::restored);
    EXPECT_FALSE(may_publish());
    guard->shown(carol, 1);
    EXPECT_FALSE(may_publish()) << "a stranger's word";
    guard->shown(bob, 1);
    EXPECT_TRUE(may_publish());
    EXPECT_EQ(settled, 1);
    guard->shown(carol, 9);
    auto again = guard->clear_to_publish();
    EXPECT_TRUE(again.done());
}

TEST_F(OwnGuardTest, with_recover_waits_even_where_nobody_is_followed) {
    begin(Doubt::recover);
    EXPECT_FALSE(may_publish());
    EXPECT_EQ(guard->doubt(), Doubt::recover);
}

TEST_F(OwnGuardTest, fetches_what_we_lack_from_a_peer_before_anything_is_published) {
    ASSERT_EQ(store.take(store.own.id, as_bytes(feed_of(store.own, 2))).end,
              replication::Taken::End::all);
    begin(Doubt::recover);
    connect(bob, 6);
    ASSERT_TRUE(comes(loop, [&] { return store.feeds->latest(store.own.id) == 6; }));
    EXPECT_EQ(asked_from, std::vector<std::size_t>{2}) << "from the last one that we have";
    EXPECT_FALSE(may_publish()) << "bob is not followed";
}

TEST_F(OwnGuardTest, fills_a_gap_behind_a_signed_message_that_somebody_showed) {
    ASSERT_EQ(store.take(store.own.id, as_bytes(feed_of(store.own, 2))).end,
              replication::Taken::End::all);
    begin(Doubt::none);
    connect(bob, 6);
    loop.run(turns(loop, 50));
    EXPECT_TRUE(asked_from.empty()) << "there is no reason to";
    // The fifth comes from anybody: the third and fourth are missing.
    store.take(store.own.id, {base::to_bytes(messages[4])});
    EXPECT_EQ(store.feeds->own_beyond(), 5u);
    ASSERT_TRUE(comes(loop, [&] { return store.feeds->latest(store.own.id) == 6; }));
    EXPECT_NE(store.publish(R"({"type":"post","text":"on"})").find("\"sequence\":7"),
              std::string::npos);
}

TEST_F(OwnGuardTest, stops_asking_a_peer_whose_branch_is_another) {
    ASSERT_EQ(store.take(store.own.id, as_bytes(feed_of(store.own, 2, "other"))).end,
              replication::Taken::End::all);
    begin(Doubt::recover);
    connect(bob, 4);
    EXPECT_TRUE(comes(loop, [&] { return questioning.done(); }));
    EXPECT_EQ(store.feeds->latest(store.own.id), 2u);
}

TEST_F(OwnGuardTest, publishes_nothing_once_somebody_shows_another_branch) {
    const std::vector<std::string> mine = feed_of(store.own, 4);
    const std::vector<std::string> other = feed_of(store.own, 6, "other");
    store.take(store.own.id, as_bytes(mine));
    begin(Doubt::none);
    // What we have, again; what we have not signed; an end of another branch long behind us.
    store.take(store.own.id, as_bytes(mine));
    show(mine[3]);
    show(other[1]);
    for (std::string forged : {other[3], other[4]}) {
        const std::size_t at = forged.find("other");
        show(forged.replace(at, 5, "wrong"));
    }
    EXPECT_TRUE(forks.empty());
    EXPECT_EQ(store.feeds->own_beyond(), 0U);
    EXPECT_NE(post().find("\"sequence\":5"), std::string::npos);

    auto taken = show(other[5]);
    EXPECT_EQ(taken.end, replication::Taken::End::bad);
    EXPECT_EQ(forks, std::vector<Sequence>{6});
    EXPECT_NE(post().find("goes on elsewhere, on another branch"), std::string::npos);
    EXPECT_NE(guard->waits_until().find("a message 6"), std::string::npos);
    EXPECT_EQ(store.feeds->latest(store.own.id), 5U);
    // Told once; a contradiction at our last message is one as well.
    show(other[5]);
    EXPECT_EQ(forks.size(), 1U);
    show(other[4]);
    EXPECT_EQ(forks, (std::vector<Sequence>{6, 5}));
}

TEST_F(OwnGuardTest, takes_no_forged_message_for_a_branch_of_ours) {
    const std::vector<std::string> mine = feed_of(store.own, 6);
    store.take(store.own.id, as_bytes(feed_of(store.own, 4)));
    begin(Doubt::none);
    // A forged fifth that follows well, then the true fifth, which we lack: no other branch, but
    // there is more of ours.
    std::string forged = mine[4];
    const std::size_t at = forged.find("\"signature\":\"") + 14;
    forged[at] = forged[at] == 'A' ? 'B' : 'A';
    store.take(store.own.id, {base::to_bytes(forged), base::to_bytes(mine[4])});
    EXPECT_TRUE(forks.empty());
    EXPECT_EQ(store.feeds->own_beyond(), 5U);
    store.take(store.own.id, {base::to_bytes(mine[4])});
    EXPECT_NE(post().find("\"sequence\":6"), std::string::npos);
}

TEST_F(OwnGuardTest, says_for_what_publishing_waits_while_it_does) {
    follow(bob);
    begin(Doubt::recover);
    EXPECT_NE(guard->waits_until().find("--recover"), std::string::npos);
    EXPECT_FALSE(may_publish());
    guard->shown(bob, 1);
    EXPECT_TRUE(may_publish());
    EXPECT_EQ(guard->waits_until(), "");
}

TEST_F(OwnGuardTest, says_nothing_of_a_wait_where_nobody_can_be_asked) {
    begin(Doubt::restored);
    EXPECT_TRUE(comes(loop, [&] { return guard->waits_until().empty(); }));
    EXPECT_EQ(guard->doubt(), Doubt::restored) << "peers are asked all the same";
}

}  // namespace
}  // namespace sbot::app
