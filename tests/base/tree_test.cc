#include "base/tree.h"

#include <gtest/gtest.h>

namespace sbot::base {
namespace {

Tree tree(std::string_view text) {
    auto document = json::Document::parse(text);
    EXPECT_TRUE(document) << text;
    return *Tree::from(document->root());
}

TEST(Tree, is_printed_as_json_stringify_prints) {
    for (auto text : {"null", "true", "1.5", "\"a\\n\"", "[]", "{}", "[1,[2,{}],null]",
                      "{\"a\":{\"b\":[1]},\"c\":\"\"}"}) {
        EXPECT_EQ(tree(text).to_json(), text);
        auto document = json::Document::parse(std::string_view(text));
        std::string pretty;
        json::append_pretty(pretty, document->root());
        EXPECT_EQ(tree(text).to_pretty_json(), pretty);
    }
}

TEST(Tree, has_members_in_javascripts_order) {
    Tree object;
    for (auto name : {"b", "10", "a", "9", "01", "4294967295", "0", "4294967294", "-1", ""}) {
        object.set(name, name);
    }
    std::string names;
    for (const auto& member : object.members()) names += member.name + " ";
    EXPECT_EQ(names, "0 9 10 4294967294 b a 01 4294967295 -1  ");
    object.set("a", 1);
    object.remove("9");
    object.remove("not there");
    EXPECT_EQ(object["a"].number(), 1);
    EXPECT_EQ(object.members().size(), 9u);
}

TEST(Tree, is_found_and_set_by_paths) {
    Tree config;
    EXPECT_TRUE(config.set_at("friends.hops", 3));
    EXPECT_TRUE(config.set_at("friends.dunbar", 150));
    EXPECT_TRUE(config.set_at("port", "8008"));
    EXPECT_TRUE(config.set_at("port.no.more", true));
    EXPECT_EQ(config.to_json(),
              R"({"friends":{"hops":3,"dunbar":150},"port":{"no":{"more":true}}})");
    EXPECT_EQ(config.at("friends.hops").number(), 3);
    EXPECT_TRUE(config.at("friends.hops.deeper").is_null());
    EXPECT_TRUE(config.at("").is_null());
    EXPECT_EQ(config.find("nothing"), nullptr);
}

TEST(Tree, is_never_deeper_than_the_limit) {
    std::string path = "a";
    std::string json = "[";
    for (std::size_t i = 1; i < limits::tree_depth_max; ++i) {
        path += ".a";
        json += "[";
    }
    Tree config;
    EXPECT_TRUE(config.set_at(path, 1));
    EXPECT_FALSE(config.set_at(path + ".a", 1));
    auto good = json::Document::parse(json + std::string(limits::tree_depth_max, ']'));
    auto deep = json::Document::parse("[" + json + std::string(limits::tree_depth_max + 1, ']'));
    EXPECT_TRUE(Tree::from(good->root()));
    ASSERT_FALSE(Tree::from(deep->root()));
    EXPECT_EQ(Tree::from(deep->root()).error().code, Errc::limit);
}

TEST(Tree, has_no_member_proto) {
    EXPECT_EQ(tree(R"({"__proto__":{"x":1},"a":[{"__proto__":1}]})").to_json(), R"({"a":[{}]})");
    Tree object;
    object.set("__proto__", 1);
    EXPECT_TRUE(object.set_at("__proto__.x", 1));
    EXPECT_TRUE(object.set_at("a.__proto__.x", 1));
    EXPECT_EQ(object.to_json(), R"({"a":{}})");
}

TEST(Tree, merges_objects_and_replaces_the_rest) {
    Tree config = tree(R"({"a":{"b":1,"l":[1,2]},"c":1})");
    config.merge(tree(R"({"c":{"d":null},"a":{"l":[3],"e":{}}})"));
    EXPECT_EQ(config.to_json(), R"({"a":{"b":1,"l":[3],"e":{}},"c":{"d":null}})");
    config.merge(Tree("no object"));
    EXPECT_EQ(config.members().size(), 2u);
}

TEST(Tree, is_true_where_javascript_says_so) {
    for (auto text : {"true", "1", "-1", "\"0\"", "[]", "{}"}) EXPECT_TRUE(tree(text).truthy());
    for (auto text : {"null", "false", "0", "\"\""}) EXPECT_FALSE(tree(text).truthy());
    EXPECT_EQ(tree("[1,{\"a\":2}]"), tree("[1,{\"a\":2}]"));
    EXPECT_NE(tree("1"), tree("\"1\""));
    EXPECT_EQ(tree("\"x\"").number(7), 7);
    EXPECT_EQ(tree("1").text(), "");
}

}  // namespace
}  // namespace sbot::base
