#include "message/keys.h"

#include <gtest/gtest.h>
#include <sodium.h>

#include "message/canonical.h"
#include "tests/vectors.h"

namespace {

using namespace sbot;
using message::HmacKey;
using message::KeyPair;

KeyPair keys_of(std::uint8_t byte) {
    std::array<std::uint8_t, 32> seed;
    seed.fill(byte);
    return KeyPair::from_seed(seed);
}

std::string private_text(const KeyPair& keys) {
    return base::to_base64(keys.secret.view()) + ".ed25519";
}

/// The JSON of a secret file, with the given members (JSON texts) or the right ones.
struct SecretJson {
    std::string curve = "\"ed25519\"";
    std::string public_key = '"' + keys_of(1).id.text().substr(1) + '"';
    std::string private_key = '"' + private_text(keys_of(1)) + '"';
    std::string id = '"' + keys_of(1).id.text() + '"';

    std::string text() const {
        return "{\"curve\":" + curve + ",\"public\":" + public_key + ",\"private\":" + private_key +
               ",\"id\":" + id + "}";
    }
};

std::string trouble_with(const std::string& text) {
    auto keys = message::parse_secret_file(text);
    if (!keys) return keys.error().what;
    EXPECT_EQ(keys->id, keys_of(1).id);
    EXPECT_TRUE(std::ranges::equal(keys->secret.view(), keys_of(1).secret.view()));
    return "";
}

TEST(Keys, come_from_seeds_as_ssb_keys_makes_them) {
    for (const auto& line : tests::read_vectors("keys.jsonl")) {
        json::Value vector = line.root();
        if (!vector["op"].is("generate")) continue;
        KeyPair keys = KeyPair::from_seed(tests::bytes32(vector["seed"]));
        EXPECT_EQ(keys.id.text(), vector["id"].string());
        EXPECT_EQ(private_text(keys), vector["private"].string());
    }
}

TEST(Keys, differ_each_time) {
    base::SystemRandom random;
    EXPECT_NE(KeyPair::generate(random).id, KeyPair::generate(random).id);
}

TEST(Keys, sign_objects_as_ssb_keys_does) {
    for (const auto& line : tests::read_vectors("keys.jsonl")) {
        json::Value vector = line.root();
        if (!vector["op"].is("signObj")) continue;
        KeyPair keys = KeyPair::from_seed(tests::bytes32(vector["seed"]));
        HmacKey hmac = HmacKey::of(vector["hmac"]);
        auto object = json::Document::parse(vector["json"].string());
        std::string text = message::canonical(object->root()).text;
        EXPECT_EQ(base::to_hex(base::bytes_of(text)), vector["signed_bytes"].string());
        std::array<std::uint8_t, 32> mac;
        if (vector["auth"].is_string()) {
            EXPECT_EQ(base::to_hex(hmac.signed_bytes(text, mac)), vector["auth"].string());
        }
        message::Signature signature = message::sign(keys, hmac, text);
        EXPECT_EQ(message::signature_text(signature), vector["signature"].string());
        EXPECT_TRUE(message::verify(keys.id, hmac, signature, text));
        EXPECT_FALSE(message::verify(keys_of(9).id, hmac, signature, text));
        EXPECT_FALSE(message::verify(keys.id, hmac, signature, text + ' '));
    }
}

TEST(Keys, refuse_a_signature_with_any_bit_flipped) {
    KeyPair keys = keys_of(1);
    message::Signature good = message::sign(keys, {}, "text");
    for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
        message::Signature flipped = good;
        flipped[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
        EXPECT_FALSE(message::verify(keys.id, {}, flipped, "text")) << bit;
    }
}

TEST(HmacKey, is_canonical_base64_of_32_bytes_and_nothing_around_it) {
    const std::string good = "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=";
    EXPECT_FALSE(HmacKey::parse(good).bad());
    EXPECT_FALSE(HmacKey().bad());
    for (const std::string& bad :
         {std::string(), good.substr(0, 43), good + "=", ' ' + good, good + ".sha256", '@' + good,
          good.substr(0, 42) + "l=", std::string("not base64!"), base::to_base64(Bytes(31)),
          base::to_base64(Bytes(33))}) {
        EXPECT_TRUE(HmacKey::parse(bad).bad()) << bad;
    }
    auto config = json::Document::parse(R"([null,12,"",true])");
    EXPECT_FALSE(HmacKey::of({}).bad());
    EXPECT_FALSE(HmacKey::of(config->root().at(0)).bad());
    for (std::size_t i = 1; i < 4; ++i) EXPECT_TRUE(HmacKey::of(config->root().at(i)).bad());
}

TEST(SecretFile, is_written_as_ssb_keys_writes_it) {
    std::string text = message::secret_file_text(keys_of(1));
    EXPECT_EQ(text,
              "# WARNING: Never show this to anyone.\n"
              "# WARNING: Never edit it or use it on multiple devices at once.\n"
              "#\n"
              "# This is your SECRET, it gives you magical powers. With your secret you can\n"
              "# sign your messages so that your friends can verify that the messages came\n"
              "# from you. If anyone learns your secret, they can use it to impersonate you.\n"
              "#\n"
              "# If you use this secret on more than one device you will create a fork and\n"
              "# your friends will stop replicating your content.\n"
              "#\n"
              "{\n"
              "  \"curve\": \"ed25519\",\n"
              "  \"public\": \"iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w=.ed25519\",\n"
              "  \"private\": \"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQGKiOPddAnxlf1S2y08ul1yym"
              "cJvx2UEhvzdIgBtA9vXA==.ed25519\",\n"
              "  \"id\": \"@iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w=.ed25519\"\n"
              "}\n"
              "#\n"
              "# The only part of this file that's safe to share is your public name:\n"
              "#\n"
              "#   @iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w=.ed25519");
    EXPECT_EQ(trouble_with(text), "");
}

TEST(SecretFile, is_read_in_every_shape_people_have) {
    std::string file = message::secret_file_text(keys_of(1));
    std::string crlf;
    for (char c : file) crlf += c == '\n' ? std::string("\r\n") : std::string(1, c);
    EXPECT_EQ(trouble_with(crlf), "");

    SecretJson json;
    EXPECT_EQ(trouble_with(json.text()), "");
    EXPECT_EQ(trouble_with("# top\n" + json.text() + "\n   # end"), "");
    std::string commented = json.text();
    commented.insert(commented.find("\"public\""), " # mid {\"id\":1}\n ");
    EXPECT_EQ(trouble_with("#one\r\n\r\n#two\r\n" + commented), "");

    json.id = '"' + keys_of(1).id.text().substr(1) + '"';
    EXPECT_EQ(trouble_with(json.text()), "");
    json.id = "null";
    EXPECT_EQ(trouble_with(json.text()), "");
    json.curve = "\"ed25519\",\"note\":{\"x\":[1]}";
    EXPECT_EQ(trouble_with(json.text()), "");
}

TEST(SecretFile, that_is_broken_is_refused_with_a_reason) {
    const std::string good = SecretJson().text();
    for (const std::string& bad :
         {std::string(), std::string("{}"), std::string("[]"), std::string("# only\n# comments"),
          "\xef\xbb\xbf" + good, good + "x", good + good, private_text(keys_of(1))}) {
        EXPECT_NE(trouble_with(bad), "") << bad;
    }
    auto with = [](auto change) {
        SecretJson json;
        change(json);
        return trouble_with(json.text());
    };
    EXPECT_EQ(with([](SecretJson& j) { j.curve = "\"k256\""; }),
              "k256 curves are no longer supported, please delete");
    EXPECT_EQ(with([](SecretJson& j) { j.curve = "7"; }), "the curve is not ed25519");
    EXPECT_EQ(with([](SecretJson& j) { j.private_key = "null"; }), "no private key");
    EXPECT_EQ(with([](SecretJson& j) { j.public_key = "null"; }), "no public key");
    EXPECT_EQ(with([](SecretJson& j) { j.private_key = "\"AAAA.ed25519\""; }),
              "the private key is not base64 of 64 bytes");
    EXPECT_EQ(with([](SecretJson& j) { j.public_key = "\"AAAA.ed25519\""; }),
              "the public key is not base64 of 32 bytes");
    EXPECT_EQ(with([](SecretJson& j) { j.public_key = '"' + keys_of(2).id.text() + '"'; }),
              "the public key does not fit the private key");
    EXPECT_EQ(with([](SecretJson& j) { j.id = '"' + keys_of(2).id.text() + '"'; }),
              "the id does not fit the private key");
    KeyPair mixed = keys_of(1);
    std::copy_n(keys_of(2).secret.data(), 32, mixed.secret.data());
    EXPECT_EQ(with([&](SecretJson& j) { j.private_key = '"' + private_text(mixed) + '"'; }),
              "the two halves of the private key do not fit");
}

TEST(SecretFile, cut_or_damaged_anywhere_gives_the_right_keys_or_none) {
    std::string file = message::secret_file_text(keys_of(1));
    for (std::size_t length = 0; length < file.size(); ++length) {
        std::string trouble = trouble_with(file.substr(0, length));
        // Behind the JSON there is a comment only.
        EXPECT_EQ(trouble.empty(), length > file.find('}')) << length;
    }
    for (std::size_t bit = 0; bit < file.size() * 8; ++bit) {
        std::string flipped = file;
        flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
        EXPECT_LT(trouble_with(flipped).size(), 100u);
    }
}

TEST(SecretFile, is_never_quoted_in_an_error) {
    SecretJson json;
    const std::string part = private_text(keys_of(1)).substr(0, 12);
    for (std::string text : {json.text() + "#", json.text() + '"', json.text().substr(1)}) {
        EXPECT_EQ(trouble_with(text).find(part), std::string::npos);
    }
    EXPECT_NE(trouble_with(std::string(1 << 20, ' ')), "");
}

}  // namespace
