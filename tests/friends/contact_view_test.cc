#include "friends/contact_view.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/memory_files.h"
#include "flume/offset_log.h"
#include "friends/snapshot.h"
#include "tests/flume/support.h"

namespace sbot::friends {
namespace {

using flume::Offset;

FeedId feed_of(int number) {
    FeedId id;
    id.bytes.fill(static_cast<std::uint8_t>(number));
    return id;
}

/// A log in memory, and a view of it in a folder of its own.
struct Bench {
    test::TemporaryFolder folder;
    base::MemoryFiles files;
    std::unique_ptr<flume::OffsetLog> log;
    std::unique_ptr<ContactView> view;
    FeedId own = feed_of(1);
    Snapshot now{own, 3};
    int written = 0;

    Bench() {
        log = std::move(flume::OffsetLog::open(files, "/d/log.offset", {}).value());
        open();
    }
    std::string path() const { return folder.path("contacts.sqlite"); }
    void open() {
        view.reset();
        ContactView::Options options{path(), own, &open_box};
        auto opened = ContactView::open(std::move(options));
        ASSERT_TRUE(opened) << opened.error().what;
        view = std::move(*opened);
        ASSERT_TRUE(flume::settle(*view, *log));
    }
    /// "<JSON>.box" holds that JSON.
    static std::optional<std::string> open_box(json::Value value) {
        std::string text(value["content"].string());
        if (!text.starts_with("{")) return std::nullopt;
        return text.substr(0, text.size() - 4);
    }
    Offset append(const FeedId& author, const std::string& content) {
        MessageId key;
        key.bytes.fill(static_cast<std::uint8_t>(++written));
        std::string text = R"({"key":")" + key.text() + R"(","value":{"previous":null,"author":")" +
                           author.text() + R"(","sequence":)" + std::to_string(written) +
                           R"(,"timestamp":1,"hash":"sha256","content":)" + content +
                           R"(,"signature":"x.sig.ed25519"},"timestamp":)" +
                           std::to_string(written) + "}";
        std::vector<ByteView> batch = {base::bytes_of(text)};
        const Offset at = log->append(batch).value().front();
        EXPECT_TRUE(log->sync());
        return at;
    }
    Offset say(int from, int to, const std::string& rest) {
        return append(feed_of(from),
                      R"({"type":"contact","contact":")" + feed_of(to).text() + "\"," + rest + "}");
    }
    /// Takes in what there is.
    void update() {
        auto progress = flume::catch_up(*view, *log, 1000000);
        ASSERT_TRUE(progress) << progress.error().what;
        tell();
    }
    void tell() {
        auto news = view->take_news();
        ASSERT_TRUE(news) << news.error().what;
        now = now.after(*news);
    }
    double hops(int feed) const { return now.hops_of(feed_of(feed)); }
    void retract(Offset at) {
        Bytes data = log->get(at).value();
        std::vector<flume::Entry> entries = {{at, data}};
        ASSERT_TRUE(view->retract(entries));
    }
};

const std::string follow = R"("following":true)", block = R"("blocking":true)";

TEST(ContactView, lets_the_last_word_count) {
    Bench bench;
    bench.say(1, 2, follow);
    bench.say(2, 3, follow);
    bench.append(feed_of(2), R"({"type":"post","text":"hello"})");
    bench.update();
    EXPECT_EQ(bench.hops(2), 1);
    EXPECT_EQ(bench.hops(3), 2);
    bench.say(1, 3, block);
    bench.update();
    EXPECT_EQ(bench.hops(3), -1);
    bench.say(1, 3, R"("blocking":false)");
    bench.update();
    EXPECT_EQ(bench.hops(3), 2);
    auto news = bench.view->take_news();
    ASSERT_TRUE(news);
    EXPECT_TRUE(news->empty());
}

TEST(ContactView, knows_all_of_it_after_a_restart) {
    Bench bench;
    bench.say(1, 2, follow);
    bench.say(2, 3, follow);
    bench.say(1, 3, block);
    bench.update();
    bench.append(feed_of(2), R"({"type":"post","text":"no contact"})");
    bench.update();
    auto upto = bench.view->covered().upto;
    bench.open();
    EXPECT_EQ(bench.view->covered().upto, upto);
    bench.now = Snapshot(bench.own, 3);
    bench.tell();
    EXPECT_EQ(bench.hops(2), 1);
    EXPECT_EQ(bench.hops(3), -1);
}

