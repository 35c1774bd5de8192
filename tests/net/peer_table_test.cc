#include "net/peer_table.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "base/limits.h"

namespace sbot::net {
namespace {

using base::Tree;

FeedId key_of(std::uint8_t number) {
    FeedId key;
    key.bytes[0] = number;
    return key;
}

std::string address_of(std::uint8_t number, const std::string& host = "pub.example.org") {
    return "net:" + host + ":8008~shs:" + key_of(number).text().substr(1, 44);
}

Tree parsed(const std::string& text) {
    auto document = json::Document::parse(text);
    return document ? *Tree::from(document->root()) : Tree();
}

class PeerTableTest : public testing::Test {
 protected:
    KnownPeer& add(std::uint8_t number, std::string_view source) {
        return *table.add(address_of(number), key_of(number), source, 1000).peer;
    }

    PeerTable table{key_of(99)};
};

TEST_F(PeerTableTest, has_one_entry_for_a_key_and_counts_its_announcers) {
    auto first = table.add(address_of(1), key_of(1), "pub", 1000);
    ASSERT_NE(first.peer, nullptr);
    EXPECT_TRUE(first.is_new);
    auto second = table.add(address_of(1, "other.example.org"), key_of(1), "pub", 2000);
    EXPECT_EQ(second.peer, first.peer);
    EXPECT_FALSE(second.is_new);
    EXPECT_EQ(first.peer->address, address_of(1));
    EXPECT_EQ(first.peer->data["announcers"].number(), 2);
    EXPECT_EQ(first.peer->source(), "pub");
    table.add(address_of(1), key_of(1), "friends", 2000);
    EXPECT_EQ(first.peer->source(), "friends");
    EXPECT_EQ(table.add(address_of(99), key_of(99), "pub", 1000).peer, nullptr);
}

TEST_F(PeerTableTest, takes_in_what_the_javascript_wrote_and_writes_it_back_without_loss) {
    std::string key = key_of(1).text(), old = key_of(2).text();
    std::string gossip =
        R"([{"address":")" + address_of(1) + R"(","key":")" + key +
        R"(","source":"manual","announcers":4,)"
        R"("duration":{"mean":413,"stdev":412,"count":2,"sum":826,"sqsum":680626},)"
        R"("stateChange":1795248694160,"client":true,"ping":{"rtt":{"mean":5,"stdev":0,"count":1,)"
        R"("sum":5,"sqsum":25},"skew":{"mean":0}},"failure":3,"host":"pub.example.org",)"
        R"("port":8008,"error":"stack","own":{"a":[1]}},)"
        R"({"host":"old.example.org","port":8008,"key":")" +
        old +
        R"("},)"
        R"({"address":"net:10.0.0.1:8008~shs:x","key":"@x","source":"local"},)"
        R"({"address":"bt:strange","key":5,"kept":true},7])";
    ASSERT_TRUE(table.read_gossip(gossip).has_value());
    ASSERT_EQ(table.all().size(), 2u);
    const KnownPeer& peer = *table.find(key_of(1));
    EXPECT_TRUE(peer.reached());
    EXPECT_EQ(peer.failures(), 3);
    EXPECT_EQ(peer.source(), "stored");
    EXPECT_EQ(table.find(key_of(2))->address, address_of(2, "old.example.org"));
    Tree written = parsed(table.gossip_json());
    Tree expected = parsed(gossip);
    const Tree& first = expected.items()[0];
    ASSERT_EQ(written.items().size(), 4u);
    for (const Tree::Member& member : first.members()) {
        EXPECT_EQ(written.items()[0][member.name], member.value) << member.name;
    }
    EXPECT_EQ(written.items()[1]["host"].text(), "old.example.org");
    EXPECT_EQ(written.items()[1]["port"].number(), 8008);
    EXPECT_EQ(written.items()[2], expected.items()[3]);
    EXPECT_EQ(written.items()[3], expected.items()[4]);
}

