#include "io/sync.h"

#include <gtest/gtest.h>

#include <vector>

#include "io/task_group.h"
#include "tests/io/support.h"

namespace sbot::io {
namespace {

Task<void> note_permit(Semaphore& from, std::vector<int>& notes, int who) {
    co_await from.acquire();
    notes.push_back(who);
}

TEST(Event, wakes_all_that_wait_and_lets_later_ones_pass_until_reset) {
    Loop loop;
    Event event;
    int passed = 0;
    auto wait = [](Event& on, int& count) -> Task<void> {
        co_await on.wait();
        ++count;
    };
    Task<void> a = wait(event, passed);
    Task<void> b = wait(event, passed);
    event.set();
    event.reset();  // those that waited go on all the same
    loop.run(turns(loop, 1));
    EXPECT_EQ(passed, 2);
    Task<void> c = wait(event, passed);
    loop.run(turns(loop, 1));
    EXPECT_EQ(passed, 2);
    event.set();
    Task<void> d = wait(event, passed);
    EXPECT_TRUE(d.done());
    loop.run(turns(loop, 1));
    EXPECT_EQ(passed, 4);
}

TEST(Semaphore, gives_permits_strictly_in_order) {
    Loop loop;
    Semaphore permits(0);
    std::vector<int> notes;
    Task<void> first = note_permit(permits, notes, 1);
    Task<void> second = note_permit(permits, notes, 2);
    permits.release();
    permits.release();
    permits.release();
    Task<void> newcomer = note_permit(permits, notes, 3);  // stays behind those on their way
    EXPECT_TRUE(notes.empty());
    loop.run(turns(loop, 1));
    EXPECT_EQ(notes, (std::vector<int>{1, 2, 3}));
    EXPECT_EQ(permits.available(), 0u);
    permits.release();
    Task<void> alone = note_permit(permits, notes, 4);
    EXPECT_TRUE(alone.done());
}

TEST(Semaphore, a_dropped_caller_gives_back_what_it_was_granted) {
    Loop loop;
    Semaphore permits(0);
    std::vector<int> notes;
    Task<void> first = note_permit(permits, notes, 1);
    Task<void> second = note_permit(permits, notes, 2);
    permits.release();
    first.drop();  // granted, not yet resumed
    loop.run(turns(loop, 1));
    EXPECT_EQ(notes, std::vector<int>{2});
    Task<void> third = note_permit(permits, notes, 3);
    third.drop();
    permits.release();
    EXPECT_EQ(permits.available(), 1u);
}

Async<int> slow(Loop& loop, std::uint64_t delay_ms, Witness witness) {
    co_await loop.sleep(delay_ms);
    (void)witness;
    co_return 5;
}

TEST(Timeout, gives_the_result_or_cancels_the_task) {
    Loop loop;
    int gone = 0;
    auto in_time = loop.run(timeout(loop, 60'000, slow(loop, 1, Witness(gone))));
    ASSERT_TRUE(in_time);
    EXPECT_EQ(*in_time, 5);
    EXPECT_EQ(gone, 1);
    auto too_late = loop.run(timeout(loop, 5, slow(loop, 3'600'000, Witness(gone))));
    ASSERT_FALSE(too_late);
    EXPECT_EQ(too_late.error().code, Errc::timeout);
    EXPECT_EQ(gone, 2);
    auto finished = []() -> Async<int> { co_return 6; };
    EXPECT_EQ(*loop.run(timeout(loop, 0, finished())), 6);
    { auto dropped = timeout(loop, 5, slow(loop, 3, Witness(gone))); }
    EXPECT_EQ(gone, 3);
    loop.run(turns(loop, 2));
}

}  // namespace
}  // namespace sbot::io
