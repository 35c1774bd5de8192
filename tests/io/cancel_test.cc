#include <gtest/gtest.h>

#include <memory>

#include "io/lane.h"
#include "io/net.h"
#include "io/pipe.h"
#include "io/pool.h"
#include "io/sync.h"
#include "io/task_group.h"
#include "tests/io/support.h"

/// One conversation that uses everything, dropped after each possible number of turns. What must
/// hold is seen by the address and thread sanitizers, and by the loop, which refuses to end with
/// anything left over.
namespace sbot::io {
namespace {

int square(Bytes payload, int value) {
    return value * value + static_cast<int>(payload.size()) - static_cast<int>(payload.size());
}

Async<void> answer(Listener& listener, Pool& pool, Lane& lane) {
    auto accepted = co_await listener.accept();
    if (!accepted) co_return std::move(accepted).error();
    Bytes request(4);
    auto got = co_await read_exactly(**accepted, request);
    if (!got) co_return std::move(got).error();
    int squared = co_await pool.run(&square, Bytes(1000), int{request[3]});
    int again = co_await lane.run(&square, Bytes(1000), squared);
    Bytes reply(2'000'000, static_cast<std::uint8_t>(again));
    auto sent = co_await (*accepted)->write(std::move(reply));
    if (!sent) co_return std::move(sent).error();
    co_return co_await (*accepted)->shutdown();
}

Async<std::size_t> ask(Loop& loop, std::uint16_t port) {
    auto socket = co_await dial_tcp(loop, "localhost", port, 20'000);
    if (!socket) co_return std::move(socket).error();
    Bytes request{0, 0, 0, 2};
    auto sent = co_await (*socket)->write(std::move(request));
    if (!sent) co_return std::move(sent).error();
    auto reading = read_all(**socket);
    auto reply = co_await timeout(loop, 20'000, std::move(reading));
    if (!reply) co_return std::move(reply).error();
    co_return reply->size();
}

Task<void> take_turns(Loop& loop, Semaphore& permits, int count) {
    for (int i = 0; i < count; ++i) {
        co_await permits.acquire();
        co_await loop.yield();
        permits.release();
    }
}

Async<std::size_t> conversation(Loop& loop, Pool& pool, Lane& lane) {
    auto listener = co_await listen_tcp(loop, "localhost", 0);
    if (!listener) co_return std::move(listener).error();
    TaskGroup group;
    group.add(answer(**listener, pool, lane));
    Semaphore permits(1);
    auto others = take_turns(loop, permits, 5);
    auto ours = take_turns(loop, permits, 5);
    co_await ours;
    PipeOptions options;
    options.held_bytes_max = 10;
    options.read_bytes_max = 7;
    Pipe pipe = make_pipe(options);
    group.add(pipe.near->write(numbered(50)));
    Bytes piped(50);
    auto read = co_await read_exactly(*pipe.far, piped);
    if (!read) co_return std::move(read).error();
    auto answered = co_await ask(loop, (*listener)->local().port);
    co_await group.idle();
    co_return answered;
}

/// Runs until the conversation is over or has had so many turns; says whether it was over.
Task<bool> give_turns(Loop& loop, Async<std::size_t>& task, int count) {
    for (int i = 0; i < count && !task.done(); ++i) {
        // Every other turn waits for something to happen, so that threads and sockets get on.
        if (i % 2 == 0) {
            co_await loop.yield();
        } else {
            co_await loop.sleep(1);
        }
    }
    co_return task.done();
}

TEST(Cancellation, is_clean_at_every_point_of_a_conversation) {
    bool over = false;
    for (int count = 0; !over && count < 2000; ++count) {
        Loop loop;
        Pool pool(loop);
        Lane lane(loop, "test");
        Async<std::size_t> task = conversation(loop, pool, lane);
        over = loop.run(give_turns(loop, task, count));
        if (over) {
            auto size = task.take();
            ASSERT_TRUE(size) << size.error().what;
            EXPECT_EQ(*size, 2'000'000u);
        }
    }
    EXPECT_TRUE(over);
}

Task<void> drop_with_write_in_flight(Loop& loop) {
    auto both = co_await connect_pair(loop);
    if (!both) co_return;
    {
        Async<void> writing = both->dialled->write(Bytes(32'000'000, 7));
        EXPECT_FALSE(writing.done());
    }
    // The bytes are libuv's now: the peer still gets all of them.
    std::size_t count = 0;
    Bytes into(65536);
    while (count < 32'000'000) {
        auto got = co_await both->accepted->read(into);
        if (!got || *got == 0) break;
        count += *got;
    }
    EXPECT_EQ(count, 32'000'000u);
    // And with the socket gone as well, nothing dangles.
    { Async<void> writing = both->dialled->write(Bytes(32'000'000, 8)); }
    both->dialled.reset();
    co_await loop.yield();
}

TEST(Cancellation, a_dropped_write_keeps_its_bytes) {
    Loop loop;
    loop.run(drop_with_write_in_flight(loop));
}

}  // namespace
}  // namespace sbot::io
