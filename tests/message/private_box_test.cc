#include "message/private_box.h"

#include <gtest/gtest.h>

#include "message/content_opener.h"
#include "message/create.h"
#include "message/validate.h"
#include "tests/vectors.h"

namespace {

using namespace sbot;
using message::KeyPair;
using message::Unboxer;

KeyPair keys_of(std::uint8_t byte) {
    std::array<std::uint8_t, 32> seed;
    seed.fill(byte);
    return KeyPair::from_seed(seed);
}

std::string id_of(std::uint8_t byte) { return keys_of(byte).id.text(); }

/// Gives the bytes it was made of, in turn.
class Scripted final : public base::Random {
 public:
    explicit Scripted(Bytes bytes) : bytes_(std::move(bytes)) {}
    void fill(MutableBytes out) override {
        ASSERT_LE(out.size(), bytes_.size() - at_);
        std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(at_), out.size(), out.begin());
        at_ += out.size();
    }

 private:
    Bytes bytes_;
    std::size_t at_ = 0;
};

std::string box_to(std::initializer_list<std::uint8_t> readers, std::string_view plain) {
    std::vector<FeedId> ids;
    for (std::uint8_t reader : readers) ids.push_back(keys_of(reader).id);
    base::SystemRandom random;
    auto boxed = message::box(plain, ids, random);
    EXPECT_TRUE(boxed);
    return boxed.value_or("");
}

std::string plain_of(const std::optional<message::Opened>& opened) {
    return opened ? json::compact(opened->plain.root()) : "nothing";
}

TEST(PrivateBox, opens_what_private_box_made_and_only_that) {
    for (const auto& line : tests::read_vectors("box1.jsonl")) {
        std::string_view content = line.root()["content"].string();
        for (json::Value reader : line.root()["readers"].elements()) {
            SCOPED_TRACE(std::string(line.root()["name"].string()) + ' ' +
                         std::string(reader["seed"].string().substr(0, 2)));
            Unboxer unboxer(KeyPair::from_seed(tests::bytes32(reader["seed"])));
            auto key = unboxer.read_key(content);
            ASSERT_EQ(key.has_value(), reader["read_key"].is_string());
            if (key) {
                EXPECT_EQ(base::to_base64(*key), reader["read_key"].string());
            }
            auto body = key ? message::open_body(content, *key) : std::nullopt;
            ASSERT_EQ(body.has_value(), reader["opens"].is_true());
            if (body) {
                EXPECT_EQ(json::compact(body->root()), reader["plain"].string());
            }
            auto opened = unboxer.open(content);
            EXPECT_EQ(opened.has_value(), reader["unboxed_by_ssb_db"].is_true());
            if (opened) {
                EXPECT_EQ(opened->read_key, reader["read_key"].string());
                EXPECT_EQ(plain_of(message::open_with(content, opened->read_key)),
                          reader["plain"].string());
            }
        }
    }
}

TEST(PrivateBox, makes_the_bytes_that_private_box_makes) {
    for (const auto& line : tests::read_vectors("box1.jsonl")) {
        json::Value vector = line.root();
        if (!vector["nonce"].exists() ||
            vector["recipients"].size() > limits::private_recipients_max) {
            continue;
        }
        Bytes script;
        for (const char* part : {"nonce", "key", "esk"}) {
            base::append(script, *base::from_hex(vector[part].string()));
        }
        Scripted random(std::move(script));
        std::vector<FeedId> recipients;
        for (json::Value id : vector["recipients"].elements()) {
            recipients.push_back(*FeedId::parse(id.string()));
        }
        EXPECT_EQ(message::box(vector["plain"].string(), recipients, random),
                  std::string(vector["content"].string()))
            << vector["name"].string();
    }
}

TEST(PrivateBox, is_fresh_each_time) { EXPECT_NE(box_to({1}, "{}"), box_to({1}, "{}")); }

