// The head file, check and repair, on folders to which things have happened.

#include "flume/check.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <utility>

#include "base/memory_files.h"
#include "flume/deletion.h"
#include "flume/head.h"
#include "flume/offset_log.h"
#include "tests/flume/support.h"

namespace sbot::flume {
namespace {

using base::bytes_of;

FeedId feed_of(int number) {
    FeedId id;
    id.bytes.fill(static_cast<std::uint8_t>(number + 1));
    return id;
}
MessageId key_of_number(int number) {
    MessageId id;
    id.bytes.fill(static_cast<std::uint8_t>(number));
    id.bytes[1] = static_cast<std::uint8_t>(number + (number >> 8));
    return id;
}

/// Message `number`, of one of two feeds in turn; each names the one before it.
std::string message(int number) {
    std::string previous = number < 2 ? "null" : '"' + key_of_number(number - 2).text() + '"';
    return R"({"key":")" + key_of_number(number).text() + R"(","value":{"previous":)" + previous +
           R"(,"author":")" + feed_of(number % 2).text() + R"(","sequence":)" +
           std::to_string(number / 2 + 1) +
           R"(,"timestamp":1500000000000,"content":{"type":"post"}},)" + R"("timestamp":)" +
           std::to_string(1600000000000 + number) + "}";
}

struct Folder {
    test::TemporaryFolder place;
    base::PosixFiles files;
    base::SystemRandom random;
    std::unique_ptr<Journal> journal;
    std::unique_ptr<OffsetLog> log;
    std::unique_ptr<CoreView> view;

