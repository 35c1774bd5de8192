#include "sbot/arguments.h"

#include <gtest/gtest.h>

#include <fstream>

#include "sbot/config_file.h"

namespace sbot::app {
namespace {

using base::Tree;

std::vector<std::string> texts(json::Value list) {
    std::vector<std::string> out;
    for (json::Value item : list.elements()) out.emplace_back(item.string());
    return out;
}

/// What minimist would have returned.
Result<Tree> parsed(const std::vector<std::string>& arguments) {
    auto line = CommandLine::parse(arguments);
    if (!line) return std::move(line).error();
    Tree all = Tree::object();
    all.set("_", line->all_words());
    all.merge(line->command.options);
    return all;
}

Result<Tree> answer(json::Value test) {
    if (test["args"].exists()) return parsed(texts(test["args"]));
    if (test["file"].exists()) return parse_config_text(test["file"].string());
    if (test["env"].exists()) {
        std::vector<std::string> environment;
        for (json::Member entry : test["env"].members()) {
            environment.push_back(std::string(entry.name) + "=" +
                                  std::string(entry.value.string()));
        }
        return config_of_environment(environment, "ssb_");
    }
    Tree merged = Tree::object();
    for (json::Value layer : test["merge"].elements()) merged.merge(*Tree::from(layer));
    return merged;
}

TEST(Arguments, files_environments_and_merges_come_out_as_in_javascript) {
    std::ifstream file(SBOT_SOURCE_DIR "/tests/vectors/arguments.jsonl");
    std::size_t count = 0;
    for (std::string line; std::getline(file, line); ++count) {
        auto document = json::Document::parse(line);
        ASSERT_TRUE(document);
        json::Value test = document->root();
        auto got = answer(test);
        std::string text = got ? got->to_json() : "error";
        EXPECT_EQ(text, test["error"].is_true() ? "error" : json::compact(test["out"])) << line;
    }
    EXPECT_GT(count, 220u);
}

TEST(Arguments, keep_what_is_behind_the_cut_apart) {
    auto line = CommandLine::parse(
        std::vector<std::string>{"publish", "--type", "post", "--", "--host", "h", "5", "--", "x"});
    ASSERT_TRUE(line);
    EXPECT_EQ(line->command.options.to_json(), R"({"type":"post"})");
    EXPECT_EQ(line->weak.options.to_json(), R"({"host":"h"})");
    EXPECT_EQ(line->rest, (std::vector<std::string>{"--host", "h", "5", "--", "x"}));
    EXPECT_EQ(line->all_words().to_json(), R"(["publish","--host","h","5","--","x"])");
}

TEST(Arguments, say_which_option_is_wrong) {
    auto line = CommandLine::parse(std::vector<std::string>{"--a", "1", "--a.b", "2"});
    ASSERT_FALSE(line);
    EXPECT_EQ(line.error().what, "option --a.b: a is a value already");
}

TEST(Arguments, bound_how_deep_options_go) {
    std::string path = "--a";
    for (int i = 0; i < 200; ++i) path += ".a";
    auto line = CommandLine::parse(std::vector<std::string>{path});
    ASSERT_FALSE(line);
    EXPECT_EQ(line.error().code, Errc::limit);
}

TEST(Arguments, drop_names_that_reach_into_prototypes) {
    EXPECT_EQ(parsed({"--__proto__=1", "--constructor", "x", "--a.constructor.b", "1"})->to_json(),
              R"({"_":[],"a":{}})");
}

TEST(Arguments, survive_any_bytes_and_any_cut) {
    const std::string all = "--a.b=c -xyz-5 --no-k \xff\xc3 -\xf0\x9f - --- --=";
    for (std::size_t from = 0; from < all.size(); ++from) {
        for (std::size_t length = 1; from + length <= all.size(); ++length) {
            std::string part = all.substr(from, length);
            std::vector<std::string> pieces{part, part.substr(part.size() / 2)};
            auto line = CommandLine::parse(pieces);
            if (line) {
                EXPECT_FALSE(line->all_words().to_json().empty());
            }
        }
    }
}

}  // namespace
}  // namespace sbot::app
