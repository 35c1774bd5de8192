#include "base/letters.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/number.h"
#include "base/utf.h"

namespace sbot::base {
namespace {

TEST(Letters, are_read_one_code_point_at_a_time) {
    for (char32_t code = 0; code < 0x110000; code += code < 0x3000 ? 1 : 37) {
        std::string text;
        append_code_point(text, code);
        std::size_t at = 0;
        ASSERT_TRUE(next_code_point(text, at) == code) << std::uint32_t{code};
        ASSERT_EQ(at, text.size());
    }
}

TEST(Letters, end_with_the_text_even_if_it_is_cut_or_damaged) {
    const std::string text = "a\u00e9\u20ac\U0001f389";
    for (std::size_t i = 0; i < text.size() * 8; ++i) {
        std::string damaged = text.substr(0, i / 8);
        std::string flipped = text;
        flipped[i / 8] = static_cast<char>(flipped[i / 8] ^ (1 << i % 8));
        for (const std::string& bad : {damaged, flipped}) {
            std::size_t at = 0;
            std::size_t steps = 0;
            while (at < bad.size()) {
                (void)next_code_point(bad, at);
                ++steps;
            }
            EXPECT_EQ(at, bad.size());
            EXPECT_LE(steps, bad.size());
        }
    }
}

TEST(Letters, have_the_lower_case_of_v8) {
    const std::pair<const char*, const char*> cases[] = {
        {"AZaz09[]", "azaz09[]"},
        {"\u00c4\u00d6\u00dc\u00df\u00d7\u1e9e", "\u00e4\u00f6\u00fc\u00df\u00d7\u00df"},
        {"\u0100\u0101\u0130\u0131", "\u0101\u0101i\u0307\u0131"},
        {"\u01c4\u01c5\u01c6", "\u01c6\u01c6\u01c6"},
        {"\u0416\u0401\u042f", "\u0436\u0451\u044f"},
        {"\u10a0\u13a0\u2c00\ua640\ua7ae", "\u2d00\uab70\u2c30\ua641\u026a"},
        {"\U00010400\U0001e921", "\U00010428\U0001e943"},
        {"\u212a\u212b\u2126", "k\u00e5\u03c9"},
        {"\u65e5\u672c \U0001f389", "\u65e5\u672c \U0001f389"},
    };
    for (auto [upper, lower] : cases) EXPECT_EQ(lower_case(upper), lower);
    EXPECT_EQ(lower_case("\xed\xa0\xbc\xff"), "\xed\xa0\xbc\xff");
}

TEST(Letters, end_greek_words_in_a_final_sigma) {
    EXPECT_EQ(lower_case("\u039f\u03a3 \u03a3\u039f\u03a3!"), "\u03bf\u03c2 \u03c3\u03bf\u03c2!");
    EXPECT_EQ(lower_case("\u03a3"), "\u03c3");
    EXPECT_EQ(lower_case("A\u03a3.B"), "a\u03c3.b");
    EXPECT_EQ(lower_case("A\u03a3'"), "a\u03c2'");
}

TEST(Letters, know_javascripts_white_space) {
    EXPECT_EQ(trimmed(" \t\r\n\v\f\u00a0\u1680\u2003\u2028\u3000\ufeffa b\u00a0 "), "a b");
    EXPECT_EQ(trimmed(" \n "), "");
    EXPECT_EQ(trimmed(""), "");
    EXPECT_EQ(first_line("a\u2028b"), "a");
    EXPECT_EQ(first_line("a\rb"), "a");
    EXPECT_EQ(first_line("a\u00a0b"), "a\u00a0b");
    EXPECT_EQ(trimmed("\u200ba\u180e"), "\u200ba\u180e");
    for (char32_t code : {0x0u, 0x1cu, 0x85u, 0x180eu, 0x200bu}) EXPECT_FALSE(is_space(code));
}

TEST(Number, is_what_javascript_makes_of_a_text) {
    const std::pair<const char*, double> cases[] = {
        {"", 0},
        {" \n\ufeff", 0},
        {"8008", 8008},
        {" 8008\t", 8008},
        {"08008", 8008},
        {"-5", -5},
        {"+5", 5},
        {".5", .5},
        {"5.", 5},
        {"-.5e1", -5},
        {"1e3", 1000},
        {"1E-2", .01},
        {"0x10", 16},
        {"0XfF", 255},
        {"0b101", 5},
        {"0o17", 15},
        {"12345678901234567890", 12345678901234567890.0},
        {"1e-400", 0},
        {"5e-324", 5e-324},
        {"Infinity", std::numeric_limits<double>::infinity()},
        {"1e400", std::numeric_limits<double>::infinity()},
        {"-Infinity", -std::numeric_limits<double>::infinity()},
    };
    for (auto [text, number] : cases) EXPECT_EQ(to_number(text), number) << text;
    EXPECT_TRUE(std::signbit(to_number("-0")));
}

TEST(Number, is_nan_for_the_rest) {
    for (auto text : {"x",   "1x",       "1 2", "0x",  "0xg", "-0x1",  "+0b1",   "0b2",
                      "0o8", ".",        "+",   "-",   "e5",  "1e",    "1e+",    "1.2.3",
                      "--1", "infinity", "inf", "nan", "NaN", "1_000", "0x1.8p1"}) {
        EXPECT_TRUE(std::isnan(to_number(text))) << text;
    }
}

TEST(Number, is_whole_from_0_on_as_far_as_doubles_are_exact) {
    EXPECT_EQ(whole(0), 0U);
    EXPECT_EQ(whole(9007199254740991.0), (std::uint64_t{1} << 53) - 1);
    for (double other : {-1.0, 0.5, 9007199254740992.0, 1e300}) EXPECT_FALSE(whole(other)) << other;
    EXPECT_FALSE(whole(std::nan("")));
}

}  // namespace
}  // namespace sbot::base
