// Two sessions that call each other, also where every read brings one byte.

#include <gtest/gtest.h>

#include "muxrpc/session.h"
#include "tests/muxrpc/support.h"

namespace sbot::muxrpc {
namespace {

class TwoSessions : public testing::TestWithParam<std::size_t> {
 protected:
    TwoSessions() {
        io::PipeOptions options;
        options.read_bytes_max = GetParam();
        io::Pipe pipe = io::make_pipe(options);
        Caller anybody{Rights::peer, "@x"};
        near = std::make_unique<Session>(loop, std::move(pipe.near), near_methods.router, anybody,
                                         SessionOptions());
        far = std::make_unique<Session>(loop, std::move(pipe.far), far_methods.router, anybody,
                                        SessionOptions());
        near_running = near->run();
        far_running = far->run();
    }
    std::string answer(Session& from, std::string method, std::string args) {
        auto got = loop.run(from.async(std::move(method), std::move(args)));
        return got ? std::string(got->text()) : got.error().name + ": " + got.error().message;
    }
    /// Both sides end by themselves.
    void expect_end() {
        EXPECT_EQ(loop.run(std::move(near_running)).error().code, Errc::closed);
        EXPECT_EQ(loop.run(std::move(far_running)).error().code, Errc::closed);
    }

    io::Loop loop;
    Methods near_methods, far_methods;
    std::unique_ptr<Session> near, far;
    io::Async<void> near_running, far_running;
};

INSTANTIATE_TEST_SUITE_P(Reads, TwoSessions, testing::Values(SIZE_MAX, 1));

TEST_P(TwoSessions, call_each_other) {
    for (Session* side : {near.get(), far.get()}) {
        EXPECT_EQ(answer(*side, "echo", R"([{"a":"b"}])"), R"({"a":"b"})");
        EXPECT_EQ(answer(*side, "fail", "[]"), "TypeError: nope");
        EXPECT_EQ(answer(*side, "secret.word", "[]"),
                  "Error: method:secret,word is not in list of allowed methods");
    }
}

TEST_P(TwoSessions, read_each_others_sources) {
    for (Session* side : {near.get(), far.get()}) {
        auto count = side->source("count.up", "[3]");
        EXPECT_EQ(loop.run(all_of(*count)), (std::vector<std::string>{"1", "2", "3", "end"}));
        auto broken = side->source("count.up", "[1,true]");
        EXPECT_EQ(loop.run(all_of(*broken)), (std::vector<std::string>{"1", "broke off"}));
        auto refused = side->source("nosuch", "[]");
        EXPECT_EQ(loop.run(all_of(*refused)).back(),
                  "method:nosuch is not in list of allowed methods");
    }
}

TEST_P(TwoSessions, write_into_each_others_sinks) {
    for (Session* side : {near.get(), far.get()}) {
        Methods& there = side == near.get() ? far_methods : near_methods;
        auto sink = side->sink("collect", "[]");
        for (const char* item : {"a", "b"}) {
            auto sent = loop.run(sink->send(Body::utf8(item)));
            EXPECT_TRUE(sent);
        }
        sink->end();
        EXPECT_EQ(loop.run(all_of(*sink)), (std::vector<std::string>{"end"}));
        EXPECT_EQ(there.collected, (std::vector<std::string>{"a", "b", "end"}));
    }
}

TEST_P(TwoSessions, talk_both_ways) {
    auto both = near->duplex("mirror", "[]");
    for (const char* item : {"a", "b"}) EXPECT_TRUE(loop.run(both->send(Body::utf8(item))));
    both->end();
    EXPECT_EQ(loop.run(all_of(*both)), (std::vector<std::string>{"a", "b", "end"}));
    EXPECT_EQ(far_methods.alive, 0);
    auto failing = near->duplex("mirror", "[]");
    failing->fail(RemoteError{"my fault"});
    EXPECT_EQ(loop.run(all_of(*failing)), (std::vector<std::string>{"end"}));
    EXPECT_EQ(answer(*near, "echo", "[1]"), "1");
    EXPECT_EQ(far_methods.alive, 0);
}

TEST_P(TwoSessions, a_dropped_channel_ends_the_handler_there) {
    auto live = near->source("live", "[]");
    EXPECT_EQ(answer(*near, "echo", "[1]"), "1");
    EXPECT_EQ(far_methods.alive, 1);
    live.reset();
    EXPECT_EQ(answer(*near, "echo", "[2]"), "2");
    EXPECT_EQ(far_methods.alive, 0);
}

TEST_P(TwoSessions, what_is_pending_ends_with_the_connection) {
    auto call = near->async("wait", "[]");
    auto live = near->source("live", "[]");
    auto both = far->duplex("mirror", "[]");
    EXPECT_EQ(answer(*near, "echo", "[1]"), "1");
    far->close();
    expect_end();
    auto got = loop.run(std::move(call));
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().message, "unexpected end of parent stream");
    for (Channel* channel : {live.get(), both.get()}) {
        EXPECT_EQ(loop.run(all_of(*channel)).back(), "unexpected end of parent stream");
        EXPECT_FALSE(loop.run(channel->send(Body::utf8("x"))));
    }
    EXPECT_EQ(answer(*near, "echo", "[1]"), "Error: unexpected end of parent stream");
    auto late = near->source("live", "[]");
    EXPECT_EQ(loop.run(all_of(*late)).back(), "unexpected end of parent stream");
    EXPECT_EQ(near_methods.alive + far_methods.alive, 0);
}

TEST_P(TwoSessions, a_side_that_is_gone_ends_the_other) {
    auto call = near->async("wait", "[]");
    far_running.drop();
    far.reset();
    EXPECT_EQ(loop.run(std::move(near_running)).error().code, Errc::closed);
    EXPECT_FALSE(loop.run(std::move(call)));
}

TEST_P(TwoSessions, what_came_before_the_end_can_still_be_read) {
    auto count = near->source("count.up", "[2]");
    EXPECT_EQ(answer(*near, "echo", "[1]"), "1");
    far->close();
    expect_end();
    EXPECT_EQ(loop.run(all_of(*count)), (std::vector<std::string>{"1", "2", "end"}));
}

TEST_P(TwoSessions, a_batch_has_what_is_there) {
    auto count = near->source("count.up", "[5]");
    EXPECT_EQ(answer(*near, "echo", "[1]"), "1");
    std::vector<std::size_t> sizes;
    for (int i = 0; i < 3; ++i) {
        auto batch = loop.run(count->next_batch(3));
        ASSERT_TRUE(batch);
        sizes.push_back(batch->size());
    }
    EXPECT_EQ(sizes, (std::vector<std::size_t>{3, 2, 0}));
}

}  // namespace
}  // namespace sbot::muxrpc
