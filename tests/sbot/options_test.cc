// What the reading calls are asked for, and the shapes of what they give.

#include <gtest/gtest.h>

#include "message/create.h"
#include "sbot/shape.h"
#include "sbot/stream_options.h"
#include "tests/sbot/support.h"

namespace sbot::app {
namespace {

template <typename T>
std::string complaint(const muxrpc::Reply<T>& reply) {
    return reply ? "" : reply.error().name + ": " + reply.error().message;
}

TEST(StreamOptions, complain_in_the_words_of_the_reference) {
    const std::pair<const char*, const char*> cases[] = {
        {"{}", ""},
        {"null", ""},
        {"[]", "UsageError: .0 of param reverse must be of type \"boolean\""},
        {"5", "TypeError: Param 0 must by of type readStreamOpts"},
        {"\"x\"", "TypeError: Param 0 must by of type readStreamOpts"},
        {R"({"limit":"x"})", "UsageError: .0 of param limit must be of type \"number\""},
        {R"({"limit":true})", "UsageError: .0 of param limit must be of type \"number\""},
        {R"({"live":"x"})", "UsageError: .0 of param live must be of type \"boolean\""},
        {R"({"reverse":{}})", "UsageError: .0 of param reverse must be of type \"boolean\""},
        {R"({"keys":"x"})", "UsageError: .0 of param keys must be of type \"boolean\""},
        {R"({"values":"x"})", "UsageError: .0 of param values must be of type \"boolean\""},
        {R"({"fillCache":"x"})", "UsageError: .0 of param fillCache must be of type \"boolean\""},
        {R"({"live":1,"reverse":0,"keys":""})", ""},
    };
    for (auto [given, words] : cases) {
        auto document = json::Document::parse(given);
        EXPECT_EQ(complaint(standard_options(document->root())), words) << given;
    }
}

TEST(StreamOptions, a_feed_is_needed_for_its_streams) {
    const std::pair<const char*, const char*> cases[] = {
        {"null", "UsageError: Param 0 is required"},
        {"0", "UsageError: Param 0 is required"},
        {"5", "TypeError: Param 0 must by of type createUserStreamOpts"},
        {"{}", "UsageError: Param 0 must have a .id of type \"feedId\""},
        {R"({"id":"@x"})", "UsageError: Param 0 must have a .id of type \"feedId\""},
        {R"({"id":"@x","limit":"x"})", "UsageError: .0 of param limit must be of type \"number\""},
    };
    for (auto [given, words] : cases) {
        auto document = json::Document::parse(given);
        EXPECT_EQ(complaint(user_options(document->root())), words) << given;
    }
    auto document = json::Document::parse(R"({"id":")" + pair_of(1).id.text() + "\",\"seq\":3}");
    auto user = user_options(document->root());
    ASSERT_TRUE(user);
    EXPECT_EQ(user->id, pair_of(1).id.text());
    EXPECT_FALSE(user->stream.gte.has_value());
}

TEST(StreamOptions, history_has_its_own_rules) {
    auto of = [](std::string_view rest) {
        auto document = json::Document::parse(R"({"id":")" + pair_of(1).id.text() + "\"" +
                                              std::string(rest) + "}");
        auto options = history_options(document->root());
        return options ? *options : UserOptions{};
    };
    EXPECT_EQ(of(",\"seq\":3").stream.gte, 3.0);
    EXPECT_EQ(of(",\"seq\":3,\"sequence\":5").stream.gte, 5.0);
    EXPECT_EQ(of(",\"seq\":3,\"sequence\":0").stream.gte, 3.0);
    EXPECT_EQ(of("").stream.gte, 0.0);
    EXPECT_FALSE(of(",\"live\":true").stream.sync);
    EXPECT_TRUE(of(",\"live\":true,\"sync\":false").stream.sync);
    UserOptions all = of(R"(,"reverse":true,"private":true,"gt":1,"lt":2,"lte":3,"limit":4)");
    EXPECT_FALSE(all.stream.reverse || all.stream.unboxed);
    EXPECT_FALSE(all.stream.gt || all.stream.lt || all.stream.lte);
    EXPECT_EQ(all.stream.limit, 4U);
    for (const char* given : {"null", "5", "{}", "\"x\"", R"({"id":"@x"})"}) {
        auto document = json::Document::parse(given);
        auto options = history_options(document->root());
        EXPECT_TRUE(options && options->id.empty()) << given;
    }
}

TEST(StreamOptions, types_come_alone_or_with_options) {
    auto of = [](std::string_view given) {
        auto document = json::Document::parse(given);
        return type_options(document->root());
    };
    EXPECT_EQ(of("\"post\"")->type, "post");
    EXPECT_EQ(of(R"({"type":"vote","limit":2})")->type, "vote");
    EXPECT_EQ(of(R"({"type":"vote","limit":2})")->stream.limit, 2U);
    EXPECT_EQ(of("{}")->type, "");
    EXPECT_EQ(complaint(of("null")), "UsageError: Param 0 is required");
    EXPECT_EQ(complaint(of("5")), "TypeError: Param 0 must by of type messagesByTypeOpts");
}

