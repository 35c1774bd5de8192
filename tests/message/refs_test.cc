#include "message/refs.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "base/json.h"

namespace sbot::message {
namespace {

const std::string key = "ZoLuMIlQsXXqcc/1PAzrqgAQPkFSgQWLQXcrdrcHu0I=";
const std::string feed = "@" + key + ".ed25519";
const std::string msg = "%" + key + ".sha256";
const std::string blob = "&" + key + ".sha256";

/// What ssb-ref's function gives, as JSON; empty for functions that are not in this folder.
std::string ask(std::string_view fn, std::string_view text) {
    using Check = bool (*)(std::string_view);
    const std::pair<std::string_view, Check> checks[] = {
        {"isFeed", is_feed},          {"isMsg", is_msg},
        {"isBlob", is_blob},          {"isCloakedMsg", is_cloaked_msg},
        {"isFeedType", is_feed_type}, {"isMsgType", is_msg_type},
        {"isBlobType", is_blob_type}, {"isLink", is_link},
        {"isMsgLink", is_msg_link},   {"isBlobLink", is_blob_link}};
    for (auto [name, check] : checks) {
        if (name == fn) return check(text) ? "true" : "false";
    }
    json::Writer out;
    std::optional<std::string> found;
    if (fn == "extract") {
        found = extract(text);
    } else if (fn == "normalizeChannel") {
        found = normalize_channel(text);
    } else if (fn == "parseLink") {
        auto link = parse_link(text);
        if (!link) return "null";
        out.begin_object().member("link", link->link);
        if (link->query) {
            out.name("query").begin_object();
            for (const auto& [name, values] : *link->query) {
                out.name(name);
                if (values.size() > 1) out.begin_array();
                for (const auto& value : values) out.value(value);
                if (values.size() > 1) out.end_array();
            }
            out.end_object();
        }
        out.end_object();
        return out.text();
    } else {
        return "";
    }
    if (!found) return "null";
    out.value(*found);
    return out.text();
}

// Made by calling each function of npm ssb-ref 2.16.0: `fn`, `arg`, `out` a line.
TEST(Refs, answers_the_vectors_of_ssb_ref) {
    std::ifstream file(SBOT_SOURCE_DIR "/tests/vectors/refs.jsonl");
    std::size_t asked = 0;
    for (std::string line; std::getline(file, line);) {
        auto document = json::Document::parse(line);
        ASSERT_TRUE(document);
        json::Value test = document->root();
        if (!test["arg"].is_string()) continue;
        std::string got = ask(test["fn"].string(), test["arg"].string());
        if (got.empty()) continue;
        EXPECT_EQ(got, json::compact(test["out"])) << line;
        ++asked;
    }
    EXPECT_EQ(asked, 586u);
}

TEST(Refs, takes_no_reference_that_is_cut_anywhere) {
    for (const std::string& whole : {feed, msg, blob}) {
        ASSERT_TRUE(is_link(whole));
        for (std::size_t length = 0; length < whole.size(); ++length) {
            std::string cut = whole.substr(0, length);
            EXPECT_FALSE(is_feed(cut) || is_msg(cut) || is_blob(cut) || is_link(cut)) << cut;
        }
        EXPECT_FALSE(is_link(whole + "x"));
        EXPECT_FALSE(is_link(" " + whole));
        EXPECT_FALSE(is_link(whole + "\n"));
    }
}

TEST(Refs, stays_itself_whatever_bit_is_flipped) {
    for (const std::string& whole : {feed, msg, blob}) {
        for (std::size_t i = 0; i < whole.size() * 8; ++i) {
            std::string bad = whole;
            bad[i / 8] = static_cast<char>(bad[i / 8] ^ (1 << i % 8));
            // Nothing to expect in general: a flipped bit may give another good key.
            bool any = is_feed(bad) || is_msg(bad) || is_blob(bad);
            EXPECT_EQ(any, is_link(bad));
            (void)parse_link(bad);
            (void)extract(bad);
            (void)normalize_channel(bad);
            if (i / 8 > key.size() + 1) {
                EXPECT_FALSE(any) << bad;
            }
        }
    }
}

TEST(Refs, takes_any_one_unit_for_the_dot) {
    EXPECT_TRUE(is_feed("@" + key + "Xed25519"));
    EXPECT_TRUE(is_feed("@" + key + "\u00e9ed25519"));
    EXPECT_TRUE(is_feed("@" + key + ".sha256"));
    EXPECT_FALSE(is_feed("@" + key + "\U0001f389ed25519"));
    EXPECT_FALSE(is_feed("@" + key + "\ned25519"));
    EXPECT_FALSE(is_feed("@" + key + "\u2028ed25519"));
    EXPECT_FALSE(is_feed("@" + key + "ed25519"));
    // 42 digits and two signs: 31 bytes.
    EXPECT_FALSE(is_feed("@" + key.substr(0, 41) + "Q==.ed25519"));
}

TEST(Refs, reads_the_key_of_a_private_blob_with_its_plus_signs) {
    auto link = parse_link(blob + "?unbox=a+b/c%3D.boxs&size=3");
    ASSERT_TRUE(link);
    EXPECT_EQ(link->link, blob);
    EXPECT_EQ(link->unbox(), "a+b/c=.boxs");
    EXPECT_EQ(parse_link(blob)->unbox(), std::nullopt);
    EXPECT_EQ(parse_link(blob + "?unbox=1&unbox=2")->unbox(), std::nullopt);
}

TEST(Refs, reads_a_damaged_query_as_node_does) {
    auto query = [](const std::string& text) { return ask("parseLink", msg + "?" + text); };
    std::string head = "{\"link\":\"" + msg + "\",\"query\":";
    EXPECT_EQ(query("a=%zz"), head + "{\"a\":\"%zz\"}}");
    EXPECT_EQ(query("a=%41%zz"), head + "{\"a\":\"A%zz\"}}");
    EXPECT_EQ(query("a=%ff"), head + "{\"a\":\"\ufffd\"}}");
    EXPECT_EQ(query("=&&b&="), head + "{\"\":[\"\",\"\"],\"b\":\"\"}}");
    EXPECT_EQ(query("a\nb"), "null");
}

TEST(Refs, reads_no_more_of_a_query_than_node) {
    std::string many;
    for (int i = 0; i < 1500; ++i) many += "a=" + std::to_string(i) + "&";
    auto link = parse_link(msg + "?" + many);
    ASSERT_TRUE(link);
    EXPECT_EQ(link->query->front().second.size(), 1000u);
}

TEST(Refs, normalizes_channels_of_any_script) {
    EXPECT_EQ(normalize_channel("\u039f\u0394\u039f\u03a3"), "\u03bf\u03b4\u03bf\u03c2");
    EXPECT_EQ(normalize_channel("\u0130"), "i\u0307");
    EXPECT_EQ(normalize_channel("a\u00a0\u3000\ufeffb"), "ab");
    EXPECT_EQ(normalize_channel("#.,"), std::nullopt);
}

TEST(Refs, cuts_channels_by_units_even_inside_a_character) {
    std::string long_name(29, 'x');
    EXPECT_EQ(normalize_channel(long_name + "\U0001f389"), long_name + "\xed\xa0\xbc");
    EXPECT_EQ(normalize_channel(long_name + "yz"), long_name + "y");
}

}  // namespace
}  // namespace sbot::message
