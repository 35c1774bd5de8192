#include "sbot/json_items.h"

#include <gtest/gtest.h>

namespace sbot::app {
namespace {

using Texts = std::vector<std::string>;

/// All of it, in pieces of `step` bytes.
Result<Texts> cut(std::string_view text, std::size_t step, std::size_t item_bytes_max = 100) {
    JsonItems items(item_bytes_max);
    Texts out;
    for (std::size_t at = 0; at < text.size(); at += step) {
        if (auto ok = items.add(text.substr(at, step), out); !ok) return std::move(ok).error();
    }
    if (auto whole = items.finish(); !whole) return std::move(whole).error();
    return out;
}

TEST(JsonItems, are_the_same_wherever_the_text_is_cut) {
    const Texts expected = {R"({"a":{"b":[1,{}]}})", R"({"c":"} \" { \\"})", "{\n  \"d\": 1\n}"};
    const std::string lines = expected[0] + "\n" + expected[1] + "\r\n\n" + expected[2] + "\n\n";
    const std::string list = "[" + expected[0] + ", " + expected[1] + ",\n" + expected[2] + "]";
    for (const std::string& text : {lines, list}) {
        for (std::size_t step = 1; step <= text.size(); ++step) {
            auto got = cut(text, step);
            ASSERT_TRUE(got) << got.error().what;
            EXPECT_EQ(*got, expected) << step;
        }
    }
    EXPECT_EQ(cut("", 1)->size(), 0u);
}

TEST(JsonItems, give_what_comes_before_a_mistake) {
    JsonItems items(100);
    Texts out;
    EXPECT_FALSE(items.add(R"({"a":1} {"b":2} odd {"c":3})", out));
    EXPECT_EQ(out, (Texts{R"({"a":1})", R"({"b":2})"}));
}

TEST(JsonItems, refuse_what_is_no_object_and_what_has_no_end) {
    EXPECT_EQ(cut("{}\n\nodd", 3).error().what, "line 3: no JSON object");
    EXPECT_EQ(cut("5", 1).error().what, "line 1: no JSON object");
    const std::string text = R"({"a": {"b": "}"}})";
    for (std::size_t size = 1; size < text.size(); ++size) {
        auto got = cut(text.substr(0, size), 4);
        ASSERT_FALSE(got) << size;
        EXPECT_EQ(got.error().what, "line 1: the text ends inside an object");
    }
    EXPECT_EQ(cut("{" + std::string(100, ' ') + "}", 7).error().code, Errc::limit);
}

}  // namespace
}  // namespace sbot::app
