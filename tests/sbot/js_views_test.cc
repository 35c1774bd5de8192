// The JavaScript server's own view of how far feeds have come.

#include "sbot/js_views.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "base/memory_files.h"
#include "base/random.h"
#include "tests/sbot/support.h"

namespace sbot::app {
namespace {

class JsViewsTest : public testing::Test {
 protected:
    static flume::FeedState state(std::uint8_t number, Sequence sequence) {
        flume::FeedState state;
        state.feed = pair_of(number).id;
        state.key.bytes[0] = number;
        state.key.bytes[1] = static_cast<std::uint8_t>(sequence);
        state.sequence = sequence;
        state.claimed = 1500000000000.5;
        return state;
    }
    void put(std::string_view text) { disk.put("d/flume/last.json", base::bytes_of(text)); }

    base::MemoryFiles disk;
    base::SystemRandom random;
    std::unique_ptr<flume::Journal> journal =
        std::move(flume::Journal::open(disk, "d/flume/log.journal", random).value());
};

TEST_F(JsViewsTest, read_what_was_written_for_it) {
    EXPECT_FALSE(read_js_last(disk, "d"));
    ASSERT_TRUE(write_js_last(disk, "d", {state(1, 7), state(2, 1)}, 4321));
    auto last = read_js_last(disk, "d");
    ASSERT_TRUE(last);
    EXPECT_EQ(last->upto, 4321u);
    ASSERT_EQ(last->states.size(), 2u);
    ASSERT_NE(last->of(pair_of(1).id), nullptr);
    EXPECT_EQ(*last->of(pair_of(1).id), state(1, 7));
    EXPECT_EQ(last->of(pair_of(3).id), nullptr);
    ASSERT_TRUE(forget_js_views(disk, "d"));
    EXPECT_FALSE(read_js_last(disk, "d"));
}

TEST_F(JsViewsTest, are_believed_only_where_they_make_sense) {
    const std::string id = pair_of(1).id.text(), key = MessageId().text();
    auto with = [&](const std::string& feed, const std::string& sequence) {
        put(R"({"seq":10,"version":1,"value":{")" + feed + R"(":{"id":")" + key +
            R"(","sequence":)" + sequence + R"(,"ts":5}}})");
        auto last = read_js_last(disk, "d");
        return last && last->of(pair_of(1).id) != nullptr;
    };
    EXPECT_TRUE(with(id, "3"));
    EXPECT_FALSE(with("@x", "3"));
    for (const char* odd : {"0", "-1", "1e300", "\"3\"", "null"})
        EXPECT_FALSE(with(id, odd)) << odd;
    for (const char* text :
         {"", "{", "[]", "null", R"({"seq":10,"version":2,"value":{}})",
          R"({"seq":-1,"version":1,"value":{}})", R"({"version":1,"value":{}})"}) {
        put(text);
        EXPECT_FALSE(read_js_last(disk, "d")) << text;
    }
    put(R"({"seq":0,"version":1,"value":[1]})");
    EXPECT_TRUE(read_js_last(disk, "d")->states.empty());
}

TEST_F(JsViewsTest, tell_which_ends_were_deleted_and_the_journal_keeps_them) {
    const std::vector<flume::FeedState> ours = {state(1, 7), state(2, 3), state(3, 9)};
    JsLast last;
    last.states = {state(1, 7), state(2, 5), state(3, 8), state(4, 2)};
    auto ends = js_ends_beyond(last, ours);
    ASSERT_EQ(ends.size(), 2u);
    EXPECT_EQ(ends[0], state(2, 5));
    EXPECT_EQ(ends[1], state(4, 2));
    ASSERT_TRUE(keep_ends(*journal, ends));
    EXPECT_TRUE(journal->pending().empty());
    journal = std::move(flume::Journal::open(disk, "d/flume/log.journal", random).value());
    auto states = ours;
    add_kept(states, *journal);
    EXPECT_EQ(states, (std::vector{state(1, 7), state(2, 5), state(3, 9), state(4, 2)}));
    EXPECT_TRUE(js_ends_beyond(last, states).empty());
    EXPECT_TRUE(ends_deleted(states, *journal, {}));
    EXPECT_FALSE(ends_deleted(ours, *journal, {}));
    flume::Deleted more;
    more.key = state(3, 9).key;
    EXPECT_TRUE(ends_deleted(ours, *journal, {&more, 1}));
}

TEST_F(JsViewsTest, may_name_more_ends_than_one_record_of_the_journal_holds) {
    std::vector<flume::FeedState> ends;
    for (std::size_t i = 0; i < limits::journal_entries_max + 3; ++i) {
        flume::FeedState end = state(1, 2);
        end.feed.bytes[30] = static_cast<std::uint8_t>(i);
        end.feed.bytes[31] = static_cast<std::uint8_t>(i >> 8);
        ends.push_back(end);
    }
    ASSERT_TRUE(keep_ends(*journal, ends));
    EXPECT_EQ(journal->last_of_feeds().size(), ends.size());
}

}  // namespace
}  // namespace sbot::app
