#include "base/json.h"

#include <gtest/gtest.h>

#include "tests/vectors.h"

namespace {

using namespace sbot;

std::string pretty(json::Value value) {
    std::string out;
    EXPECT_TRUE(json::append_pretty(out, value));
    return out;
}

json::Document parsed(std::string_view text) {
    auto document = json::Document::parse(text);
    EXPECT_TRUE(document) << text;
    return document ? std::move(*document) : json::Document();
}

TEST(Json, reads_and_writes_as_v8_does) {
    for (const auto& line : tests::read_vectors("json.jsonl")) {
        json::Value vector = line.root();
        std::string in(vector["in"].string());
        if (vector["hex"].is_string()) in = base::to_text(*base::from_hex(vector["hex"].string()));
        auto document = json::Document::parse(in);
        ASSERT_EQ(document.has_value(), vector["out"].is_string()) << vector.source();
        if (!document) continue;
        EXPECT_EQ(pretty(document->root()), vector["out"].string());
        EXPECT_EQ(json::compact(document->root()), vector["compact"].string());
    }
}

TEST(Json, printed_texts_read_back_to_themselves) {
    for (const auto& line : tests::read_vectors("json.jsonl")) {
        if (!line.root()["out"].is_string()) continue;
        for (const char* member : {"out", "compact"}) {
            // A surrogate without its pair is an escape in there, so the text is UTF-8 all through.
            auto again = parsed(line.root()[member].string());
            EXPECT_EQ(pretty(again.root()), line.root()["out"].string());
            EXPECT_EQ(json::compact(again.root()), line.root()["compact"].string());
        }
    }
}

TEST(Json, refuses_a_text_cut_anywhere) {
    const std::string text = R"({"a":[1,-2.5e3,"x\u00e9\ud800é😀",true,false,null],"b":{"2":0}})";
    ASSERT_TRUE(json::Document::parse(text));
    for (std::size_t length = 0; length < text.size(); ++length) {
        EXPECT_FALSE(json::Document::parse(text.substr(0, length))) << length;
    }
}

TEST(Json, takes_or_refuses_a_text_with_any_bit_flipped_but_stays_whole) {
    const std::string text = R"({"a":[1,-2.5e3,"x\u00e9\ud800é😀",true,false,null],"b":{"2":0}})";
    for (std::size_t bit = 0; bit < text.size() * 8; ++bit) {
        std::string flipped = text;
        flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
        auto document = json::Document::parse(flipped);
        if (!document) continue;
        std::string once = json::compact(document->root());
        EXPECT_EQ(json::compact(parsed(once).root()), once);
    }
}

TEST(Json, the_quick_check_takes_what_is_parsed_and_nothing_else) {
    auto agree = [](std::string_view text) {
        EXPECT_EQ(json::well_formed(text), json::Document::parse(text).has_value()) << text;
    };
    for (const auto& line : tests::read_vectors("json.jsonl")) agree(line.root()["in"].string());
    for (const char* text : {"",
                             " ",
                             "1",
                             "-",
                             "-0",
                             "01",
                             "1.",
                             ".5",
                             "1e",
                             "1e+",
                             "1E-5 ",
                             "nul",
                             "null ",
                             "truex",
                             "\"",
                             "\"\\",
                             "\"\\u00\"",
                             "\"\\u00fG\"",
                             "\"\\ud800\\u\"",
                             "\"\\x\"",
                             "\"a\tb\"",
                             "\"\xff\"",
                             "\"\xe2\x82\"",
                             "\xef\xbb\xbf{}",
                             "[",
                             "]",
                             "[]",
                             "[,]",
                             "[1,]",
                             "[1 2]",
                             "{",
                             "{}",
                             "{,}",
                             "{\"a\"}",
                             "{\"a\":}",
                             "{\"a\":1,}",
                             "{\"a\":1]",
                             "[1}",
                             "{a:1}",
                             "{1:1}",
                             "[] []",
                             "[[]",
                             "[[],{}]",
                             "{\"a\" : [ 1 , { } ] }\n"}) {
        agree(text);
    }
    const std::string text = R"({"a":[1,-2.5e3,"x\u00e9\ud800é😀",true,false,null],"b":{"2":0}})";
    for (std::size_t at = 0; at < text.size(); ++at) {
        agree(std::string_view(text).substr(0, at));
        for (int byte = 0; byte < 256; ++byte) {
            std::string other = text;
            other[at] = static_cast<char>(byte);
            agree(other);
        }
    }
    for (std::size_t depth :
         {std::size_t{62}, std::size_t{63}, std::size_t{64}, std::size_t{65}, std::size_t{129},
          limits::json_depth_max, limits::json_depth_max + 1}) {
        std::string opening, closing;
        for (std::size_t i = 0; i < depth; ++i) {
            const bool object = i % 3 == 0;
            opening += object ? "{\"a\":" : "[1,";
            closing.insert(0, object ? "}" : "]");
        }
        agree(opening + "2" + closing);
        agree(opening + "[]" + closing);
        std::string crossed = closing;
        std::swap(crossed[depth - 1], crossed[depth - 2]);
        agree(opening + "2" + crossed);
    }
}

TEST(Json, says_where_a_text_goes_wrong) {
    auto bad = json::Document::parse(R"({"a":01})");
    ASSERT_FALSE(bad);
    EXPECT_EQ(bad.error().code, Errc::invalid);
    EXPECT_NE(bad.error().what.find("position 6"), std::string::npos) << bad.error().what;
}

TEST(Json, bounds_depth_without_recursion) {
    auto nested = [](std::size_t levels) {
        return std::string(levels, '[') + std::string(levels, ']');
    };
    EXPECT_TRUE(json::Document::parse(nested(limits::json_depth_max)));
    auto deeper = json::Document::parse(nested(limits::json_depth_max + 1));
    ASSERT_FALSE(deeper);
    EXPECT_EQ(deeper.error().code, Errc::limit);
    EXPECT_FALSE(json::Document::parse(std::string(1 << 20, '[')));
    EXPECT_EQ(json::compact(parsed(nested(1000)).root()), nested(1000));
}

TEST(Json, gives_up_printing_behind_a_bound) {
    std::string levels(2000, '[');
    auto document = parsed(levels + std::string(2000, ']'));
    std::string out = "kept";
    EXPECT_FALSE(json::append_pretty(out, document.root(), 10000));
    EXPECT_LT(out.size(), 20000u);
    EXPECT_TRUE(out.starts_with("kept["));
}

TEST(Json, has_the_last_value_of_a_repeated_name_at_the_place_of_the_first) {
    auto document = parsed(R"({"b":1,"a":2,"b":3,"10":4,"9":5})");
    EXPECT_EQ(json::compact(document.root()), R"({"9":5,"10":4,"b":3,"a":2})");
    EXPECT_EQ(document.root().size(), 4u);
    EXPECT_EQ(document.root()["b"].number(), 3);
}

TEST(Json, finds_repeated_names_among_many) {
    std::string text = "{";
    for (int i = 0; i < 500; ++i)
        text += "\"k" + std::to_string(i % 250) + "\":" + std::to_string(i) + ',';
    text.back() = '}';
    auto document = parsed(text);
    ASSERT_EQ(document.root().size(), 250u);
    EXPECT_EQ(document.root()["k0"].number(), 250);
}

TEST(Json, answers_absent_for_what_is_not_there) {
    auto document = parsed(R"({"list":[1,"two"],"text":"x"})");
    json::Value root = document.root();
    EXPECT_FALSE(root["no"].exists());
    EXPECT_FALSE(root["no"]["deeper"].exists());
    EXPECT_FALSE(root["text"]["length"].exists());
    EXPECT_FALSE(root["list"].at(2).exists());
    EXPECT_TRUE(root["list"].at(1).is("two"));
    EXPECT_EQ(root["text"].number(7), 7);
    EXPECT_EQ(root["list"].string(), "");
    EXPECT_FALSE(json::Value().truthy());
    EXPECT_EQ(json::compact(json::Value()), "null");
}

TEST(Json, knows_what_is_truthy) {
    auto document = parsed(R"([null,false,0,-0,"",true,1,"0",[],{}])");
    std::string seen;
    for (json::Value value : document.root().elements()) seen += value.truthy() ? '1' : '0';
    EXPECT_EQ(seen, "0000011111");
}

TEST(Json, is_used_again_for_another_text) {
    json::Document document;
    std::string first = R"(["\u0041"])", second = "{\"b\":\"\xff\"}", third = "[]";
    ASSERT_TRUE(document.parse_borrowed(first));
    EXPECT_TRUE(document.root().at(0).is("A"));
    ASSERT_TRUE(document.parse_borrowed(second));
    EXPECT_TRUE(document.root()["b"].is("\ufffd"));
    EXPECT_FALSE(document.parse_borrowed("["));
    EXPECT_FALSE(document.root().exists());
    ASSERT_TRUE(document.parse_borrowed(third));
    EXPECT_EQ(document.root().size(), 0u);
}

TEST(Json, keeps_the_source_of_a_value) {
    auto document = parsed(R"({"a": [1, 2.50 ] , "b":"\u0041"})");
    EXPECT_EQ(document.root()["a"].source(), "[1, 2.50 ]");
    EXPECT_EQ(document.root()["b"].source(), R"("\u0041")");
}

TEST(JsonWriter, sets_its_commas_itself) {
    auto copied = parsed(R"({"x": [null]})");
    json::Writer writer;
    writer.begin_object().member("n", 1.5).member("t", "a\"b").member("yes", true);
    writer.name("list").begin_array().value(copied.root()).null().raw("{}").end_array();
    writer.name("empty").begin_object().end_object().end_object();
    EXPECT_EQ(writer.text(),
              R"({"n":1.5,"t":"a\"b","yes":true,"list":[{"x":[null]},null,{}],"empty":{}})");
}

}  // namespace
