#include "sbot/config_file.h"

#include <gtest/gtest.h>

// What files mean is in arguments_test.cc, against vectors.

namespace sbot::app {
namespace {

std::string reason(std::string_view text) {
    auto config = parse_config_text(text);
    return config ? "accepted: " + config->to_json() : config.error().what;
}

TEST(ConfigFile, says_line_and_reason_of_what_it_refuses) {
    EXPECT_EQ(reason("{\n\"a\": 1,\n\"b\": x\n}").substr(0, 8), "line 3: ");
    EXPECT_EQ(reason("{ // \"\n /* \n */ \"a\": }").substr(0, 8), "line 3: ");
    EXPECT_EQ(reason("a = 1\n\n= 2"), "line 3: value without a key");
    EXPECT_EQ(reason("a = 1\r\n'' = 2"), "line 2: value without a key");
    EXPECT_EQ(reason("[a"), "line 1: section that is not alone between [ and ]");
    EXPECT_EQ(reason("x = 1\n[a] ; comment"), "line 2: section that is not alone between [ and ]");
    EXPECT_EQ(reason(" [a]"), "line 1: section that is not alone between [ and ]");
    EXPECT_EQ(reason("a = 1\n[a]\nb = 2"), "line 2: section with the name of a value: a");
    EXPECT_EQ(reason("a[] = 1\n[a.b]\nc = 2"), "section inside a list: a.b");
    EXPECT_EQ(reason("'[1]' = 2"), "line 1: key that is no text");
}

TEST(ConfigFile, refuses_what_is_no_configuration) {
    auto refusal = [](std::string_view bytes) {
        auto config = parse_config_file(bytes);
        return config ? "accepted: " + config->to_json() : config.error().what;
    };
    for (std::string_view bytes : {"\xff\xfe{\0}\0", "a = \xe4", "{\"a\": \"\xed\xa0\x80\"}"}) {
        EXPECT_TRUE(refusal(bytes).starts_with("it is no text in UTF-8")) << bytes;
    }
    using namespace std::string_view_literals;
    for (std::string_view bytes : {"a = 1\nb\0c"sv, "\n\x1b[0m"sv, " \nx = \x7f"sv}) {
        EXPECT_TRUE(refusal(bytes).starts_with("line 2: a control character")) << bytes;
    }
    for (std::string_view bytes : {"[1,2]", "[]", "\xef\xbb\xbf[]", "5", "null", " \"text\"\n"}) {
        EXPECT_TRUE(refusal(bytes).starts_with("it must be an object")) << bytes;
    }
    EXPECT_EQ(refusal("[a]\nb = 1\r\n\tc = \xc3\xa4"), R"(accepted: {"a":{"b":"1","c":"ä"}})");
    EXPECT_EQ(refusal("\xef\xbb\xbf{\"a\": 1}"), R"(accepted: {"a":1})");
    EXPECT_EQ(refusal("\xef\xbb\xbf"
                      "a = 1"),
              R"(accepted: {"a":"1"})");
}

TEST(ConfigFile, skips_lines_that_look_empty) {
    // The reference makes a member without a name of them.
    EXPECT_EQ(parse_config_text("a = 1\n  \t\nb = 2\n ")->to_json(), R"({"a":"1","b":"2"})");
}

TEST(ConfigFile, bounds_how_deep_it_goes) {
    std::string json(200, '[');
    auto deep = parse_config_text("{\"a\":" + json);
    ASSERT_FALSE(deep);
    EXPECT_EQ(deep.error().code, Errc::limit);
    std::string section = "[a";
    for (int i = 0; i < 200; ++i) section += ".a";
    EXPECT_FALSE(parse_config_text(section + "]\nb = 1"));
}

TEST(ConfigFile, is_an_object_or_an_error_wherever_it_is_cut_or_flipped) {
    for (std::string whole : {"{\"a\": [1, \"x // \\\" \"], // c\n \"b\": /* d */ null}",
                              "a = 1 ; c\n[b.c]\nd[] = 'x'\ne = \"\\n\"\n[f\\.g]\nh\n"}) {
        for (std::size_t length = 0; length <= whole.size(); ++length) {
            auto config = parse_config_text(whole.substr(0, length));
            EXPECT_TRUE(!config || config->is_object());
        }
        for (std::size_t i = 0; i < whole.size() * 8; ++i) {
            std::string bad = whole;
            bad[i / 8] = static_cast<char>(bad[i / 8] ^ (1 << i % 8));
            auto config = parse_config_text(bad);
            EXPECT_TRUE(!config || config->is_object());
        }
    }
}

TEST(Environment, ignores_what_has_no_name_or_another_prefix) {
    EXPECT_EQ(config_of_environment(
                  std::vector<std::string>{"ssb_a", "=ssb_b=1", "ss=1", "testnet_a=1", "ssb_c=d=e"},
                  "ssb_")
                  .to_json(),
              R"({"c":"d=e"})");
}

}  // namespace
}  // namespace sbot::app
