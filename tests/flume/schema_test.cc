// docs/schema.md against the database it is about.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "flume/core_view.h"
#include "tests/flume/support.h"

namespace sbot::flume {
namespace {

std::string message(int number, int sequence, const std::string& content) {
    MessageId key;
    key.bytes.fill(static_cast<std::uint8_t>(number));
    return R"({"key":")" + key.text() + R"(","value":{"author":")" + FeedId().text() +
           R"(","sequence":)" + std::to_string(sequence) + R"(,"timestamp":)" +
           std::to_string(1000 + number) + R"(,"content":)" + content + R"(},"timestamp":)" +
           std::to_string(2000 + number) + "}";
}

std::vector<std::string> queries() {
    std::ifstream file(std::string(SBOT_SOURCE_DIR) + "/docs/schema.md");
    std::vector<std::string> found;
    std::string query;
    bool inside = false;
    for (std::string line; std::getline(file, line);) {
        if (line == "```sql") {
            inside = true;
        } else if (line == "```" && inside) {
            inside = false;
            found.push_back(std::move(query));
            query.clear();
        } else if (inside) {
            query += line + "\n";
        }
    }
    return found;
}

TEST(Schema, answers_each_query_of_its_page) {
    test::TemporaryFolder folder;
    auto view = std::move(CoreView::open({folder.path("core.sqlite"), {}, {}}).value());
    MessageId first;
    first.bytes.fill(1);
    const std::string me = FeedId().text(), root = first.text();
    const std::string texts[] = {
        message(1, 1, R"({"type":"post","text":"hello there","channel":"New People"})"),
        message(2, 2,
                R"({"type":"post","text":"a reply","root":")" + root + R"(","mentions":[")" + me +
                    "\"]}"),
        message(3, 3, R"({"type":"about","about":")" + me + R"(","name":"tester"})"),
        message(4, 4, R"({"type":"contact","contact":")" + me + R"(","blocking":true})"),
        message(5, 5, R"({"type":"post","channel":"new-people","text":"in the channel"})"),
    };
    std::vector<Entry> entries;
    for (const std::string& text : texts) {
        entries.push_back({entries.size() * 1000, base::bytes_of(text)});
    }
    ASSERT_TRUE(view->apply(entries, Place::next));
    auto reader =
        std::move(sqlite::Database::open(folder.path("core.sqlite"), {.read_only = true}).value());
    const std::size_t rows_wanted[] = {2, 2, 1, 1, 1, 1, 1, 1, 1, 1};
    const auto all = queries();
    ASSERT_EQ(all.size(), std::size(rows_wanted));
    for (std::size_t i = 0; i < all.size(); ++i) {
        auto query = reader.prepare(all[i]);
        ASSERT_TRUE(query) << all[i] << query.error().what;
        query->bind(":me", me).bind(":feed", me).bind(":message", root);
        std::size_t rows = 0;
        for (;; ++rows) {
            auto more = query->step();
            ASSERT_TRUE(more) << all[i] << more.error().what;
            if (!*more) break;
        }
        EXPECT_EQ(rows, rows_wanted[i]) << all[i];
    }
}

TEST(Schema, names_the_path_of_a_link_without_ids) {
    test::TemporaryFolder folder;
    auto view = std::move(CoreView::open({folder.path("core.sqlite"), {}, {}}).value());
    const std::string me = FeedId().text(), root = MessageId().text();
    const std::string text =
        message(1, 1,
                R"({"type":"post","reply":{")" + root + R"(":")" + me + R"("},"a":{"link":")" +
                    root + R"("},"mentions":[{"link":")" + me + R"("}]})");
    const Entry entry[] = {{0, base::bytes_of(text)}};
    ASSERT_TRUE(view->apply(entry, Place::next));
    auto reader =
        std::move(sqlite::Database::open(folder.path("core.sqlite"), {.read_only = true}).value());
    auto row = std::move(reader.prepare("SELECT rel,dest FROM link ORDER BY rel").value());
    const std::pair<std::string, std::string> wanted[] = {
        {"a", root}, {"mentions", me}, {"reply", me}};
    for (const auto& [rel, dest] : wanted) {
        ASSERT_TRUE(row.step().value());
        EXPECT_EQ(row.text(0), rel);
        EXPECT_EQ(row.text(1), dest);
    }
    EXPECT_FALSE(row.step().value());
}

}  // namespace
}  // namespace sbot::flume
