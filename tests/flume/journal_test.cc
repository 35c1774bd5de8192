#include "flume/journal.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/checked_line.h"
#include "base/memory_files.h"
#include "flume/core_reader.h"
#include "flume/deletion.h"
#include "flume/journal_text.h"
#include "flume/offset_log.h"
#include "tests/flume/support.h"

namespace sbot::flume {
namespace {

using base::bytes_of;
using base::MemoryFiles;

const std::string path = "/d/log.journal";
const std::string log_path = "/d/log.offset";

base::SystemRandom random_source;

FeedId feed_of(int number) {
    FeedId id;
    id.bytes.fill(static_cast<std::uint8_t>(number + 1));
    return id;
}
MessageId key_of_number(int number) {
    MessageId id;
    id.bytes.fill(static_cast<std::uint8_t>(number));
    return id;
}

/// The message of this number, of one of three feeds.
std::string message(int number) {
    return R"({"key":")" + key_of_number(number).text() +
           R"(","value":{"previous":null,"author":")" + feed_of(number % 3).text() +
           R"(","sequence":)" + std::to_string(number / 3 + 1) +
           R"(,"timestamp":1500000000000,"hash":"sha256","content":{"type":"post","root":")" +
           key_of_number(number / 2).text() + R"("},"signature":"x.sig.ed25519"},"timestamp":)" +
           std::to_string(1600000000000 + number) + "}";
}

Deleted deleted(Offset offset, int number) {
    Deleted entry;
    entry.offset = offset;
    entry.is_message = true;
    entry.feed = feed_of(number % 3);
    entry.key = key_of_number(number);
    entry.sequence = static_cast<Sequence>(number) + 1;
    entry.claimed = 1500000000000.5;
    return entry;
}

std::unique_ptr<Journal> opened(base::Files& files) {
    auto journal = Journal::open(files, path, random_source);
    EXPECT_TRUE(journal) << (journal ? "" : journal.error().what);
    return journal ? std::move(*journal) : nullptr;
}

/// All records, and the error where reading ended with one.
std::vector<Change> changes(base::Files& files, std::string* wrong = nullptr) {
    auto file = files.open(path, {});
    EXPECT_TRUE(file);
    JournalReader reader(**file);
    std::vector<Change> all;
    for (;;) {
        auto change = reader.next();
        if (!change && wrong != nullptr) *wrong = change.error().what;
        if (!change || !*change) return all;
        all.push_back(**change);
    }
}

/// A journal with a record of each kind.
void fill(Journal& journal) {
    Deleted odd;
    odd.offset = 900;
    Deleted unknown = deleted(0, 8);
    unknown.offset.reset();
    const Deleted first[] = {deleted(0, 1), deleted(300, 4), odd, unknown};
    auto at = journal.intend_deletion(first);
    ASSERT_TRUE(at);
    ASSERT_TRUE(journal.deletion_done(*at));
    const Offset again[] = {100, 200};
    ASSERT_TRUE(journal.reindex(again));
    ASSERT_TRUE(journal.rewind(1000));
    const Deleted second[] = {deleted(500, 7)};
    ASSERT_TRUE(journal.intend_deletion(second));
}

TEST(CheckedLine, has_the_checksum_that_others_have) {
    EXPECT_EQ(base::crc32(bytes_of("123456789")), 0xcbf43926U);
    std::string line;
    base::append_checked_line(line, "123456789");
    EXPECT_EQ(line, "cbf43926 123456789\n");
    EXPECT_EQ(base::checked_text("cbf43926 123456789"), "123456789");
    for (std::string_view bad : {"", "cbf43926", "cbf43926 12345678", "CBF43926 123456789",
                                 "cbf43926_123456789", "0 123456789"}) {
        EXPECT_FALSE(base::checked_text(bad)) << bad;
    }
}