TEST_F(PeerTableTest, keeps_what_ssb_conn_wrote_and_joins_it_with_gossip_json) {
    std::string gossip = R"([{"address":")" + address_of(1) + R"(","key":")" + key_of(1).text() +
                         R"(","announcers":2,"stateChange":5}])";
    std::string conn = R"({")" + address_of(1) + R"(":{"key":")" + key_of(1).text() +
                       R"(","birth":1,"type":"pub","autoconnect":false,"stateChange":9},)" +
                       R"(")" + address_of(1, "second.example.org") + R"(":{"key":")" +
                       key_of(1).text() +
                       R"(","type":"pub"},)"
                       R"("net:1.1.1.1:8008~shs:x":{"type":"lan"},"tunnel:odd":{"kept":1}})";
    ASSERT_TRUE(table.read_gossip(gossip).has_value());
    ASSERT_TRUE(table.read_conn(conn).has_value());
    ASSERT_EQ(table.all().size(), 2u);
    KnownPeer& peer = *table.find(address_of(1));
    EXPECT_EQ(peer.state_change(), 9);
    EXPECT_EQ(peer.data["announcers"].number(), 2);
    Tree written = parsed(table.conn_json());
    EXPECT_EQ(written[address_of(1)]["type"].text(), "pub");
    EXPECT_TRUE(written[address_of(1)]["autoconnect"].is_false());
    EXPECT_NE(written.find(address_of(1, "second.example.org")), nullptr);
    EXPECT_EQ(written["tunnel:odd"]["kept"].number(), 1);
    EXPECT_EQ(parsed(table.gossip_json()).items().size(), 1u);
}

TEST_F(PeerTableTest, refuses_damaged_files_whole_but_for_a_spoilt_end_of_conn_json) {
    for (const char* text : {"", "{", "null", "{}", "[", "5", "\"x\""}) {
        EXPECT_FALSE(table.read_gossip(text).has_value()) << text;
    }
    for (const char* text : {"", "{", "null", "[]", "{}0123456789"}) {
        EXPECT_FALSE(table.read_conn(text).has_value()) << text;
    }
    EXPECT_TRUE(table.read_conn("{}\n}012345").has_value());
    EXPECT_TRUE(table.all().empty());
}

TEST_F(PeerTableTest, keeps_the_account_of_a_peer) {
    KnownPeer& peer = add(1, "manual");
    table.dialling(peer, 2000);
    EXPECT_EQ(peer.state, PeerState::connecting);
    table.dial_failed(peer, "no", 3000);
    EXPECT_EQ(peer.state, PeerState::none);
    EXPECT_EQ(peer.failures(), 1);
    EXPECT_FALSE(peer.reached());
    table.linked(peer, true, 4000);
    table.linked(peer, false, 4500);
    EXPECT_EQ(peer.failures(), 0);
    EXPECT_EQ(peer.data.find("error"), nullptr);
    table.unlinked(peer, 5000);
    EXPECT_EQ(peer.state, PeerState::connected);
    table.unlinked(peer, 6000);
    EXPECT_EQ(peer.state, PeerState::none);
    EXPECT_TRUE(peer.reached());
    EXPECT_EQ(peer.data.at("duration.mean").number(), 1000);
    table.pinged(peer, 10, -2);
    table.pinged(peer, 20, 2);
    EXPECT_EQ(peer.data.at("ping.rtt.mean").number(), 15);
    EXPECT_EQ(peer.data.at("ping.rtt.stdev").number(), 5);
}

TEST_F(PeerTableTest, forgets_lan_peers_that_fell_silent_and_never_writes_them_down) {
    KnownPeer& peer = add(1, "local");
    add(2, "manual");
    EXPECT_EQ(parsed(table.gossip_json()).items().size(), 1u);
    EXPECT_TRUE(table.forget_silent(11000).empty());
    table.linked(peer, true, 11000);
    EXPECT_TRUE(table.forget_silent(90000).empty());
    table.unlinked(peer, 90000);
    EXPECT_EQ(table.forget_silent(90000), std::vector<FeedId>{key_of(1)});
    EXPECT_EQ(table.all().size(), 1u);
}

