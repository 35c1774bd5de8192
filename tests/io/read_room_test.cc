#include "io/read_room.h"

#include <gtest/gtest.h>

namespace sbot::io {
namespace {

TEST(ReadRoom, is_small_while_a_stream_is_quiet) {
    ReadRoom room;
    std::size_t small = room.next().size();
    EXPECT_LE(small, 4096u);
    room.taken(100);
    EXPECT_EQ(room.next().size(), small);
}

TEST(ReadRoom, grows_after_a_read_that_filled_it_and_shrinks_after_one_that_did_not) {
    ReadRoom room;
    std::size_t small = room.next().size();
    room.taken(small);
    std::size_t large = room.next().size();
    EXPECT_GT(large, 8 * small);
    room.taken(large);
    EXPECT_EQ(room.next().size(), large);
    room.taken(small + 1);
    EXPECT_EQ(room.next().size(), small);
}

TEST(ReadRoom, gives_what_was_read) {
    ReadRoom room;
    MutableBytes into = room.next();
    into[0] = 7;
    into[1] = 8;
    ByteView taken = room.taken(2);
    EXPECT_EQ(Bytes(taken.begin(), taken.end()), (Bytes{7, 8}));
}

}  // namespace
}  // namespace sbot::io
