#include "sbot/method_table.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>

namespace sbot::app {
namespace {

using muxrpc::Allow;
using muxrpc::AsyncReply;
using muxrpc::Body;
using muxrpc::Request;

AsyncReply<Body> nothing(Request) { co_return Body::json("false"); }

TEST(MethodTable, has_each_method_once_and_each_in_a_group) {
    std::set<std::string_view> paths, groups;
    for (const MethodGroup& each : method_groups()) EXPECT_TRUE(groups.insert(each.name).second);
    for (const MethodEntry& each : method_table()) {
        EXPECT_TRUE(paths.insert(each.path).second) << each.path;
        auto point = each.path.find('.');
        EXPECT_TRUE(groups.count(point == each.path.npos ? "" : each.path.substr(0, point)))
            << each.path;
        EXPECT_FALSE(each.description.empty() || each.description.ends_with('.')) << each.path;
        std::set<std::string_view> names;
        EXPECT_LE(each.by_place, each.arguments.size()) << each.path;
        for (const MethodArgument& argument : each.arguments) {
            EXPECT_TRUE(names.insert(argument.name).second) << each.path << " " << argument.name;
            bool plain = argument.otherwise.empty() || json::Document::parse(argument.otherwise);
            EXPECT_TRUE(plain) << each.path << " " << argument.name;
        }
    }
}

TEST(MethodTable, notices_what_is_registered_differently) {
    muxrpc::Router right, unknown, other_kind, other_rights;
    right.sync("whoami", Allow::local, &nothing);
    EXPECT_TRUE(check_methods(right));
    unknown.sync("whoareyou", Allow::local, &nothing);
    EXPECT_FALSE(check_methods(unknown));
    other_kind.async("whoami", Allow::local, &nothing);
    EXPECT_FALSE(check_methods(other_kind));
    other_rights.sync("whoami", Allow::peer, &nothing);
    EXPECT_FALSE(check_methods(other_rights));
}

TEST(MethodTable, helps_with_what_the_server_has) {
    muxrpc::Router router;
    router.async("latestSequence", Allow::local, &nothing);
    router.async("gossip.connect", Allow::local, &nothing);
    add_help_methods(router);
    EXPECT_EQ(router.manifest(),
              R"({"latestSequence":"async","gossip":{"connect":"async","help":"sync"},)"
              R"("help":"sync"})");
    EXPECT_TRUE(check_methods(router));
    EXPECT_EQ(help_text(router, "gossip"),
              R"({"description":"connections to peers","commands":{)"
              R"("connect":{"type":"async","description":"connect to a peer","args":{)"
              R"("address":{"type":"MultiServerAddress",)"
              R"("description":"where the peer listens, with its key","optional":false}},)"
              R"("single":"address"},)"
              R"("help":{"type":"sync","description":"the methods of this group","args":{}}}})");
    EXPECT_FALSE(help_text(router, "blobs"));
    auto top = json::Document::parse(*help_text(router, ""));
    ASSERT_TRUE(top);
    EXPECT_TRUE(top->root()["commands"]["latestSequence"].is_object());
    EXPECT_FALSE(top->root()["commands"]["get"].exists());
}

/// The arguments that a method gets of a call.
std::string arguments_of(std::string_view path, std::string_view given) {
    muxrpc::Router router;
    std::string got;
    router.async(std::string(path), Allow::local, [&got](Request request) -> AsyncReply<Body> {
        got = json::compact(request.args);
        return nothing(std::move(request));
    });
    take_named_arguments(router);
    auto body = std::make_shared<const json::Document>(*json::Document::parse(given));
    auto answering = router.methods().find(path)->second.async({{}, body, body->root()});
    EXPECT_TRUE(answering.done());
    return got;
}

TEST(MethodTable, has_arguments_by_name_put_into_their_places) {
    EXPECT_EQ(arguments_of("gossip.get", R"([{"id":"@x"}])"), R"(["@x"])");
    EXPECT_EQ(arguments_of("friends.follow", R"([{"state":false,"id":"@x"}])"),
              R"(["@x",{"state":false}])");
    EXPECT_EQ(arguments_of("conn.remember", R"([{"address":"a","data":{"b":[1]}}])"),
              R"(["a",{"b":[1]}])");
    EXPECT_EQ(arguments_of("conn.remember", R"([{"address":"a"}])"), R"(["a"])");
}

TEST(MethodTable, leaves_other_arguments_alone) {
    for (const char* given : {"[]", R"(["@x"])", "[null]", R"([{"key":"@x"}])", "[{}]",
                              R"([{"id":"@x","more":1}])", R"([{"id":"@x"},2])", R"([["id"]])"}) {
        EXPECT_EQ(arguments_of("gossip.get", given), given);
    }
    EXPECT_EQ(arguments_of("blobs.has", R"([{"id":"&x"}])"), R"([{"id":"&x"}])");
}

TEST(MethodTable, is_what_the_documentation_says) {
    const char* page = SBOT_SOURCE_DIR "/docs/methods.md";
    if (std::getenv("SBOT_WRITE_DOCS") != nullptr) std::ofstream(page) << methods_page();
    std::ifstream file(page);
    std::string text{std::istreambuf_iterator<char>(file), {}};
    EXPECT_TRUE(text == methods_page())
        << "docs/methods.md is stale: run this test with SBOT_WRITE_DOCS=1 to write it";
}

}  // namespace
}  // namespace sbot::app
