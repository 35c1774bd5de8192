#include "flume/links.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/memory_files.h"
#include "flume/core_reader.h"
#include "flume/offset_log.h"
#include "tests/flume/support.h"

namespace sbot::flume {
namespace {

const std::string feed = "@" + std::string(43, 'A') + "=.ed25519";
const std::string message = "%" + std::string(43, 'E') + "=.sha256";
const std::string other = "%" + std::string(43, 'I') + "=.sha256";
const std::string blob = "&" + std::string(43, 'M') + "=.sha256";

std::vector<Link> links_in(const std::string& text) {
    auto document = json::Document::parse(text);
    EXPECT_TRUE(document) << text;
    return document ? links_of(document->root()) : std::vector<Link>();
}
std::string quoted(const std::string& text) { return '"' + text + '"'; }

TEST(Links, are_ids_in_top_level_members_alone_or_in_lists) {
    std::string content = R"({"type":"post","root":)" + quoted(message) + R"(,"branch":[)" +
                          quoted(message) + "," + quoted(other) + R"(],"mentions":[{"link":)" +
                          quoted(feed) + R"(,"name":"x"},{"link":")" + blob +
                          R"(?unbox=abc"},5,null,true,[)" + quoted(feed) +
                          R"(],{"link":{}}],"vote":{"link":)" + quoted(other) +
                          R"(,"value":1},"deep":{"a":{"link":)" + quoted(feed) + "}}}";
    std::vector<Link> want = {{"root", message},
                              {"branch", message},
                              {"branch", other},
                              {"mentions", feed},
                              {"mentions", blob + "?unbox=abc"},
                              {"vote", other}};
    EXPECT_EQ(links_in(content), want);
}

TEST(Links, takes_objects_with_members_0_1_for_lists) {
    std::string content = R"({"type":"x","a":{"0":)" + quoted(message) + R"(,"1":)" +
                          quoted(other) + R"(,"3":)" + quoted(feed) + R"(},"b":{"1":)" +
                          quoted(message) + R"(,"link":)" + quoted(blob) + "}}";
    std::vector<Link> want = {{"a", message}, {"a", other}, {"b", blob}};
    EXPECT_EQ(links_in(content), want);
}

TEST(Links, finds_the_content_in_what_wraps_it) {
    std::string inner = R"({"type":"post","root":)" + quoted(message) + "}";
    std::vector<Link> want = {{"root", message}};
    EXPECT_EQ(links_in(R"({"type":"x","content":)" + inner + "}"), want);
    EXPECT_EQ(links_in(R"({"type":"x","value":{"content":)" + inner + "}}"), want);
}

TEST(Links, are_none_in_what_is_no_object) {
    for (const char* text : {"null", "1", "\"x\"", "[]", "{}", "[null]", R"({"a":null,"b":""})"}) {
        EXPECT_TRUE(links_in(text).empty()) << text;
    }
}

std::vector<std::string> order(LinkSorter& sorter, bool reverse, std::size_t at_once) {
    std::vector<std::string> found;
    while (true) {
        auto rows = sorter.next(reverse, at_once).value();
        for (const LinkRow& row : rows) {
            found.push_back(row.source + ' ' + row.rel + ' ' + row.dest + ' ' + row.key + ' ' +
                            std::to_string(row.offset));
        }
        if (rows.size() < at_once) return found;
    }
}

TEST(LinkSorter, puts_links_in_the_order_of_the_javascript_index) {
    struct Case {
        const char *source, *rel, *dest;
        Sequence sequence;
    };
    // By source, rel, dest, sequence (as a number); a name with a blank before its beginning.
    const Case cases[] = {{"@a", "x y", "%1", 1}, {"@a", "x", "%1", 9}, {"@a", "x", "%1", 10},
                          {"@a", "x", "%2", 1},   {"@b", "a", "%0", 1}, {"@b", "a!\"?", "%0", 1}};
    for (std::size_t at_once : {1u, 2u, 100u}) {
        for (bool reverse : {false, true}) {
            auto sorter = LinkSorter::make(false).value();
            ASSERT_TRUE(sorter->begin());
            std::vector<std::string> want;
            for (const Case& one : cases) {
                want.push_back(std::string(one.source) + ' ' + one.rel + ' ' + one.dest + " %k " +
                               std::to_string(one.sequence));
            }
            for (std::size_t i : {3u, 0u, 5u, 2u, 4u, 1u, 0u}) {
                const Case& one = cases[i];
                ASSERT_TRUE(
                    sorter->add(one.source, {one.rel, one.dest}, one.sequence, "%k", one.sequence));
            }
            ASSERT_TRUE(sorter->end());
            if (reverse) std::reverse(want.begin(), want.end());
            EXPECT_EQ(order(*sorter, reverse, at_once), want);
        }
    }
}

