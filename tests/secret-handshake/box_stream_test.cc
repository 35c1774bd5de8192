#include "secret-handshake/box_stream.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "base/base64.h"
#include "base/json.h"
#include "tests/secret-handshake/by_hand.h"

namespace sbot::shs {
namespace {

using by_hand::Block;

Bytes hex(std::string_view text) { return *base::from_hex(text); }

const Block test_key = by_hand::block_of(0x11);
const Nonce test_nonce = [] {
    Nonce nonce;
    nonce.fill(0x22);
    nonce[22] = nonce[23] = 0xff;
    return nonce;
}();

base::Secret<32> secret(const Block& key) { return base::Secret<32>(key); }

Nonce after(Nonce nonce, int steps) {
    for (; steps > 0; --steps) {
        for (std::size_t i = nonce.size(); i-- > 0 && ++nonce[i] == 0;) {
        }
    }
    return nonce;
}

/// Bytes that are not all alike and the same each time.
Bytes noise(std::string_view seed, std::size_t length) {
    Bytes out;
    for (std::size_t i = 0; out.size() < length; ++i) {
        base::append(out,
                     by_hand::sha256(base::bytes_of(std::string(seed) + ":" + std::to_string(i))));
    }
    out.resize(length);
    return out;
}

Bytes sealed(const std::vector<Bytes>& chunks, bool goodbye = true) {
    BoxWriter writer(secret(test_key), test_nonce);
    Bytes wire;
    for (const Bytes& chunk : chunks) writer.write(chunk, wire);
    if (goodbye) writer.goodbye(wire);
    return wire;
}

/// What came out of a reader, and how it ended.
struct Reading {
    Bytes plain;
    bool proper = false;  // ended by a goodbye
    bool operator==(const Reading&) const = default;
};

Reading opened(ByteView wire, const std::vector<std::size_t>& pieces = {},
               const Block& key = test_key, const Nonce& nonce = test_nonce) {
    BoxReader reader(secret(key), nonce);
    Reading reading;
    for (std::size_t piece : pieces) {
        std::size_t count = std::min(piece, wire.size());
        (void)reader.read(wire.first(count), reading.plain);
        wire = wire.subspan(count);
    }
    (void)reader.read(wire, reading.plain);
    reading.proper = reader.finish().has_value();
    EXPECT_EQ(reader.state(), reading.proper ? BoxReader::State::ended : BoxReader::State::failed);
    return reading;
}

/// A frame of somebody who has the key and does not keep to the rules.
Bytes forged_frame(std::size_t length, ByteView body, Nonce nonce = test_nonce) {
    Bytes boxed = by_hand::box(body, test_key, after(nonce, 1));
    Bytes header(2);
    base::store_be(header, 2, length);
    base::append(header, ByteView(boxed).first(16));
    return by_hand::join({by_hand::box(header, test_key, nonce), ByteView(boxed).subspan(16)});
}

std::vector<Bytes> vector_chunks(json::Value list) {
    std::vector<Bytes> chunks;
    for (json::Value chunk : list.elements()) {
        chunks.push_back(chunk.is_string()
                             ? hex(chunk.string())
                             : noise(chunk["seed"].string(),
                                     static_cast<std::size_t>(chunk["length"].number())));
    }
    return chunks;
}

template <std::size_t N>
std::array<std::uint8_t, N> array_of(json::Value text) {
    Bytes bytes = hex(text.string());
    std::array<std::uint8_t, N> out{};
    EXPECT_EQ(bytes.size(), N);
    std::copy_n(bytes.begin(), N, out.begin());
    return out;
}

void check_encode(json::Value test) {
    Block key = array_of<32>(test["key"]);
    Nonce nonce = array_of<24>(test["nonce"]);
    BoxWriter writer(secret(key), nonce);
    Bytes wire;
    Bytes plain;
    for (const Bytes& chunk : vector_chunks(test["chunks"])) {
        writer.write(chunk, wire);
        base::append(plain, chunk);
    }
    writer.goodbye(wire);
    json::Value want = test["wire"];
    if (want.is_string()) {
        EXPECT_EQ(base::to_hex(wire), want.string());
    } else {
        EXPECT_EQ(static_cast<double>(wire.size()), want["length"].number());
        EXPECT_EQ(base::to_hex(by_hand::sha256(wire)), want["sha256"].string());
    }
    EXPECT_EQ(base::to_hex(by_hand::sha256(plain)), test["plain_sha256"].string());
    EXPECT_EQ(opened(wire, {}, key, nonce), (Reading{plain, true}));
}

void check_decode(json::Value test) {
    std::vector<std::size_t> pieces;
    for (json::Value size : test["pieces"].elements()) {
        pieces.push_back(static_cast<std::size_t>(size.number()));
    }
    Reading reading = opened(hex(test["wire"].string()), pieces, array_of<32>(test["key"]),
                             array_of<24>(test["nonce"]));
    EXPECT_EQ(base::to_hex(reading.plain), test["plain"].string());
    EXPECT_EQ(reading.proper, test["verdict"].is("ok"));
}

TEST(BoxStream, agrees_with_the_vectors) {
    std::ifstream file(SBOT_SOURCE_DIR "/tests/vectors/boxstream.jsonl");
    std::string line;
    int count = 0;
    for (; std::getline(file, line); ++count) {
        auto test = json::Document::parse(line);
        ASSERT_TRUE(test);
        SCOPED_TRACE(std::string(test->root()["name"].string()));
        if (test->root()["kind"].is("encode")) {
            check_encode(test->root());
        } else {
            check_decode(test->root());
        }
    }
    EXPECT_EQ(count, 64);
}

TEST(BoxStream, writes_header_and_body_side_by_side_behind_what_is_there) {
    BoxWriter writer(secret(test_key), test_nonce);
    Bytes out = base::to_bytes("before");
    writer.write(base::bytes_of("hello"), out);
    EXPECT_EQ(out.size(), 6 + box_header_bytes + 5);
    EXPECT_EQ(base::text_of(ByteView(out).first(6)), "before");
    EXPECT_EQ(base::to_bytes(ByteView(out).subspan(6)), sealed({base::to_bytes("hello")}, false));
}

TEST(BoxStream, splits_at_4096_and_never_sends_nothing) {
    auto wire_bytes = [](std::size_t plain) { return sealed({Bytes(plain)}, false).size(); };
    EXPECT_EQ(wire_bytes(0), 0U);
    EXPECT_EQ(wire_bytes(1), 34U + 1);
    EXPECT_EQ(wire_bytes(4096), 34U + 4096);
    EXPECT_EQ(wire_bytes(4097), 2 * 34U + 4097);
    EXPECT_EQ(wire_bytes(8192), 2 * 34U + 8192);
    EXPECT_EQ(sealed({Bytes(8192)}), sealed({Bytes(4096), {}, Bytes(4096)}));
    EXPECT_EQ(sealed({}).size(), box_header_bytes);
}

TEST(BoxStream, reads_behind_what_is_there) {
    BoxReader reader(secret(test_key), test_nonce);
    Bytes plain = base::to_bytes("a");
    ASSERT_TRUE(reader.read(sealed({base::to_bytes("b"), base::to_bytes("c")}, false), plain));
    EXPECT_EQ(base::text_of(plain), "abc");
    EXPECT_EQ(reader.state(), BoxReader::State::open);
}

TEST(BoxStream, gives_the_same_for_every_way_to_cut_the_wire) {
    Bytes plain = noise("splits", 140);
    ByteView view = plain;
    Bytes wire = sealed({base::to_bytes(view.first(1)), base::to_bytes(view.subspan(1, 99)),
                         base::to_bytes(view.subspan(100))});
    const Reading whole{plain, true};
    for (std::size_t first = 0; first <= wire.size(); ++first) {
        EXPECT_EQ(opened(wire, {first}), whole) << first;
        for (std::size_t second = 0; second <= wire.size() - first; second += 7) {
            EXPECT_EQ(opened(wire, {first, second}), whole) << first << ' ' << second;
        }
    }
    for (std::size_t size = 1; size < wire.size(); ++size) {
        EXPECT_EQ(opened(wire, std::vector<std::size_t>(wire.size() / size, size)), whole) << size;
    }
}

TEST(BoxStream, carries_a_megabyte_between_ends_with_other_block_sizes) {
    Bytes plain = noise("megabyte", 1 << 20);
    for (std::size_t written : {1000U, 4096U, 5000U, 65536U}) {
        BoxWriter writer(secret(test_key), test_nonce);
        Bytes wire;
        for (std::size_t at = 0; at < plain.size(); at += written) {
            writer.write(ByteView(plain).subspan(at, std::min(written, plain.size() - at)), wire);
        }
        writer.goodbye(wire);
        for (std::size_t read : {999U, 4096U, 4130U, 65536U}) {
            Reading reading = opened(wire, std::vector<std::size_t>(wire.size() / read, read));
            EXPECT_TRUE(reading == (Reading{plain, true})) << written << ' ' << read;
        }
    }
}

TEST(BoxStream, takes_a_cut_at_any_byte_for_an_error) {
    Bytes wire = sealed({base::to_bytes("first frame"), base::to_bytes("second")});
    const std::size_t first_end = 34 + 11;
    const std::size_t second_end = first_end + 34 + 6;
    for (std::size_t cut = 0; cut < wire.size(); ++cut) {
        Reading reading = opened(ByteView(wire).first(cut));
        EXPECT_FALSE(reading.proper) << cut;
        EXPECT_EQ(base::text_of(reading.plain), cut < first_end    ? ""
                                                : cut < second_end ? "first frame"
                                                                   : "first framesecond");
    }
}

TEST(BoxStream, refuses_a_flipped_bit_at_every_byte) {
    const Bytes wire = sealed({base::to_bytes("first frame"), base::to_bytes("second")});
    const std::size_t first_end = 34 + 11;
    const std::size_t second_end = first_end + 34 + 6;
    for (std::size_t at = 0; at < wire.size(); ++at) {
        Bytes damaged = wire;
        damaged[at] ^= static_cast<std::uint8_t>(1 << at % 8);
        BoxReader reader(secret(test_key), test_nonce);
        Bytes plain;
        auto result = reader.read(damaged, plain);
        ASSERT_FALSE(result) << at;
        EXPECT_EQ(result.error().code, Errc::invalid);
        EXPECT_EQ(base::text_of(plain), at < first_end    ? ""
                                        : at < second_end ? "first frame"
                                                          : "first framesecond");
    }
}

TEST(BoxStream, refuses_a_long_body_as_soon_as_its_header_is_in) {
    for (std::size_t length : {4097U, 65535U}) {
        BoxReader reader(secret(test_key), test_nonce);
        Bytes plain;
        auto result = reader.read(
            ByteView(forged_frame(length, Bytes(length))).first(box_header_bytes), plain);
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, Errc::limit);
        EXPECT_TRUE(plain.empty());
    }
    EXPECT_EQ(opened(forged_frame(4096, Bytes(4096))).plain.size(), 4096U);
}

TEST(BoxStream, takes_an_empty_body_for_nothing_and_not_for_a_goodbye) {
    Bytes wire = forged_frame(0, {});
    EXPECT_EQ(opened(wire), (Reading{{}, false}));
    base::append(wire, by_hand::box(Bytes(18), test_key, after(test_nonce, 2)));
    EXPECT_EQ(opened(wire), (Reading{{}, true}));
    EXPECT_EQ(opened(wire, std::vector<std::size_t>(wire.size(), 1)), (Reading{{}, true}));
    Bytes header(18);
    header[17] = 1;  // the MAC of no empty body
    EXPECT_FALSE(opened(by_hand::box(header, test_key, test_nonce)).proper);
}

TEST(BoxStream, refuses_frames_out_of_order) {
    const Bytes one = sealed({base::to_bytes("one")}, false);
    const Bytes both = sealed({base::to_bytes("one"), base::to_bytes("two")}, false);
    const Bytes two(both.begin() + static_cast<std::ptrdiff_t>(one.size()), both.end());
    EXPECT_EQ(opened(by_hand::join({one, one})), (Reading{base::to_bytes("one"), false}));
    EXPECT_EQ(opened(by_hand::join({two, one})), (Reading{{}, false}));
}

TEST(BoxStream, refuses_another_key_or_another_nonce) {
    Bytes wire = sealed({base::to_bytes("x")});
    EXPECT_EQ(opened(wire, {}, by_hand::block_of(0x12)), (Reading{{}, false}));
    EXPECT_EQ(opened(wire, {}, test_key, after(test_nonce, 1)), (Reading{{}, false}));
}

TEST(BoxStream, ignores_what_follows_a_goodbye) {
    Bytes wire = by_hand::join({sealed({base::to_bytes("x")}), Bytes(100, 0xff)});
    EXPECT_EQ(opened(wire), (Reading{base::to_bytes("x"), true}));
    EXPECT_EQ(opened(wire, std::vector<std::size_t>(wire.size(), 1)),
              (Reading{base::to_bytes("x"), true}));
}

TEST(BoxStream, stays_failed) {
    BoxReader reader(secret(test_key), test_nonce);
    Bytes plain;
    auto bad = reader.read(Bytes(box_header_bytes), plain);
    ASSERT_FALSE(bad);
    EXPECT_EQ(bad.error().code, Errc::invalid);
    auto again = reader.read(sealed({base::to_bytes("x")}), plain);
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, Errc::closed);
    EXPECT_FALSE(reader.finish());
    EXPECT_TRUE(plain.empty());
}