TEST(StreamOptions, only_true_is_live_and_only_false_is_not_old) {
    auto of = [](std::string_view given) {
        auto document = json::Document::parse(given);
        return lenient_options(document->root());
    };
    EXPECT_TRUE(of(R"({"live":true})").live);
    EXPECT_FALSE(of(R"({"live":1})").live);
    EXPECT_TRUE(of(R"({"old":0})").old);
    EXPECT_FALSE(of(R"({"old":false})").old);
    EXPECT_FALSE(of(R"({"limit":-1})").limit.has_value());
    EXPECT_EQ(of(R"({"limit":0})").limit, 0U);
    flume::Bounds bounds = of(R"({"gt":1,"lte":3})").bounds();
    EXPECT_FALSE(bounds.contain(1));
    EXPECT_TRUE(bounds.contain(3));
    EXPECT_FALSE(bounds.contain(3.5));
}

TEST(StreamOptions, bounds_have_more_than_one_name) {
    // Which of 1 to 5 lie within.
    auto seen = [](std::string_view given, bool log) {
        auto document = json::Document::parse(given);
        StreamOptions options = lenient_options(document->root());
        if (log) set_log_bounds(options, document->root());
        std::string all;
        for (int at = 1; at <= 5; ++at) {
            if (options.bounds().contain(at)) all += std::to_string(at);
        }
        return all;
    };
    struct Case {
        const char *given, *others, *log;
    };
    // As ssb-server 16 answers.
    const Case cases[] = {
        {R"({"start":3})", "345", "12345"},
        {R"({"end":3})", "123", "123"},
        {R"({"min":2,"max":4})", "234", "12345"},
        {R"({"start":3,"end":1,"reverse":true})", "123", "123"},
        {R"({"end":2,"lt":4})", "123", "12"},
        {R"({"end":2,"lte":4})", "1234", "12"},
        {R"({"start":2,"gte":4,"reverse":true})", "", "12"},
        {R"({"start":4,"lte":2,"reverse":true})", "12", "12"},
        {R"({"gt":2,"gte":4})", "", "45"},
        {R"({"gt":4,"gte":2})", "", ""},
        {R"({"gt":2,"gte":4,"reverse":true})", "345", "345"},
        {R"({"lt":4,"lte":2})", "123", "123"},
        {R"({"lt":2,"lte":4,"reverse":true})", "", ""},
        {R"({"lt":4,"lte":2,"reverse":true})", "", "12"},
    };
    for (const Case& each : cases) {
        EXPECT_EQ(seen(each.given, false), each.others) << each.given;
        EXPECT_EQ(seen(each.given, true), each.log) << each.given;
    }
}

TEST(HistoryOptions, begin_where_a_comparison_with_a_number_sees_it) {
    auto from = [](std::string_view given) {
        auto document = json::Document::parse(given);
        return history_from(document->root());
    };
    EXPECT_EQ(from(R"({"seq":3})"), 3);
    EXPECT_EQ(from(R"({"seq":3,"sequence":"5"})"), 5);
    EXPECT_EQ(from(R"({"seq":true})"), 1);
    EXPECT_EQ(from(R"({"seq":[" 30 "]})"), 30);
    for (const char* none : {R"({"seq":"x"})", R"({"seq":{}})", "{}", "5"}) {
        EXPECT_FALSE(from(none) > 0) << none;
    }
}

TEST(StreamOptions, a_limit_is_what_32_bits_hold_of_it) {
    const std::pair<const char*, std::optional<std::uint64_t>> cases[] = {
        {"0.5", 0},
        {"1.5", 1},
        {"-0.5", 0},
        {"-1.5", {}},
        {"2147483647", 2147483647},
        {"2147483648", {}},
        {"4294967296", 0},
        {"4294967298", 2},
        {"-4294967294", 2},
        {"1e99", 0},
        {"-1e99", 0},
        {"1e400", 0},
        {"\"5\"", {}},
        {"null", {}},
        {"true", {}}};
    for (auto [given, limit] : cases) {
        auto document = json::Document::parse("{\"limit\":" + std::string(given) + "}");
        EXPECT_EQ(lenient_options(document->root()).limit, limit) << given;
    }
}

TEST(StreamOptions, bounds_that_are_no_numbers_lie_around_all_numbers) {
    auto within = [](std::string_view name, std::string_view given) {
        auto document =
            json::Document::parse("{\"" + std::string(name) + "\":" + std::string(given) + "}");
        return lenient_options(document->root()).bounds().contain(5);
    };
    for (const char* low : {"null", "false", "true", "-1e99"}) {
        for (const char* name : {"gt", "gte"}) EXPECT_TRUE(within(name, low)) << low;
        for (const char* name : {"lt", "lte"}) EXPECT_FALSE(within(name, low)) << low;
    }
    for (const char* high : {"\"\"", "\"x\"", "\"5\"", "[]", "[1]", "1e99"}) {
        for (const char* name : {"gt", "gte"}) EXPECT_FALSE(within(name, high)) << high;
        for (const char* name : {"lt", "lte"}) EXPECT_TRUE(within(name, high)) << high;
    }
}

