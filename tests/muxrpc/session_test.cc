// Sessions against a peer that speaks packets by hand: what goes over the wire, and its bounds.

#include "muxrpc/session.h"

#include <gtest/gtest.h>

#include "tests/muxrpc/support.h"

namespace sbot::muxrpc {
namespace {

std::string refusal(std::string_view words) {
    json::Writer out;
    out.begin_object().member("message", words).member("name", "Error").member("stack", "");
    return out.end_object().text();
}

class OneSession : public testing::Test {
 protected:
    void start(SessionOptions options = {}, Rights rights = Rights::peer,
               io::PipeOptions pipe_options = {}) {
        io::Pipe pipe = io::make_pipe(pipe_options);
        peer = std::make_unique<RawPeer>(loop, std::move(pipe.far));
        session = std::make_unique<Session>(loop, std::move(pipe.near), methods.router,
                                            Caller{rights, "@x"}, options);
        running = session->run();
    }
    void let_run(int count = 20) { loop.run(turns(loop, count)); }
    std::string ended() {
        auto got = loop.run(io::timeout(loop, patience_ms, std::move(running)));
        return got ? "without an error?" : std::string(name_of(got.error().code));
    }

    io::Loop loop;
    Methods methods;
    std::unique_ptr<RawPeer> peer;
    std::unique_ptr<Session> session;
    io::Async<void> running;
};

TEST_F(OneSession, answers_a_call_with_its_value_or_its_error) {
    start();
    peer->call(1, R"({"name":["echo"],"args":[{"a":[1]}]})");
    EXPECT_EQ(peer->next(), R"(-1 {"a":[1]})");
    peer->call(2, R"({"name":["fail"],"args":[],"type":"async"})");
    EXPECT_EQ(peer->next(), R"(-2 end {"message":"nope","name":"TypeError","stack":"at home"})");
    peer->call(3, R"({"name":"echo","args":["a plain name"],"type":"sync"})");
    EXPECT_EQ(peer->next(), R"(-3 "a plain name")");
}

TEST_F(OneSession, never_sends_an_empty_body) {
    start();
    peer->call(1, R"({"name":["nothing"],"args":[]})");
    EXPECT_EQ(peer->next(), R"(-1 "")");
}

TEST_F(OneSession, sends_an_empty_item_only_where_that_is_asked_for) {
    start();
    peer->open(1, R"({"name":["empty"],"args":[false],"type":"source"})");
    EXPECT_EQ(peer->next(), "-1 stream end true");
    peer->open(2, R"({"name":["empty"],"args":[true],"type":"source"})");
    EXPECT_EQ(peer->next(), "-2 stream ");
    EXPECT_EQ(peer->next(), "-2 stream end true");
}

TEST_F(OneSession, refuses_with_the_words_of_the_reference) {
    start();
    const std::pair<const char*, const char*> calls[] = {
        {R"({"name":["nosuch"],"args":[]})", "method:nosuch is not in list of allowed methods"},
        {R"({"name":["secret","word"],"args":[]})",
         "method:secret,word is not in list of allowed methods"},
        {R"({"name":["secret.word"],"args":[]})",
         "method:secret.word is not in list of allowed methods"},
        {R"({"name":["live"],"args":[]})", "no async:live"},
        {R"({"name":["echo"],"args":{}})", "invalid request, args should be array, was: {}"},
        {R"({"name":["echo"]})", "invalid request, args should be array, was: undefined"},
        {R"({"name":[],"args":[]})", "invalid request, it names no method"},
        {R"([])", "invalid request, it names no method"},
        {R"({"name":[{}],"args":[]})", "invalid request, name should be a short list of words"},
    };
    std::int32_t number = 0;
    for (auto [call, words] : calls) {
        peer->call(++number, call);
        EXPECT_EQ(peer->next(), std::to_string(-number) + " end " + refusal(words));
    }
}

TEST_F(OneSession, refuses_streams_with_the_words_of_the_reference) {
    start({}, Rights::local);
    const std::pair<const char*, const char*> calls[] = {
        {R"({"name":["echo"],"args":[],"type":"source"})", "no source:echo"},
        {R"({"name":["count","down"],"args":[],"type":"source"})", "no source:count,down"},
        {R"({"name":["live"],"args":[],"type":"duplex"})", "no duplex:live"},
        {R"({"name":["live"],"args":[],"type":"bogus"})", "unsupported stream type: bogus"},
        {R"({"name":["live"],"args":[]})", "unsupported stream type: undefined"},
    };
    std::int32_t number = 0;
    for (auto [call, words] : calls) {
        peer->open(++number, call);
        EXPECT_EQ(peer->next(), std::to_string(-number) + " stream end " + refusal(words));
        peer->item(number, "on its way already");
        peer->send(number, true, false, Encoding::json, R"({"name":["live"],"args":[]})");
        EXPECT_TRUE(peer->is_quiet()) << peer->last();
        peer->end(number);
    }
    EXPECT_TRUE(peer->is_quiet()) << peer->last();
}

TEST_F(OneSession, an_overlong_name_is_not_sent_back) {
    start();
    std::string name(100000, 'x');
    peer->call(1, R"({"name":")" + name + R"(","args":[]})");
    EXPECT_LT(peer->next().size(), 400U);
    peer->call(2, R"({"name":[")" + name + R"("],"args":[]})");
    EXPECT_LT(peer->next().size(), 400U);
    peer->open(3, R"({"name":["live"],"args":[],"type":")" + name + R"("})");
    EXPECT_LT(peer->next().size(), 400U);
}

TEST_F(OneSession, numbers_nobody_knows_are_ignored) {
    start();
    peer->call(0, R"({"name":["echo"],"args":[1]})");
    peer->open(0, R"({"name":["live"],"args":[],"type":"source"})");
    peer->call(INT32_MIN, R"({"name":["echo"],"args":[1]})");
    peer->open(INT32_MIN, R"({"name":["live"],"args":[],"type":"source"})");
    peer->call(-7, "true");
    peer->item(-7, "x");
    peer->end(-7);
    peer->end(7);
    peer->item(8, "x");
    peer->send(9, true, false, Encoding::binary, "x");
    peer->send(10, true, false, Encoding::json, "");
    EXPECT_TRUE(peer->is_quiet()) << peer->last();
}

TEST_F(OneSession, a_number_in_use_is_refused_and_the_first_call_goes_on) {
    start();
    peer->call(5, R"({"name":["wait"],"args":[]})");
    peer->call(5, R"({"name":["echo"],"args":[1]})");
    EXPECT_EQ(peer->next(), "-5 end " + refusal("request number in use"));
    EXPECT_EQ(methods.alive, 1);
    methods.gate.set();
    EXPECT_EQ(peer->next(), "-5 true");
}

TEST_F(OneSession, a_source_ends_and_then_its_number_is_free) {
    start();
    for (int round = 0; round < 3; ++round) {
        peer->open(4, R"({"name":["count","up"],"args":[2],"type":"source"})");
        EXPECT_EQ(peer->next(), "-4 stream 1");
        EXPECT_EQ(peer->next(), "-4 stream 2");
        EXPECT_EQ(peer->next(), "-4 stream end true");
        peer->end(4);
    }
    EXPECT_TRUE(peer->is_quiet()) << peer->last();
}

TEST_F(OneSession, a_source_that_breaks_ends_with_its_error) {
    start();
    peer->open(1, R"({"name":["count","up"],"args":[1,true],"type":"source"})");
    EXPECT_EQ(peer->next(), "-1 stream 1");
    EXPECT_EQ(peer->next(), "-1 stream end " + refusal("broke off"));
    peer->end(1);
    peer->open(2, R"({"name":["unable"],"args":[],"type":"source"})");
    EXPECT_EQ(peer->next(), R"(-2 stream end {"message":"unable","name":"UsageError","stack":""})");
    peer->end(2);
    EXPECT_TRUE(peer->is_quiet()) << peer->last();
}

TEST_F(OneSession, aborting_a_live_source_is_answered_and_drops_the_handler) {
    start();
    for (std::string reason : {"true", R"({"message":"no more","name":"Error","stack":""})"}) {
        peer->open(1, R"({"name":["live"],"args":[],"type":"source"})");
        EXPECT_TRUE(peer->is_quiet()) << peer->last();
        EXPECT_EQ(methods.alive, 1);
        peer->end(1, reason);
        EXPECT_EQ(peer->next(), "-1 stream end true");
        EXPECT_EQ(methods.alive, 0);
    }
    EXPECT_TRUE(peer->is_quiet()) << peer->last();
}

TEST_F(OneSession, the_result_of_a_sink_ends_the_call) {
    start();
    peer->open(1, R"({"name":["collect"],"args":[],"type":"sink"})");
    peer->item(1, "a");
    peer->item(1, "b");
    EXPECT_TRUE(peer->is_quiet()) << peer->last();
    peer->end(1);
    EXPECT_EQ(peer->next(), "-1 stream end true");
    EXPECT_EQ(methods.collected, (std::vector<std::string>{"a", "b", "end"}));

    peer->open(2, R"({"name":["first"],"args":[],"type":"sink"})");
    peer->item(2, "c");
    EXPECT_EQ(peer->next(), "-2 stream end true");
    peer->item(2, "too late");
    peer->send(2, true, false, Encoding::json, "{\"too\":\"late\"}");
    peer->end(2);
    peer->open(3, R"({"name":["first"],"args":[true],"type":"sink"})");
    peer->item(3, "d");
    EXPECT_EQ(peer->next(), "-3 stream end " + refusal("enough"));
    peer->end(3);
    EXPECT_TRUE(peer->is_quiet()) << peer->last();
    EXPECT_EQ(methods.alive, 0);
}

TEST_F(OneSession, a_sink_hears_of_an_abort) {
    start();
    peer->open(1, R"({"name":["collect"],"args":[],"type":"sink"})");
    peer->item(1, "a");
    peer->end(1, R"({"message":"lost my disk","name":"Error","stack":""})");
    EXPECT_EQ(peer->next(), "-1 stream end true");
    EXPECT_TRUE(peer->is_quiet()) << peer->last();
    EXPECT_EQ(methods.collected, (std::vector<std::string>{"a", "lost my disk"}));
}

TEST_F(OneSession, each_half_of_a_duplex_ends_by_itself) {
    start();
    peer->open(1, R"({"name":["listen"],"args":[],"type":"duplex"})");
    EXPECT_EQ(peer->next(), "-1 stream hello");
    EXPECT_EQ(peer->next(), "-1 stream end true");
    peer->item(1, "still here");
    EXPECT_TRUE(peer->is_quiet()) << peer->last();
    EXPECT_EQ(methods.alive, 1);
    peer->end(1);
    EXPECT_TRUE(peer->is_quiet()) << peer->last();
    EXPECT_EQ(methods.collected, (std::vector<std::string>{"still here", "end"}));
    EXPECT_EQ(methods.alive, 0);

    peer->open(2, R"({"name":["mirror"],"args":[],"type":"duplex"})");
    peer->item(2, "x");
    EXPECT_EQ(peer->next(), "-2 stream x");
    peer->end(2, R"({"message":"aborted","name":"Error","stack":""})");
    EXPECT_EQ(peer->next(), "-2 stream end true");
    EXPECT_TRUE(peer->is_quiet()) << peer->last();
    EXPECT_EQ(methods.alive, 0);
}

TEST_F(OneSession, an_empty_item_is_an_item) {
    start();
    peer->open(1, R"({"name":["collect"],"args":[],"type":"sink"})");
    peer->item(1, "");
    peer->send(1, true, false, Encoding::binary, "");
    peer->end(1);
    EXPECT_EQ(peer->next(), "-1 stream end true");
    EXPECT_EQ(methods.collected, (std::vector<std::string>{"", "", "end"}));
}

TEST_F(OneSession, a_goodbye_is_answered_and_ends_it_cleanly) {
    start();
    peer->call(1, R"({"name":["wait"],"args":[]})");
    peer->open(2, R"({"name":["live"],"args":[],"type":"source"})");
    peer->goodbye();
    EXPECT_EQ(peer->next(), "-2 stream end " + refusal("unexpected end of parent stream"));
    EXPECT_EQ(peer->next(), "goodbye");
    EXPECT_EQ(ended(), "closed");
    EXPECT_EQ(methods.alive, 0);
}

TEST_F(OneSession, our_goodbye_comes_after_what_was_sent) {
    start();
    peer->call(1, R"({"name":["echo"],"args":[1]})");
    let_run();
    session->close();
    EXPECT_EQ(peer->next(), "-1 1");
    EXPECT_EQ(peer->next(), "goodbye");
    peer->goodbye();
    EXPECT_EQ(ended(), "closed");
}

TEST_F(OneSession, our_goodbye_ends_it_though_nobody_answers) {
    start();
    session->close();
    EXPECT_EQ(ended(), "closed");
}

TEST_F(OneSession, a_goodbye_of_a_peer_that_does_not_read_ends_it_too) {
    start();
    peer->open(1, R"({"name":["flood"],"args":[],"type":"source"})");
    let_run(200);
    peer->goodbye();
    EXPECT_EQ(ended(), "closed");
    EXPECT_EQ(methods.alive, 0);
}

TEST_F(OneSession, malformed_input_ends_the_connection) {
    const std::string deep(limits::json_depth_max + 10, '[');
    const std::pair<std::string, std::string> bodies[] = {
        {"{\"name\":", "invalid"}, {"", "invalid"}, {deep, "limit"}};
    for (const auto& [body, code] : bodies) {
        start();
        peer->call(1, body);
        EXPECT_EQ(ended(), code);
        EXPECT_EQ(peer->next(), "closed");
    }
    start();
    peer->write(Bytes{3, 0, 0, 0, 1, 0, 0, 0, 1, 'x'});
    EXPECT_EQ(ended(), "invalid");
}

TEST_F(OneSession, malformed_json_of_an_item_an_end_or_an_answer_ends_the_connection_too) {
    for (bool end : {false, true}) {
        start();
        peer->open(1, R"({"name":["collect"],"args":[],"type":"sink"})");
        peer->send(1, true, end, Encoding::json, "{x");
        EXPECT_EQ(ended(), "invalid");
    }
    start();
    peer->send(-7, false, false, Encoding::json, "[1,");
    EXPECT_EQ(ended(), "invalid");
}

TEST_F(OneSession, a_frame_too_long_is_refused_by_its_header) {
    SessionOptions options;
    options.frame_bytes_max = 1000;
    start(options);
    peer->write(Bytes{2, 0, 0, 3, 0xe9, 0, 0, 0, 1});
    EXPECT_EQ(ended(), "limit");
}

TEST_F(OneSession, too_many_streams_are_refused_and_an_end_makes_room) {
    start();
    for (std::int32_t i = 1; i <= static_cast<std::int32_t>(limits::streams_per_peer_max); ++i) {
        peer->open(i, R"({"name":["live"],"args":[],"type":"source"})");
    }
    peer->open(10000, R"({"name":["live"],"args":[],"type":"source"})");
    EXPECT_EQ(peer->next(), "-10000 stream end " + refusal("too many open streams"));
    peer->end(10000);
    peer->end(1);
    EXPECT_EQ(peer->next(), "-1 stream end true");
    peer->open(10001, R"({"name":["live"],"args":[],"type":"source"})");
    EXPECT_TRUE(peer->is_quiet()) << peer->last();
}

TEST_F(OneSession, a_peer_that_never_answers_ends_is_served_on) {
    start();
    auto count = static_cast<std::int32_t>(limits::streams_per_peer_max) + 10;
    for (std::int32_t i = 1; i <= count; ++i) {
        peer->open(i, R"({"name":["count","up"],"args":[0],"type":"source"})");
        ASSERT_EQ(peer->next(), std::to_string(-i) + " stream end true");
    }
}

TEST_F(OneSession, requests_in_flight_are_bounded) {
    start();
    auto limit = static_cast<std::int32_t>(limits::requests_per_peer_max);
    for (std::int32_t i = 1; i <= limit + 100; ++i) {
        peer->call(i, R"({"name":["wait"],"args":[]})");
    }
    let_run(limit);
    EXPECT_EQ(methods.alive, limit);
    methods.gate.set();
    for (std::int32_t i = 1; i <= limit + 100; ++i) ASSERT_NE(peer->next(), "closed");
    EXPECT_EQ(methods.alive, 0);
}

TEST_F(OneSession, a_peer_that_does_not_read_stops_the_source) {
    start();
    peer->open(1, R"({"name":["flood"],"args":[],"type":"source"})");
    let_run(500);
    std::uint64_t before = methods.given;
    // What is unsent, and what the pipe holds.
    EXPECT_LT(before * 1024, 3 * limits::send_high_bytes);
    let_run(500);
    EXPECT_EQ(methods.given, before);
    for (int i = 0; i < 2000; ++i) ASSERT_NE(peer->next(), "closed");
    EXPECT_GT(methods.given, before);
}

TEST_F(OneSession, a_consumer_that_does_not_consume_stops_reading) {
    start();
    peer->open(1, R"({"name":["stuck"],"args":[],"type":"sink"})");
    for (int i = 0; i < 1000; ++i) peer->item(1, "item");
    let_run(50);
    peer->call(2, R"({"name":["wait"],"args":[]})");
    let_run(50);
    EXPECT_EQ(methods.alive, 1);  // the call has not been read
    methods.gate.set();
    EXPECT_EQ(peer->next(), "-2 true");
    peer->end(1);
    EXPECT_EQ(peer->next(), "-1 stream end true");
    EXPECT_EQ(methods.collected.size(), 1001U);
}

TEST_F(OneSession, a_consumer_that_stands_still_loses_its_stream_only) {
    Budget budget(1 << 20);
    SessionOptions options;
    options.stall_ms = 30;
    options.budget = &budget;
    start(options);
    peer->open(1, R"({"name":["stuck"],"args":[],"type":"sink"})");
    for (int i = 0; i < 1000; ++i) peer->item(1, "item");
    EXPECT_EQ(peer->next(),
              "-1 stream end " + refusal("stream ended: too many items wait for their consumer"));
    EXPECT_TRUE(peer->is_quiet()) << peer->last();  // its late items are no calls
    methods.gate.set();
    peer->end(1);
    EXPECT_TRUE(peer->is_quiet()) << peer->last();
    EXPECT_EQ(methods.alive, 0);
    EXPECT_LT(budget.held_bytes(), 1000U);
    running.drop();
    session.reset();
    EXPECT_EQ(budget.held_bytes(), 0U);
}

TEST_F(OneSession, a_peer_that_takes_no_answers_loses_its_connection) {
    SessionOptions options;
    options.stall_ms = 30;
    start(options);
    std::string word(100000, 'x');
    for (std::int32_t i = 1; i < 100; ++i) {
        peer->call(i, R"({"name":["echo"],"args":[")" + word + R"("]})");
    }
    EXPECT_EQ(ended(), "limit");
}

TEST_F(OneSession, the_budget_closes_who_holds_too_much) {
    Budget budget(200000, 1000);
    SessionOptions options;
    options.budget = &budget;
    start(options);
    peer->open(1, R"({"name":["flood"],"args":[],"type":"source"})");
    EXPECT_EQ(ended(), "limit");
    session.reset();
    EXPECT_EQ(budget.held_bytes(), 0U);

    std::size_t elsewhere = 0;
    EXPECT_TRUE(budget.update(elsewhere, 200000));
    start(options);
    EXPECT_TRUE(peer->is_quiet()) << "a small share is always granted";
    peer->open(1, R"({"name":["stuck"],"args":[],"type":"sink"})");
    peer->item(1, std::string(5000, 'x'));
    EXPECT_EQ(ended(), "limit");
    session.reset();
    EXPECT_EQ(budget.held_bytes(), 200000U);
}

TEST_F(OneSession, can_be_dropped_at_any_moment) {
    for (int count = 0; count < 40; ++count) {
        start();
        peer->call(1, R"({"name":["wait"],"args":[]})");
        peer->open(2, R"({"name":["live"],"args":[],"type":"source"})");
        peer->open(3, R"({"name":["flood"],"args":[],"type":"source"})");
        peer->open(4, R"({"name":["stuck"],"args":[],"type":"sink"})");
        peer->open(5, R"({"name":["mirror"],"args":[],"type":"duplex"})");
        for (int i = 0; i < 300; ++i) peer->item(4, "item");
        peer->item(5, "item");
        auto ours = session->source("live", "[]");
        auto call = session->async("echo", "[]");
        let_run(count);
        if (count % 3 == 1) peer->goodbye();
        if (count % 3 == 2) peer->hang_up();
        running.drop();
        session.reset();
        EXPECT_EQ(methods.alive, 0);
        auto items = loop.run(all_of(*ours));
        EXPECT_EQ(items.back(), "unexpected end of parent stream");
        auto answer = loop.run(std::move(call));
        ASSERT_FALSE(answer);
        EXPECT_EQ(answer.error().message, "unexpected end of parent stream");
    }
}

TEST_F(OneSession, dropping_a_call_or_a_channel_leaves_nothing) {
    start();
    {
        auto call = session->async("echo", "[1]");
        auto source = session->source("live", "[]");
        auto sink = session->sink("collect", "[]");
        auto both = session->duplex("mirror", "[]");
        let_run();
    }
    EXPECT_EQ(peer->next(), R"(1 {"name":["echo"],"args":[1],"type":"async"})");
    for (const char* type : {"source", "sink", "duplex"}) {
        EXPECT_NE(peer->next().find(type), std::string::npos);
    }
    EXPECT_EQ(peer->next(), "4 stream end " + refusal("unexpected end of parent stream"));
    EXPECT_EQ(peer->next(), "3 stream end " + refusal("unexpected end of parent stream"));
    EXPECT_EQ(peer->next(), "2 stream end true");
    peer->call(-1, "true");
    peer->item(-2, "late");
    for (int number : {2, 3, 4}) peer->end(-number);
    EXPECT_TRUE(peer->is_quiet()) << peer->last();
}

}  // namespace
}  // namespace sbot::muxrpc
