#include "replication/fetcher.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/replication/history_peer.h"

namespace sbot::replication {
namespace {

using test::feed;

/// `rate` messages a second for so long, in such pieces.
void give(FetchPace& pace, std::uint64_t& now_ms, std::size_t rate, std::size_t together) {
    for (std::size_t messages = rate / 4; messages >= together; messages -= together) {
        pace.came(together);
    }
    now_ms += 250;
    ASSERT_TRUE(pace.measure(now_ms));
}

TEST(FetchPace, fits_the_number_to_what_the_peer_gives_and_how) {
    FetchPace pace;
    std::uint64_t now_ms = 1000;
    pace.begin(now_ms);
    EXPECT_EQ(pace.at_once(), 8u);
    give(pace, now_ms, 2000, 1);
    EXPECT_EQ(pace.at_once(), 100u);
    give(pace, now_ms, 100'000, 2);
    EXPECT_EQ(pace.at_once(), 256u);
    give(pace, now_ms, 100'000, 20);
    EXPECT_EQ(pace.at_once(), 64u);
    give(pace, now_ms, 40, 1);
    EXPECT_EQ(pace.at_once(), 8u);
}

TEST(FetchPace, says_nothing_of_moments) {
    FetchPace pace;
    pace.begin(1000);
    pace.came(5000);
    EXPECT_FALSE(pace.measure(1249));
    EXPECT_EQ(pace.at_once(), 8u);
    pace.begin(1249);
    EXPECT_TRUE(pace.measure(1499));
    EXPECT_EQ(pace.at_once(), 8u);
}

class FetcherTest : public testing::Test, protected test::HistoryPeer {
 protected:
    FetcherTest() : FetcherTest(true) {}
    explicit FetcherTest(bool histories_end) : HistoryPeer(histories_end) {
        Fetcher::Hooks hooks;
        hooks.next = [this](const FeedId& id) -> std::optional<Sequence> {
            if (unwanted.count(id) > 0) return std::nullopt;
            return 5;
        };
        hooks.take = [this](muxrpc::Body item) { return take(std::move(item)); };
        hooks.ended = [this](const FeedId& id, bool useful) { ended[id] = useful; };
        fetcher = std::make_unique<Fetcher>(loop, *session, std::move(hooks));
    }
    io::Task<void> take(muxrpc::Body item) {
        co_await room.wait();
        taken.emplace_back(item.text());
        if (taken.size() == enough) unwanted.insert(feed(1));
    }
    std::string asked_for(std::size_t request) const {
        const std::string& text = requests.at(request);
        return text.substr(text.find('@'), 53);
    }

    std::set<FeedId> unwanted;
    std::map<FeedId, bool> ended;
    std::vector<std::string> taken;
    std::size_t enough = SIZE_MAX;
    io::Event room;
    std::unique_ptr<Fetcher> fetcher;
};

TEST_F(FetcherTest, asks_for_the_rest_of_a_feed_once_and_says_when_all_is_taken) {
    items[feed(1).text()] = {"1", "2"};
    fetcher->add(feed(1), 0);
    let_run();
    ASSERT_EQ(requests.size(), 1u);
    EXPECT_EQ(requests[0],
              R"([{"id":")" + feed(1).text() + R"(","seq":5,"live":false,)" + R"("keys":false}])");
    EXPECT_TRUE(ended.empty());
    room.set();
    let_run();
    EXPECT_EQ(taken, (std::vector<std::string>{"1", "2"}));
    EXPECT_EQ(ended, (std::map<FeedId, bool>{{feed(1), true}}));
    EXPECT_EQ(requests.size(), 1u);
}

TEST_F(FetcherTest, asks_for_a_few_at_first_the_nearest_of_them_first) {
    for (std::uint8_t i = 1; i <= 20; ++i) {
        items[feed(i).text()] = {"1"};
        fetcher->add(feed(i), i == 20 ? 0 : 1);
    }
    let_run();
    ASSERT_EQ(requests.size(), 8u);
    EXPECT_EQ(asked_for(0), feed(20).text());
    EXPECT_EQ(asked_for(1), feed(1).text());
    room.set();
    let_run(100);
    EXPECT_EQ(requests.size(), 20u);
    EXPECT_EQ(ended.size(), 20u);
}

TEST_F(FetcherTest, tells_what_brought_nothing_and_asks_for_nothing_that_is_not_wanted) {
    fetcher->add(feed(1), 0);
    unwanted.insert(feed(2));
    fetcher->add(feed(2), 0);
    let_run();
    EXPECT_EQ(requests.size(), 1u);
    EXPECT_EQ(ended, (std::map<FeedId, bool>{{feed(1), false}, {feed(2), true}}));
}

TEST_F(FetcherTest, takes_no_more_of_what_is_wanted_no_more) {
    items[feed(1).text()] = {"1", "2", "3"};
    room.set();
    enough = 1;
    fetcher->add(feed(1), 0);
    let_run();
    EXPECT_EQ(taken, std::vector<std::string>{"1"});
    EXPECT_EQ(ended, (std::map<FeedId, bool>{{feed(1), true}}));
}

TEST_F(FetcherTest, does_nothing_after_a_stop) {
    items[feed(1).text()] = {"1", "2", "3"};
    fetcher->add(feed(1), 0);
    let_run();
    fetcher->stop();
    room.set();
    fetcher->add(feed(2), 0);
    let_run();
    EXPECT_EQ(requests.size(), 1u);
    EXPECT_LE(taken.size(), 1u);
    EXPECT_TRUE(ended.empty());
}

/// Its histories give what they have and then nothing for ever.
class SilentFetcherTest : public FetcherTest {
 protected:
    SilentFetcherTest() : FetcherTest(false) {}
    io::Task<void> wait_for_end() {
        while (ended.size() < 2) {
            auto nap = loop.sleep(20);
            co_await nap;
        }
    }
};

TEST_F(SilentFetcherTest, gives_up_a_history_that_gives_nothing) {
    items[feed(1).text()] = {"1"};
    room.set();
    fetcher->add(feed(1), 0);
    fetcher->add(feed(2), 0);
    loop.run(wait_for_end());
    EXPECT_EQ(ended, (std::map<FeedId, bool>{{feed(1), true}, {feed(2), false}}));
    let_run();
    EXPECT_EQ(alive, 0);
}

}  // namespace
}  // namespace sbot::replication