TEST(LinkSorter, sorts_backwards_by_dest_first) {
    auto sorter = LinkSorter::make(true).value();
    ASSERT_TRUE(sorter->begin());
    ASSERT_TRUE(sorter->add("@a", {"r", "%2"}, 1, "%k", 1));
    ASSERT_TRUE(sorter->add("@b", {"r", "%1"}, 1, "%k", 2));
    ASSERT_TRUE(sorter->end());
    std::vector<std::string> want = {"@b r %1 %k 2", "@a r %2 %k 1"};
    EXPECT_EQ(order(*sorter, false, 10), want);
}

std::string stored(int number, const std::string& content) {
    MessageId key;
    key.bytes.fill(static_cast<std::uint8_t>(number));
    return R"({"key":")" + key.text() + R"(","value":{"previous":null,"author":")" + feed +
           R"(","sequence":)" + std::to_string(number) +
           R"(,"timestamp":1,"hash":"sha256","content":)" + content +
           R"(,"signature":"x"},"timestamp":)" + std::to_string(100 + number) + "}";
}

TEST(CoreView, finds_messages_by_what_they_link_to) {
    test::TemporaryFolder folder;
    base::MemoryFiles files;
    auto log = OffsetLog::open(files, "/d/log.offset", {}).value();
    std::vector<std::string> texts = {
        stored(1, R"({"type":"post","root":)" + quoted(message) + "}"),
        stored(2, R"({"type":"post","root":)" + quoted(other) + "}"),
        stored(3, R"({"type":"post","root":)" + quoted(message) + R"(,"branch":)" +
                      quoted(message) + "}"),
        stored(4, R"("sealed.box")"), stored(5, R"("open.box")")};
    std::vector<ByteView> batch;
    for (const auto& text : texts) batch.push_back(base::bytes_of(text));
    auto at = log->append(batch).value();
    EXPECT_TRUE(log->sync());
    CoreView::Options options;
    options.path = folder.path("core.sqlite");
    options.unbox = [](json::Value value) -> std::optional<std::string> {
        if (!value["content"].is("open.box")) return std::nullopt;
        return R"({"type":"post","root":)" + quoted(message) + "}";
    };
    auto view = CoreView::open(options).value();
    ASSERT_TRUE(catch_up(*view, *log, 100));
    auto reader = CoreReader::open(options.path).value();
    auto found = [&](std::optional<Offset> after, std::size_t limit) {
        return reader->by_dest(message, after, limit).value();
    };
    EXPECT_EQ(found({}, 100), (std::vector<Offset>{at[0], at[2], at[4]}));
    EXPECT_EQ(found({}, 1), (std::vector<Offset>{at[0]}));
    EXPECT_EQ(found(at[0], 1), (std::vector<Offset>{at[2]}));
    EXPECT_TRUE(reader->by_dest(blob, {}, 9).value().empty());

    const Entry gone[] = {{at[2], batch[2]}, {at[4], batch[4]}};
    ASSERT_TRUE(view->retract(gone));
    EXPECT_EQ(found({}, 100), (std::vector<Offset>{at[0]}));
}

TEST(CoreView, is_made_anew_when_a_deletion_was_not_finished) {
    test::TemporaryFolder folder;
    base::MemoryFiles files;
    auto log = OffsetLog::open(files, "/d/log.offset", {}).value();
    std::string text = stored(1, R"({"type":"post"})");
    const ByteView batch[] = {base::bytes_of(text)};
    auto at = log->append(batch).value();
    EXPECT_TRUE(log->sync());
    CoreView::Options options;
    options.path = folder.path("core.sqlite");
    for (bool finished : {false, true}) {
        auto view = CoreView::open(options).value();
        ASSERT_TRUE(catch_up(*view, *log, 100));
        ASSERT_TRUE(view->distrust());
        const Entry gone[] = {{at[0], batch[0]}};
        ASSERT_TRUE(view->retract(gone));
        if (finished) {
            ASSERT_TRUE(view->trust());
        }
        view.reset();
        view = CoreView::open(options).value();
        EXPECT_EQ(view->covered().upto.has_value(), finished);
    }
}

}  // namespace
}  // namespace sbot::flume
