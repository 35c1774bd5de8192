// What peers and we tell each other of blobs.

#include "sbot/blob_wants.h"

#include <gtest/gtest.h>

#include "tests/sbot/sessions.h"

namespace sbot::app {
namespace {

using muxrpc::Allow;

class BlobWantsTest : public testing::Test {
 protected:
    BlobWantsTest() {
        store = std::move(blobs::Store::open(disk, folder / "blobs", 5000).value());
        keeper = std::make_unique<BlobKeeper>(loop, *store, clock);
        wants = std::make_unique<BlobWants>(loop, *keeper);
        ours.source("blobs.createWants", Allow::peer,
                    [this](const muxrpc::Request& request) { return wants->tell(request); });
        theirs.source(
            "blobs.createWants", Allow::peer,
            [this](const muxrpc::Request&) -> muxrpc::Reply<std::unique_ptr<muxrpc::Source>> {
                return std::unique_ptr<muxrpc::Source>(std::make_unique<Items>(their_items));
            });
        both = std::make_unique<Joined>(loop, pair_of(1).id, ours, pair_of(2).id, theirs);
    }
    ~BlobWantsTest() override {
        listening.drop();
        hearing.drop();
        both.reset();
        wants.reset();
    }

    BlobId add(const std::string& data) {
        auto adding = keeper->add(
            std::nullopt, std::make_unique<Items>(std::vector{data}, muxrpc::Encoding::binary));
        return loop.run(std::move(adding)).value();
    }
    /// What the peer hears of us from now on.
    void listen() {
        auto collect = [](muxrpc::Session& session,
                          std::vector<std::string>& into) -> io::Task<void> {
            auto stream = session.source("blobs.createWants", "[]");
            while (true) {
                auto next = stream->next();
                auto item = co_await next;
                if (!item || !*item) co_return;
                into.emplace_back((*item)->text());
            }
        };
        listening = collect(both->far, heard);
    }
    static std::string size_text(const BlobId& id, std::size_t bytes) {
        return "{\"" + id.text() + "\":" + std::to_string(bytes) + "}";
    }

    io::Loop loop;
    base::PosixFiles disk;
    base::SystemClock clock;
    TemporaryFolder folder;
    std::unique_ptr<blobs::Store> store;
    std::unique_ptr<BlobKeeper> keeper;
    std::unique_ptr<BlobWants> wants;
    muxrpc::Router ours, theirs;
    std::vector<std::string> their_items, heard;
    std::unique_ptr<Joined> both;
    io::Task<void> listening, hearing;
};

TEST_F(BlobWantsTest, begin_with_an_empty_item_and_go_on_with_every_blob_that_is_stored) {
    BlobId before = add("before");
    listen();
    ASSERT_TRUE(comes(loop, [&] { return heard.size() == 1; }));
    EXPECT_EQ(heard[0], "{}");
    BlobId later = add("later");
    ASSERT_TRUE(comes(loop, [&] { return heard.size() == 2; }));
    EXPECT_EQ(heard[1], size_text(later, 5));
    EXPECT_NE(later, before);
}

TEST_F(BlobWantsTest, say_which_of_those_that_a_peer_wants_are_here) {
    BlobId here = add("here"), unasked = add("unasked");
    BlobId missing = here;
    missing.bytes[0] ^= 1;
    their_items = {
        "{}", "[1]", "null", "{\"&x\":-1}",
        "{\"" + here.text() + "\":-2,\"" + missing.text() + "\":-1,\"" + unasked.text() + "\":7}"};
    listen();
    hearing = wants->hear(both->near);
    ASSERT_TRUE(comes(loop, [&] { return heard.size() == 2; }));
    EXPECT_EQ(heard[1], size_text(here, 4));
    EXPECT_FALSE(both->far.is_open() && heard.size() > 2);
}

TEST_F(BlobWantsTest, hear_nothing_from_a_peer_without_the_method) {
    muxrpc::Router nothing;
    Joined others(loop, pair_of(1).id, ours, pair_of(3).id, nothing);
    auto alone = wants->hear(others.near);
    EXPECT_TRUE(comes(loop, [&] { return alone.done(); }));
    EXPECT_TRUE(others.near.is_open());
}

TEST_F(BlobWantsTest, answer_only_whoever_asked) {
    BlobId here = add("here");
    muxrpc::Router other_router;
    Joined other(loop, pair_of(1).id, ours, pair_of(3).id, other_router);
    auto stream = other.far.source("blobs.createWants", "[]");
    EXPECT_EQ((*loop.run(stream->next()))->text(), "{}");
    their_items = {"{\"" + here.text() + "\":-1}"};
    listen();
    ASSERT_TRUE(comes(loop, [&] { return heard.size() == 1; }));
    hearing = wants->hear(both->near);
    ASSERT_TRUE(comes(loop, [&] { return heard.size() == 2; }));
    // The next that the other one hears is what all do.
    BlobId later = add("later");
    EXPECT_EQ((*loop.run(stream->next()))->text(), size_text(later, 5));
}

TEST_F(BlobWantsTest, drop_the_oldest_answers_for_one_that_does_not_read) {
    muxrpc::Request request;
    request.caller = {muxrpc::Rights::peer, pair_of(4).id.text()};
    auto slow = std::move(wants->tell(request).value());
    for (std::size_t i = 0; i <= limits::blob_answers_max; ++i) add("blob " + std::to_string(i));
    listen();
    ASSERT_TRUE(comes(loop, [&] { return heard.size() == 1; }));
    add("the last");
    ASSERT_TRUE(comes(loop, [&] { return heard.size() == 2; }));
    std::size_t kept = 0;
    std::string item;
    do {
        item = (*loop.run(slow->next()))->text();
        EXPECT_NE(item, "{}") << "what was said longest ago goes first";
        ++kept;
    } while (item != heard[1]);
    EXPECT_EQ(kept, limits::blob_answers_max);
}

}  // namespace
}  // namespace sbot::app
