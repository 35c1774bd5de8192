#include <gtest/gtest.h>

#include "muxrpc/router.h"
#include "sbot/invite_codes.h"
#include "sbot/invite_methods.h"
#include "tests/sbot/support.h"

namespace sbot::app {
namespace {

InviteCodes::Code code_of(std::uint8_t number, std::uint32_t total) {
    InviteCodes::Code code;
    code.guest = pair_of(number).id;
    code.total = total;
    return code;
}

class InviteCodesTest : public testing::Test {
 protected:
    InviteCodesTest() : pool(loop) { open(); }

    void open() {
        auto opened = InviteCodes::open(disk, pool, "folder");
        ASSERT_TRUE(opened.has_value()) << opened.error().what;
        codes = std::move(*opened);
    }
    bool add(InviteCodes::Code code) { return loop.run(codes->add(std::move(code))).has_value(); }
    bool count_use(std::uint8_t number) {
        return loop.run(codes->count_use(pair_of(number).id)).has_value();
    }

    io::Loop loop;
    io::Pool pool;
    base::MemoryFiles disk;
    std::unique_ptr<InviteCodes> codes;
};

TEST_F(InviteCodesTest, remembers_uses_and_notes_after_a_power_cut) {
    auto code = code_of(2, 2);
    code.note = R"({"a":"b"})";
    ASSERT_TRUE(add(code));
    ASSERT_TRUE(add(code_of(3, 1)));
    ASSERT_TRUE(count_use(2));
    codes.reset();
    disk.power_cut();
    open();
    const InviteCodes::Code* found = codes->find(pair_of(2).id);
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->used, 1u);
    EXPECT_EQ(found->total, 2u);
    EXPECT_EQ(found->note, R"({"a":"b"})");
    EXPECT_TRUE(found->live());
    EXPECT_TRUE(count_use(2));
    EXPECT_FALSE(count_use(2));
    EXPECT_FALSE(codes->find(pair_of(2).id)->live());
    EXPECT_TRUE(codes->find(pair_of(3).id)->live());
    EXPECT_EQ(codes->find(pair_of(4).id), nullptr);
}

TEST_F(InviteCodesTest, gives_one_of_twenty_uses_at_once_of_a_code_for_one) {
    ASSERT_TRUE(add(code_of(2, 1)));
    std::vector<io::Async<void>> uses;
    for (int i = 0; i < 20; ++i) uses.push_back(codes->count_use(pair_of(2).id));
    int good = 0;
    for (auto& use : uses) {
        if (loop.run(std::move(use))) ++good;
    }
    EXPECT_EQ(good, 1);
}

TEST_F(InviteCodesTest, drops_spent_codes_for_new_ones_and_refuses_too_many_live_ones) {
    std::string text = "{";
    for (std::size_t i = 0; i < limits::invites_max; ++i) {
        FeedId guest;
        guest.bytes[0] = static_cast<std::uint8_t>(i);
        guest.bytes[1] = static_cast<std::uint8_t>(i >> 8);
        text += (i > 0 ? ",\"" : "\"") + guest.text() +
                "\":{\"total\":1,\"used\":" + (i == 7 ? "1}" : "0}");
    }
    text += "}";
    disk.put("folder/invites.json", base::bytes_of(text));
    open();
    ASSERT_EQ(codes->count(), limits::invites_max);
    FeedId spent;
    spent.bytes[0] = 7;
    EXPECT_NE(codes->find(spent), nullptr);
    EXPECT_TRUE(add(code_of(200, 1)));
    EXPECT_EQ(codes->find(spent), nullptr);
    EXPECT_FALSE(add(code_of(201, 1)));
}

TEST_F(InviteCodesTest, refuses_a_damaged_file_since_spent_codes_must_stay_spent) {
    for (const char* text :
         {"", "{", "[]", "null", R"({"x":{"total":1,"used":0}})", R"({"@AAAA":{}})"}) {
        disk.put("folder/invites.json", base::bytes_of(std::string_view(text)));
        auto opened = InviteCodes::open(disk, pool, "folder");
        ASSERT_FALSE(opened.has_value()) << text;
        EXPECT_EQ(opened.error().code, Errc::corrupt);
    }
}

/// The calls, on a server without a network.
class InviteMethodsTest : public testing::Test {
 protected:
    InviteMethodsTest() : store(loop) {
        settings.all = base::Tree::object();
        settings.net.push_back({"pub.example.org", 8008, {"public"}, {}});
        codes = std::move(*InviteCodes::open(store.disk, store.pool, "folder"));
        auto unknown = [](FeedId) -> io::Task<std::optional<friends::Relation>> {
            co_return std::nullopt;
        };
        services.reset(new InviteServices{loop, settings, store.own.id, *codes, *store.feeds,
                                          *store.reading, store.random, unknown,
                                          [](const std::string&) {}});
        add_invite_methods(router, *services);
    }

    muxrpc::AsyncReply<muxrpc::Body> start(const std::string& method, std::string_view arguments,
                                           const std::string& caller) {
        muxrpc::Request request;
        auto document =
            std::make_shared<json::Document>(std::move(*json::Document::parse(arguments)));
        request.args = document->root();
        request.body = std::move(document);
        request.caller = {muxrpc::Rights::local, caller};
        return router.methods().find(method)->second.async(std::move(request));
    }
    std::string call(const std::string& method, std::string_view arguments,
                     const std::string& caller = "") {
        auto answer = loop.run(start(method, arguments, caller));
        if (!answer) return answer.error().name + ": " + answer.error().message;
        return std::string(answer->text());
    }