TEST(Journal, is_text_that_anybody_can_read) {
    MemoryFiles files;
    fill(*opened(files));
    std::string text = base::to_text(files.content(path));
    EXPECT_NE(text.find("{\"done\":"), text.npos);
    EXPECT_NE(text.find("{\"rewind\":1000}\n"), text.npos);
    EXPECT_NE(text.find("{\"reindex\":[100,200]}\n"), text.npos);
    EXPECT_NE(text.find("{\"del\":[{\"offset\":0,\"feed\":\"" + feed_of(1).text() +
                        "\",\"sequence\":2,\"key\":\"" + key_of_number(1).text() +
                        "\",\"timestamp\":1500000000000.5},"),
              text.npos);
    EXPECT_NE(text.find("{\"offset\":900}"), text.npos);
}

TEST(Journal, gives_back_what_was_written) {
    MemoryFiles files;
    auto journal = opened(files);
    fill(*journal);
    const auto all = changes(files);
    ASSERT_EQ(all.size(), 6u);
    EXPECT_EQ(all[0].kind, Change::Kind::generation);
    EXPECT_EQ(all[0].generation, journal->generation());
    EXPECT_NE(journal->generation(), 0u);
    EXPECT_EQ(all[1].deleted[1], deleted(300, 4));
    EXPECT_EQ(all[2].done, all[1].at);
    EXPECT_EQ(all[3].offsets, (std::vector<Offset>{100, 200}));
    EXPECT_EQ(all[4].to, 1000u);
    for (std::size_t i = 1; i < all.size(); ++i) EXPECT_EQ(all[i].at, all[i - 1].next);
    auto again = opened(files);
    EXPECT_EQ(again->generation(), journal->generation());
    EXPECT_EQ(again->pending(), journal->pending());
    EXPECT_EQ(again->pending().size(), 1u);
    EXPECT_EQ(again->last_of_feeds(), journal->last_of_feeds());
    EXPECT_EQ(again->last_of_feeds().at(feed_of(1)).key, key_of_number(7));
    EXPECT_EQ(again->last_of_feeds().at(feed_of(2)).key, key_of_number(8));
    EXPECT_EQ(again->end(), all.back().next);
}

TEST(Journal, is_cut_back_to_its_last_whole_record_wherever_it_was_torn) {
    MemoryFiles whole;
    fill(*opened(whole));
    const Bytes content = whole.content(path);
    const auto all = changes(whole);
    for (std::size_t cut = 0; cut <= content.size(); ++cut) {
        MemoryFiles files;
        files.put(path, ByteView(content).first(cut));
        auto expected = all;
        while (!expected.empty() && expected.back().next > cut) expected.pop_back();
        EXPECT_EQ(changes(files), expected) << cut;
        auto journal = opened(files);
        ASSERT_TRUE(journal);
        std::size_t kept = expected.empty() ? 0 : expected.back().next;
        EXPECT_EQ(journal->bytes_cut(), cut - kept);
        ASSERT_TRUE(journal->rewind(7));
        auto now = changes(files);
        EXPECT_EQ(now.back().to, 7u);
        EXPECT_EQ(now.size(), std::max<std::size_t>(expected.size(), 1) + 1);
    }
}

TEST(Journal, notices_every_flipped_bit) {
    MemoryFiles whole;
    fill(*opened(whole));
    const Bytes content = whole.content(path);
    const auto all = changes(whole);
    for (std::size_t at = 0; at < content.size(); ++at) {
        Bytes spoilt = content;
        spoilt[at] ^= static_cast<std::uint8_t>(1u << (at % 8));
        MemoryFiles files;
        files.put(path, spoilt);
        std::size_t record = 0;
        while (all[record].next <= at) ++record;
        std::string wrong;
        auto found = changes(files, &wrong);
        EXPECT_EQ(found, std::vector<Change>(all.begin(), all.begin() + static_cast<long>(record)));
        // The last record may be a torn one. An earlier one cannot, and nothing is cut away then.
        bool last = record + 1 == all.size();
        EXPECT_EQ(wrong.empty(), last) << at;
        auto journal = Journal::open(files, path, random_source);
        ASSERT_EQ(journal.has_value(), last);
        if (!last) {
            EXPECT_EQ(journal.error().code, Errc::corrupt);
            EXPECT_EQ(files.content(path), spoilt);
        }
    }
}

