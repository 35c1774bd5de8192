#include "io/sync.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "io/task_group.h"
#include "tests/io/support.h"

namespace sbot::io {
namespace {

Task<void> note_permit(Semaphore& from, std::size_t count, std::vector<int>& notes, int who) {
    bool got = co_await from.acquire(count);
    notes.push_back(got ? who : -who);
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
    Task<void> big = note_permit(permits, 3, notes, 1);
    Task<void> small = note_permit(permits, 1, notes, 2);
    permits.release(2);
    loop.run(turns(loop, 2));
    EXPECT_TRUE(notes.empty());  // the small one does not overtake
    permits.release(3);
    Task<void> newcomer = note_permit(permits, 1, notes, 3);  // stays behind those on their way
    EXPECT_TRUE(notes.empty());
    EXPECT_FALSE(permits.try_acquire());
    loop.run(turns(loop, 1));
    EXPECT_EQ(notes, (std::vector<int>{1, 2, 3}));
}

TEST(Semaphore, a_dropped_caller_gives_back_what_it_was_granted) {
    Loop loop;
    Semaphore permits(0);
    std::vector<int> notes;
    Task<void> first = note_permit(permits, 1, notes, 1);
    Task<void> second = note_permit(permits, 1, notes, 2);
    permits.release();
    first.drop();  // granted, not yet resumed
    loop.run(turns(loop, 1));
    EXPECT_EQ(notes, std::vector<int>{2});
    Task<void> third = note_permit(permits, 1, notes, 3);
    third.drop();
    permits.release();
    EXPECT_EQ(permits.available(), 1u);
}

TEST(Semaphore, refuses_after_close) {
    Loop loop;
    Semaphore permits(1);
    std::vector<int> notes;
    Task<void> big = note_permit(permits, 2, notes, 1);
    Task<void> dropped = note_permit(permits, 2, notes, 2);
    permits.close();
    dropped.drop();
    loop.run(turns(loop, 1));
    EXPECT_EQ(notes, std::vector<int>{-1});
    Task<void> has_one = note_permit(permits, 1, notes, 3);
    Task<void> has_none = note_permit(permits, 1, notes, 4);
    loop.run(turns(loop, 1));
    EXPECT_EQ(notes, (std::vector<int>{-1, 3, -4}));
}

TEST(Queue, keeps_the_order_of_the_pushes_however_full_it_is) {
    Loop loop;
    Queue<int> queue(3);
    std::vector<Async<void>> pushes;
    for (int i = 0; i < 100; ++i) pushes.push_back(queue.push(i));
    EXPECT_EQ(queue.size(), 3u);
    EXPECT_TRUE(pushes[2].done());
    EXPECT_FALSE(pushes[3].done());
    for (int i = 0; i < 100; ++i) {
        auto item = loop.run(queue.pop());
        ASSERT_TRUE(item);
        EXPECT_EQ(*item, i);
        EXPECT_LE(queue.size(), 3u);
        int newcomer = 1000;
        if (i < 90) {
            EXPECT_FALSE(queue.try_push(newcomer));  // never overtakes those that wait
        }
    }
}

TEST(Queue, pops_wait_and_a_dropped_pop_loses_nothing) {
    Loop loop;
    Queue<std::unique_ptr<int>> queue(2);
    Async<std::unique_ptr<int>> first = queue.pop();
    Async<std::unique_ptr<int>> second = queue.pop();
    EXPECT_FALSE(first.done());
    EXPECT_TRUE(loop.run(queue.push(std::make_unique<int>(1))));
    first.drop();
    auto got = loop.run(std::move(second));
    ASSERT_TRUE(got);
    EXPECT_EQ(**got, 1);
    EXPECT_FALSE(queue.try_pop());
}

TEST(Queue, a_dropped_push_takes_its_item_along) {
    Loop loop;
    Queue<int> queue(1);
    EXPECT_TRUE(loop.run(queue.push(1)));
    {
        Async<void> dropped = queue.push(2);
        EXPECT_EQ(queue.try_pop().value_or(0), 1);  // makes room for 2, which then goes
    }
    EXPECT_TRUE(queue.empty());
    EXPECT_TRUE(loop.run(queue.push(3)));
    EXPECT_EQ(*loop.run(queue.pop()), 3);
}

TEST(Queue, after_close_gives_what_is_left_and_then_the_error) {
    Loop loop;
    Queue<int> queue(2);
    EXPECT_TRUE(loop.run(queue.push(1)));
    EXPECT_TRUE(loop.run(queue.push(2)));
    Async<void> waiting = queue.push(3);
    queue.close(base::error(Errc::limit, "too slow"));
    queue.close(base::error(Errc::io, "not this one"));
    auto refused = loop.run(std::move(waiting));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::limit);
    EXPECT_FALSE(loop.run(queue.push(4)));
    int item = 5;
    EXPECT_FALSE(queue.try_push(item));
    EXPECT_EQ(*loop.run(queue.pop()), 1);
    EXPECT_EQ(*loop.run(queue.pop()), 2);
    auto over = loop.run(queue.pop());
    ASSERT_FALSE(over);
    EXPECT_EQ(over.error().code, Errc::limit);
}

TEST(Queue, a_pop_that_waits_hears_of_the_close) {
    Loop loop;
    Queue<int> queue(2);
    Async<int> waiting = queue.pop();
    queue.close(base::error(Errc::closed, "end"));
    EXPECT_EQ(loop.run(std::move(waiting)).error().code, Errc::closed);
}

TEST(Queue, counts_weights_and_takes_a_giant_when_empty) {
    Loop loop;
    Queue<int> queue(100);
    EXPECT_TRUE(queue.push(1, 60).done());
    Async<void> second = queue.push(2, 60);
    EXPECT_FALSE(second.done());
    EXPECT_EQ(*queue.try_pop(), 1);
    EXPECT_TRUE(loop.run(std::move(second)));
    Async<void> giant = queue.push(3, 5000);
    EXPECT_FALSE(giant.done());
    EXPECT_EQ(*queue.try_pop(), 2);
    EXPECT_TRUE(loop.run(std::move(giant)));
    EXPECT_FALSE(queue.push(4).done());
    EXPECT_EQ(*queue.try_pop(), 3);
    EXPECT_EQ(queue.weight(), 0u);
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
