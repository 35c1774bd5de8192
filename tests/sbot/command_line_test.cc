// What the command line prints: values as Node does, help as muxrpc-usage does.
#include <gtest/gtest.h>

#include "sbot/inspect.h"
#include "sbot/usage.h"

namespace sbot::app {
namespace {

using base::Tree;

std::string inspected(std::string_view json_text) {
    auto document = json::Document::parse(json_text);
    return inspect(*Tree::from(document->root()));
}

// The expectations are what Node 20 printed.
TEST(Inspect, prints_short_objects_in_one_line) {
    EXPECT_EQ(inspected(R"({"cmd":[],"help":["nope"]})"), "{ cmd: [], help: [ 'nope' ] }");
    EXPECT_EQ(inspected(R"({"message":"no","name":"Error"})"), "{ message: 'no', name: 'Error' }");
    EXPECT_EQ(inspected(R"({"a-b":1,"c":null,"d":true})"), "{ 'a-b': 1, c: null, d: true }");
    EXPECT_EQ(inspected("{}"), "{}");
}

TEST(Inspect, breaks_long_objects_and_texts_into_lines) {
    EXPECT_EQ(inspected(R"x({"message":"Param 0 must by of type object","name":"TypeError",)x"
                        R"x("stack":"TypeError: Param 0 must by of type object\n    at new ZE )x"
                        R"x((/index.js:11:42)\n    at Object.ZError [as Type] (/index.js:1)"})x"),
              "{\n  message: 'Param 0 must by of type object',\n  name: 'TypeError',\n"
              "  stack: 'TypeError: Param 0 must by of type object\\n' +\n"
              "    '    at new ZE (/index.js:11:42)\\n' +\n"
              "    '    at Object.ZError [as Type] (/index.js:1)'\n}");
}

TEST(Inspect, quotes_as_javascript_would) {
    EXPECT_EQ(inspect("it's"), "\"it's\"");
    EXPECT_EQ(inspect("it's \"so\""), "`it's \"so\"`");
    EXPECT_EQ(inspect("a\\b\n\x1b"), "'a\\\\b\\n\\x1B'");
}

class Usage : public testing::Test {
 protected:
    json::Document help_ = *json::Document::parse(std::string_view(R"({
        "description": "a log", "commands": {
            "get": {"type": "async", "description": "one message", "args": {
                "id": {"type": "string"},
                "private": {"type": "boolean", "description": "open it", "default": false},
                "seq": {"type": "number", "description": "which", "optional": true}}},
            "whoami": {"type": "sync", "description": "me", "args": {}}}})"));
};

TEST_F(Usage, of_a_group_is_its_methods) {
    EXPECT_EQ(quick_usage(help_.root(), {}), "get|whoami");
    EXPECT_EQ(quick_usage(help_.root(), {"get"}), "--id|private|seq");
    EXPECT_EQ(quick_usage(help_.root(), {"whoami"}), "");
}

TEST_F(Usage, of_a_method_has_its_options_in_columns) {
    EXPECT_EQ(deep_usage(help_.root(), {"get"}, {}),
              "get # one message\n"
              "  --id      [string]        # undefined\n"
              "  --private [boolean=false] # open it\n"
              "  --seq     [number]?       # which\n");
    EXPECT_EQ(deep_usage(help_.root(), {"whoami"}, {"blobs"}), "blobs.whoami # me\n");
    EXPECT_EQ(deep_usage(help_.root(), {}, {}), deep_usage(help_.root(), {"get"}, {}) + "\n" +
                                                    deep_usage(help_.root(), {"whoami"}, {}));
}

}  // namespace
}  // namespace sbot::app
