#include "message/ed25519.h"

#include <gtest/gtest.h>

#include <random>

#include "message/key_tables.h"
#include "message/signatures.h"
#include "tests/message/signature_forge.h"
#include "tests/vectors.h"

namespace {

using namespace sbot;
using message::ed25519::Claim;
using message::ed25519::KeyRun;
using tests::forge::libsodium_says;
using tests::forge::same_verdict;
using tests::forge::scalar_of;
using tests::forge::Signed;

using Random = std::mt19937_64;

Bytes random_bytes(Random& random, std::size_t count) {
    Bytes bytes(count);
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
    return bytes;
}

/// An honest one.
Signed signature_of(std::uint64_t key, Random& random, std::size_t text_bytes) {
    return tests::forge::sign(scalar_of(key), 0, scalar_of(random()), 0,
                              random_bytes(random, text_bytes));
}

std::string in_words(const Signed& signature) {
    return base::to_hex(signature.key) + ' ' + base::to_hex(signature.signature) + ' ' +
           base::to_hex(signature.text);
}

void expect_right(const Signed& signature) {
    EXPECT_TRUE(libsodium_says(signature)) << in_words(signature);
    EXPECT_TRUE(same_verdict(signature)) << in_words(signature);
}

void expect_wrong(const Signed& signature) {
    EXPECT_FALSE(libsodium_says(signature)) << in_words(signature);
    EXPECT_TRUE(same_verdict(signature)) << in_words(signature);
}

TEST(Ed25519, agrees_with_known_verdicts) {
    for (const auto& line : tests::read_vectors("ed25519.jsonl")) {
        json::Value vector = line.root();
        Signed signature;
        signature.key = tests::bytes32(vector["key"]);
        auto bytes = base::from_hex(vector["signature"].string());
        ASSERT_TRUE(bytes && bytes->size() == 64);
        std::copy_n(bytes->begin(), 64, signature.signature.begin());
        signature.text = *base::from_hex(vector["message"].string());
        EXPECT_EQ(tests::forge::we_say(signature)[0], vector["right"].is_true())
            << vector["from"].string();
        EXPECT_TRUE(same_verdict(signature)) << vector["from"].string();
    }
}

TEST(Ed25519, takes_what_is_signed) {
    Random random(1);
    for (std::uint64_t key = 0; key < 100; ++key) expect_right(signature_of(key, random, key));
    expect_right(signature_of(1, random, std::size_t{1} << 20));
}

TEST(Ed25519, agrees_on_long_runs_with_flipped_bits) {
    Random random(2);
    std::size_t wrong = 0;
    for (std::uint64_t key = 0; key < 20; ++key) {
        std::array<KeyRun, 1> run;
        std::vector<bool> expected;
        for (int i = 0; i < 500; ++i) {
            Signed signature = signature_of(key, random, 20);
            run[0].key = signature.key;
            if (std::size_t bit = random() % 1344; bit < 512) {
                signature.signature[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
            } else if (bit < 672) {
                signature.text[(bit - 512) / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
            }
            expected.push_back(libsodium_says(signature));
            run[0].claims.push_back(signature.claim());
        }
        wrong += static_cast<std::size_t>(std::ranges::count(expected, false));
        message::ed25519::verify(run);
        EXPECT_EQ(run[0].right, expected);
        EXPECT_NE(run[0].table, nullptr);
    }
    EXPECT_GT(wrong, 4000U);
    EXPECT_LT(wrong, 6000U);
}

TEST(Ed25519, refuses_each_single_flipped_bit) {
    Random random(3);
    const Signed honest = signature_of(3, random, 8);
    for (std::size_t bit = 0; bit < 512 + 256 + 64; ++bit) {
        Signed changed = honest;
        auto mask = static_cast<std::uint8_t>(1 << bit % 8);
        if (bit < 512) {
            changed.signature[bit / 8] ^= mask;
        } else if (bit < 768) {
            changed.key[(bit - 512) / 8] ^= mask;
        } else {
            changed.text[(bit - 768) / 8] ^= mask;
        }
        expect_wrong(changed);
    }
}

TEST(Ed25519, answers_for_many_runs_in_their_places) {
    Random random(4);
    std::vector<KeyRun> runs;
    std::vector<std::vector<bool>> expected;
    for (std::uint64_t key = 0; key < 40; ++key) {
        KeyRun& run = runs.emplace_back();
        expected.emplace_back();
        for (std::uint64_t i = 0; i < key % 6; ++i) {
            Signed signature = signature_of(key, random, 10);
            bool wrong = random() % 4 == 0;
            if (wrong) signature.text.push_back(0);
            run.key = signature.key;
            run.claims.push_back(signature.claim());
            expected.back().push_back(!wrong);
        }
    }
    message::ed25519::verify(runs);
    for (std::size_t i = 0; i < runs.size(); ++i) {
        EXPECT_EQ(runs[i].right, expected[i]);
        EXPECT_EQ(runs[i].table != nullptr, expected[i].size() >= 3);
    }
    message::ed25519::verify({});
}

TEST(Ed25519, agrees_where_key_or_nonce_have_a_part_of_small_order) {
    // The equation holds but for such a part; whether it holds altogether hangs on h modulo 8.
    Random random(5);
    std::size_t right = 0, all = 0;
    for (std::size_t a = 0; a < 8; ++a) {
        for (std::size_t r = 0; r < 8; ++r) {
            for (int i = 0; i < 12; ++i, ++all) {
                Signed signature = tests::forge::sign(scalar_of(random()), a, scalar_of(random()),
                                                      r, random_bytes(random, 5));
                EXPECT_TRUE(same_verdict(signature)) << in_words(signature);
                bool holds = (r + a * (signature.claim().hash[0] & 7)) % 8 == 0;
                EXPECT_EQ(tests::forge::we_say(signature)[0], holds) << in_words(signature);
                right += holds ? 1 : 0;
            }
        }
    }
    EXPECT_GT(right, all / 12);
    EXPECT_LT(right, all / 4);
}

TEST(Ed25519, refuses_keys_and_nonces_of_small_order_though_the_equation_holds) {
    Random random(6);
    std::size_t holding = 0;
    for (std::size_t a = 0; a < 8; ++a) {
        for (std::size_t r = 0; r < 8; ++r) {
            for (std::uint64_t secret : {0, 1}) {
                for (std::uint64_t nonce : {0, 1}) {
                    if (secret == 1 && nonce == 1) continue;
                    Signed signature =
                        tests::forge::sign(secret == 0 ? tests::forge::Scalar{} : scalar_of(7), a,
                                           nonce == 0 ? tests::forge::Scalar{} : scalar_of(8), r,
                                           random_bytes(random, 5));
                    holding += (r + a * (signature.claim().hash[0] & 7)) % 8 == 0 ? 1 : 0;
                    expect_wrong(signature);
                }
            }
        }
    }
    EXPECT_GT(holding, 10U);
}

/// Everything that is no point's own encoding, or one of small order.
std::vector<tests::forge::Point> odd_encodings() {
    std::vector<tests::forge::Point> odd(tests::forge::torsion().begin(),
                                         tests::forge::torsion().end());
    for (std::uint8_t extra = 0; extra < 19; ++extra) {
        odd.push_back(tests::forge::beyond_p(extra, false));
        odd.push_back(tests::forge::beyond_p(extra, true));
    }
    // x = 0 with a sign.
    tests::forge::Point one = tests::forge::neutral, minus_one = tests::forge::torsion()[4];
    one[31] |= 0x80;
    minus_one[31] |= 0x80;
    odd.push_back(one);
    odd.push_back(minus_one);
    return odd;
}

TEST(Ed25519, refuses_odd_encodings_of_key_and_nonce) {
    Random random(7);
    for (const auto& encoding : odd_encodings()) {
        Signed signature = signature_of(9, random, 10);
        signature.set_r(encoding);
        expect_wrong(signature);
        // S·B = R + h·A, had A its small order.
        signature = signature_of(9, random, 10);
        signature.key = encoding;
        signature.set_r(tests::forge::times_base(scalar_of(10)));
        signature.set_s(scalar_of(10));
        expect_wrong(signature);
    }
}

TEST(Ed25519, agrees_on_keys_and_nonces_that_may_be_no_point) {
    Random random(8);
    for (int i = 0; i < 200; ++i) {
        Signed signature = signature_of(11, random, 10);
        Bytes other = random_bytes(random, 32);
        if (i % 2 == 0) {
            std::copy(other.begin(), other.end(), signature.key.begin());
        } else {
            std::copy(other.begin(), other.end(), signature.signature.begin());
        }
        expect_wrong(signature);
    }
}

TEST(Ed25519, refuses_every_s_that_is_not_below_the_order) {
    Random random(9);
    for (int i = 0; i < 50; ++i) {
        Signed signature = signature_of(12, random, 10);
        for (int times = 1; times < 15; ++times) {
            signature.add_order_to_s();
            expect_wrong(signature);
        }
        signature = signature_of(12, random, 10);
        signature.signature[63] |= static_cast<std::uint8_t>(0x10 << i % 4);
        expect_wrong(signature);
    }
    // 0, L - 1, L, L + 1, all ones
    Signed signature = signature_of(12, random, 10);
    signature.set_s({});
    expect_wrong(signature);
    signature.add_order_to_s();
    expect_wrong(signature);
    ++signature.signature[32];
    expect_wrong(signature);
    signature.signature[32] = static_cast<std::uint8_t>(signature.signature[32] - 2);
    expect_wrong(signature);
    std::fill_n(signature.signature.begin() + 32, 32, std::uint8_t{0xff});
    expect_wrong(signature);
}

TEST(Ed25519, takes_the_least_and_the_greatest_s) {
    // With an S that is chosen before R, A must be the neutral point: its table is given, for it
    // would be refused.
    for (unsigned small : {0U, 1U, 2U, 3U}) {
        Signed signature;
        tests::forge::Scalar s{};
        s[0] = static_cast<std::uint8_t>(small);
        if (small == 0) {
            signature.add_order_to_s();
            std::copy_n(signature.signature.begin() + 32, 32, s.begin());
            --s[0];
        }
        signature.set_s(s);
        signature.set_r(tests::forge::times_base(s));
        std::array<KeyRun, 1> run{
            KeyRun{.key = tests::forge::neutral,
                   .table = std::make_shared<message::ed25519::KeyTable>(message::ed25519::neutral),
                   .claims = {signature.claim()}}};
        message::ed25519::verify(run);
        EXPECT_TRUE(run[0].right[0]);
    }
}

// --- messages

message::KeyPair keys_of(std::uint8_t byte) {
    std::array<std::uint8_t, 32> seed;
    seed.fill(byte);
    return message::KeyPair::from_seed(seed);
}

message::SignedRun run_of(const message::KeyPair& keys, std::size_t count,
                          const message::HmacKey& hmac) {
    message::SignedRun run;
    for (std::size_t i = 0; i < count; ++i) {
        message::Checked& made = run.messages.emplace_back();
        made.author = keys.id;
        made.signed_text = "message " + std::to_string(i);
        made.signature = message::sign(keys, hmac, made.signed_text);
    }
    return run;
}

TEST(Signatures, are_counted_up_to_the_first_bad_one) {
    for (const message::HmacKey& hmac :
         {message::HmacKey(),
          message::HmacKey::parse("EBESExQVFhcYGRobHB0eHyAhIiMkJSYnKCkqKywtLi8=")}) {
        for (std::size_t count : {0, 1, 2, 5}) {
            for (std::size_t bad = 0; bad <= count; ++bad) {
                message::SignedRun whole = run_of(keys_of(1), 4, hmac);
                message::SignedRun run = run_of(keys_of(2), count, hmac);
                if (bad < count) run.messages[bad].signature[1] ^= 1;
                std::array<message::SignedRun*, 2> runs{&run, &whole};
                message::verify(runs, hmac);
                EXPECT_EQ(run.good, bad);
                EXPECT_EQ(whole.good, 4U);
                EXPECT_NE(whole.key_table, nullptr);
            }
        }
    }
}

TEST(Signatures, are_not_refused_before_libsodium_was_asked) {
    message::SignedRun other = run_of(keys_of(1), 3, {});
    message::SignedRun run = run_of(keys_of(2), 3, {});
    std::array<message::SignedRun*, 1> one{&other};
    message::verify(one, {});
    // A fault: the table of another key.
    run.key_table = other.key_table;
    run.messages[2].signature[40] ^= 1;
    one[0] = &run;
    message::verify(one, {});
    EXPECT_EQ(run.good, 2U);
}

TEST(KeyTables, keep_those_used_last) {
    auto table = std::make_shared<const message::ed25519::KeyTable>(message::ed25519::base_point);
    message::KeyTables tables(3 * message::ed25519::KeyTable::bytes + 1);
    std::array<FeedId, 4> feeds;
    for (std::size_t i = 0; i < feeds.size(); ++i)
        feeds[i] = keys_of(static_cast<std::uint8_t>(i + 1)).id;
    EXPECT_EQ(tables.find(feeds[0]), nullptr);
    for (std::size_t i = 0; i < 3; ++i) tables.keep(feeds[i], table);
    tables.keep(feeds[1], table);
    EXPECT_EQ(tables.size(), 3U);
    EXPECT_EQ(tables.find(feeds[0]), table);
    tables.keep(feeds[3], table);
    EXPECT_EQ(tables.size(), 3U);
    EXPECT_EQ(tables.find(feeds[2]), nullptr);
    EXPECT_EQ(tables.find(feeds[0]), table);
    EXPECT_EQ(tables.find(feeds[1]), table);
    EXPECT_EQ(tables.find(feeds[3]), table);
}

}  // namespace