    Folder() {
        open();
        for (int i = 0; i < 12; ++i) append(i);
        index();
    }
    ~Folder() { close(); }
    std::string log_path() const { return place.path("log.offset"); }
    std::string index_path() const { return place.path("core.sqlite"); }
    void open() {
        journal = std::move(Journal::open(files, journal_path(log_path()), random).value());
        OffsetLog::Options how;
        how.generation = journal->generation();
        log = std::move(OffsetLog::open(files, log_path(), how).value());
        auto kept = [this] { return kept_states(*journal); };
        view = std::move(CoreView::open({index_path(), {}, kept}).value());
    }
    void close() {
        view.reset();
        log.reset();
        journal.reset();
    }
    void append(int number) {
        const std::string text = message(number);
        ByteView batch[] = {bytes_of(text)};
        ASSERT_TRUE(log->append(batch));
        ASSERT_TRUE(log->sync());
    }
    void index() {
        ASSERT_TRUE(settle(*view, *log));
        ASSERT_TRUE(catch_up(*view, *log, 10000)->level);
    }
    std::vector<Offset> offsets() const {
        std::vector<Offset> all;
        Range range;
        range.with_deleted = true;
        auto cursor = std::move(log->scan(range).value());
        while (auto entry = cursor->next().value()) all.push_back(entry->offset);
        return all;
    }
    void del(const std::vector<std::size_t>& which) {
        auto all = offsets();
        std::vector<Offset> at;
        for (std::size_t i : which) at.push_back(all[i]);
        ASSERT_TRUE(erase(*log, *view, *journal, at, {}));
    }
    std::string content(const std::string& path) const {
        std::ifstream file(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    void put(const std::string& path, const std::string& text) const {
        std::ofstream(path, std::ios::binary) << text;
    }
    CheckReport look() {
        auto report = check(files, log_path(), index_path(), {});
        EXPECT_TRUE(report) << (report ? "" : report.error().what);
        return report ? *report : CheckReport();
    }
    std::string trouble() {
        auto report = look();
        return report.good() ? "" : report.troubles.front();
    }
    Repaired mend() {
        close();
        auto done = repair(files, log_path());
        EXPECT_TRUE(done) << (done ? "" : done.error().what);
        for (const char* suffix : {"", "-wal", "-shm"}) {
            EXPECT_TRUE(files.remove(index_path() + suffix));
        }
        open();
        index();
        return done ? *done : Repaired();
    }
};

TEST(Check, finds_nothing_wrong_with_what_is_right) {
    Folder folder;
    auto report = folder.look();
    EXPECT_TRUE(report.good()) << report.troubles.front();
    EXPECT_EQ(report.messages, 12u);
    EXPECT_EQ(report.feeds, 2u);
    EXPECT_TRUE(report.has_index && report.has_journal);
    EXPECT_EQ(report.index_behind, 0u);
    folder.del({3, 4, 10, 11});
    report = folder.look();
    EXPECT_TRUE(report.good()) << report.troubles.front();
    EXPECT_EQ(report.deleted, 4u);
    folder.append(12);
    EXPECT_GT(folder.look().index_behind, 0u);
    EXPECT_TRUE(folder.look().good());
    EXPECT_FALSE(folder.mend().anything());
    EXPECT_TRUE(folder.look().good());
    auto missing = check(folder.files, folder.place.path("none"), folder.index_path(), {});
    EXPECT_EQ(missing.error().code, Errc::not_found);
}

TEST(Check, takes_nothing_for_trouble_that_a_server_does_meanwhile) {
    Folder folder;
    for (int i = 12; i < 1100; ++i) {
        const std::string text = message(i);
        ByteView batch[] = {bytes_of(text)};
        ASSERT_TRUE(folder.log->append(batch));
    }
    ASSERT_TRUE(folder.log->sync());
    folder.index();
    // Between two batches: of those seen, and of those to come.
    bool done = false;
    auto report = check(folder.files, folder.log_path(), folder.index_path(), [&](Offset, Offset) {
        if (std::exchange(done, true)) return;
        folder.del({3, 1050, 1099});
        folder.append(1100);
        folder.index();
    });
    ASSERT_TRUE(done);
    EXPECT_EQ(report->troubles, std::vector<std::string>());
    EXPECT_EQ(report->deleted, 2u);
    EXPECT_EQ(folder.trouble(), "");
    EXPECT_EQ(folder.look().deleted, 3u);
}

TEST(Check, finds_damage_and_a_torn_end_which_can_be_mended) {
    Folder folder;
    auto at = folder.offsets();
    std::string log = folder.content(folder.log_path());
    std::string spoilt = log;
    spoilt[at[5] + 1] ^= 1;
    spoilt[at[6] + 2] ^= 1;
    spoilt += "torn";
    folder.put(folder.log_path(), spoilt);
    auto report = folder.look();
    EXPECT_EQ(report.damage.places, 1u);
    EXPECT_EQ(report.torn_bytes, 4u);
    EXPECT_FALSE(report.good());
    auto done = folder.mend();
    EXPECT_EQ(done.places, 1u);
    EXPECT_EQ(done.bytes_cut, 4u);
    EXPECT_EQ(done.noted, 1u);
    EXPECT_EQ(folder.trouble(), "");
    EXPECT_EQ(folder.look().messages, 10u);
    EXPECT_EQ(folder.content(folder.log_path()).size(), log.size());
    EXPECT_EQ(folder.content(folder.place.path("log.damaged-" + std::to_string(at[5]))),
              spoilt.substr(at[5], at[7] - at[5]));
    // Only what was damaged has changed.
    auto now = folder.content(folder.log_path());
    EXPECT_EQ(now.substr(0, at[5]), log.substr(0, at[5]));
    EXPECT_EQ(now.substr(at[7]), log.substr(at[7]));
}

TEST(Check, finds_what_another_program_has_deleted) {
    Folder folder;
    auto at = folder.offsets();
    ASSERT_TRUE(folder.log->del(std::vector<Offset>{at[2], at[11]}));
    EXPECT_EQ(folder.look().deleted_unknown, 2u);
    EXPECT_EQ(folder.trouble(), "2 entries are blank, but not deleted by the journal");
    EXPECT_EQ(folder.mend().noted, 2u);
    EXPECT_EQ(folder.trouble(), "");
}

TEST(Check, finds_deleted_messages_that_a_backup_has_brought_back) {
    Folder folder;
    std::string before = folder.content(folder.log_path());
    folder.del({2, 11});
    folder.put(folder.log_path(), before);
    EXPECT_NE(folder.trouble().find("was deleted, but can be read"), std::string::npos);
    EXPECT_EQ(folder.mend().deletions, 2u);
    EXPECT_EQ(folder.trouble(), "");
    EXPECT_EQ(folder.look().deleted, 2u);
}

TEST(Check, finds_a_spoilt_journal_whose_good_records_can_be_kept) {
    Folder folder;
    folder.del({2});
    folder.del({3});
    folder.del({10, 11});
    const auto path = journal_path(folder.log_path());
    const auto generation = folder.journal->generation();
    std::string journal = folder.content(path);
    std::string spoilt = journal;
    spoilt[spoilt.find("\"del\"", spoilt.find("\"del\"") + 1) + 20] ^= 1;
    folder.put(path, spoilt);
    EXPECT_NE(folder.trouble().find("wrong checksum"), std::string::npos);
    auto done = folder.mend();
    EXPECT_EQ(done.journal_records, 1u);
    EXPECT_EQ(done.noted, 1u) << "which nothing is known of any more";
    EXPECT_EQ(folder.trouble(), "");
    EXPECT_NE(folder.journal->generation(), generation);
    EXPECT_EQ(folder.journal->last_of_feeds().at(feed_of(1)).key, key_of_number(11));
    EXPECT_EQ(folder.content(path + ".damaged"), spoilt);
}

TEST(Check, finds_an_index_that_does_not_fit_and_a_chain_with_a_gap) {
    Folder folder;
    auto at = folder.offsets();
    std::string log = folder.content(folder.log_path());
    folder.put(folder.log_path(), log.substr(0, at[8]));
    EXPECT_EQ(folder.trouble(), "the index is ahead of the log");
    std::filesystem::resize_file(folder.log_path(), 0);
    folder.close();
    ASSERT_TRUE(folder.files.remove(folder.index_path()));
    folder.open();
    for (int number : {0, 1, 2, 5}) folder.append(number);
    EXPECT_NE(folder.trouble().find(" 3 follows 1"), std::string::npos);
    folder.index();
    Entry entry{folder.offsets()[2], {}};
    auto data = folder.log->get(entry.offset).value();
    entry.data = data;
    ASSERT_TRUE(folder.view->retract(std::span<const Entry>(&entry, 1)));
    auto report = folder.look();
    ASSERT_EQ(report.trouble_count, 3u);
    EXPECT_NE(report.troubles[0].find("is not in the index"), std::string::npos);
}

TEST(Check, finds_a_journal_that_knows_more_than_the_log_has) {
    Folder folder;
    folder.del({3, 4, 10});
    std::filesystem::resize_file(folder.log_path(), folder.offsets()[5]);
    auto report = folder.look();
    EXPECT_EQ(report.deleted_beyond, 1u);
    folder.close();
    ASSERT_TRUE(folder.files.remove(folder.index_path()));
    std::filesystem::resize_file(folder.log_path(), 0);
    report = folder.look();
    EXPECT_EQ(report.deleted_beyond, 3u);
    ASSERT_FALSE(report.good());
    EXPECT_EQ(report.troubles[0],
              "the journal knows 3 deleted entries beyond the log's end: it was "
              "cut off, or is another one");
}

TEST(Check, finds_damage_in_the_index_and_reports_the_rest) {
    Folder folder;
    folder.close();
    const std::string whole = folder.content(folder.index_path());
    const std::size_t page = 4096;
    ASSERT_GT(whole.size(), 8 * page);
    std::string pages = whole;
    std::fill(pages.begin() + page, pages.end() - page, 'x');
    std::string one_row = whole;
    const std::size_t row = one_row.find(key_of_number(7).text());
    ASSERT_NE(row, one_row.npos);
    std::fill_n(one_row.begin() + static_cast<std::ptrdiff_t>(row / page * page), 100, '\xff');
    for (const std::string& spoilt : {pages, one_row, std::string(whole.size(), 'x'),
                                      whole.substr(0, 5 * page), std::string("short")}) {
        folder.put(folder.index_path(), spoilt);
        auto report = folder.look();
        EXPECT_TRUE(report.has_index && report.index_damaged);
        EXPECT_EQ(report.messages, 12u);
        ASSERT_FALSE(report.good());
        EXPECT_TRUE(report.troubles[0].starts_with("the index is damaged")) << report.troubles[0];
        EXPECT_NE(report.troubles[0].find("sbot flume rebuild"), std::string::npos);
        EXPECT_EQ(report.trouble_count, 1u);
    }
    folder.put(folder.index_path(), whole);
    EXPECT_EQ(folder.trouble(), "");
}

/// A log in memory, and what a server would do with its head file.
struct HeadBench {
    const std::string path = "/d/log.offset";
    base::MemoryFiles files;
    base::SystemRandom random;
    std::unique_ptr<Journal> journal =
        std::move(Journal::open(files, journal_path(path), random).value());
    std::unique_ptr<OffsetLog> log = std::move(OffsetLog::open(files, path, {}).value());

    /// Appends the message and tells the head file, as its feed's owner would.
    void write(HeadFile& head, int number, bool note = true) {
        const std::string text = message(number);
        ByteView batch[] = {bytes_of(text)};
        auto at = log->append(batch).value();
        ASSERT_TRUE(log->sync());
        std::optional<FeedState> own;
        if (number % 2 == 0) own = state(number, at[0]);
        if (note) {
            ASSERT_TRUE(head.note(own, log->end()));
        }
    }
    static FeedState state(int number, Offset at) {
        return {feed_of(number % 2), key_of_number(number), static_cast<Sequence>(number / 2 + 1),
                1500000000000, at};
    }
    Beginning begin() {
        log = std::move(OffsetLog::open(files, path, {}).value());
        auto beginning = HeadFile::begin(files, path, *log, *journal, feed_of(0));
        EXPECT_TRUE(beginning) << (beginning ? "" : beginning.error().what);
        return beginning ? *beginning : Beginning();
    }
};

TEST(Head, knows_our_feed_at_once_whether_it_was_written_last_or_not) {
    HeadBench bench;
    EXPECT_TRUE(bench.begin().known);
    EXPECT_FALSE(bench.begin().own) << "nothing was ever published";
    HeadFile head(bench.files, bench.path, feed_of(0), bench.begin());
    for (int i = 0; i < 9; ++i) {
        Offset at = bench.log->end();
        bench.write(head, i, i % 3 != 2);
        auto beginning = bench.begin();
        EXPECT_TRUE(beginning.known);
        EXPECT_FALSE(beginning.copied_or_restored);
        ASSERT_TRUE(beginning.own);
        EXPECT_EQ(beginning.own->sequence, static_cast<Sequence>(i / 2 + 1));
        if (i % 2 == 0) {
            EXPECT_EQ(*beginning.own, HeadBench::state(i, at));
        }
    }
    // Without it the log is read, if it is not long.
    ASSERT_TRUE(bench.files.remove("/d/head"));
    EXPECT_EQ(bench.begin().own->sequence, 5u);
    bench.files.put("/d/head", bytes_of("00000000 {\"feed\":\"x\"}\n"));
    EXPECT_EQ(bench.begin().own->sequence, 5u);
}

TEST(Head, goes_on_behind_a_deleted_message) {
    HeadBench bench;
    HeadFile head(bench.files, bench.path, feed_of(0), bench.begin());
    bench.write(head, 0);
    Offset at = bench.log->end();
    bench.write(head, 2);
    auto data = bench.log->get(at).value();
    const Deleted gone[] = {deleted_of({at, data})};
    ASSERT_TRUE(bench.journal->intend_deletion(gone));
    ASSERT_TRUE(blank(*bench.log, gone));
    auto beginning = bench.begin();
    EXPECT_TRUE(beginning.known);
    EXPECT_FALSE(beginning.copied_or_restored);
    EXPECT_EQ(beginning.own->sequence, 2u);
    EXPECT_EQ(beginning.own->key, key_of_number(2));
}

TEST(Head, shows_a_folder_that_was_copied_or_restored) {
    HeadBench bench;
    HeadFile head(bench.files, bench.path, feed_of(0), bench.begin());
    for (int i = 0; i < 4; ++i) bench.write(head, i);
    const Bytes backup = bench.files.content(bench.path);
    EXPECT_FALSE(bench.begin().copied_or_restored);
    for (int i = 4; i < 7; ++i) bench.write(head, i);
    const Bytes now = bench.files.content(bench.path);
    // Another file of the same content.
    bench.files.put(bench.path, now);
    auto beginning = bench.begin();
    EXPECT_TRUE(beginning.copied_or_restored);
    EXPECT_FALSE(beginning.void_from);
    EXPECT_TRUE(beginning.known);
    EXPECT_EQ(beginning.own->sequence, 4u);
    {
        // Also where the log is too long to look for our feed in it.
        beginning.known = false;
        beginning.own.reset();
        HeadFile again(bench.files, bench.path, feed_of(0), beginning);
        ASSERT_TRUE(again.doubt());
        beginning = bench.begin();
        EXPECT_TRUE(beginning.copied_or_restored);
        EXPECT_TRUE(beginning.known);
        EXPECT_EQ(beginning.own->sequence, 4u);
    }
    // It stays so until a peer was asked, or we have published.
    {
        HeadFile again(bench.files, bench.path, feed_of(0), beginning);
        ASSERT_TRUE(again.note({}, bench.log->end()));
        EXPECT_TRUE(bench.begin().copied_or_restored);
        ASSERT_TRUE(again.confirm());
        EXPECT_FALSE(bench.begin().copied_or_restored);
    }
    // The same with the inode of the one before.
    bench.files.replace(bench.path, now);
    EXPECT_TRUE(bench.begin().copied_or_restored);
    // An older state of it.
    bench.files.put(bench.path, backup);
    beginning = bench.begin();
    EXPECT_TRUE(beginning.copied_or_restored);
    EXPECT_EQ(beginning.void_from, backup.size());
    EXPECT_EQ(beginning.own->sequence, 2u);
    // Another log.
    bench.files.put(bench.path, {});
    bench.log = std::move(OffsetLog::open(bench.files, bench.path, {}).value());
    HeadFile other(bench.files, bench.path, feed_of(0), bench.begin());
    for (int i = 0; i < 20; ++i) bench.write(other, i, false);
    Bytes content = bench.files.content(bench.path);
    content[30] ^= 1;
    bench.files.put(bench.path, content);
    beginning = bench.begin();
    EXPECT_TRUE(beginning.copied_or_restored);
    EXPECT_FALSE(beginning.why.empty());
    // Somebody else's identity.
    auto others = HeadFile::begin(bench.files, bench.path, *bench.log, *bench.journal, feed_of(1));
    EXPECT_FALSE(others->copied_or_restored);
    EXPECT_EQ(others->own->sequence, 10u);
}

TEST(Head, remembers_what_was_seen_beyond_the_log_until_it_is_there) {
    HeadBench bench;
    HeadFile head(bench.files, bench.path, feed_of(0), bench.begin());
    bench.write(head, 0);
    EXPECT_EQ(bench.begin().beyond, 0u);
    ASSERT_TRUE(head.saw_beyond(3));
    ASSERT_TRUE(head.saw_beyond(2));
    EXPECT_EQ(bench.begin().beyond, 3u);
    EXPECT_FALSE(bench.begin().copied_or_restored);
    // A restart does not make it forgotten, nor the second of the three messages.
    HeadFile again(bench.files, bench.path, feed_of(0), bench.begin());
    bench.write(again, 2);
    EXPECT_EQ(bench.begin().beyond, 3u);
    EXPECT_EQ(bench.begin().own->sequence, 2u);
    bench.write(again, 4);
    EXPECT_EQ(bench.begin().beyond, 0u);
}

TEST(Head, remembers_that_there_is_another_branch_while_the_log_is_the_same) {
    HeadBench bench;
    HeadFile head(bench.files, bench.path, feed_of(0), bench.begin());
    bench.write(head, 0);
    ASSERT_TRUE(head.saw_fork(2));
    EXPECT_EQ(bench.begin().forked, 2u);
    HeadFile again(bench.files, bench.path, feed_of(0), bench.begin());
    bench.write(again, 1);
    EXPECT_EQ(bench.begin().forked, 2u);
    Bytes content = bench.files.content(bench.path);
    content[30] ^= 1;
    bench.files.put(bench.path, content);
    EXPECT_TRUE(bench.begin().copied_or_restored);
    EXPECT_EQ(bench.begin().forked, 0u) << "of this log nothing is known";
}

TEST(Head, remembers_what_was_seen_before_our_feed_was_known) {
    HeadBench bench;
    Beginning unknown;  // a long log without a head file
    HeadFile head(bench.files, bench.path, feed_of(0), unknown);
    ASSERT_TRUE(head.saw_beyond(2));
    EXPECT_FALSE(read_head(bench.files, bench.path)) << "nothing is sure yet";
    ASSERT_TRUE(head.learn(std::nullopt, bench.log->end()));
    EXPECT_EQ(bench.begin().beyond, 2u);
    EXPECT_EQ(read_head(bench.files, bench.path)->beyond, 2u);
}

}  // namespace
}  // namespace sbot::flume