TEST(Shape, gives_what_was_asked_for) {
    std::string value = R"({"author":"@a","sequence":1,"content":{"type":"post"}})";
    std::string record = R"({"key":"%k","value":)" + value + ",\"timestamp\":5}";
    auto text = [&record](bool keys, bool values, bool rts) {
        Shape shape;
        shape.keys = keys;
        shape.values = values;
        shape.rts = rts;
        return std::string(shaped(record, shape, 4)->text());
    };
    EXPECT_EQ(text(true, true, false), record);
    EXPECT_EQ(text(true, false, false), "%k");
    EXPECT_EQ(text(false, true, false), value);
    EXPECT_EQ(text(true, true, true), record.substr(0, record.size() - 1) + ",\"rts\":4}");
}

TEST(Shape, passes_over_what_it_cannot_read) {
    Shape shape;
    shape.keys = false;
    for (const char* record : {"", "{", "null", "[]", R"({"key":5,"value":{}})",
                               R"({"key":"%k","value":5})", R"({"value":{}})"}) {
        EXPECT_FALSE(shaped(record, shape, 0).has_value()) << record;
    }
}

/// The forms in which envelopes are written.
std::vector<std::string> usual_records() {
    const std::string author = "\"author\":\"" + pair_of(1).id.text() + "\",";
    const std::string id = "%" + std::string(43, 'q') + "=.sha256";
    const std::string end = ",\"signature\":\"" + std::string(86, 's') + "==.sig.ed25519\"}";
    const std::string kinds[] = {"\"QUFB.box\"",
                                 R"({"type":"post","n":[1,-2.5e3,{}],"t":"é\n\u00e9"})"};
    std::vector<std::string> records;
    for (const std::string& content : kinds) {
        for (const std::string& first :
             {"null,\"sequence\":1," + author, "\"" + id + "\"," + author + "\"sequence\":12,"}) {
            records.push_back("{\"key\":\"" + id + "\",\"value\":{\"previous\":" + first +
                              "\"timestamp\":1500000000000.25,\"hash\":\"sha256\",\"content\":" +
                              content + end + ",\"timestamp\":1500000000001}");
        }
    }
    return records;
}

TEST(Shape, knows_an_envelope_by_its_form) {
    for (const std::string& record : usual_records()) {
        EXPECT_TRUE(is_envelope(record)) << record;
        EXPECT_TRUE(value_text(record)) << record;
        EXPECT_TRUE(is_envelope(" " + record)) << "an unusual one";
        for (std::size_t length = 0; length < record.size(); ++length) {
            EXPECT_FALSE(is_envelope(std::string_view(record).substr(0, length))) << length;
        }
    }
    EXPECT_FALSE(is_envelope(""));
    EXPECT_FALSE(is_envelope("{}"));
    EXPECT_FALSE(is_envelope(R"({"key":"%k","value":{}})"));
}

TEST(Shape, sends_only_json_whatever_befell_a_record) {
    const std::string_view others("X\"\\{}[],:.-0e \n\0\x80", 17);
    for (const std::string& record : usual_records()) {
        for (std::size_t at = 0; at < record.size(); ++at) {
            for (char other : others) {
                std::string spoilt = record;
                spoilt[at] = other;
                for (bool keys : {true, false}) {
                    Shape shape;
                    shape.keys = keys;
                    auto sent = shaped(spoilt, shape, 0);
                    EXPECT_FALSE(sent && !json::Document::parse(sent->text())) << spoilt;
                    EXPECT_FALSE(keys && sent.has_value() != is_envelope(spoilt)) << spoilt;
                }
            }
        }
    }
}

TEST(Shape, opens_what_is_for_us_and_leaves_the_rest) {
    base::SystemRandom random;
    auto own = pair_of(1), other = pair_of(2);
    std::vector<FeedId> to = {own.id};
    auto boxed = message::box(R"({"type":"post","text":"psst"})", to, random);
    std::string record = R"({"key":"%k","value":{"author":"@a","sequence":1,"content":")" + *boxed +
                         "\"},\"timestamp\":5}";
    message::Unboxer mine(own), theirs(other);
    Shape shape;
    shape.unboxer = &theirs;
    EXPECT_EQ(shaped(record, shape, 0)->text(), record);
    shape.unboxer = &mine;
    auto opened = shaped(record, shape, 0);
    auto document = json::Document::parse(opened->text());
    json::Value plain = document->root()["value"];
    EXPECT_EQ(plain["content"]["text"].string(), "psst");
    EXPECT_EQ(plain["cyphertext"].string(), *boxed);
    EXPECT_TRUE(plain["private"].is_true());
}

}  // namespace
}  // namespace sbot::app