TEST_F(PeerTableTest, prunes_the_dead_that_nobody_asked_for) {
    for (std::uint8_t i = 1; i <= 3; ++i)
        add(i, i == 1 ? "manual" : "pub").data.set("failure", 200);
    table.find(key_of(3))->data.set("duration", with_sample(Tree(), 5000));
    EXPECT_EQ(table.prune_dead(), std::vector<FeedId>{key_of(2)});
    EXPECT_EQ(table.find(key_of(2)), nullptr);
    EXPECT_EQ(table.all().size(), 2u);
}

TEST_F(PeerTableTest, keeps_what_was_asked_for_over_restarts) {
    for (std::uint8_t i = 1; i <= 6; ++i) add(i, i <= 3 ? (i == 1 ? "seed" : "manual") : "pub");
    table.remember(address_of(7), key_of(7), parsed(R"({"type":"room"})"), 5);
    add(4, "manual");  // met first, asked for later
    table.find(key_of(5))->data.set("autoconnect", false);
    for (int restart = 0; restart < 3; ++restart) {
        PeerTable again(key_of(99));
        ASSERT_TRUE(again.read_gossip(table.gossip_json()).has_value());
        ASSERT_TRUE(restart == 1 || again.read_conn(table.conn_json()).has_value());
        for (const auto& peer : again.all()) peer->data.set("failure", 200);
        std::vector<FeedId> gone = again.prune_dead();
        EXPECT_EQ(gone, restart == 0 ? std::vector<FeedId>{key_of(6)} : std::vector<FeedId>());
        EXPECT_EQ(again.find(key_of(2))->source(), "stored") << "as the reference shows it";
        EXPECT_EQ(again.find(key_of(7))->data.find("source"), nullptr);
        table = std::move(again);
    }
    EXPECT_EQ(parsed(table.gossip_json()).items()[0]["source"].text(), "seed");
    EXPECT_EQ(parsed(table.conn_json())[address_of(4)]["source"].text(), "manual");
}

TEST_F(PeerTableTest, keeps_what_was_asked_for_in_files_written_before_that_was_in_them) {
    std::string gossip = R"([{"address":")" + address_of(1) + R"(","key":")" + key_of(1).text() +
                         R"(","birth":5,"type":"room","source":"stored","failure":200},)"
                         R"({"address":")" +
                         address_of(2) + R"(","key":")" + key_of(2).text() +
                         R"(","source":"stored","failure":200}])";
    ASSERT_TRUE(table.read_gossip(gossip).has_value());
    EXPECT_EQ(table.prune_dead(), std::vector<FeedId>{key_of(2)});
}

TEST_F(PeerTableTest, is_bounded_and_makes_room_by_its_worst_entry) {
    for (std::size_t i = 0; i < limits::peers_known_max; ++i) {
        FeedId key;
        key.bytes[1] = static_cast<std::uint8_t>(i);
        key.bytes[2] = static_cast<std::uint8_t>(i >> 8);
        key.bytes[3] = 1;
        std::string address = "net:a.example.org:1~shs:" + key.text().substr(1, 44);
        ASSERT_NE(table.add(address, key, i < 10 ? "pub" : "manual", 1).peer, nullptr);
        if (i == 5) table.find(key)->data.set("failure", 9);
    }
    FeedId worst;
    worst.bytes[1] = 5;
    worst.bytes[3] = 1;
    add(1, "manual");
    EXPECT_EQ(table.find(worst), nullptr);
    EXPECT_EQ(table.all().size(), limits::peers_known_max);
    for (std::uint8_t i = 2; i <= 10; ++i) add(i, "manual");
    EXPECT_EQ(table.add(address_of(11), key_of(11), "manual", 1).peer, nullptr);
    std::string long_host(limits::peer_address_bytes_max, 'a');
    EXPECT_EQ(table.add("net:" + long_host, key_of(12), "manual", 1).peer, nullptr);
}

