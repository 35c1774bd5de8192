#include "base/base64.h"

#include <gtest/gtest.h>

namespace sbot::base {
namespace {

/// Every byte value, in an order that uses every digit.
Bytes some_bytes(std::size_t size) {
    Bytes out(size);
    for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>(i * 167 + 13);
    return out;
}

TEST(Base64, gives_the_examples_of_the_rfc) {
    EXPECT_EQ(to_base64(bytes_of("")), "");
    EXPECT_EQ(to_base64(bytes_of("f")), "Zg==");
    EXPECT_EQ(to_base64(bytes_of("fo")), "Zm8=");
    EXPECT_EQ(to_base64(bytes_of("foo")), "Zm9v");
    EXPECT_EQ(to_base64(bytes_of("foobar")), "Zm9vYmFy");
    EXPECT_EQ(to_base64(Bytes{0xfb, 0xff, 0xbf}), "+/+/");
}

TEST(Base64, comes_back_for_every_length) {
    for (std::size_t size = 0; size < 300; ++size) {
        Bytes data = some_bytes(size);
        std::string text = to_base64(data);
        EXPECT_EQ(from_base64(text), data);
        EXPECT_TRUE(is_canonical_base64(text));
        EXPECT_EQ(from_base64_lenient(text), data);
    }
}

TEST(Base64, has_one_text_for_each_value) {
    // Unused bits that are not zero, wrong padding, other alphabets, white space.
    for (auto text : {"Zh==", "Zm9=", "Zg=", "Zg", "Z===", "====", "=", "Zm9vZg", "-_-_", "Zm9v\n",
                      " Zm9v", "Zm=v", "Z=9v", "Zg==Zg==", "\xc3\xa9zz"}) {
        EXPECT_FALSE(from_base64(text)) << text;
        EXPECT_FALSE(is_canonical_base64(text)) << text;
    }
}

TEST(Base64, agrees_with_itself_on_any_two_characters_at_the_end) {
    for (int a = 0; a < 256; ++a) {
        for (int b = 0; b < 256; ++b) {
            std::string text = {'A', 'B', static_cast<char>(a), static_cast<char>(b)};
            auto data = from_base64(text);
            ASSERT_EQ(data.has_value(), is_canonical_base64(text)) << a << ' ' << b;
            if (data) {
                ASSERT_EQ(to_base64(*data), text);
            }
        }
    }
}

TEST(Base64, refuses_a_text_cut_anywhere_but_between_groups) {
    std::string text = to_base64(some_bytes(32));
    for (std::size_t length = 0; length < text.size(); ++length) {
        EXPECT_EQ(from_base64(text.substr(0, length)).has_value(), length % 4 == 0) << length;
    }
}

TEST(LenientBase64, skips_and_stops_as_node_does) {
    EXPECT_EQ(to_text(from_base64_lenient("Zm 9v\n")), "foo");
    EXPECT_EQ(to_text(from_base64_lenient("Zm9vZg")), "foof");
    EXPECT_EQ(to_text(from_base64_lenient("Zg==Zm9v")), "f");
    EXPECT_EQ(to_text(from_base64_lenient("Zh")), "f");
    EXPECT_EQ(from_base64_lenient("-_+/"), (Bytes{0xfb, 0xff, 0xbf}));
    EXPECT_EQ(from_base64_lenient("!"), Bytes{});
    EXPECT_EQ(from_base64_lenient("Z"), Bytes{});
}

TEST(Hex, is_lower_case_and_reads_both) {
    Bytes data = some_bytes(256);
    EXPECT_EQ(from_hex(to_hex(data)), data);
    EXPECT_EQ(to_hex(Bytes{0x00, 0xab, 0xff}), "00abff");
    EXPECT_EQ(from_hex("aBFf"), (Bytes{0xab, 0xff}));
    EXPECT_EQ(from_hex(""), Bytes{});
    for (auto text : {"a", "0g", "g0", " 0", "0x", "abc"}) EXPECT_FALSE(from_hex(text)) << text;
}

}  // namespace
}  // namespace sbot::base
