#include "io/task.h"

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "io/loop.h"
#include "io/signals.h"
#include "io/sync.h"
#include "io/task_group.h"
#include "tests/io/support.h"

namespace sbot::io {
namespace {

Task<int> ready(int value) { co_return value; }
Task<void> nothing() { co_return; }
Async<std::string> fails() { co_return base::error(Errc::denied, "no"); }
Async<void> succeeds() { co_return {}; }

Task<int> after(Event& event, int value) {
    co_await event.wait();
    co_return value;
}

Task<void> note_after(Event& event, std::vector<int>& notes, int value) {
    co_await event.wait();
    notes.push_back(value);
}

Task<void> hold(Event& event, Witness witness) {
    co_await event.wait();
    (void)witness;
}

TEST(Task, runs_at_once_up_to_its_first_wait) {
    Loop loop;
    Event event;
    std::vector<int> notes;
    Task<int> done = ready(7);
    EXPECT_TRUE(done.done());
    EXPECT_EQ(done.take(), 7);
    Task<void> waits = note_after(event, notes, 1);
    EXPECT_FALSE(waits.done());
    event.set();
    EXPECT_TRUE(notes.empty());  // only the loop resumes
    loop.run(turns(loop, 2));
    EXPECT_EQ(notes, std::vector<int>{1});
    EXPECT_TRUE(waits.done());
}

TEST(Task, carries_values_errors_and_nothing) {
    Loop loop;
    auto all = [](Loop&) -> Task<bool> {
        co_await nothing();
        auto failed = co_await fails();
        auto fine = co_await succeeds();
        int seven = co_await ready(7);
        co_return !failed && failed.error().code == Errc::denied && fine.has_value() && seven == 7;
    };
    EXPECT_TRUE(loop.run(all(loop)));
}

Task<long> sum_of_ready(int count) {
    long sum = 0;
    for (int i = 0; i < count; ++i) sum += co_await ready(1);
    co_return sum;
}

TEST(Task, a_million_awaits_of_ready_tasks_keep_the_stack_flat) {
    Loop loop;
    EXPECT_EQ(loop.run(sum_of_ready(1'000'000)), 1'000'000);
}

Task<int> after_yield(Loop& loop) {
    co_await loop.yield();
    co_return 1;
}

Task<long> sum_of_yields(Loop& loop, int count) {
    long sum = 0;
    for (int i = 0; i < count; ++i) sum += co_await after_yield(loop);
    co_return sum;
}

TEST(Task, many_suspended_awaits_keep_the_stack_flat) {
    Loop loop;
    EXPECT_EQ(loop.run(sum_of_yields(loop, 20'000)), 20'000);
}

Task<void> ping(Semaphore& mine, Semaphore& other, int count) {
    for (int i = 0; i < count; ++i) {
        co_await mine.acquire();
        other.release();
    }
}

TEST(Task, a_million_wakes_back_and_forth_keep_the_stack_flat) {
    Loop loop;
    Semaphore left(1);
    Semaphore right(0);
    Task<void> a = ping(left, right, 500'000);
    Task<void> b = ping(right, left, 500'000);
    loop.run(std::move(a));
    loop.run(std::move(b));
    EXPECT_EQ(left.available(), 1u);
}

TEST(Task, dropping_destroys_locals_and_parameters) {
    Loop loop;
    Event event;
    int gone = 0;
    {
        Task<void> task = hold(event, Witness(gone));
        EXPECT_EQ(gone, 0);
    }
    EXPECT_EQ(gone, 1);
    event.set();  // nobody is hooked any more
    Task<void> ready_but_dropped;
    {
        Event other;
        ready_but_dropped = hold(other, Witness(gone));
        other.set();  // it is in the ready queue now
        ready_but_dropped.drop();
    }
    EXPECT_EQ(gone, 2);
    loop.run(turns(loop, 2));
}

Task<int> outer(Event& event, Witness witness) {
    int value = co_await after(event, 5);
    (void)witness;
    co_return value + 1;
}

TEST(Task, dropping_the_outer_task_cancels_the_inner_one) {
    Loop loop;
    Event event;
    int gone = 0;
    {
        Task<int> chain = outer(event, Witness(gone));
        event.set();  // the inner one is ready to go on
    }
    EXPECT_EQ(gone, 1);
    loop.run(turns(loop, 2));
}

Task<int> await_elsewhere(Task<int>& task) { co_return co_await task; }

TEST(Task, a_task_survives_the_drop_of_its_awaiter) {
    Loop loop;
    Event event;
    Task<int> kept = after(event, 9);
    { Task<int> impatient = await_elsewhere(kept); }
    event.set();
    EXPECT_EQ(loop.run(await_elsewhere(kept)), 9);
}

TEST(Task, moving_keeps_the_work_and_assignment_drops_the_old_one) {
    Loop loop;
    Event event;
    int gone = 0;
    Task<void> first = hold(event, Witness(gone));
    Task<void> second = std::move(first);
    EXPECT_FALSE(first.valid());
    EXPECT_EQ(gone, 0);
    second = hold(event, Witness(gone));
    EXPECT_EQ(gone, 1);
}

Task<void> drop_itself(Event& event, Task<void>& self) {
    co_await event.wait();
    self.drop();
}

TEST(TaskDeathTest, a_task_that_drops_itself_is_a_program_error) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            Loop loop;
            Event event;
            Task<void> self;
            self = drop_itself(event, self);
            event.set();
            loop.run(turns(loop, 2));
        },
        "running_");
}

Task<void> throws() {
    throw std::runtime_error("from a library");
    co_return;
}

TEST(TaskDeathTest, an_exception_ends_the_process_with_its_text) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH({ auto task = throws(); }, "from a library");
}

Task<void> sleep_and_note(Loop& loop, std::uint64_t delay_ms, std::vector<int>& notes, int what) {
    co_await loop.sleep(delay_ms);
    notes.push_back(what);
}

TEST(Loop, wakes_sleepers_in_the_order_of_their_times) {
    Loop loop;
    std::vector<int> notes;
    Task<void> late = sleep_and_note(loop, 30, notes, 3);
    Task<void> early = sleep_and_note(loop, 0, notes, 1);
    Task<void> middle = sleep_and_note(loop, 10, notes, 2);
    { Task<void> dropped = sleep_and_note(loop, 5, notes, 99); }
    Task<void> never = sleep_and_note(loop, UINT64_MAX, notes, 99);
    loop.run(std::move(late));
    EXPECT_EQ(notes, (std::vector<int>{1, 2, 3}));
}

TEST(Loop, a_timer_that_is_overdue_before_the_poll_does_not_wait_for_something_else) {
    Loop loop;
    std::vector<int> notes;
    Task<void> only = sleep_and_note(loop, 1, notes, 1);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    loop.run(std::move(only));
    EXPECT_EQ(notes.size(), 1u);
}

Task<void> count_turns(Loop& loop, int& count) {
    for (;;) {
        ++count;
        co_await loop.yield();
    }
}

TEST(Loop, yielding_lets_timers_and_posts_in) {
    Loop loop;
    int count = 0;
    Task<void> busy = count_turns(loop, count);
    std::vector<int> notes;
    loop.run(sleep_and_note(loop, 5, notes, 1));
    EXPECT_GT(count, 1);
    EXPECT_EQ(notes.size(), 1u);
}

TEST(Loop, posts_from_other_threads_run_on_its_own_thread_in_order) {
    Loop loop;
    std::vector<int> got;
    auto mine = std::this_thread::get_id();
    std::thread other([&] {
        for (int i = 0; i < 1000; ++i) {
            loop.post([&, i] {
                EXPECT_EQ(std::this_thread::get_id(), mine);
                got.push_back(i);
            });
        }
        loop.post([&] { loop.stop(); });
    });
    loop.run();
    other.join();
    ASSERT_EQ(got.size(), 1000u);
    for (int i = 0; i < 1000; ++i) EXPECT_EQ(got[static_cast<std::size_t>(i)], i);
}

TEST(Loop, drops_posts_it_never_came_to) {
    int gone = 0;
    {
        Loop loop;
        auto witness = std::make_shared<Witness>(gone);
        loop.post([witness] {});
    }
    EXPECT_EQ(gone, 1);
}

TEST(Loop, gives_signals_to_who_waits) {
    Loop loop;
    Signals signals(loop, {SIGUSR1, SIGUSR2});
    { Task<int> impatient = signals.next(); }
    Task<int> first = signals.next();
    raise(SIGUSR2);
    EXPECT_EQ(loop.run(std::move(first)), SIGUSR2);
    raise(SIGUSR1);
    EXPECT_EQ(loop.run(signals.next()), SIGUSR1);
}

Async<void> fail_after(Event& event, std::string what) {
    co_await event.wait();
    co_return base::error(Errc::io, std::move(what));
}

TEST(TaskGroup, reports_failures_on_a_later_turn_and_counts_what_runs) {
    Loop loop;
    Event event;
    std::vector<std::string> failures;
    TaskGroup group([&](Error why) { failures.push_back(why.what); });
    group.add(fail_after(event, "late"));
    group.add(nothing());
    group.add(succeeds());
    auto at_once = []() -> Async<void> { co_return base::error(Errc::io, "at once"); };
    group.add(at_once());
    EXPECT_EQ(group.count(), 1u);
    EXPECT_TRUE(failures.empty());
    event.set();
    loop.run(group.idle());
    loop.run(turns(loop, 1));
    EXPECT_EQ(failures, (std::vector<std::string>{"at once", "late"}));
    EXPECT_EQ(group.count(), 0u);
}

TEST(TaskGroup, cancels_on_destruction_and_reaps_what_finished) {
    Loop loop;
    Event event;
    Event other;
    int gone = 0;
    {
        TaskGroup group;
        group.add(hold(event, Witness(gone)));
        group.add(hold(other, Witness(gone)));
        event.set();
        loop.run(turns(loop, 3));
        EXPECT_EQ(gone, 1);  // finished, and its frame is gone
        EXPECT_EQ(group.count(), 1u);
    }
    EXPECT_EQ(gone, 2);
}

Task<void> spawn(TaskGroup& group, Event& event, int depth, int& count) {
    co_await event.wait();
    ++count;
    if (depth > 0) group.add(spawn(group, event, depth - 1, count));
}

TEST(TaskGroup, its_tasks_may_add_tasks) {
    Loop loop;
    Event event;
    int count = 0;
    TaskGroup group;
    group.add(spawn(group, event, 100, count));
    event.set();
    loop.run(group.idle());
    EXPECT_EQ(count, 101);
    event.reset();
    group.add(hold(event, Witness(count)));
    group.cancel();
    EXPECT_EQ(count, 102);
    EXPECT_EQ(group.count(), 0u);
}

}  // namespace
}  // namespace sbot::io
