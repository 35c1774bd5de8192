#include "base/utf.h"

#include <gtest/gtest.h>

#include "base/base64.h"

namespace sbot::base {
namespace {

std::string repaired(std::string_view bytes) { return to_utf8(bytes_of(bytes)); }

const std::string bad = "\ufffd";

TEST(Utf8, keeps_every_code_point_and_has_no_surrogates) {
    for (char32_t code = 0; code < 0x110000; code += code < 0x3000 ? 1 : 37) {
        std::string text;
        append_code_point(text, code);
        bool surrogate = code >= 0xd800 && code < 0xe000;
        ASSERT_EQ(is_utf8(text), !surrogate) << std::uint32_t{code};
        ASSERT_EQ(repaired(text), surrogate ? bad + bad + bad : text) << std::uint32_t{code};
        ASSERT_EQ(utf16_length(text), code > 0xffff ? 2u : 1u) << std::uint32_t{code};
    }
}

TEST(Utf8, replaces_each_maximal_bad_part_by_one_character) {
    // The examples of the Unicode standard, tables 3-8 to 3-11.
    EXPECT_EQ(repaired("\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41"),
              bad + bad + bad + bad + bad + bad + bad + bad + "A");
    EXPECT_EQ(repaired("\xed\xa0\x80\xed\xbf\xbf\xed\xaf\x41"),
              bad + bad + bad + bad + bad + bad + bad + bad + "A");
    EXPECT_EQ(repaired("\xf4\x91\x92\x93\xff\x41\x80\xbf\x42"),
              bad + bad + bad + bad + bad + "A" + bad + bad + "B");
    EXPECT_EQ(repaired("\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41"), bad + bad + bad + bad + "A");
}

TEST(Utf8, gives_good_text_whatever_is_cut_or_flipped) {
    const std::string text = "plain ascii of some length \u00e9\u20ac\U0001f389 and more of it";
    for (std::size_t length = 0; length <= text.size(); ++length) {
        EXPECT_TRUE(is_utf8(repaired(text.substr(0, length)))) << length;
        EXPECT_TRUE(is_utf8(repaired(text.substr(length)))) << length;
    }
    for (std::size_t i = 0; i < text.size() * 8; ++i) {
        std::string flipped = text;
        flipped[i / 8] = static_cast<char>(flipped[i / 8] ^ (1 << i % 8));
        EXPECT_TRUE(is_utf8(repaired(flipped))) << i;
        EXPECT_EQ(is_utf8(flipped), repaired(flipped) == flipped) << i;
    }
}

TEST(Utf8, is_checked_alike_at_every_place_in_a_word) {
    for (std::size_t before = 0; before < 20; ++before) {
        std::string text = std::string(before, 'x') + "\xff" + std::string(20 - before, 'y');
        EXPECT_FALSE(is_utf8(text));
        EXPECT_EQ(repaired(text), std::string(before, 'x') + bad + std::string(20 - before, 'y'));
    }
}

TEST(Utf16, counts_units_as_javascript_does) {
    EXPECT_EQ(utf16_length(""), 0u);
    EXPECT_EQ(utf16_length("abc"), 3u);
    EXPECT_EQ(utf16_length("\u00e9\u20ac"), 2u);
    EXPECT_EQ(utf16_length("\U0001f389"), 2u);
    EXPECT_EQ(utf16_length("\xed\xa0\xbc"), 1u);  // an unpaired surrogate
}

TEST(Latin1, keeps_the_low_byte_of_every_unit) {
    auto hex = [](std::string_view text) { return to_hex(latin1_truncated(text)); };
    EXPECT_EQ(hex("abc"), "616263");
    EXPECT_EQ(hex("\u00e9"), "e9");
    EXPECT_EQ(hex("\u20ac"), "ac");
    EXPECT_EQ(hex("\U0001f389"), "3c89");   // d83c df89
    EXPECT_EQ(hex("\xed\xa0\xbc"), "3c");   // d83c alone
    EXPECT_EQ(hex("\U0010ffff"), "ffff");   // dbff dfff
    EXPECT_EQ(hex("\xe2\x82").size(), 2u);  // cut: something, and no read past the end
}

}  // namespace
}  // namespace sbot::base
