#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "io/lane.h"
#include "io/pool.h"
#include "io/sync.h"
#include "io/task_group.h"
#include "tests/io/support.h"

namespace sbot::io {
namespace {

int add(int a, int b) { return a + b; }
std::unique_ptr<int> pass(std::unique_ptr<int> value) { return value; }
Result<int> refuse() { return base::error(Errc::corrupt, "bad"); }

/// A job that the test holds until it says go.
struct Gate {
    std::atomic<bool> begun{false};
    std::atomic<bool> open{false};
};
void wait_at(std::shared_ptr<Gate> gate) {
    gate->begun = true;
    while (!gate->open) std::this_thread::yield();
}
Bytes fill_slowly(std::shared_ptr<Gate> gate, Bytes data) {
    wait_at(std::move(gate));
    for (auto& byte : data) byte = 1;
    return data;
}
Task<void> begun(Loop& loop, std::shared_ptr<Gate> gate) {
    while (!gate->begun) co_await loop.sleep(1);
}

struct Log {
    std::vector<int> entries;
    std::thread::id thread;
};
std::size_t append(Log& log, int entry) {
    log.entries.push_back(entry);
    log.thread = std::this_thread::get_id();
    return log.entries.size();
}
void touch(Log& log) { log.entries.push_back(-1); }

TEST(Pool, moves_values_in_and_out) {
    Loop loop;
    Pool pool(loop);
    EXPECT_EQ(loop.run(pool.run(&add, 2, 3)), 5);
    EXPECT_EQ(*loop.run(pool.run(&pass, std::make_unique<int>(7))), 7);
    EXPECT_EQ(loop.run(pool.run(&refuse)).error().code, Errc::corrupt);
    auto gate = std::make_shared<Gate>();
    gate->open = true;
    loop.run(pool.run(&wait_at, gate));
    EXPECT_TRUE(gate->begun);
}

Task<void> add_up(Pool& pool, int value, int& sum) { sum += co_await pool.run(&add, value, 1); }

TEST(Pool, does_many_jobs_at_once) {
    Loop loop;
    Pool pool(loop);
    TaskGroup group;
    int sum = 0;
    for (int i = 0; i < 1000; ++i) group.add(add_up(pool, i, sum));
    loop.run(group.idle());
    EXPECT_EQ(sum, 1000 * 999 / 2 + 1000);
}

TEST(Pool, a_dropped_job_in_flight_leaves_nothing_dangling) {
    Loop loop;
    Pool pool(loop);
    auto gate = std::make_shared<Gate>();
    {
        Task<Bytes> task = pool.run(&fill_slowly, gate, Bytes(100'000));
        loop.run(begun(loop, gate));
    }
    gate->open = true;
    EXPECT_EQ(loop.run(pool.run(&add, 1, 1)), 2);
}

TEST(Pool, a_dropped_job_that_has_not_begun_is_not_run) {
    Loop loop;
    Pool pool(loop);
    std::vector<Task<void>> busy;
    auto gate = std::make_shared<Gate>();
    for (int i = 0; i < 128; ++i) busy.push_back(pool.run(&wait_at, gate));  // all its threads
    auto never = std::make_shared<Gate>();
    { Task<void> dropped = pool.run(&wait_at, never); }
    gate->open = true;
    for (auto& task : busy) loop.run(std::move(task));
    EXPECT_EQ(loop.run(pool.run(&add, 1, 1)), 2);
    EXPECT_FALSE(never->begun);
}

TEST(Lane, does_jobs_in_the_order_of_the_calls_on_one_other_thread) {
    Loop loop;
    Log log;
    Lane lane(loop, "test", {.jobs_max = 8});
    std::vector<Task<std::size_t>> tasks;
    for (int i = 0; i < 500; ++i) tasks.push_back(lane.run(&append, std::ref(log), i));
    for (std::size_t i = 0; i < tasks.size(); ++i) {
        EXPECT_EQ(loop.run(std::move(tasks[i])), i + 1);
    }
    for (int i = 0; i < 500; ++i) EXPECT_EQ(log.entries[static_cast<std::size_t>(i)], i);
    EXPECT_NE(log.thread, std::this_thread::get_id());
    loop.run(lane.run(&touch, std::ref(log)));
    EXPECT_EQ(log.entries.back(), -1);
}

TEST(Lane, a_dropped_job_is_not_run_and_one_that_runs_ends_unheard) {
    Loop loop;
    Log log;
    auto gate = std::make_shared<Gate>();
    {
        Lane lane(loop, "test", {.jobs_max = 2});
        Task<void> first = lane.run(&wait_at, gate);
        Task<std::size_t> second = lane.run(&append, std::ref(log), 2);
        Task<std::size_t> third = lane.run(&append, std::ref(log), 3);   // no place yet
        Task<std::size_t> fourth = lane.run(&append, std::ref(log), 4);  // nor for this
        loop.run(begun(loop, gate));
        first.drop();
        second.drop();
        third.drop();
        gate->open = true;
        EXPECT_EQ(loop.run(std::move(fourth)), 1u);
    }
    EXPECT_EQ(log.entries, std::vector<int>{4});
}

TEST(Lane, its_destructor_waits_for_the_job_that_runs) {
    Loop loop;
    auto gate = std::make_shared<Gate>();
    Bytes out;
    {
        Lane lane(loop, "a name longer than a thread's may be");
        {
            Task<Bytes> dropped = lane.run(&fill_slowly, gate, Bytes(1000));
            loop.run(begun(loop, gate));
        }
        gate->open = true;
    }
    EXPECT_EQ(gate.use_count(), 1);  // the job and its arguments are gone
}

}  // namespace
}  // namespace sbot::io
