// The graph of follows, fed by the writer.
#include "sbot/friends.h"

#include <gtest/gtest.h>

#include "tests/sbot/support.h"

namespace sbot::app {
namespace {

/// Remembers what it heard last of each feed.
struct Heard final : friends::HopsObserver {
    void hops_changed(std::span<const friends::HopsChange> changes) override {
        for (const auto& each : changes) hops[each.feed] = each.hops;
    }
    std::map<FeedId, friends::Distance> hops;
};

class FriendsTest : public testing::Test {
 protected:
    FriendsTest() : store(loop) { make(); }
    ~FriendsTest() override {
        store.close();
        graph.reset();
    }

    void make() {
        Friends::Options options;
        options.view.path = store.folder / "contacts.sqlite";
        options.view.own = store.own.id;
        options.hops_max = 2;
        graph = std::make_unique<Friends>(loop, store.pool, store.log, logger, std::move(options));
        graph->observe(heard);
    }
    void say(const FeedId& feed, std::string_view what) {
        store.publish(R"({"type":"contact","contact":")" + feed.text() + "\"," + std::string(what) +
                      "}");
    }
    double hops(const FeedId& feed) {
        auto now = loop.run(graph->fresh());
        EXPECT_TRUE(now.has_value());
        return now ? (*now)->hops_of(feed) : -100;
    }

    io::Loop loop;
    base::Logger logger{base::LogLevel::error};
    Store store;
    Heard heard;
    std::unique_ptr<Friends> graph;
    FeedId bob = pair_of(2).id, carol = pair_of(3).id;
};

const std::string follow = R"("following":true)", block = R"("blocking":true)";

TEST_F(FriendsTest, know_what_was_there_and_what_comes) {
    say(bob, follow);
    ASSERT_TRUE(loop.run(graph->load(*store.indexer)));
    EXPECT_EQ(graph->now()->hops_of(bob), 1);
    say(carol, block);
    EXPECT_EQ(hops(carol), -1);
    EXPECT_TRUE(graph->now()->blocked(carol));
    EXPECT_FALSE(graph->may_pass(carol, bob));
    EXPECT_TRUE(graph->may_pass(bob, carol));
}

TEST_F(FriendsTest, wait_for_the_view_before_they_answer) {
    say(bob, follow);
    auto waiting = graph->fresh();
    loop.run(turns(loop, 20));
    EXPECT_FALSE(waiting.done());
    ASSERT_TRUE(loop.run(graph->load(*store.indexer)));
    auto now = loop.run(std::move(waiting));
    ASSERT_TRUE(now);
    EXPECT_EQ((*now)->hops_of(bob), 1);
}

TEST_F(FriendsTest, tell_observers_what_changes) {
    EXPECT_EQ(heard.hops[store.own.id], 0);
    ASSERT_TRUE(loop.run(graph->load(*store.indexer)));
    say(bob, follow);
    loop.run(store.indexer->level());
    loop.run(turns(loop, 20));
    EXPECT_EQ(heard.hops[bob], 1);
    say(bob, block);
    loop.run(store.indexer->level());
    loop.run(turns(loop, 20));
    EXPECT_EQ(heard.hops[bob], -1);
}

TEST_F(FriendsTest, count_what_was_acknowledged) {
    ASSERT_TRUE(loop.run(graph->load(*store.indexer)));
    store.feeds->after_contact([this] { return graph->in_force(); });
    for (double hops : {1.0, -1.0, 1.0}) {
        say(bob, hops < 0 ? block : follow);
        EXPECT_EQ(graph->now()->hops_of(bob), hops);
        EXPECT_EQ(heard.hops[bob], hops);
    }
    store.feeds->after_contact({});
}

TEST_F(FriendsTest, keep_nobody_waiting_before_they_know) {
    store.feeds->after_contact([this] { return graph->in_force(); });
    say(bob, follow);
    ASSERT_TRUE(loop.run(graph->load(*store.indexer)));
    EXPECT_EQ(graph->now()->hops_of(bob), 1);
    store.feeds->after_contact({});
}

TEST_F(FriendsTest, know_the_same_after_the_index_is_made_anew) {
    ASSERT_TRUE(loop.run(graph->load(*store.indexer)));
    say(bob, follow);
    say(carol, block);
    ASSERT_TRUE(loop.run(store.indexer->build()));
    ASSERT_TRUE(loop.run(store.indexer->adopt()));
    ASSERT_TRUE(loop.run(store.indexer->rebuild_side_views()));
    EXPECT_EQ(hops(bob), 1);
    EXPECT_EQ(hops(carol), -1);
    say(carol, follow);
    EXPECT_EQ(hops(carol), 1);
    EXPECT_EQ(heard.hops[bob], 1);
}

TEST_F(FriendsTest, let_the_last_of_many_words_count) {
    ASSERT_TRUE(loop.run(graph->load(*store.indexer)));
    for (int i = 0; i < 20; ++i) say(i % 2 == 0 ? bob : carol, i < 18 ? block : follow);
    EXPECT_EQ(hops(bob), 1);
    EXPECT_EQ(hops(carol), 1);
}

TEST_F(FriendsTest, say_why_they_do_not_know) {
    std::filesystem::create_directory(store.folder / "contacts.sqlite");
    EXPECT_FALSE(loop.run(graph->load(*store.indexer)));
    EXPECT_FALSE(loop.run(graph->fresh()));
}

}  // namespace
}  // namespace sbot::app
