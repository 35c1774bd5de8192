#include "net/address.h"

#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <string>

#include "base/base64.h"
#include "base/json.h"
#include "net/address_rules.h"

namespace sbot::net {
namespace {

const std::string key = "mkldMaIMjJb5428UugabjDAkEt/t8jZzMiBDBVCm9/A=";
const std::string seed = "GbJYVuHBUMqDTP/ItZsjrb0OwDieWOsis7ZHaAmNACs=";
const FeedId server = *FeedId::parse("@" + key + ".ed25519");

std::string decoded(std::string_view text) {
    auto address = MultiserverAddress::parse(text);
    json::Writer out;
    if (!address) return "refused";
    out.begin_array();
    for (const auto& alternative : address->alternatives) {
        out.begin_array();
        for (const Protocol& protocol : alternative) {
            out.begin_object().member("name", protocol.name).name("data").begin_array();
            for (const auto& datum : protocol.data) out.value(datum);
            out.end_array().end_object();
        }
        out.end_array();
    }
    return out.end_array().text();
}

std::string parsed(std::string_view text) {
    auto address = parse_address(text);
    if (!address) return "false";
    json::Writer out;
    out.begin_object().member("host", address->host).member("port", address->port);
    out.member("key", address->key);
    if (address->seed) out.member("seed", *address->seed);
    return out.end_object().text();
}

std::string parsed_invite(std::string_view text) {
    auto invite = parse_invite(text);
    if (!invite) return "null";
    json::Writer out;
    out.begin_object().member("invite", invite->invite).member("key", invite->key);
    out.member("remote", invite->remote).name("redirect");
    if (invite->redirect) {
        out.value(*invite->redirect);
    } else {
        out.null();
    }
    return out.end_object().text();
}

std::string quoted(const std::optional<std::string>& text) {
    if (!text) return "null";
    std::string out;
    json::append_string(out, *text);
    return out;
}

std::string_view type_name(RefType type) {
    switch (type) {
        case RefType::feed: return "\"feed\"";
        case RefType::msg: return "\"msg\"";
        case RefType::blob: return "\"blob\"";
        case RefType::address: return "\"address\"";
        case RefType::invite: return "\"invite\"";
        case RefType::none: break;
    }
    return "false";
}

/// One text a line, with what npm multiserver-address 1.0.1 (`check`, `decode`) and ssb-ref 2.16.0
/// (the rest, `key` is getKeyFromAddress) make of it.
void for_each_vector(const std::function<void(json::Value)>& check) {
    std::ifstream file(SBOT_SOURCE_DIR "/tests/vectors/addresses.jsonl");
    std::size_t count = 0;
    for (std::string line; std::getline(file, line); ++count) {
        auto document = json::Document::parse(line);
        ASSERT_TRUE(document);
        SCOPED_TRACE(line);
        check(document->root());
    }
    EXPECT_EQ(count, 170u);
}

TEST(MultiserverAddress, is_read_as_the_vectors_say) {
    for_each_vector([](json::Value test) {
        bool error = test["decode"]["error"].exists();
        std::string want = error ? "refused" : json::compact(test["decode"]);
        EXPECT_EQ(decoded(test["text"].string()), want);
        EXPECT_EQ(test["check"].is_true(), !error);
    });
}

TEST(MultiserverAddress, is_written_as_it_was_read_where_nothing_was_escaped) {
    for_each_vector([](json::Value test) {
        std::string_view text = test["text"].string();
        auto address = MultiserverAddress::parse(text);
        if (!address || text.find('!') != std::string_view::npos) return;
        EXPECT_EQ(address->text(), text);
    });
}

TEST(AddressRules, answer_the_vectors_of_ssb_ref) {
    for_each_vector([](json::Value test) {
        std::string_view text = test["text"].string();
        EXPECT_EQ(is_address(text), test["isAddress"].is_true());
        EXPECT_EQ(parsed(text), json::compact(test["parseAddress"]));
        EXPECT_EQ(quoted(key_of_address(text)), json::compact(test["key"]));
        EXPECT_EQ(is_invite(text), test["isInvite"].is_true());
        EXPECT_EQ(is_legacy_invite(text), test["isLegacyInvite"].is_true());
        EXPECT_EQ(type_name(type_of(text)), json::compact(test["type"]));
        json::Value invite = test["parseInvite"];
        std::string want = "null";
        if (invite.is_object()) {
            json::Writer w;
            w.begin_object().member("invite", invite["invite"]).member("key", invite["key"]);
            w.member("remote", invite["remote"]).member("redirect", invite["redirect"]);
            want = w.end_object().text();
        }
        EXPECT_EQ(parsed_invite(text), want);
    });
}

TEST(AddressRules, know_hosts_by_their_shape) {
    for (auto host :
         {"", "a", "::", "::1", "1.2.3.4", "999.9.9.9", "localhost", "ws://x.org", "x.org.",
          "a_b.c.org", "xn--bcher-kva.example", "::ffff:1.2.3.4", "1::2::3", ":::", "x.xn--1"}) {
        EXPECT_TRUE(is_host(host)) << host;
    }
    for (auto host : {"x", "1.2.3", "1.2.3.4.5", "-a.org", "a-.org", "a..b", "a--b.org", "a_b.org",
                      "x.1", "ws://ws://x.org", "http://x.org", "[::1]", "::%eth0", "\xc3\xa9.org",
                      "1:2:3:4:5:6:7:8:9", "a.xn--"}) {
        EXPECT_FALSE(is_host(host)) << host;
    }
    EXPECT_FALSE(is_host(std::string(64, 'a') + ".org"));
    EXPECT_TRUE(is_host(std::string(63, 'a') + ".org"));
    EXPECT_FALSE(is_host(std::string(100000, ':')));
}

NetTarget net_target(std::string_view text) {
    auto target = dial_target(text);
    EXPECT_TRUE(target) << text << (target ? "" : target.error().what);
    if (!target) return {};
    return std::get<NetTarget>(*target);
}

TEST(DialTarget, comes_from_a_net_address) {
    NetTarget target = net_target("net:example.org:8008~shs:" + key);
    EXPECT_EQ(target.host, "example.org");
    EXPECT_EQ(target.port, 8008);
    EXPECT_EQ(target.remote, server);
    EXPECT_FALSE(target.seed);
}

TEST(DialTarget, carries_the_seed_of_an_invite) {
    NetTarget target = net_target("net:example.org:8008~shs:" + key + ":" + seed);
    ASSERT_TRUE(target.seed);
    EXPECT_EQ(base::to_base64(target.seed->view()), seed);
    EXPECT_FALSE(dial_target("net:example.org:8008~shs:" + key + ":short"));
    EXPECT_FALSE(dial_target("net:example.org:8008~shs:" + key + ":"));
}

TEST(DialTarget, puts_bare_and_escaped_ipv6_together) {
    EXPECT_EQ(net_target("net:::1:8008~shs:" + key).host, "::1");
    EXPECT_EQ(net_target("net:2001!:db8!:!:5:8008~shs:" + key).host, "2001:db8::5");
    EXPECT_EQ(net_target("net:fe80::1%eth0:8008~shs:" + key).host, "fe80::1%eth0");
    EXPECT_EQ(net_target("net::8008~shs:" + key).host, "localhost");
}

TEST(DialTarget, comes_from_the_old_form) {
    std::string id = "@" + key + ".ed25519";
    EXPECT_EQ(net_target("example.org:8009:" + id).port, 8009);
    EXPECT_EQ(net_target("2001:db8::5:8008:" + id).host, "2001:db8::5");
    EXPECT_EQ(net_target("example.org::" + id).port, 8008);
    EXPECT_FALSE(dial_target("example.org:8008:@" + key + ".sha256"));
    EXPECT_FALSE(dial_target("example.org:x:" + id));
}

TEST(DialTarget, is_the_first_alternative_that_can_be_dialled) {
    std::string good = "net:b.org:8008~shs:" + key;
    EXPECT_EQ(net_target("ws://a.org:8989~shs:" + key + ";" + good).host, "b.org");
    EXPECT_EQ(net_target("net:a.org:99999~shs:" + key + ";" + good).host, "b.org");
    EXPECT_EQ(net_target(good + ";net:c.org:1~shs:" + key).host, "b.org");
    EXPECT_EQ(net_target("tunnel:@x:@y~shs:" + key + ";;" + good).host, "b.org");
    auto socket = dial_target("unix:/home/u/.ssb/socket~noauth;" + good);
    ASSERT_TRUE(socket);
    EXPECT_EQ(std::get<UnixTarget>(*socket).path, "/home/u/.ssb/socket");
}

TEST(DialTarget, drops_the_colon_patchwork_puts_behind_a_socket) {
    auto socket = dial_target("unix:/s/socket:~noauth:" + key);
    ASSERT_TRUE(socket);
    EXPECT_EQ(std::get<UnixTarget>(*socket).path, "/s/socket");
    EXPECT_FALSE(dial_target("unix:~noauth"));
    EXPECT_FALSE(dial_target("unix:/" + std::string(200, 'x') + "~noauth"));
}

TEST(DialTarget, says_whether_an_address_is_bad_or_of_another_kind) {
    auto code = [](const std::string& text) {
        auto target = dial_target(text);
        return target ? Errc::closed : target.error().code;
    };
    for (auto text :
         {"ws://a.org:1~shs:", "onion:a.onion:8008~shs:", "bt:aa~shs:", "net:a.org:1~shs2:"}) {
        EXPECT_EQ(code(text + key), Errc::unsupported) << text;
    }
    EXPECT_EQ(code(""), Errc::unsupported);
    EXPECT_EQ(code("net:example.org:8008~noauth"), Errc::unsupported);
    EXPECT_EQ(code("net:8008~shs:" + key), Errc::invalid);
    EXPECT_EQ(code("net:example.org:8008~shs"), Errc::invalid);
    EXPECT_EQ(code("net:example.org:8008~shs:" + key.substr(1)), Errc::invalid);
    EXPECT_EQ(code("net:a b:8008~shs:" + key), Errc::invalid);
    EXPECT_EQ(code("net:a.org%eth0:8008~shs:" + key), Errc::invalid);
    EXPECT_EQ(code("net:fe80::1%:8008~shs:" + key), Errc::invalid);
    EXPECT_EQ(code("net:a.org:0~shs:" + key + ";bt:x~shs:" + key), Errc::invalid);
}

TEST(DialTarget, never_tells_a_seed_in_an_error) {
    auto target = dial_target("net:example.org:0~shs:" + key + ":" + seed);
    ASSERT_FALSE(target);
    EXPECT_EQ(target.error().what.find(seed), std::string::npos);
}

TEST(DialTarget, refuses_an_address_cut_anywhere_before_its_key_ends) {
    std::string whole = "net:example.org:8008~shs:" + key;
    for (std::size_t length = 0; length < whole.size(); ++length) {
        EXPECT_FALSE(dial_target(whole.substr(0, length))) << length;
    }
}

TEST(DialTarget, of_an_address_with_a_flipped_bit_can_still_be_written_and_read) {
    std::string whole = "net:example.org:8008~shs:" + key + ":" + seed;
    for (std::size_t i = 0; i < whole.size() * 8; ++i) {
        std::string bad = whole;
        bad[i / 8] = static_cast<char>(bad[i / 8] ^ (1 << i % 8));
        auto target = dial_target(bad);
        if (!target) continue;
        NetTarget net = std::get<NetTarget>(*target);
        NetTarget again = net_target(net_address(net.host, net.port, net.remote));
        EXPECT_EQ(again.host, net.host);
        EXPECT_EQ(again.port, net.port);
        EXPECT_EQ(again.remote, net.remote);
    }
}

TEST(Port, is_decimal_and_strict) {
    EXPECT_EQ(parse_port("1"), 1);
    EXPECT_EQ(parse_port("65535"), 65535);
    for (auto text :
         {"", "0", "65536", "08008", "0x10", "1e3", "-1", "+1", " 1", "1 ", "99999999999"}) {
        EXPECT_FALSE(parse_port(text)) << text;
    }
}

TEST(NetAddress, is_written_bare_and_without_a_zone) {
    EXPECT_EQ(net_address("127.0.0.1", 24300, server), "net:127.0.0.1:24300~shs:" + key);
    EXPECT_EQ(net_address("fe80::1%eth0", 8008, server), "net:fe80::1:8008~shs:" + key);
}

TEST(UnixAddress, comes_back_whatever_the_folder_is_called) {
    for (std::string path : {"/home/u/.ssb/socket", "/a~b/c!d/socket", "/a b/socket"}) {
        auto target = dial_target(unix_address(path));
        ASSERT_TRUE(target) << path;
        EXPECT_EQ(std::get<UnixTarget>(*target).path, path);
    }
    EXPECT_EQ(unix_address("/s"), "unix:/s~noauth");
}

}  // namespace
}  // namespace sbot::net