TEST(PrivateBox, cut_anywhere_is_not_for_us) {
    std::string boxed = box_to({1, 2}, R"({"type":"post"})");
    Unboxer second(keys_of(2));
    ASSERT_EQ(plain_of(second.open(boxed)), R"({"type":"post"})");
    Bytes bytes = base::from_base64_lenient(boxed);
    for (std::size_t length = 0; length < bytes.size(); ++length) {
        std::string cut = base::to_base64(ByteView(bytes).first(length)) + ".box";
        EXPECT_FALSE(second.open(cut)) << length;
    }
    for (std::size_t length = 0; length < boxed.size(); ++length) {
        EXPECT_FALSE(second.open(boxed.substr(0, length))) << length;
    }
}

TEST(PrivateBox, with_a_bit_flipped_is_not_for_us) {
    std::string boxed = box_to({1}, R"({"type":"post"})");
    Unboxer reader(keys_of(1));
    ASSERT_TRUE(reader.open(boxed));
    Bytes bytes = base::from_base64_lenient(boxed.substr(0, boxed.size() - 4));
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        // Curve25519 ignores the top bit of a point.
        auto bit = static_cast<std::uint8_t>(i == 55 ? 1 : 1 << i % 8);
        bytes[i] ^= bit;
        EXPECT_FALSE(reader.open(base::to_base64(bytes) + ".box")) << i;
        bytes[i] ^= bit;
    }
    bytes.push_back(0);
    EXPECT_FALSE(reader.open(base::to_base64(bytes) + ".box"));
}

TEST(PrivateBox, with_another_suffix_is_left_alone) {
    std::string boxed = box_to({1}, R"({"type":"post"})");
    Unboxer reader(keys_of(1));
    auto key = reader.open(boxed)->read_key;
    for (const char* suffix : {"2", "x", " "}) {
        EXPECT_FALSE(reader.open(boxed + suffix));
        EXPECT_FALSE(message::open_with(boxed + suffix, key));
    }
    EXPECT_TRUE(reader.open(boxed + ".box"));
}

TEST(PrivateBox, opens_with_a_read_key_from_a_link) {
    std::string boxed = box_to({1, 2, 3}, R"({"type":"post"})");
    std::string key = Unboxer(keys_of(3)).open(boxed)->read_key;
    EXPECT_EQ(plain_of(message::open_with(boxed, key)), R"({"type":"post"})");
    EXPECT_EQ(message::open_with(boxed, key + ".boxs")->read_key, key + ".boxs");
    for (const std::string& wrong :
         {std::string(), std::string("x"), key.substr(4), "AAAA" + key, base::to_base64(Bytes(33)),
          Unboxer(keys_of(1)).open(box_to({1}, "[]"))->read_key}) {
        EXPECT_FALSE(message::open_with(boxed, wrong)) << wrong;
    }
}

TEST(PrivateBox, shows_the_plain_message_in_the_references_form) {
    auto plain = json::Document::parse("{\"type\":\"post\",\"1\":2}");
    base::SystemRandom random;
    std::string boxed = box_to({1}, json::compact(plain->root()));
    auto content = json::Document::parse('"' + boxed + '"');
    auto made = message::publish(content->root(), nullptr, keys_of(1), {}, 5);
    ASSERT_TRUE(made);
    auto value = json::Document::parse(made->json);
    auto opened = Unboxer(keys_of(1)).open(value->root()["content"].string());
    ASSERT_TRUE(opened);
    std::string key = opened->read_key;
    std::string wanted = made->json;
    std::string as_text = '"' + boxed + '"';
    wanted.replace(wanted.find(as_text), as_text.size(), R"({"1":2,"type":"post"})");
    wanted.pop_back();
    wanted += ",\"meta\":{\"original\":{\"content\":" + as_text +
              "},\"private\":true,\"unbox\":\"" + key + "\"},\"cyphertext\":" + as_text +
              ",\"private\":true,\"unbox\":\"" + key + "\"}";
    EXPECT_EQ(message::unboxed_value(value->root(), *opened), wanted);
}

/// What became of content: `clear`, the plain text in the box as reader 1 finds it, or the refusal.
std::string published(const std::string& content) {
    auto document = json::Document::parse(content);
    EXPECT_TRUE(document) << content;
    base::SystemRandom random;
    auto boxed = message::box_for_recps(document->root(), random);
    if (!boxed) return boxed.refusal().text;
    if (!boxed->has_value()) return "clear";
    return plain_of(Unboxer(keys_of(1)).open((*boxed)->root().string()));
}