TEST_F(PeerTableTest, stages_remembers_and_finds_the_second_address_of_a_key) {
    EXPECT_TRUE(table.stage(address_of(1), key_of(1), parsed(R"({"type":"dht"})"), 1).is_new);
    EXPECT_FALSE(table.stage(address_of(1), key_of(1), Tree::object(), 1).is_new);
    EXPECT_EQ(parsed(table.conn_json()).members().size(), 0u);
    EXPECT_TRUE(table.remember(address_of(1), key_of(1), parsed(R"({"a":1})"), 7).is_new);
    EXPECT_EQ(table.find(key_of(1))->data["birth"].number(), 7);
    EXPECT_EQ(table.find(key_of(1))->offer["type"].text(), "dht");
    EXPECT_EQ(table.find(key_of(1))->data["stagingBirth"].number(), 0);
    std::string second = address_of(1, "b.example.org");
    table.remember(second, key_of(1), Tree::object(), 8);
    EXPECT_EQ(table.all().size(), 2u);
    table.remove(*table.find(address_of(1)));
    ASSERT_NE(table.find(key_of(1)), nullptr);
    EXPECT_EQ(table.find(key_of(1))->address, second);
}

TEST_F(PeerTableTest, renews_what_is_said_of_a_staged_server) {
    auto first = table.stage(address_of(1), key_of(1), parsed(R"({"type":"dht","a":1})"), 5);
    EXPECT_TRUE(first.is_new);
    auto again = table.stage(address_of(1), key_of(1), parsed(R"({"a":2,"b":3})"), 6);
    EXPECT_FALSE(again.is_new);
    const Tree& data = again.peer->data;
    EXPECT_EQ(data["stagingBirth"].number(), 5);
    EXPECT_EQ(data["stagingUpdated"].number(), 6);
    EXPECT_EQ(data["type"].text(), "dht");
    EXPECT_EQ(data["a"].number(), 2);
    EXPECT_EQ(data["b"].number(), 3);
    EXPECT_FALSE(table.withdraw(*again.peer)) << "nobody remembers it";
    // Another address of the same server is another entry.
    EXPECT_TRUE(table.stage(address_of(1, "b.example.org"), key_of(1), Tree(), 7).is_new);
    EXPECT_EQ(table.stage(address_of(99), key_of(99), Tree(), 7).peer, nullptr);
}

TEST_F(PeerTableTest, stages_a_remembered_server_besides) {
    table.remember(address_of(1), key_of(1), parsed(R"({"autoconnect":false})"), 1);
    EXPECT_TRUE(table.stage(address_of(1), key_of(1), parsed(R"({"type":"pub"})"), 2).is_new);
    EXPECT_FALSE(table.stage(address_of(1), key_of(1), Tree(), 3).is_new);
    KnownPeer& peer = *table.find(address_of(1));
    EXPECT_FALSE(peer.staged);
    EXPECT_EQ(peer.offer["stagingBirth"].number(), 2);
    EXPECT_EQ(peer.offer["stagingUpdated"].number(), 3);
    EXPECT_EQ(table.conn_json().find("staging"), std::string::npos);
    EXPECT_TRUE(table.withdraw(peer));
    EXPECT_FALSE(table.withdraw(peer));
    EXPECT_TRUE(table.stage(address_of(1), key_of(1), Tree(), 4).is_new);
    EXPECT_TRUE(table.keep_offer_only(peer)) << "forgotten, it is staged still";
    EXPECT_TRUE(peer.staged);
    EXPECT_EQ(parsed(table.conn_json()).members().size(), 0u);
    EXPECT_FALSE(table.keep_offer_only(peer));
}

TEST_F(PeerTableTest, takes_back_what_was_staged_with_the_connection) {
    table.remember(address_of(1), key_of(1), Tree::object(), 1);
    KnownPeer& peer = *table.stage(address_of(1), key_of(1), Tree(), 2).peer;
    table.linked(peer, true, 3);
    EXPECT_FALSE(table.withdraw(peer));
}

TEST_F(PeerTableTest, takes_back_what_was_staged_of_a_lan_that_is_silent) {
    table.remember(address_of(1), key_of(1), Tree::object(), 1);
    KnownPeer& peer = *table.stage(address_of(1), key_of(1), parsed(R"({"type":"lan"})"), 2).peer;
    EXPECT_TRUE(table.forget_silent(10000).empty());
    EXPECT_TRUE(peer.offer.is_object());
    EXPECT_TRUE(table.forget_silent(10003).empty());
    EXPECT_FALSE(peer.offer.is_object());
}

}  // namespace
}  // namespace sbot::net
