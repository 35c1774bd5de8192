#include "replication/incoming.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "replication/ebt_notes.h"

namespace sbot::replication {
namespace {

FeedId feed(int number) {
    FeedId id;
    id.bytes[0] = static_cast<std::uint8_t>(number);
    return id;
}

/// A feed's first byte is how far it is.
std::size_t rank_of(const FeedId& id) { return id.bytes[0]; }

io::Task<void> turns(io::Loop& loop, int count) {
    for (int i = 0; i < count; ++i) co_await loop.yield();
}

/// Notes which feed's run came when, one at a time.
class SlowIntake final : public Intake {
 public:
    Sequence latest(const FeedId&) const override { return 0; }
    Sequence stored_sequence(const FeedId&) const override { return 0; }
    io::Task<std::vector<Taken>> take(std::vector<FeedRun> given) override {
        ++jobs;
        for (const FeedRun& run : given) order.push_back(run.feed.bytes[0]);
        std::vector<Taken> answers(given.size());
        co_await open.wait();
        co_return answers;
    }

    std::vector<int> order;
    std::size_t jobs = 0;
    io::Event open;
};

TEST(Incoming, checks_messages_of_nearer_feeds_first) {
    io::Loop loop;
    SlowIntake intake;
    Incoming incoming(
        loop, intake, [](auto&, auto&, auto&) {}, &rank_of);
    auto share = std::make_shared<Incoming::Share>();
    for (int far : {3, 2, 1, 0}) incoming.add(feed(far), feed(9), Bytes(), share);
    intake.open.set();
    loop.run(turns(loop, 20));
    EXPECT_EQ(intake.order, (std::vector<int>{0, 1, 2, 3}));
    EXPECT_EQ(share->messages, 0U);
}

TEST(Incoming, lets_farther_feeds_have_a_turn_now_and_then) {
    io::Loop loop;
    SlowIntake intake;
    Incoming incoming(
        loop, intake, [](auto&, auto&, auto&) {}, &rank_of);
    auto share = std::make_shared<Incoming::Share>();
    for (std::uint8_t i = 0; i < 40; ++i) {
        FeedId near = feed(1);
        near.bytes[1] = i;
        incoming.add(near, feed(9), Bytes(), share);
    }
    incoming.add(feed(200), feed(9), Bytes(), share);
    intake.open.set();
    loop.run(turns(loop, 20));
    ASSERT_EQ(intake.order.size(), 41U);
    auto far = std::find(intake.order.begin(), intake.order.end(), 200);
    EXPECT_LT(far - intake.order.begin(), 8);
}

io::Task<void> naps(io::Loop& loop, std::uint64_t ms) {
    auto nap = loop.sleep(ms);
    co_await nap;
}

/// Jobs that four messages were checked in: one alone, then three as the loop turns. Nothing where
/// the machine took too long for them to be a stream.
std::optional<std::size_t> jobs_of_a_stream() {
    io::Loop loop;
    SlowIntake intake;
    Incoming incoming(
        loop, intake, [](auto&, auto&, auto&) {}, &rank_of);
    auto share = std::make_shared<Incoming::Share>();
    intake.open.set();
    const std::uint64_t began = loop.now_ms();
    for (int each : {0, 1, 2, 3}) {
        incoming.add(feed(each), feed(9), Bytes(), share);
        loop.run(turns(loop, 3));
        if (each == 0) {
            EXPECT_EQ(intake.jobs, 1U);
        }
    }
    loop.run(naps(loop, 0));
    const bool is_stream = loop.now_ms() - began < 5;
    while (share->messages > 0) loop.run(naps(loop, 1));
    EXPECT_EQ(intake.order, (std::vector<int>{0, 1, 2, 3}));
    if (!is_stream) return std::nullopt;
    return intake.jobs;
}

TEST(Incoming, checks_the_first_at_once_and_collects_those_that_follow) {
    std::optional<std::size_t> jobs;
    for (int tries = 0; !jobs && tries < 100; ++tries) jobs = jobs_of_a_stream();
    EXPECT_EQ(jobs, 2U);
}

TEST(EbtNotes, go_out_in_the_order_of_nearness) {
    std::vector<FeedNote> notes;
    for (int far : {9, 2, 0, 1, 2, 7, 0}) notes.push_back({feed(far), {notes.size()}});
    std::vector<Sequence> order;
    for (const FeedNote& each : nearer_first(notes, &rank_of)) order.push_back(each.note.sequence);
    EXPECT_EQ(order, (std::vector<Sequence>{2, 6, 3, 1, 4, 0, 5}));
}

}  // namespace
}  // namespace sbot::replication