TEST(Journal, passes_over_records_of_a_later_version) {
    MemoryFiles files;
    fill(*opened(files));
    std::string text = base::to_text(files.content(path));
    base::append_checked_line(text, R"({"something":{"new":1}})");
    files.put(path, bytes_of(text));
    auto all = changes(files);
    EXPECT_EQ(all.back().kind, Change::Kind::other);
    EXPECT_TRUE(opened(files)->rewind(5));
    EXPECT_EQ(changes(files).size(), all.size() + 1);
}

TEST(Journal, refuses_numbers_and_names_that_cannot_be) {
    for (std::string_view bad :
         {R"([])", R"(7)", R"({"rewind":-1})", R"({"rewind":1.5})", R"({"generation":0})",
          R"({"generation":1e300})", R"({"reindex":["x"]})", R"({"del":[{"offset":-1}]})",
          R"({"del":[{"key":"x"}]})", R"({"done":"1"})", "", "{"}) {
        EXPECT_FALSE(change_of(bad)) << bad;
    }
}

TEST(Journal, can_be_followed_while_it_is_written) {
    MemoryFiles files;
    auto journal = opened(files);
    auto file = files.open(path, {});
    JournalReader reader(**file);
    EXPECT_EQ(reader.next().value()->kind, Change::Kind::generation);
    for (int i = 0; i < 50; ++i) {
        EXPECT_FALSE(reader.next().value());
        std::vector<Deleted> many(static_cast<std::size_t>(1 + i * 20), deleted(5, i));
        ASSERT_TRUE(journal->intend_deletion(many));
        ASSERT_TRUE(journal->rewind(3));
        EXPECT_EQ(reader.next().value()->deleted, many);
        EXPECT_EQ(reader.next().value()->to, 3u);
    }
    // A record that is half there is waited for.
    std::string line;
    base::append_checked_line(line, R"({"rewind":9})");
    for (std::size_t part = 1; part <= line.size(); ++part) {
        ASSERT_TRUE(
            (*file)->write_at(journal->end(), bytes_of(std::string_view(line).substr(0, part))));
        auto change = reader.next();
        ASSERT_TRUE(change);
        EXPECT_EQ(change->has_value(), part == line.size());
    }
}

TEST(Journal, takes_back_what_the_disk_had_no_room_for) {
    MemoryFiles files;
    auto journal = opened(files);
    files.full_after(10);
    EXPECT_FALSE(journal->rewind(1));
    files.heal();
    ASSERT_TRUE(journal->rewind(2));
    EXPECT_EQ(changes(files).back().to, 2u);
    files.fail_syncs();
    EXPECT_FALSE(journal->rewind(3));
    files.heal();
    EXPECT_FALSE(journal->rewind(4)) << "what is on the disk is not known";
    EXPECT_TRUE(opened(files)->rewind(5));
}

/// Log, journal and view of a folder, as the server opens them.
struct Folder {
    test::TemporaryFolder place;
    MemoryFiles files;
    std::unique_ptr<Journal> journal;
    std::unique_ptr<OffsetLog> log;
    std::unique_ptr<CoreView> view;

    ~Folder() { close(); }
    void open(const std::string& view_name = "core.sqlite") {
        journal = opened(files);
        ASSERT_TRUE(journal);
        OffsetLog::Options how;
        how.generation = journal->generation();
        log = std::move(OffsetLog::open(files, log_path, how).value());
        open_view(view_name);
        bool finished = finish_deletions(*log, *journal).value();
        if (finished) {
            ASSERT_TRUE(view->clear(log->generation()));
        } else {
            ASSERT_TRUE(settle(*view, *log));
        }
        ASSERT_TRUE(catch_up(*view, *log, 1000)->level);
    }
    void open_view(const std::string& name) {
        auto kept = [this] { return kept_states(*journal); };
        view = std::move(CoreView::open({place.path(name), {}, kept}).value());
    }
    void close() {
        view.reset();
        log.reset();
        journal.reset();
    }
};

