#include "message/create.h"

#include <gtest/gtest.h>

#include <limits>

#include "message/canonical.h"
#include "tests/vectors.h"

namespace {

using namespace sbot;
using message::Created;
using message::FeedState;
using message::HmacKey;
using message::KeyPair;

constexpr double some_time = 1491901740000;

KeyPair keys() {
    std::array<std::uint8_t, 32> seed;
    seed.fill(1);
    return KeyPair::from_seed(seed);
}

message::Verdict<Created> publish(std::string_view content, const FeedState* state = nullptr,
                                  const HmacKey& hmac = {}) {
    auto document = json::Document::parse(content);
    EXPECT_TRUE(document) << content;
    return message::publish(document->root(), state, keys(), hmac, some_time);
}

TEST(Publish, makes_the_worked_example) {
    auto made = publish("{\"type\":\"post\",\"text\":\"é ÿ ß\"}");
    ASSERT_TRUE(made);
    EXPECT_EQ(made->state.id.text(), "%593XQwPgCqVxCl0KmR0/ST1sDYJubDgNGSfad9TGCUc=.sha256");
    EXPECT_EQ(made->state.sequence, 1u);
    EXPECT_EQ(message::units_of(made->text), 337u);
    EXPECT_EQ(made->json,
              "{\"previous\":null,\"sequence\":1,"
              "\"author\":\"@iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w=.ed25519\","
              "\"timestamp\":1491901740000,\"hash\":\"sha256\","
              "\"content\":{\"type\":\"post\",\"text\":\"é ÿ ß\"},"
              "\"signature\":\"H1df/3Y8JLxZDaEEpV7jowMGC08m+EAUsyL0XP3qP96u40+vyGzkXcADq9rojmT9Yka"
              "SmzzwWDm3DYM7DhzFCQ==.sig.ed25519\"}");
    auto document = json::Document::parse(made->json);
    EXPECT_EQ(message::canonical(document->root()).text, made->text);
    EXPECT_TRUE(message::validate(document->root(), nullptr, {}));
}

TEST(Publish, goes_on_from_the_feeds_state) {
    FeedState before{message::key_of("x"), 41, 5};
    auto made = publish(R"({"type":"post"})", &before);
    ASSERT_TRUE(made);
    auto document = json::Document::parse(made->json);
    EXPECT_EQ(document->root()["previous"].string(), before.id.text());
    EXPECT_EQ(document->root()["sequence"].number(), 42);
    EXPECT_EQ(made->state.sequence, 42u);
    EXPECT_EQ(made->state.timestamp, some_time);
    EXPECT_TRUE(message::validate(document->root(), &before, {}));
}

TEST(Publish, signs_for_a_network_with_a_key_of_its_own) {
    HmacKey hmac = HmacKey::parse("CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=");
    auto made = publish(R"({"type":"post"})", nullptr, hmac);
    ASSERT_TRUE(made);
    auto document = json::Document::parse(made->json);
    EXPECT_TRUE(message::validate(document->root(), nullptr, hmac));
    EXPECT_FALSE(message::validate(document->root(), nullptr, {}));
    auto bad = publish(R"({"type":"post"})", nullptr, HmacKey::parse(""));
    ASSERT_FALSE(bad);
    EXPECT_EQ(bad.refusal().text, "invalid HMAC key");
    EXPECT_TRUE(bad.refusal().fatal);
}

TEST(Publish, takes_boxed_content_as_it_is) {
    auto made = publish("\"AAAA.box\"");
    ASSERT_TRUE(made);
    EXPECT_NE(made->json.find("\"content\":\"AAAA.box\""), std::string::npos);
}

TEST(Publish, refuses_content_in_the_words_of_the_reference) {
    const std::pair<const char*, const char*> cases[] = {
        {"\"hello\"", "invalid message content, must be object or encrypted string"},
        {"5", "invalid message content, must be object or encrypted string"},
        {"{}", "type must be a string3 <= type.length < 52, was:undefined"},
        {"[\"post\"]", "type must be a string3 <= type.length < 52, was:undefined"},
        {"{\"type\":\"ab\"}", "type must be a string3 <= type.length < 52, was:ab"},
        {"{\"type\":[\"a\",[null,2]]}", "type must be a string3 <= type.length < 52, was:a,,2"},
        {"{\"type\":12.50}", "type must be a string3 <= type.length < 52, was:12.5"},
    };
    for (auto [content, text] : cases) {
        auto made = publish(content);
        ASSERT_FALSE(made) << content;
        EXPECT_EQ(made.refusal().text, text);
        EXPECT_EQ(made.refusal().name, "Error");
    }
}

TEST(Publish, counts_the_signature_into_the_size) {
    auto size_of = [](std::size_t letters) {
        auto made = publish("{\"type\":\"post\",\"text\":\"" + std::string(letters, 'x') + "\"}");
        return made ? "fits" : made.refusal().text;
    };
    EXPECT_EQ(size_of(7860), "fits");
    EXPECT_EQ(size_of(7861),
              "Encoded message must not be larger than 8192 bytes. Current size is 8193");
    EXPECT_EQ(size_of(7860 + 119),
              "Encoded message must not be larger than 8192 bytes. Current size is 8311");
    // Without its signature this one is too long already.
    EXPECT_EQ(size_of(7860 + 120),
              "Encoded message must not be larger than 8192 bytes. Current size is 8193");
}

TEST(Publish, refuses_content_as_deep_as_can_be_read) {
    std::string levels =
        std::string(limits::json_depth_max - 1, '[') + std::string(limits::json_depth_max - 1, ']');
    auto made = publish("{\"type\":\"post\",\"x\":" + levels + '}');
    ASSERT_FALSE(made);
    EXPECT_TRUE(made.refusal().text.starts_with("Encoded message must not be larger"));
}

TEST(Publish, ends_where_sequences_do) {
    FeedState last{message::key_of("x"), 2147483647, 0};
    auto made = publish(R"({"type":"post"})", &last);
    ASSERT_FALSE(made);
    EXPECT_TRUE(made.refusal().text.starts_with("message has invalid properties:{\n"));
}

TEST(Publish, wants_a_timestamp) {
    auto document = json::Document::parse(R"({"type":"post"})");
    auto made = message::create(document->root(), nullptr, keys(), {},
                                std::numeric_limits<double>::quiet_NaN());
    ASSERT_FALSE(made);
    EXPECT_EQ(made.refusal().text, "timestamp must be provided");
}

TEST(Publish, checks_its_argument) {
    auto refusal = [](std::string_view json) {
        auto document = json::Document::parse(json);
        auto wrong = message::check_publish_argument(document->root());
        return wrong ? wrong->name + ": " + wrong->text : "";
    };
    for (const char* nothing : {"null", "false", "0", "\"\""}) {
        EXPECT_EQ(refusal(nothing), "UsageError: Param 0 is required");
    }
    EXPECT_EQ(refusal("true"), "TypeError: Param 0 must by of type msgContent");
    for (const char* something : {"{}", "[]", "5", "\"hello\""}) {
        EXPECT_EQ(refusal(something), "");
    }
    EXPECT_TRUE(message::check_publish_argument({}));
}

TEST(Envelope, is_what_the_log_holds) {
    MessageId key = message::key_of("x");
    EXPECT_EQ(message::envelope(key, R"({"a":1})", 1491901740000.5),
              "{\"key\":\"" + key.text() + "\",\"value\":{\"a\":1},\"timestamp\":1491901740000.5}");
    auto value = json::Document::parse("{ \"b\": [ ], \"1\": 2 }");
    EXPECT_EQ(message::envelope(key, value->root(), 1),
              "{\"key\":\"" + key.text() + "\",\"value\":{\"1\":2,\"b\":[]},\"timestamp\":1}");
}

}  // namespace
