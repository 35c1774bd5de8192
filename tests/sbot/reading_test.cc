#include "sbot/reading.h"

#include <gtest/gtest.h>

#include "tests/sbot/support.h"

namespace sbot::app {
namespace {

using Texts = std::vector<std::string>;

/// A short name for an item: `n` of its content, "sync", or the whole.
std::string short_name(const muxrpc::Body& item) {
    auto document = json::Document::parse(item.text());
    if (!document) return std::string(item.text());
    json::Value root = document->root();
    if (root["sync"].is_true()) return "sync";
    json::Value value = root["value"].exists() ? root["value"] : root;
    json::Value n = value["content"]["n"];
    if (n.is_number()) return json::compact(n);
    return value["content"].is_string() ? "boxed" : std::string(item.text());
}

/// Up to `count` items, or to the end ("end", or the error).
io::Task<Texts> items_of(muxrpc::Source& source, std::size_t count) {
    Texts items;
    bool more = true;
    while (more && items.size() < count) {
        auto item = co_await source.next();
        more = item && item->has_value();
        items.push_back(more ? short_name(**item) : item ? "end" : item.error().message);
    }
    co_return items;  // in one place: g++ 12 frees it twice otherwise
}

class ReadingTest : public testing::Test {
 protected:
    ReadingTest() : store(loop) {}

    void publish(int from, int upto, std::string_view type = "post") {
        std::vector<muxrpc::AsyncReply<std::string>> waiting;
        for (int n = from; n <= upto; ++n) {
            std::string content =
                "{\"type\":\"" + std::string(type) + "\",\"n\":" + std::to_string(n) + "}";
            auto document = json::Document::parse(content);
            waiting.push_back(store.feeds->publish(document->root()));
        }
        for (auto& each : waiting) EXPECT_TRUE(loop.run(std::move(each)).has_value());
    }
    std::unique_ptr<muxrpc::Source> stream(std::string_view options, Query query = {}) {
        auto document = json::Document::parse(options);
        return store.reading->stream(std::move(query), lenient_options(document->root()));
    }
    Texts all(std::string_view options, Query query = {}, std::size_t count = SIZE_MAX) {
        auto source = stream(options, std::move(query));
        return loop.run(items_of(*source, count));
    }
    Query own_feed() {
        Query query;
        query.by = Query::By::sequence;
        query.feed = store.own.id;
        return query;
    }

    /// Writes over what follows `place` in the entry of the n-th message, from 1 on.
    flume::Offset spoil(int number, std::string_view place, std::size_t count = 16) {
        auto cursor = store.log->scan({});
        flume::Entry entry;
        for (int i = 0; i < number; ++i) entry = **(*cursor)->next();
        const std::size_t at = entry.offset + 4 + base::text_of(entry.data).find(place);
        auto file = store.disk.open("log.offset", base::OpenFile{});
        EXPECT_TRUE((*file)->write_at(at, Bytes(count, std::uint8_t{'X'})));
        return entry.offset;
    }
    Query by(Query::By how) {
        Query query = own_feed();
        query.by = how;
        query.type = "post";
        return query;
    }
    MessageId key_of(int number) {
        auto cursor = store.log->scan({});
        for (int i = 1; i < number; ++i) (void)(*cursor)->next();
        return *MessageId::parse(flume::key_of((**(*cursor)->next()).data));
    }