/// What can be read of a view.
struct Rows {
    std::vector<Offset> received;
    std::vector<Offset> links;
    std::vector<FeedState> states;
    bool operator==(const Rows&) const = default;
};

Rows rows_of(const std::string& file) {
    auto reader = std::move(CoreReader::open(file).value());
    Rows rows;
    const auto page = reader->by_received({}).value();
    for (const Row& row : page) rows.received.push_back(row.offset);
    for (int i = 0; i < 6; ++i) {
        const auto links = reader->by_dest(key_of_number(i).text(), {}, 100).value();
        rows.links.insert(rows.links.end(), links.begin(), links.end());
    }
    rows.states = reader->all_states().value();
    std::sort(rows.states.begin(), rows.states.end(),
              [](const FeedState& a, const FeedState& b) { return a.feed < b.feed; });
    return rows;
}

/// Twelve messages; then some are deleted, the last one of a feed and of the log among them. Gives
/// how many deletions were acknowledged.
int run(Folder& folder, const std::vector<std::vector<std::size_t>>& program) {
    int done = 0;
    std::vector<Offset> at;
    Range all;
    all.with_deleted = true;
    auto cursor = std::move(folder.log->scan(all).value());
    while (auto entry = cursor->next().value()) at.push_back(entry->offset);
    for (const auto& which : program) {
        std::vector<Offset> offsets;
        for (std::size_t i : which) offsets.push_back(at[i]);
        if (!erase(*folder.log, *folder.view, *folder.journal, offsets, {})) return done;
        ++done;
    }
    return done;
}

void prepare(Folder& folder) {
    folder.open();
    std::vector<std::string> texts;
    for (int i = 0; i < 12; ++i) texts.push_back(message(i));
    std::vector<ByteView> batch;
    for (const auto& text : texts) batch.push_back(bytes_of(text));
    ASSERT_TRUE(folder.log->append(batch));
    ASSERT_TRUE(folder.log->sync());
    ASSERT_TRUE(catch_up(*folder.view, *folder.log, 1000)->level);
}

const std::vector<std::vector<std::size_t>> deletions = {{11, 4, 5}, {9}, {0, 1, 2, 4}};

TEST(Deletion, leaves_all_or_nothing_wherever_the_disk_stops) {
    std::size_t before = 0, total = 0;
    {
        Folder folder;
        prepare(folder);
        before = folder.files.changes();
        EXPECT_EQ(run(folder, deletions), 3);
        total = folder.files.changes() - before;
    }
    ASSERT_GE(total, 11u);
    for (std::size_t stop = 0; stop <= total; ++stop) {
        // Bytes of the last write that were put down, and bytes that outlived the power.
        const std::pair<std::size_t, std::size_t> ends[] = {
            {0, 0}, {1, 1}, {1, 100000}, {100, 330}, {100000, 50}, {100000, 100000}};
        for (auto [part, kept] : ends) {
            {
                SCOPED_TRACE(std::to_string(stop) + " " + std::to_string(part) + " " +
                             std::to_string(kept));
                Folder folder;
                prepare(folder);
                folder.files.stop_after(stop, part);
                int done = run(folder, deletions);
                folder.close();
                folder.files.power_cut(kept);
                folder.files.heal();
                folder.open();
                ASSERT_TRUE(folder.journal->pending().empty());
                // Each deletion as a whole, in order: those acknowledged, and perhaps one more.
                std::set<std::size_t> gone;
                int found = 0;
                auto text = base::to_text(folder.files.content(path));
                for (std::size_t at = 0; (at = text.find("{\"del\"", at)) != text.npos; ++at) {
                    for (std::size_t i : deletions[static_cast<std::size_t>(found)]) gone.insert(i);
                    ++found;
                }
                ASSERT_GE(found, done);
                ASSERT_LE(found, done + 1);
                Range all;
                all.with_deleted = true;
                auto cursor = std::move(folder.log->scan(all).value());
                std::size_t index = 0;
                while (auto entry = cursor->next().value()) {
                    ASSERT_EQ(entry->data.empty(), gone.contains(index)) << index;
                    if (!entry->data.empty()) {
                        ASSERT_EQ(base::to_text(entry->data), message(static_cast<int>(index)));
                    }
                    ++index;
                }
                ASSERT_EQ(index, 12u);
                ASSERT_EQ(cursor->damage().places, 0u);
                auto rows = rows_of(folder.place.path("core.sqlite"));
                ASSERT_EQ(rows.received.size(), 12 - gone.size());
                for (const FeedState& state : rows.states) ASSERT_EQ(state.sequence, 4u);
                folder.view.reset();
                folder.open_view("fresh.sqlite");
                ASSERT_TRUE(settle(*folder.view, *folder.log));
                ASSERT_TRUE(catch_up(*folder.view, *folder.log, 1000)->level);
                ASSERT_EQ(rows, rows_of(folder.place.path("fresh.sqlite")));
            }
        }
    }
}