std::string with_recps(const std::string& recps) {
    return "{\"type\":\"post\",\"recps\":" + recps + ",\"x\":1}";
}

std::string listed(std::initializer_list<std::uint8_t> ids) {
    std::string list;
    for (std::uint8_t id : ids) list += (list.empty() ? "[\"" : ",\"") + id_of(id) + '"';
    return list + ']';
}

TEST(ContentOpener, gives_the_same_again_and_again_and_opens_to_nobody_else) {
    base::SystemRandom random;
    const Unboxer ours(keys_of(1)), theirs(keys_of(2));
    const message::ContentOpener first(ours, random), second(theirs, random);
    std::vector<std::string> messages;
    for (int i = 0; i < 50; ++i) {
        const std::string plain = "{\"n\":" + std::to_string(i) + "}";
        messages.push_back("{\"content\":\"" + box_to({std::uint8_t(1 + i % 3)}, plain) + "\"}");
    }
    for (int round = 0; round < 3; ++round) {
        for (std::size_t i = 0; i < messages.size(); ++i) {
            const auto document = json::Document::parse(messages[i]);
            ASSERT_TRUE(document);
            const std::string plain = "{\"n\":" + std::to_string(i) + "}";
            EXPECT_EQ(first.open(document->root()).value_or("no"), i % 3 == 0 ? plain : "no");
            EXPECT_EQ(second.open(document->root()).value_or("no"), i % 3 == 1 ? plain : "no");
        }
    }
    for (const char* other : {R"({"content":{"type":"post"}})", R"({"content":"x.box"})", "{}"}) {
        EXPECT_FALSE(first.open(json::Document::parse(other)->root())) << other;
    }
}

TEST(Recps, that_are_missing_or_falsy_publish_in_the_clear) {
    EXPECT_EQ(published(R"({"type":"post"})"), "clear");
    for (const char* falsy : {"null", "\"\"", "false", "0"}) {
        EXPECT_EQ(published(with_recps(falsy)), "clear") << falsy;
    }
    for (const char* no_object : {"\"AAAA.box\"", "5", "[]"}) {
        EXPECT_EQ(published(no_object), "clear");
    }
}

TEST(Recps, box_to_every_feed_of_the_list) {
    EXPECT_EQ(published(with_recps(listed({1}))), with_recps(listed({1})));
    std::string seven = with_recps(listed({2, 3, 4, 5, 6, 7, 1}));
    EXPECT_EQ(published(seven), seven);
    EXPECT_EQ(published(with_recps(listed({1, 1}))), with_recps(listed({1, 1})));
    EXPECT_EQ(published(with_recps(listed({2}))), "nothing") << "the author is not added";
}

TEST(Recps, given_as_a_text_become_a_list) {
    EXPECT_EQ(published(with_recps('"' + id_of(1) + '"')), with_recps(listed({1})));
}

TEST(Recps, that_cannot_be_boxed_to_are_an_error_and_never_public) {
    const std::string no_boxer =
        "private message requested, but no boxers could encrypt these recps: ";
    for (const char* odd : {"5", "true", "{}", "{\"0\":\"x\"}"}) {
        EXPECT_EQ(published(with_recps(odd)),
                  "private message field \"recps\" expects an Array of recipients");
    }
    EXPECT_EQ(published(with_recps("[]")),
              "private message field \"recps\" requires at least one recipient");
    EXPECT_EQ(published(with_recps(listed({1, 2, 3, 4, 5, 6, 7, 8}))),
              "max recipients is:7 found:8");
    EXPECT_EQ(published(with_recps("\"bob\"")), no_boxer + "[\"bob\"]");
    std::string blob = "&" + id_of(1).substr(1, 44) + ".sha256";
    for (const std::string& list :
         {"[\"" + id_of(1) + "\",{\"link\":\"" + id_of(2) + "\"}]", "[\"" + blob + "\"]",
          std::string("[null]"), std::string("[[]]"), std::string("[\"\"]")}) {
        EXPECT_EQ(published(with_recps(list)), no_boxer + list);
    }
    // Ids in form, but no points of the curve.
    std::string zero = "[\"" + FeedId{}.text() + "\"]";
    EXPECT_EQ(published(with_recps(zero)), no_boxer + zero);
}

}  // namespace
