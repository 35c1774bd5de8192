#include "flume/live_answer.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "base/limits.h"

namespace sbot::flume {
namespace {

Answer answer_of(bool keyed, const std::vector<AnswerRow>& rows) {
    Answer answer(keyed);
    for (const AnswerRow& row : rows) EXPECT_TRUE(answer.add(row));
    EXPECT_TRUE(answer.complete());
    return answer;
}

TEST(LiveAnswer, tells_by_keys_what_came_went_and_changed) {
    const Answer before = answer_of(true, {{"1", "a"}, {"3", "c"}, {"2", "b"}});
    const Answer after = answer_of(true, {{"4", "d"}, {"2", "B"}, {"1", "a"}});
    EXPECT_EQ(difference(before, after).text(), R"({"added":[d],"removed":[c],"changed":[B]})");
    EXPECT_TRUE(difference(before, before).empty());
}

TEST(LiveAnswer, counts_rows_without_keys) {
    const Answer before = answer_of(false, {{"", "a"}, {"", "b"}, {"", "a"}});
    const Answer after = answer_of(false, {{"", "b"}, {"", "a"}, {"", "c"}, {"", "c"}});
    EXPECT_EQ(difference(before, after).text(), R"({"added":[c,c],"removed":[a],"changed":[]})");
}

TEST(LiveAnswer, wants_keys_that_are_keys) {
    Answer answer(true);
    ASSERT_TRUE(answer.add({"1", "a"}));
    ASSERT_TRUE(answer.add({"1", "a"}));
    auto done = answer.complete();
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().what,
              "two rows of the answer have the key [1]: name more columns in key, or none");
}

TEST(LiveAnswer, has_an_end) {
    Answer answer(false);
    const AnswerRow row{"", std::string(100000, 'x')};
    std::size_t rows = 0;
    for (; rows < 1000; ++rows) {
        auto ok = answer.add(row);
        if (ok) continue;
        EXPECT_EQ(ok.error().code, Errc::limit);
        break;
    }
    EXPECT_EQ(rows, limits::sql_live_bytes_max / 100100);
}

TEST(LiveAnswer, differences_add_up) {
    for (unsigned seed = 1; seed <= 200; ++seed) {
        std::mt19937 random(seed);
        const bool keyed = random() % 2 == 0;
        auto draw = [&] {
            std::vector<AnswerRow> rows;
            std::map<std::string, std::string> taken;
            for (unsigned i = 0; i < random() % 20; ++i) {
                std::string key = std::to_string(random() % 25);
                std::string text = std::to_string(random() % 4);
                if (keyed && !taken.emplace(key, text).second) continue;
                rows.push_back({keyed ? key : "", keyed ? key + ":" + text : text});
            }
            return rows;
        };
        Answer before = answer_of(keyed, draw());
        std::multimap<std::string, std::string> sum;
        for (const AnswerRow& row : before.rows()) sum.emplace(row.key, row.text);
        for (int step = 0; step < 10; ++step) {
            Answer after = answer_of(keyed, draw());
            auto found = difference(before, after);
            auto take_out = [&](const AnswerRow& row, bool by_key) {
                auto [at, end] = sum.equal_range(row.key);
                while (at != end && !by_key && at->second != row.text) ++at;
                ASSERT_NE(at, end) << "seed " << seed;
                sum.erase(at);
            };
            for (const AnswerRow* row : found.removed) take_out(*row, false);
            for (const AnswerRow* row : found.changed) take_out(*row, true);
            for (const AnswerRow* row : found.changed) sum.emplace(row->key, row->text);
            for (const AnswerRow* row : found.added) sum.emplace(row->key, row->text);
            std::multiset<std::pair<std::string, std::string>> is(sum.begin(), sum.end()), wanted;
            for (const AnswerRow& row : after.rows()) wanted.emplace(row.key, row.text);
            ASSERT_EQ(is, wanted) << "seed " << seed;
            before = std::move(after);
        }
    }
}

}  // namespace
}  // namespace sbot::flume
