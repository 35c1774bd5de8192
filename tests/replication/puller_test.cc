#include "replication/puller.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "tests/replication/history_peer.h"

namespace sbot::replication {
namespace {

using test::feed;

/// Takes everything but "bad"; remembers in which runs it came.
class FakeIntake final : public Intake {
 public:
    Sequence latest(const FeedId& id) const override {
        auto found = known.find(id);
        return found != known.end() ? found->second : 0;
    }
    Sequence stored_sequence(const FeedId& id) const override { return latest(id); }
    io::Task<std::vector<Taken>> take(std::vector<FeedRun> given) override {
        co_await open.wait();
        std::vector<Taken> answers;
        for (const FeedRun& run : given) answers.push_back(take_one(run));
        co_return answers;
    }
    Taken take_one(const FeedRun& run) {
        runs.push_back(run.messages.size());
        Taken answer;
        for (const Bytes& message : run.messages) {
            if (base::text_of(message) == "\"bad\"") return {0, Taken::End::bad, "it is bad"};
            taken.push_back(base::to_text(message));
            ++known[run.feed];
            ++answer.count;
        }
        return answer;
    }

    std::map<FeedId, Sequence> known;
    std::vector<std::string> taken;
    std::vector<std::size_t> runs;
    io::Event open;
};

class PullerTest : public testing::Test, protected test::HistoryPeer {
 protected:
    PullerTest() : HistoryPeer(false) {
        puller = std::make_unique<Puller>(loop, *session, intake,
                                          [this](const FeedId& id, const Error& e) {
                                              troubles.push_back(id.text() + " " + e.what);
                                          });
        intake.open.set();
    }

    FakeIntake intake;
    Wants wants;
    std::vector<std::string> troubles;
    std::unique_ptr<Puller> puller;
};

TEST_F(PullerTest, opens_one_stream_for_each_want_after_the_last_message_held) {
    intake.known[feed(1)] = 41;
    wants.set(feed(1), true);
    wants.set(feed(2), true);
    puller->update(wants);
    puller->update(wants);
    let_run();
    ASSERT_EQ(requests.size(), 2U);
    std::string rest = R"(,"live":true,"keys":false}])";
    EXPECT_EQ(requests[0], R"([{"id":")" + feed(1).text() + R"(","seq":42)" + rest);
    EXPECT_EQ(requests[1], R"([{"id":")" + feed(2).text() + R"(","seq":1)" + rest);
    EXPECT_EQ(puller->count(), 2U);
}

TEST_F(PullerTest, drops_what_is_not_wanted_any_more) {
    EXPECT_TRUE(wants.set(feed(1), true));
    EXPECT_FALSE(wants.set(feed(1), true));
    puller->update(wants);
    let_run();
    EXPECT_EQ(alive, 1);
    EXPECT_TRUE(wants.set(feed(1), false));
    EXPECT_FALSE(wants.set(feed(1), false));
    puller->update(wants);
    let_run();
    EXPECT_EQ(alive, 0);
    EXPECT_EQ(puller->count(), 0U);
}

TEST_F(PullerTest, hands_messages_on_in_order_and_in_runs) {
    for (int i = 0; i < 500; ++i) items[feed(1).text()].push_back(std::to_string(i));
    intake.open.reset();
    wants.set(feed(1), true);
    puller->update(wants);
    let_run();
    intake.open.set();
    let_run();
    EXPECT_EQ(intake.taken, items[feed(1).text()]);
    EXPECT_LE(*std::max_element(intake.runs.begin(), intake.runs.end()), 64U);
    EXPECT_LT(intake.runs.size(), 50U);
}

TEST_F(PullerTest, a_bad_message_is_told_and_its_stream_given_up) {
    items[feed(1).text()] = {"1", "\"bad\"", "3"};
    items[feed(2).text()] = {"4"};
    wants.set(feed(1), true);
    wants.set(feed(2), true);
    puller->update(wants);
    let_run();
    EXPECT_EQ(troubles, std::vector<std::string>{feed(1).text() + " it is bad"});
    EXPECT_EQ(alive, 1);
    EXPECT_EQ(intake.known[feed(2)], 1U);
    puller->update(wants);
    let_run();
    EXPECT_EQ(requests.size(), 2U) << "asked again";
}

TEST_F(PullerTest, ends_with_its_session) {
    items[feed(1).text()] = {"1"};
    wants.set(feed(1), true);
    puller->update(wants);
    let_run();
    peer->close();
    EXPECT_EQ(loop.run(std::move(running)).error().code, Errc::closed);
    wants.set(feed(2), true);
    puller->update(wants);
    let_run();
    EXPECT_TRUE(troubles.empty());
}

TEST_F(PullerTest, can_be_dropped_while_messages_are_taken) {
    items[feed(1).text()] = {"1"};
    intake.open.reset();
    wants.set(feed(1), true);
    puller->update(wants);
    let_run();
    puller.reset();
    let_run();
    EXPECT_TRUE(intake.taken.empty());
    EXPECT_EQ(alive, 0);
}

TEST_F(PullerTest, asks_for_nearer_feeds_first) {
    for (std::uint8_t i = 1; i <= 6; ++i) wants.set(feed(i), true);
    puller->update(wants, [](const FeedId& id) { return std::size_t{10} - id.bytes[0]; });
    let_run();
    ASSERT_EQ(requests.size(), 6U);
    for (std::uint8_t i = 1; i <= 6; ++i) {
        EXPECT_NE(requests[6U - i].find(feed(i).text()), std::string::npos) << int{i};
    }
}

}  // namespace
}  // namespace sbot::replication
