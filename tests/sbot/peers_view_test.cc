#include "sbot/peers_view.h"

#include <gtest/gtest.h>

namespace sbot::app {
namespace {

std::string look(PeersView& view, std::string_view status, std::string_view progress, double now,
                 std::size_t width = 200) {
    auto one = json::Document::parse(status);
    auto other = json::Document::parse(progress);
    return view.look(one->root(), other->root(), now, width);
}

constexpr std::string_view nobody = R"({"connections":[],"knownPeers":3})";

std::string one_peer(int received, int sent) {
    return R"({"connections":[{"id":"@abcdefghijklmnop=.ed25519",)"
           R"("address":"net:192.168.1.5:8008~shs:abc","client":true,"since":1000,"received":)" +
           std::to_string(received) + R"(,"sent":)" + std::to_string(sent) +
           R"(}],"knownPeers":7})";
}

TEST(PeersView, says_that_nobody_is_there_and_nothing_left) {
    PeersView view;
    EXPECT_EQ(look(view, nobody, R"({"indexes":{"start":0,"current":5,"target":5}})", 1000),
              "0 connected, 3 known\nindexes: up to date\n");
}

TEST(PeersView, has_rates_from_the_second_look_on_and_an_end_in_sight) {
    PeersView view;
    auto progress = [](int current) {
        return R"({"ebt":{"start":0,"current":)" + std::to_string(current) + R"(,"target":1000}})";
    };
    EXPECT_EQ(look(view, one_peer(500, 10), progress(100), 61000),
              "1 connected, 7 known\n"
              "> @abcdefghijk  192.168.1.5:8008          60 s    in 500 B             out 10 B\n"
              "ebt: 1000 in all, 900 left\n");
    EXPECT_EQ(look(view, one_peer(2500500, 10), progress(400), 63000),
              "1 connected, 7 known, in 1.2 MB/s, out 0 B/s\n"
              "> @abcdefghijk  192.168.1.5:8008          62 s    in 2.5 MB  1.2 MB/s  out 10 B"
              "    0 B/s\n"
              "ebt: 1000 in all, 600 left, about 4 s\n");
}

TEST(PeersView, keeps_to_the_width_and_passes_no_control_characters_on) {
    PeersView view;
    std::string odd = one_peer(1, 1);
    odd.replace(odd.find("192"), 3, "\\u001b[31m");
    std::string text = look(view, odd, R"({"\u001b[1m":{"current":0,"target":1}})", 5000, 40);
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
    std::size_t column = 0;
    for (char c : text) {
        column = c == '\n' ? 0 : column + 1;
        EXPECT_LE(column, 40u);
    }
}

TEST(PeersView, stands_answers_of_other_shapes) {
    PeersView view;
    for (const char* text : {"null", "5", "[]", R"({"connections":[1,null,{}],"knownPeers":{}})"}) {
        EXPECT_FALSE(look(view, text, text, 1).empty());
    }
}

std::string with_replication(int missing, std::string_view more = "") {
    std::string status = one_peer(1, 1);
    status.pop_back();
    return status + R"(,"replication":{"missing":)" + std::to_string(missing) +
           R"(,"missingFeeds":2,"toSend":1})" + std::string(more) + "}";
}

std::string last_line(const std::string& text) {
    return text.substr(text.rfind('\n', text.size() - 2) + 1);
}

TEST(PeersView, shows_what_replication_has_left) {
    PeersView view;
    constexpr std::string_view ebt = R"({"ebt":{"start":0,"current":5,"target":905}})";
    std::string text = look(view, with_replication(900), ebt, 1000);
    EXPECT_EQ(last_line(text), "replication: 900 messages of 2 feeds to come, 1 message to send\n");
    EXPECT_EQ(text.find("ebt"), std::string::npos);
    EXPECT_EQ(last_line(look(view, with_replication(600), ebt, 2000)),
              "replication: 600 messages of 2 feeds to come, about 2 s, 1 message to send\n");
    EXPECT_EQ(last_line(look(view, with_replication(0), ebt, 3000)),
              "replication: nothing to come, 1 message to send\n");
}

TEST(PeersView, says_while_publishing_waits) {
    PeersView view;
    EXPECT_EQ(last_line(look(view, with_replication(0, R"(,"publishingWaits":"until then")"), "{}",
                             1000)),
              "publishing waits until then\n");
}

}  // namespace
}  // namespace sbot::app