    io::Loop loop;
    Store store;
    Settings settings;
    std::unique_ptr<InviteCodes> codes;
    std::unique_ptr<InviteServices> services;
    muxrpc::Router router;
};

TEST_F(InviteMethodsTest, refuse_odd_arguments_in_the_words_of_the_reference) {
    EXPECT_EQ(call("invite.create", "[]"), "UsageError: Param 0 is required");
    EXPECT_EQ(call("invite.create", "[null]"), "UsageError: Param 0 is required");
    EXPECT_EQ(call("invite.create", "[\"x\"]"), "TypeError: Param 0 must by of type object");
    EXPECT_EQ(call("invite.create", "[{\"modern\":true}]").substr(0, 29),
              "Error: not a ws address:net:p");
    for (const char* uses : {"-1", "0.5", "1e9", "1e300"}) {
        EXPECT_EQ(call("invite.create", "[" + std::string(uses) + "]").substr(0, 18),
                  "Error: uses must b");
    }
    EXPECT_EQ(call("invite.create", R"([{"external":"a~b"}])"), "Error: external must be a host");
    EXPECT_EQ(call("invite.use", "[]", "@x"), "UsageError: Param 0 is required");
    EXPECT_EQ(call("invite.use", "[\"x\"]", "@x"), "TypeError: Param 0 must by of type object");
    std::string me = store.own.id.text();
    EXPECT_EQ(call("invite.use", "[{}]", me),
              "NotFoundError: Key not found in database [" + me + "]");
    EXPECT_EQ(call("invite.accept", "[]"), "UsageError: Param 0 is required");
    EXPECT_EQ(call("invite.accept", "[5]"), "TypeError: invite.charAt is not a function");
    EXPECT_EQ(call("invite.accept", "[\"nonsense\"]"),
              "Error: ssb-invite failed to parse invite nonsense");
    std::string no_seed = "net:a.example:8008~shs:" + me.substr(1, 44);
    EXPECT_EQ(call("invite.accept", "[\"" + no_seed + "\"]").substr(0, 52),
              "Error: ssb-invite failed to parse invite net:a.examp");
    std::string key_and_seed = "~shs:" + me.substr(1, 44) + ":" + me.substr(1, 44);
    EXPECT_EQ(call("invite.accept", "[\"ws://a.example:8989" + key_and_seed + "\"]"),
              "Error: this server dials net addresses only, and the invite has none: "
              "ws://a.example:8989");
    EXPECT_EQ(codes->count(), 0u);
}

TEST_F(InviteMethodsTest, make_a_code_with_the_configured_host_or_another) {
    std::string code = call("invite.create", "[{\"uses\":3}]");
    EXPECT_EQ(code.substr(0, 21), "pub.example.org:8008:") << code;
    EXPECT_EQ(code.substr(21, 54), store.own.id.text() + "~");
    EXPECT_EQ(code.size(), 21u + 54 + 44);
    EXPECT_EQ(call("invite.create", R"([{"external":"1.2.3.4"}])").substr(0, 13), "1.2.3.4:8008:");
    settings.net.front().host = "192.168.1.5";
    EXPECT_EQ(call("invite.create", "[1]"),
              "Error: Server has no public ip address, cannot create useable invitation");
    settings.all.set("allowPrivate", true);
    EXPECT_EQ(call("invite.create", "[1]").substr(0, 17), "192.168.1.5:8008:");
    settings.net.clear();
    EXPECT_EQ(call("invite.create", "[1]").substr(0, 42),
              "Error: no address available for creating a");
}

TEST_F(InviteMethodsTest, follow_one_of_twenty_guests_at_once_with_a_code_for_one) {
    ASSERT_TRUE(loop.run(codes->add(code_of(9, 1))).has_value());
    std::string guest = pair_of(9).id.text();
    std::vector<muxrpc::AsyncReply<muxrpc::Body>> uses;
    for (std::uint8_t i = 0; i < 20; ++i) {
        auto number = static_cast<std::uint8_t>(20 + i);
        uses.push_back(
            start("invite.use", "[{\"feed\":\"" + pair_of(number).id.text() + "\"}]", guest));
    }
    int good = 0;
    for (auto& each : uses) {
        auto answer = loop.run(std::move(each));
        if (answer) {
            ++good;
        } else {
            EXPECT_EQ(answer.error().message, "invite has expired");
        }
    }
    EXPECT_EQ(good, 1);
    EXPECT_EQ(store.feeds->latest(store.own.id), 1u);
    for (const char* feed : {"{}", R"({"feed":5})", R"({"feed":"x"})"}) {
        EXPECT_EQ(call("invite.use", "[" + std::string(feed) + "]", guest),
                  "Error: feed to follow is missing");
    }
    EXPECT_EQ(call("invite.use", "[{\"feed\":\"" + store.own.id.text() + "\"}]", guest),
              "Error: feed to follow is missing");
}

TEST_F(InviteMethodsTest, finish_a_use_whose_guest_has_hung_up) {
    ASSERT_TRUE(loop.run(codes->add(code_of(9, 1))).has_value());
    {
        auto dropped = start("invite.use", "[{\"feed\":\"" + pair_of(20).id.text() + "\"}]",
                             pair_of(9).id.text());
    }
    loop.run(services->uses.idle());
    EXPECT_EQ(store.feeds->latest(store.own.id), 1u);
}

}  // namespace
}  // namespace sbot::app
