#include "io/stream.h"

#include <gtest/gtest.h>

#include "io/pipe.h"
#include "tests/io/support.h"

namespace sbot::io {
namespace {

TEST(Pipe, carries_bytes_both_ways_whole_or_one_by_one) {
    for (std::size_t fragment : {std::size_t{1}, std::size_t{7}, SIZE_MAX}) {
        Loop loop;
        PipeOptions options;
        options.read_bytes_max = fragment;
        Pipe pipe = make_pipe(options);
        Bytes data = numbered(5000);
        auto talk = [](ByteStream& from, ByteStream& to, Bytes sent) -> Async<Bytes> {
            Async<void> writing = from.write(std::move(sent));
            Bytes got(5000);
            auto read = co_await read_exactly(to, got);
            if (!read) co_return std::move(read).error();
            auto written = co_await writing;
            if (!written) co_return std::move(written).error();
            co_return std::move(got);
        };
        EXPECT_EQ(*loop.run(talk(*pipe.near, *pipe.far, data)), data);
        EXPECT_EQ(*loop.run(talk(*pipe.far, *pipe.near, data)), data);
    }
}

TEST(Pipe, one_read_gives_no_more_than_a_fragment) {
    Loop loop;
    PipeOptions options;
    options.read_bytes_max = 3;
    Pipe pipe = make_pipe(options);
    EXPECT_TRUE(loop.run(pipe.near->write(numbered(10))));
    Bytes into(100);
    EXPECT_EQ(*loop.run(pipe.far->read(into)), 3u);
}

TEST(Pipe, a_write_above_the_mark_waits_for_the_reader) {
    Loop loop;
    PipeOptions options;
    options.held_bytes_max = 100;
    Pipe pipe = make_pipe(options);
    EXPECT_TRUE(pipe.near->write(numbered(100)).done());
    Async<void> waits = pipe.near->write(numbered(50));
    EXPECT_FALSE(waits.done());
    Bytes into(49);
    EXPECT_TRUE(loop.run(read_exactly(*pipe.far, into)));
    loop.run(turns(loop, 2));
    EXPECT_FALSE(waits.done());
    Bytes one(1);
    EXPECT_TRUE(loop.run(read_exactly(*pipe.far, one)));
    EXPECT_TRUE(loop.run(std::move(waits)));
}

TEST(Pipe, ends_after_what_was_written) {
    Loop loop;
    Pipe pipe = make_pipe();
    EXPECT_TRUE(loop.run(pipe.near->write(numbered(10))));
    EXPECT_TRUE(loop.run(pipe.near->shutdown()));
    EXPECT_FALSE(loop.run(pipe.near->write(numbered(1))));
    EXPECT_EQ(loop.run(read_all(*pipe.far))->size(), 10u);
    Bytes into(5);
    EXPECT_EQ(*loop.run(pipe.far->read(into)), 0u);  // and again
    EXPECT_TRUE(loop.run(pipe.far->write(numbered(3))));
    EXPECT_EQ(*loop.run(pipe.near->read(into)), 3u);  // the other direction goes on
}

TEST(Pipe, closing_wakes_both_ends) {
    Loop loop;
    Pipe pipe = make_pipe();
    Bytes near_into(5);
    Bytes far_into(5);
    Async<std::size_t> near_read = pipe.near->read(near_into);
    Async<std::size_t> far_read = pipe.far->read(far_into);
    pipe.near->close();
    EXPECT_EQ(loop.run(std::move(near_read)).error().code, Errc::closed);
    EXPECT_EQ(*loop.run(std::move(far_read)), 0u);
    EXPECT_EQ(loop.run(pipe.far->write(numbered(1))).error().code, Errc::closed);
    EXPECT_EQ(loop.run(pipe.near->write(numbered(1))).error().code, Errc::closed);
}

TEST(Pipe, losing_the_other_end_wakes_a_writer) {
    Loop loop;
    PipeOptions options;
    options.held_bytes_max = 1;
    Pipe pipe = make_pipe(options);
    Async<void> waits = pipe.near->write(numbered(10));
    EXPECT_FALSE(waits.done());
    pipe.far.reset();
    (void)loop.run(std::move(waits));
    EXPECT_FALSE(loop.run(pipe.near->write(numbered(1))));
    Bytes into(5);
    EXPECT_EQ(*loop.run(pipe.near->read(into)), 0u);
}

TEST(ReadExactly, says_how_far_it_came_when_the_stream_ends) {
    Loop loop;
    Pipe pipe = make_pipe();
    EXPECT_TRUE(loop.run(pipe.near->write(numbered(3))));
    pipe.near->close();
    Bytes into(34);
    auto got = loop.run(read_exactly(*pipe.far, into));
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, Errc::closed);
    EXPECT_EQ(got.error().what, "ended after 3 of 34 bytes");
    EXPECT_TRUE(loop.run(read_exactly(*pipe.far, MutableBytes())));
}

}  // namespace
}  // namespace sbot::io
