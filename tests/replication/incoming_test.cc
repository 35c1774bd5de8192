#include "replication/incoming.h"

#include <gtest/gtest.h>

#include <algorithm>

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
        for (const FeedRun& run : given) order.push_back(run.feed.bytes[0]);
        std::vector<Taken> answers(given.size());
        co_await open.wait();
        co_return answers;
    }

    std::vector<int> order;
    io::Event open;
};

TEST(Incoming, checks_messages_of_nearer_feeds_first) {
    io::Loop loop;
    SlowIntake intake;
    Incoming incoming(
        intake, [](auto&, auto&, auto&) {}, &rank_of);
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
        intake, [](auto&, auto&, auto&) {}, &rank_of);
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

TEST(EbtNotes, go_out_in_the_order_of_nearness) {
    std::vector<FeedNote> notes;
    for (int far : {9, 2, 0, 1, 2, 7, 0}) notes.push_back({feed(far), {notes.size()}});
    std::vector<Sequence> order;
    for (const FeedNote& each : nearer_first(notes, &rank_of)) order.push_back(each.note.sequence);
    EXPECT_EQ(order, (std::vector<Sequence>{2, 6, 3, 1, 4, 0, 5}));
}

}  // namespace
}  // namespace sbot::replication
