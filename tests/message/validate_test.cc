#include "message/validate.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/limits.h"
#include "base/utf.h"
#include "message/canonical.h"
#include "message/create.h"
#include "tests/vectors.h"

namespace {

using namespace sbot;
using message::Checked;
using message::FeedState;
using message::HmacKey;
using message::KeyPair;

constexpr double some_time = 1491901740000;

json::Document parsed(std::string_view text) {
    auto document = json::Document::parse(text);
    EXPECT_TRUE(document) << text;
    return document ? std::move(*document) : json::Document();
}

KeyPair keys_of(std::uint8_t byte) {
    std::array<std::uint8_t, 32> seed;
    seed.fill(byte);
    return KeyPair::from_seed(seed);
}

/// The first message of feed 1, as compact JSON.
std::string post(std::string_view text = "hello") {
    json::Writer content;
    content.begin_object().member("type", "post").member("text", text).end_object();
    auto document = parsed(content.text());
    auto made = message::create(document.root(), nullptr, keys_of(1), {}, some_time);
    EXPECT_TRUE(made) << made.refusal().text;
    return made->json;
}

/// `json` with the first `from` made `to`.
std::string changed(std::string json, std::string_view from, std::string_view to) {
    std::size_t at = json.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return json.replace(at, from.size(), to);
}

std::string refusal_of(std::string_view json, const FeedState* state = nullptr) {
    auto document = parsed(json);
    auto verdict = message::validate(document.root(), state, {});
    return verdict ? "taken" : verdict.refusal().text;
}

/// The message of a line of messages.jsonl, without its signature.
std::string unsigned_message(json::Value vector) {
    json::Value repeat = vector["repeat"];
    if (!repeat.exists()) return std::string(vector["in"].string());
    std::string_view unit = repeat["unit"].string();
    std::string in(repeat["head"].string());
    for (double i = 0; i < repeat["count"].number(); ++i) in += unit.substr(1, unit.size() - 2);
    return in.append(repeat["then"].string()).append(repeat["tail"].string());
}

TEST(Canonical, text_signature_and_key_are_those_of_the_vectors) {
    for (const auto& line : tests::read_vectors("messages.jsonl")) {
        json::Value vector = line.root();
        SCOPED_TRACE(vector["name"].string());
        auto document = parsed(unsigned_message(vector));
        message::Canonical bare = message::canonical(document.root());
        if (vector["unsigned"].exists()) {
            EXPECT_EQ(bare.text, vector["unsigned"].string());
        }
        auto keys = KeyPair::from_seed(tests::bytes32(vector["seed"]));
        std::string signature =
            message::signature_text(message::sign(keys, HmacKey::of(vector["hmac"]), bare.text));
        EXPECT_EQ(signature, vector["signature"].string());
        std::string text = message::with_signature(bare.text, signature);
        if (vector["text"].exists()) {
            EXPECT_EQ(text, vector["text"].string());
        }
        EXPECT_EQ(message::without_signature(text, signature), bare.text);
        EXPECT_EQ(static_cast<double>(message::units_of(text)), vector["length"].number());
        EXPECT_EQ(message::key_of(text).text(), vector["key"].string());
    }
}

TEST(Canonical, vectors_are_valid_as_they_come) {
    for (const auto& line : tests::read_vectors("messages.jsonl")) {
        json::Value vector = line.root();
        SCOPED_TRACE(vector["name"].string());
        std::string in = unsigned_message(vector);
        in.resize(in.find_last_of('}'));
        in.append(",\"signature\":\"").append(vector["signature"].string()).append("\"}");
        auto document = parsed(in);
        json::Value root = document.root();
        FeedState before;
        bool first = root["previous"].is_null();
        if (!first) before.id = *MessageId::parse(root["previous"].string());
        before.sequence = static_cast<Sequence>(root["sequence"].number()) - 1;
        auto verdict =
            message::validate(root, first ? nullptr : &before, HmacKey::of(vector["hmac"]));
        ASSERT_TRUE(verdict) << verdict.refusal().text;
        EXPECT_EQ(verdict->key.text(), vector["key"].string());
    }
}

TEST(Canonical, key_takes_the_low_byte_of_every_unit) {
    for (const auto& line : tests::read_vectors("keys.jsonl")) {
        json::Value vector = line.root();
        if (!vector["op"].is("hash")) continue;
        std::string escaped = "\"";
        std::string_view units = vector["text_utf16be"].string();
        for (std::size_t i = 0; i < units.size(); i += 4) {
            escaped.append("\\u").append(units.substr(i, 4));
        }
        auto text = parsed(escaped + '"');
        EXPECT_EQ(message::key_of(text.root().string()).text().substr(1), vector["hash"].string());
    }
}

TEST(Validate, says_what_ssb_validate_says) {
    for (const auto& line : tests::read_vectors("validate.jsonl")) {
        json::Value vector = line.root();
        SCOPED_TRACE(vector["name"].string());
        auto document = parsed(vector["in"].string());
        json::Value known = vector["state"];
        FeedState state{
            {}, static_cast<Sequence>(known["sequence"].number()), known["timestamp"].number()};
        if (auto id = MessageId::parse(known["id"].string())) state.id = *id;
        // A state in the middle between two messages cannot be here.
        if (known["sequence"].number() != std::trunc(known["sequence"].number())) continue;

        auto verdict = message::validate(document.root(), known.is_object() ? &state : nullptr,
                                         HmacKey::of(vector["hmac"]));
        ASSERT_EQ(verdict.good(), vector["ok"].is_true());
        if (verdict) {
            EXPECT_EQ(verdict->key.text(), vector["key"].string());
            continue;
        }
        // Where the reference dies of the argument there is no text.
        if (!vector["error"].exists()) continue;
        std::string text = verdict.refusal().text;
        if (vector["error_is_prefix"].is_true()) {
            EXPECT_TRUE(text.starts_with(vector["error"].string())) << text;
            EXPECT_EQ(text.substr(vector["error"].string().size()),
                      message::canonical(document.root()).text);
        } else {
            EXPECT_EQ(text, vector["error"].string());
        }
        EXPECT_EQ(verdict.refusal().name, vector["error_name"].string());
        EXPECT_EQ(verdict.refusal().fatal, vector["fatal"].is_true());
    }
}

TEST(Validate, checks_the_argument_of_add_as_ssb_db_does) {
    for (const auto& line : tests::read_vectors("validate.jsonl")) {
        json::Value vector = line.root();
        SCOPED_TRACE(vector["name"].string());
        auto document = parsed(vector["in"].string());
        auto verdict = message::check_add_argument(document.root());
        json::Value wanted = vector["add_error"];
        ASSERT_EQ(verdict.good(), wanted.is_null());
        if (verdict) continue;
        EXPECT_EQ(verdict.refusal().name, wanted["name"].string());
        EXPECT_EQ(verdict.refusal().text, wanted["message"].string());
    }
    for (const char* nothing : {"null", "false", "0", "\"\""}) {
        auto document = parsed(nothing);
        EXPECT_EQ(message::check_add_argument(document.root()).refusal().text,
                  "Param 0 is required");
    }
    EXPECT_EQ(message::check_add_argument({}).refusal().name, "UsageError");
    auto text = parsed("\"x\"");
    EXPECT_EQ(message::check_add_argument(text.root()).refusal().name, "TypeError");
    EXPECT_EQ(message::check_add_argument(text.root()).refusal().text,
              "Param 0 must by of type msg");
}

TEST(Validate, takes_single_messages_as_ssb_ooo_does) {
    for (const auto& line : tests::read_vectors("validate.jsonl")) {
        json::Value vector = line.root();
        SCOPED_TRACE(vector["name"].string());
        auto document = parsed(vector["in"].string());
        HmacKey hmac = HmacKey::of(vector["hmac"]);
        auto verdict = message::check_alone(document.root(), hmac);
        if (verdict && !message::verify(*verdict, hmac)) verdict = message::bad_signature();
        json::Value wanted = vector["ooo"];
        ASSERT_EQ(verdict.good(), wanted.is_null());
        if (verdict || wanted["threw"].exists()) continue;
        EXPECT_EQ(verdict.refusal().text, wanted["error"].string());
        EXPECT_EQ(verdict.refusal().fatal, wanted["fatal"].is_true());
    }
}

TEST(Validate, checks_a_feed_in_order_and_its_signatures_later) {
    KeyPair keys = keys_of(3);
    auto content = parsed(R"({"type":"post"})");
    std::vector<Checked> batch;
    std::optional<FeedState> written, read;
    for (int i = 0; i < 5; ++i) {
        auto made = message::publish(content.root(), written ? &*written : nullptr, keys, {},
                                     some_time + i);
        ASSERT_TRUE(made);
        written = made->state;
        auto document = parsed(made->json);
        auto checked = message::check(document.root(), read ? &*read : nullptr, {});
        ASSERT_TRUE(checked) << checked.refusal().text;
        read = checked->state();
        EXPECT_EQ(read->id, written->id);
        EXPECT_EQ(read->sequence, static_cast<Sequence>(i + 1));
        EXPECT_EQ(read->timestamp, some_time + i);
        EXPECT_EQ(checked->author, keys.id);
        batch.push_back(std::move(*checked));
    }
    batch[2].signed_text += ' ';
    for (std::size_t i = 0; i < batch.size(); ++i) {
        EXPECT_EQ(message::verify(batch[i], {}), i != 2) << i;
    }
}

TEST(Validate, refuses_a_message_cut_anywhere) {
    std::string json = post();
    ASSERT_EQ(refusal_of(json), "taken");
    for (std::size_t length = 0; length < json.size(); ++length) {
        EXPECT_FALSE(json::Document::parse(json.substr(0, length))) << length;
    }
}

TEST(Validate, refuses_a_message_with_any_bit_flipped) {
    std::string json = post("é");
    for (std::size_t bit = 0; bit < json.size() * 8; ++bit) {
        std::string flipped = json;
        flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
        auto document = json::Document::parse(flipped);
        if (!document) continue;
        EXPECT_FALSE(message::validate(document->root(), nullptr, {})) << bit << ' ' << flipped;
    }
}

TEST(Validate, is_never_moved_by_what_is_no_message) {
    for (const char* json : {"null", "true", "1", "\"x\"", "[]", "{}", "[[]]", "{\"author\":{}}"}) {
        EXPECT_NE(refusal_of(json), "taken") << json;
    }
    auto null = parsed("null");
    EXPECT_EQ(message::validate(null.root(), nullptr, {}).refusal().name, "TypeError");
    EXPECT_FALSE(message::validate({}, nullptr, {}));
}

TEST(Validate, quotes_no_more_than_a_message_in_its_errors) {
    std::string long_text(1 << 20, 'x');
    FeedState state{{}, 1, 0};
    std::string message = post();
    std::string list;
    for (int i = 0; i < 100000; ++i) list += "[1,[\"é\"]],";
    list = '[' + list + "0]";
    for (const std::string& json :
         {changed(message, "\"hello\"", '"' + long_text + '"'),
          changed(message, "\"post\"", '"' + long_text + '"'),
          changed(message, "\"sha256\"", '"' + long_text + '"'), changed(message, "1,", list + ','),
          changed(message, "\"sha256\"", list), changed(message, "\"hello\"", list)}) {
        EXPECT_LT(refusal_of(json).size(), limits::error_quote_bytes_max + 512);
        EXPECT_LT(refusal_of(json, &state).size(), limits::error_quote_bytes_max + 512);
        EXPECT_TRUE(base::is_utf8(refusal_of(json, &state)));
    }
}

TEST(Validate, tells_the_size_of_a_message_that_is_too_long) {
    std::string json = changed(post(), "hello", std::string(100000, 'x'));
    std::size_t units = message::canonical(parsed(json).root()).units;
    EXPECT_GT(units, 100000u);
    EXPECT_EQ(refusal_of(json),
              "Encoded message must not be larger than 8192 bytes. Current size is " +
                  std::to_string(units));
}

TEST(Validate, refuses_deep_nesting_in_bounded_memory) {
    std::string levels = std::string(3900, '[') + std::string(3900, ']');
    std::string refusal = refusal_of(changed(post(), "\"hello\"", levels));
    EXPECT_TRUE(refusal.starts_with("Encoded message must not be larger")) << refusal;
    EXPECT_TRUE(refusal_of(changed(post(), "\"sha256\"", levels))
                    .starts_with("message has invalid properties:"));
}

TEST(Validate, reads_a_sequence_as_loosely_as_javascript_compares_it) {
    KeyPair keys = keys_of(1);
    FeedState state{message::key_of("x"), 1, 0};
    auto content = parsed(R"({"type":"post"})");
    std::string json = message::create(content.root(), &state, keys, {}, some_time)->json;
    ASSERT_EQ(refusal_of(json, &state), "taken");
    for (const char* two : {"\"2\"", "[2]", "[[\"2\"]]", "\" 2.0 \"", "\"0x2\"", "\"20e-1\""}) {
        std::string as_two = changed(json, "\"sequence\":2", std::string("\"sequence\":") + two);
        EXPECT_TRUE(refusal_of(as_two, &state).starts_with("message has invalid properties:"))
            << two;
    }
    for (const char* other : {"\"2x\"", "[2,2]", "{}", "true", "null", "\"\"", "[]"}) {
        std::string odd = changed(json, "\"sequence\":2", std::string("\"sequence\":") + other);
        EXPECT_TRUE(refusal_of(odd, &state).starts_with("invalid message: expected sequence 2"))
            << other;
    }
}

TEST(Validate, knows_encrypted_content) {
    for (const char* good : {".box", "AAAA.box", "AAA=.box2", "AA==.boxing day", "AAAA.box.box"}) {
        EXPECT_TRUE(message::is_encrypted(good)) << good;
    }
    for (const char* bad : {"", "box", "AAAA.bo", "AAB=.box", "AAA.box", "A===.box", "AAAA.box\n",
                            "AAAA.box\r", "AAAA.box\u2028", "AAAA.box2\u2029x", "A_A-.box",
                            "AAAA.Box", " AAAA.box", "AAAA .box", "====.box"}) {
        EXPECT_FALSE(message::is_encrypted(bad)) << bad;
    }
}

}  // namespace