TEST(ContactView, takes_opened_private_contacts_like_public_ones) {
    Bench bench;
    std::string inside =
        R"({"type":"contact","contact":")" + feed_of(2).text() + R"(","blocking":true})";
    std::string boxed;
    json::append_string(boxed, inside + ".box");
    bench.say(1, 2, follow);
    bench.append(feed_of(1), boxed);
    bench.append(feed_of(1), R"("c2VhbGVk.box")");
    bench.update();
    EXPECT_EQ(bench.hops(2), -1);
    bench.say(1, 2, follow);
    bench.update();
    EXPECT_EQ(bench.hops(2), 1);
}

TEST(ContactView, gives_the_word_back_to_the_one_before_when_the_last_is_deleted) {
    Bench bench;
    bench.say(1, 2, follow);
    Offset last = bench.say(1, 2, block);
    bench.update();
    EXPECT_EQ(bench.hops(2), -1);
    bench.retract(last);
    bench.tell();
    EXPECT_EQ(bench.hops(2), 1);
}

TEST(ContactView, looks_at_the_log_again_if_it_stopped_between_retracting_and_deleting) {
    Bench bench;
    bench.say(1, 2, follow);
    Offset last = bench.say(1, 2, block);
    bench.update();
    std::filesystem::path copy = bench.folder.path("copy.sqlite");
    bench.retract(last);
    // As the process leaves it when it is killed here.
    for (const char* suffix : {"", "-wal"}) {
        std::filesystem::copy_file(bench.path() + suffix, copy.string() + suffix);
    }
    bench.view.reset();
    for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(bench.path() + suffix);
    for (const char* suffix : {"", "-wal"}) {
        std::filesystem::rename(copy.string() + suffix, bench.path() + suffix);
    }
    bench.open();
    bench.now = Snapshot(bench.own, 3);
    bench.update();
    EXPECT_EQ(bench.hops(2), -1);
}

TEST(ContactView, changes_nothing_when_it_meets_entries_again) {
    Bench bench;
    bench.say(1, 2, block);
    Offset second = bench.say(1, 2, follow);
    bench.update();
    Bytes data = bench.log->get(0).value();
    std::vector<flume::Entry> again = {{0, data}};
    ASSERT_TRUE(bench.view->apply(again, flume::Place::next));
    bench.tell();
    EXPECT_EQ(bench.hops(2), 1);
    EXPECT_EQ(bench.view->covered().upto, second);
}

TEST(ContactView, puts_an_entry_that_came_early_in_its_place) {
    Bench bench;
    bench.say(1, 2, R"("following":false)");
    Offset last = bench.say(1, 2, follow);
    Bytes data = bench.log->get(last).value();
    std::vector<flume::Entry> early = {{last, data}};
    ASSERT_TRUE(bench.view->apply(early, flume::Place::ahead));
    bench.tell();
    EXPECT_EQ(bench.hops(2), 1);
    EXPECT_FALSE(bench.view->covered().upto);
    bench.update();
    EXPECT_EQ(bench.hops(2), 1);
    ASSERT_TRUE(bench.view->clear(bench.log->generation()));
    bench.update();
    EXPECT_EQ(bench.hops(2), 1);
}

TEST(ContactView, begins_anew_for_another_feed_and_after_damage) {
    Bench bench;
    bench.say(1, 2, follow);
    bench.update();
    bench.own = feed_of(2);
    bench.open();
    EXPECT_FALSE(bench.view->covered().upto);
    bench.now = Snapshot(bench.own, 3);
    bench.update();
    EXPECT_EQ(bench.now.hops().reached.size(), 1U);
    bench.view.reset();
    std::ofstream(bench.path()) << "this is no database, whatever it says of itself ..........";
    bench.open();
    EXPECT_FALSE(bench.view->covered().upto);
}

}  // namespace
}  // namespace sbot::friends