TEST(Deletion, touches_nothing_that_lies_where_the_deleted_entry_was) {
    Folder folder;
    prepare(folder);
    const Deleted other[] = {deleted(0, 7)};
    ASSERT_TRUE(folder.journal->intend_deletion(other));
    EXPECT_TRUE(finish_deletions(*folder.log, *folder.journal).value());
    EXPECT_EQ(base::to_text(folder.log->get(0).value()), message(0));
    EXPECT_TRUE(folder.journal->pending().empty());
    EXPECT_FALSE(finish_deletions(*folder.log, *folder.journal).value());
}

TEST(Deletion, leaves_at_the_end_what_the_indexes_of_javascript_ask_for) {
    Folder folder;
    prepare(folder);
    const Offset last = *folder.log->latest();
    const std::string before = base::to_text(folder.log->get(last).value());
    ASSERT_TRUE(leave_stand_in(*folder.log, *folder.journal));
    EXPECT_EQ(base::to_text(folder.log->get(last).value()), before) << "nothing is deleted yet";
    ASSERT_TRUE(erase(*folder.log, *folder.view, *folder.journal, {0, last}, {}));
    ASSERT_TRUE(leave_stand_in(*folder.log, *folder.journal));
    const Bytes file = base::read_file(folder.files, log_path, 1 << 20).value();
    auto document = json::Document::parse(ByteView(file).subspan(last + 4, before.size()));
    ASSERT_TRUE(document) << document.error().what;
    json::Value value = document->root()["value"];
    EXPECT_EQ(document->root()["key"].string(), key_of_number(11).text());
    EXPECT_EQ(value["author"].string(), feed_of(2).text());
    EXPECT_EQ(value["sequence"].number(), 4);
    EXPECT_EQ(value["timestamp"].number(), 1500000000000);
    EXPECT_EQ(value["content"]["root"].kind(), json::Kind::absent) << "not what it said";
    auto there = [&] { return *folder.log->has_stand_in(last); };
    EXPECT_TRUE(there());
    EXPECT_FALSE(*folder.log->has_stand_in(0)) << "it is not at the end";
    EXPECT_TRUE(is_deleted(folder.log->get(last).error()));
    std::size_t count = 0;
    auto cursor = std::move(folder.log->scan({}).value());
    while (cursor->next().value()) ++count;
    EXPECT_EQ(count, 10U);
    folder.close();
    folder.open();
    EXPECT_TRUE(there());
    ASSERT_TRUE(take_stand_ins_back(*folder.log, *folder.journal));
    EXPECT_FALSE(there());
    EXPECT_TRUE(is_deleted(folder.log->get(last).error()));
}

}  // namespace
}  // namespace sbot::flume