TEST(BoxStream, is_over_once_the_input_is) {
    BoxReader cut(secret(test_key), test_nonce);
    Bytes plain;
    auto end = cut.finish();
    ASSERT_FALSE(end);
    EXPECT_EQ(end.error().code, Errc::closed);
    EXPECT_FALSE(cut.read(sealed({}), plain));

    BoxReader headless(secret(test_key), test_nonce);
    Bytes wire = sealed({base::to_bytes("hello")});
    ASSERT_TRUE(headless.read(ByteView(wire).first(box_header_bytes), plain));
    EXPECT_TRUE(headless.right_behind_header());
    EXPECT_FALSE(headless.finish());
    ASSERT_TRUE(plain.empty());

    BoxReader proper(secret(test_key), test_nonce);
    ASSERT_TRUE(proper.read(sealed({}), plain));
    EXPECT_TRUE(proper.finish());
    EXPECT_TRUE(proper.finish());
}

using BoxStreamDeathTest = testing::Test;

TEST(BoxStreamDeathTest, has_nothing_to_say_after_goodbye) {
    BoxWriter writer(secret(test_key), test_nonce);
    Bytes out;
    EXPECT_FALSE(writer.ended());
    writer.goodbye(out);
    EXPECT_TRUE(writer.ended());
    EXPECT_DEATH(writer.write(Bytes(1), out), "ended_");
    EXPECT_DEATH(writer.goodbye(out), "ended_");
}

}  // namespace
}  // namespace sbot::shs