    io::Loop loop;
    Store store;
};

TEST_F(ReadingTest, old_items_and_the_end) {
    EXPECT_EQ(all("{}"), (Texts{"end"}));
    publish(1, 4);
    EXPECT_EQ(all("{}"), (Texts{"1", "2", "3", "4", "end"}));
    EXPECT_EQ(all(R"({"reverse":true})"), (Texts{"4", "3", "2", "1", "end"}));
    EXPECT_EQ(all(R"({"limit":2})"), (Texts{"1", "2", "end"}));
    EXPECT_EQ(all(R"({"limit":1,"reverse":true})"), (Texts{"4", "end"}));
    EXPECT_EQ(all(R"({"limit":0})"), (Texts{"end"}));
    EXPECT_EQ(all(R"({"limit":-1})").size(), 5U);
}

TEST_F(ReadingTest, bounds_are_those_of_the_order) {
    publish(1, 4);
    EXPECT_EQ(all(R"({"gt":1,"lte":3})", own_feed()), (Texts{"2", "3", "end"}));
    EXPECT_EQ(all(R"({"gte":2,"lt":3})", own_feed()), (Texts{"2", "end"}));
    EXPECT_EQ(all(R"({"gte":3,"reverse":true})", own_feed()), (Texts{"4", "3", "end"}));
    auto last = json::Document::parse(store.publish(R"({"type":"other","n":9})"));
    ASSERT_TRUE(last);
    std::string at = json::compact(last->root()["value"]["timestamp"]);
    Query feed;
    feed.by = Query::By::resolved;
    // The reference's bounds on this order: gt takes in, lte leaves out.
    EXPECT_EQ(all("{\"gt\":" + at + "}", feed), (Texts{"9", "end"}));
    EXPECT_EQ(all("{\"gte\":" + at + "}", feed), (Texts{"9", "end"}));
    EXPECT_EQ(all("{\"lte\":" + at + "}", feed), (Texts{"1", "2", "3", "4", "end"}));
    EXPECT_EQ(all("{\"lt\":" + at + "}", feed), (Texts{"1", "2", "3", "4", "end"}));
}

TEST_F(ReadingTest, keys_and_values_choose_the_form) {
    std::string envelope = store.publish(R"({"type":"post","n":1})");
    auto document = json::Document::parse(envelope);
    auto only = [this](std::string_view options) {
        auto source = stream(options);
        auto item = loop.run(source->next());
        return std::string((*item)->text());
    };
    EXPECT_EQ(only("{}"), envelope);
    EXPECT_EQ(only(R"({"values":false})"), document->root()["key"].string());
    EXPECT_EQ(only(R"({"keys":false})"), document->root()["value"].source());
    EXPECT_EQ(only(R"({"keys":false,"values":false})"), document->root()["value"].source());
}

TEST_F(ReadingTest, private_messages_are_opened_where_asked) {
    store.publish(R"({"type":"post","n":1,"recps":[")" + store.own.id.text() + "\"]}");
    EXPECT_EQ(all("{}"), (Texts{"boxed", "end"}));
    EXPECT_EQ(all(R"({"private":true})"), (Texts{"1", "end"}));
    Query posts;
    posts.by = Query::By::type;
    posts.type = "post";
    EXPECT_EQ(all("{}", posts), (Texts{"boxed", "end"}));
    EXPECT_EQ(all(R"({"private":true})", posts), (Texts{"1", "end"}));
}

TEST_F(ReadingTest, live_streams_mark_the_end_of_the_old_and_go_on) {
    publish(1, 2);
    auto live = stream(R"({"live":true})");
    EXPECT_EQ(loop.run(items_of(*live, 3)), (Texts{"1", "2", "sync"}));
    auto waiting = items_of(*live, 2);
    loop.run(turns(loop, 20));
    EXPECT_FALSE(waiting.done());
    publish(3, 4);
    EXPECT_EQ(loop.run(std::move(waiting)), (Texts{"3", "4"}));

    auto unmarked = stream(R"({"live":true,"sync":false,"limit":1,"reverse":true})");
    EXPECT_EQ(loop.run(items_of(*unmarked, 1)), (Texts{"4"}));
    auto more = items_of(*unmarked, 2);
    publish(5, 6);
    EXPECT_EQ(loop.run(std::move(more)), (Texts{"5", "6"}));
}

TEST_F(ReadingTest, without_the_old_only_new_ones_come) {
    publish(1, 2);
    auto live = stream(R"({"live":true,"old":false})");
    auto also = stream(R"({"old":false})");
    auto none = stream(R"({"old":false,"lt":5})");
    auto first = items_of(*live, 1), second = items_of(*also, 1), third = items_of(*none, 1);
    loop.run(turns(loop, 20));
    publish(3, 3);
    EXPECT_EQ(loop.run(std::move(first)), (Texts{"3"}));
    EXPECT_EQ(loop.run(std::move(second)), (Texts{"3"}));
    loop.run(turns(loop, 20));
    EXPECT_FALSE(third.done());
}

TEST_F(ReadingTest, what_comes_while_a_call_waits_for_the_index_is_new_to_it) {
    for (int n = 0; n < 120; n += 4) {
        for (Query::By how :
             {Query::By::received, Query::By::sequence, Query::By::resolved, Query::By::type}) {
            publish(n, n);
            auto last = stream(R"({"reverse":true,"limit":1})");
            auto hurrying = items_of(*last, 1);
            publish(n + 1, n + 1);  // known, and in the index only after what goes in now
            auto live = stream(R"({"live":true,"old":false})", by(how));
            auto first = items_of(*live, 1);
            publish(n + 2, n + 2);  // may go in together with it
            publish(n + 3, n + 3);
            EXPECT_EQ(loop.run(std::move(first)), (Texts{std::to_string(n + 2)}));
            (void)loop.run(std::move(hurrying));
        }
    }
}

TEST_F(ReadingTest, each_message_comes_once_while_others_are_published) {
    publish(1, 700);  // many pages
    for (Query::By by : {Query::By::received, Query::By::sequence, Query::By::resolved}) {
        Query query = own_feed();
        query.by = by;
        auto before = static_cast<int>(store.feeds->stored(store.own.id)->sequence);
        // The first batch is on its way when the stream begins.
        auto document = json::Document::parse(R"({"type":"post","n":0})");
        std::vector<muxrpc::AsyncReply<std::string>> waiting;
        waiting.push_back(store.feeds->publish(document->root()));
        auto live = stream(R"({"live":true})", query);
        auto reading = items_of(*live, static_cast<std::size_t>(before) + 1 + 31);
        for (int i = 0; i < 30; ++i) {
            loop.run(turns(loop, 3));
            waiting.push_back(store.feeds->publish(document->root()));
        }
        auto items = loop.run(std::move(reading));
        for (auto& each : waiting) EXPECT_TRUE(loop.run(std::move(each)).has_value());
        std::size_t zeros = static_cast<std::size_t>(std::count(items.begin(), items.end(), "0"));
        std::size_t known = static_cast<std::size_t>(before) - 700;  // of the rounds before
        EXPECT_EQ(zeros, known + 31);
        EXPECT_EQ(std::count(items.begin(), items.end(), "sync"), 1);
        auto next = items_of(*live, 1);
        loop.run(turns(loop, 50));
        EXPECT_FALSE(next.done()) << "something came twice";
    }
}

TEST_F(ReadingTest, own_messages_go_before_thousands_and_live_streams_keep_the_order) {
    publish(1, 1);
    auto other = pair_of(2);
    auto texts = feed_of(other, 3000);
    auto live = stream(R"({"live":true,"old":false,"keys":false})");
    auto reading = items_of(*live, 3010);
    loop.run(turns(loop, 5));
    for (std::size_t from = 0; from < texts.size(); from += 300) {
        std::vector<replication::FeedRun> runs(1);
        runs[0].feed = other.id;
        for (std::size_t i = from; i < from + 300; ++i) {
            runs[0].messages.push_back(base::to_bytes(texts[i]));
        }
        EXPECT_EQ(loop.run(store.feeds->take(std::move(runs))).at(0).count, 300U);
        auto envelope = store.publish(R"({"type":"post","n":"own"})");
        auto document = json::Document::parse(envelope);
        auto key = MessageId::parse(document->root()["key"].string());
        EXPECT_TRUE(loop.run(store.reading->by_key(*key)).has_value());
    }
    Texts heard = loop.run(std::move(reading));
    ASSERT_EQ(heard.size(), 3010U);
    int next = 1, own = 0;
    for (const std::string& item : heard) {
        if (item == std::to_string(next)) {
            ++next;
        } else {
            EXPECT_NE(item.find("own"), std::string::npos) << item;
            ++own;
        }
    }
    EXPECT_EQ(next, 3001);
    EXPECT_EQ(own, 10);
}

TEST_F(ReadingTest, two_thousand_live_streams_hear_of_their_feed) {
    std::vector<std::unique_ptr<muxrpc::Source>> sources;
    std::vector<io::Task<Texts>> waiting;
    for (int i = 0; i < 2000; ++i) {
        Query query = own_feed();
        if (i % 100 != 0) query.feed.bytes[5] = static_cast<std::uint8_t>(i);
        sources.push_back(stream(R"({"live":true,"sync":false})", query));
        waiting.push_back(items_of(*sources.back(), 1));
    }
    loop.run(turns(loop, 50));
    publish(1, 1);
    for (std::size_t i = 0; i < waiting.size(); i += 100) {
        EXPECT_EQ(loop.run(std::move(waiting[i])), (Texts{"1"}));
    }
    EXPECT_FALSE(waiting[1].done());
}

TEST_F(ReadingTest, a_deleted_record_is_passed_over) {
    publish(1, 3);
    auto second = store.log->scan({});
    (void)(*second)->next();
    flume::Offset at = (*(*second)->next())->offset;
    ASSERT_TRUE(store.log->del(std::vector<flume::Offset>{at}));
    EXPECT_EQ(all("{}"), (Texts{"1", "3", "end"}));
    EXPECT_EQ(all("{}", own_feed()), (Texts{"1", "3", "end"}));
    auto gone = loop.run(store.reading->by_offset(at));
    ASSERT_FALSE(gone);
    EXPECT_TRUE(flume::is_deleted(gone.error()));
}

constexpr Query::By all_orders[] = {Query::By::received, Query::By::resolved, Query::By::sequence,
                                    Query::By::type};

TEST_F(ReadingTest, a_damaged_record_is_passed_over_and_told_of_once) {
    publish(1, 4);
    const MessageId second = key_of(2);
    const flume::Offset at = spoil(2, "\"timestamp\":");
    for (Query::By how : all_orders) {
        EXPECT_EQ(all("{}", by(how)), (Texts{"1", "3", "4", "end"}));
        EXPECT_EQ(all(R"({"reverse":true})", by(how)), (Texts{"4", "3", "1", "end"}));
        EXPECT_EQ(all(R"({"keys":false})", by(how)), (Texts{"1", "3", "4", "end"}));
        EXPECT_EQ(all(R"({"private":true})", by(how)), (Texts{"1", "3", "4", "end"}));
        EXPECT_EQ(all(R"({"values":false})", by(how)).size(), 4U);
    }
    EXPECT_EQ(store.damage->count(), 1U);
    auto alone = loop.run(store.reading->by_key(second));
    ASSERT_FALSE(alone);
    EXPECT_EQ(alone.error().code, Errc::corrupt);
    EXPECT_EQ(alone.error().what, "the message at offset " + std::to_string(at) +
                                      " of flume/log.offset is damaged: run `sbot flume check`");
}

TEST_F(ReadingTest, a_live_stream_passes_over_what_is_damaged_before_it_gets_there) {
    publish(1, 1);
    std::vector<std::unique_ptr<muxrpc::Source>> sources;
    for (Query::By how : all_orders) {
        sources.push_back(stream(R"({"live":true})", by(how)));
        EXPECT_EQ(loop.run(items_of(*sources.back(), 2)), (Texts{"1", "sync"}));
    }
    publish(2, 4);
    spoil(2, "\"content\":");
    for (auto& source : sources) EXPECT_EQ(loop.run(items_of(*source, 2)), (Texts{"3", "4"}));
}

TEST_F(ReadingTest, records_without_their_frame_are_damaged_too) {
    publish(1, 4);
    const MessageId second = key_of(2), third = key_of(3);
    // The end of one, and the length of the next.
    spoil(2, ".sig.ed25519", 80);
    for (Query::By how : all_orders) EXPECT_EQ(all("{}", by(how)), (Texts{"1", "4", "end"}));
    EXPECT_EQ(store.damage->count(), 2U);
    for (const MessageId& key : {second, third}) {
        EXPECT_EQ(loop.run(store.reading->by_key(key)).error().code, Errc::corrupt);
    }
}

TEST_F(ReadingTest, a_record_with_the_key_of_another_is_not_taken_for_it) {
    publish(1, 2);
    const MessageId second = key_of(2);
    spoil(2, "=.sha256\"", 1);
    spoil(2, second.text().substr(2), 5);
    EXPECT_EQ(loop.run(store.reading->by_key(second)).error().code, Errc::corrupt);
}

TEST_F(ReadingTest, a_peer_gets_a_feed_up_to_what_is_damaged) {
    publish(1, 4);
    spoil(3, "\"author\":");
    Query query = own_feed();
    query.gapless = true;
    EXPECT_EQ(all("{}", query), (Texts{"1", "2", "end"}));
    EXPECT_EQ(all(R"({"live":true})", query), (Texts{"1", "2", "end"}));
    auto values = [this](Sequence first) {
        return loop.run(store.reading->values_of(store.own.id, first, 9))->size();
    };
    EXPECT_EQ(values(1), 2U);
    EXPECT_EQ(values(3), 0U);
    EXPECT_EQ(values(4), 1U);
    EXPECT_EQ(store.damage->count(), 1U);
}

TEST_F(ReadingTest, one_message_by_its_key) {
    std::string envelope = store.publish(R"({"type":"post","n":1})");
    auto document = json::Document::parse(envelope);
    auto key = MessageId::parse(document->root()["key"].string());
    auto found = loop.run(store.reading->by_key(*key));
    ASSERT_TRUE(found);
    EXPECT_EQ(*found, envelope);
    key->bytes[0] ^= 1;
    auto missing = loop.run(store.reading->by_key(*key));
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().what, "Key not found in database [" + key->text() + "]");
}

TEST_F(ReadingTest, can_be_dropped_while_pages_are_read) {
    publish(1, 300);
    for (int count = 0; count < 10; ++count) {
        auto source = stream("{}");
        auto reading = items_of(*source, SIZE_MAX);
        loop.run(turns(loop, count));
        reading.drop();
    }
    auto source = stream("{}");
    auto reading = items_of(*source, SIZE_MAX);
    reading.drop();
    source.reset();
    store.close();
}

}  // namespace
}  // namespace sbot::app
