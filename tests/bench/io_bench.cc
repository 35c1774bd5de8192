// What a wait costs: the prices that decide how finely drivers may be cut into coroutines.
#include <benchmark/benchmark.h>

#include "io/lane.h"
#include "io/loop.h"
#include "io/net.h"
#include "io/pool.h"
#include "io/sync.h"
#include "io/task.h"

namespace sbot::io {
namespace {

Task<int> ready(int value) { co_return value; }

Task<void> await_ready_tasks(benchmark::State& state) {
    for (auto _ : state) benchmark::DoNotOptimize(co_await ready(1));
}
void await_a_ready_task(benchmark::State& state) {
    Loop loop;
    loop.run(await_ready_tasks(state));
}
BENCHMARK(await_a_ready_task);

Task<void> wake_other(Semaphore& mine, Semaphore& other, const bool& over) {
    while (!over) {
        co_await mine.acquire();
        other.release();
    }
}
Task<void> wake_in_turn(benchmark::State& state, Semaphore& mine, Semaphore& other, bool& over) {
    for (auto _ : state) {
        other.release();
        co_await mine.acquire();
    }
    over = true;
    other.release();
}
void suspend_and_resume_twice(benchmark::State& state) {
    Loop loop;
    Semaphore left(0);
    Semaphore right(0);
    bool over = false;
    Task<void> other = wake_other(right, left, over);
    loop.run(wake_in_turn(state, left, right, over));
    loop.run(std::move(other));
}
BENCHMARK(suspend_and_resume_twice);

Task<void> yields(Loop& loop, benchmark::State& state) {
    for (auto _ : state) co_await loop.yield();
}
void yield(benchmark::State& state) {
    Loop loop;
    loop.run(yields(loop, state));
}
BENCHMARK(yield);

Async<void> echo_one(Listener& listener) {
    auto socket = co_await listener.accept();
    if (!socket) co_return std::move(socket).error();
    Bytes into(65536);
    for (;;) {
        auto got = co_await (*socket)->read(into);
        if (!got || *got == 0) co_return Result<void>();
        Bytes back(into.begin(), into.begin() + static_cast<std::ptrdiff_t>(*got));
        auto sent = co_await (*socket)->write(std::move(back));
        if (!sent) co_return std::move(sent).error();
    }
}
Async<void> round_trips(Loop& loop, benchmark::State& state) {
    auto listener = co_await listen_tcp(loop, "127.0.0.1", 0);
    if (!listener) co_return std::move(listener).error();
    auto serving = echo_one(**listener);
    auto socket = co_await dial_tcp(loop, "127.0.0.1", (*listener)->local().port, 5000);
    if (!socket) co_return std::move(socket).error();
    Bytes into(static_cast<std::size_t>(state.range(0)));
    for (auto _ : state) {
        auto sent = co_await (*socket)->write(Bytes(into.size()));
        auto got = co_await read_exactly(**socket, into);
        if (!sent || !got) state.SkipWithError("the connection was lost");
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * 2 * state.range(0));
    co_return Result<void>();
}
void tcp_round_trip(benchmark::State& state) {
    Loop loop;
    auto done = loop.run(round_trips(loop, state));
    if (!done) state.SkipWithError(done.error().what.c_str());
}
BENCHMARK(tcp_round_trip)->Arg(64)->Arg(65536);

int nothing_much(int value) { return value; }

Task<void> through(auto& where, benchmark::State& state) {
    for (auto _ : state) benchmark::DoNotOptimize(co_await where.run(&nothing_much, 1));
}
void pool_round_trip(benchmark::State& state) {
    Loop loop;
    Pool pool(loop);
    loop.run(through(pool, state));
}
BENCHMARK(pool_round_trip);
void lane_round_trip(benchmark::State& state) {
    Loop loop;
    Lane lane(loop, "bench");
    loop.run(through(lane, state));
}
BENCHMARK(lane_round_trip);

}  // namespace
}  // namespace sbot::io

BENCHMARK_MAIN();
