#include "flume/follower.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "base/memory_files.h"
#include "flume/deletion.h"
#include "flume/index_keeper.h"
#include "flume/offset_log.h"
#include "tests/flume/support.h"

namespace sbot::flume {
namespace {

using base::bytes_of;
using base::MemoryFiles;

const std::string log_path = "/d/log.offset";

/// An index as an app would have it, and its position, in one.
struct Index {
    std::map<Offset, std::string> rows;
    std::string position;
    std::size_t entries = 0, rewinds = 0;

    /// All news there are. `follower` may come from before.
    void take(Follower& follower, std::size_t count_max = 1000) {
        for (;;) {
            auto news = follower.next(count_max);
            ASSERT_TRUE(news) << news.error().what;
            for (const News& one : *news) take(one);
            position = follower.position().text();
            if (news->empty()) return;
        }
    }
    void take(const News& news) {
        switch (news.kind) {
            case News::Kind::entry:
                ASSERT_FALSE(rows.contains(news.offset)) << "given twice";
                ASSERT_TRUE(rows.empty() || rows.rbegin()->first < news.offset) << "out of order";
                rows[news.offset] = base::to_text(news.data);
                ++entries;
                break;
            case News::Kind::deleted: rows.erase(news.offset); break;
            case News::Kind::rewound:
                rows.erase(rows.lower_bound(news.offset), rows.end());
                ++rewinds;
                break;
            case News::Kind::reindex: ASSERT_TRUE(rows.contains(news.offset)); break;
        }
    }
};

/// A folder that somebody writes.
struct Writer {
    MemoryFiles files;
    base::SystemRandom random;
    std::unique_ptr<Journal> journal;
    std::unique_ptr<OffsetLog> log;
    int number = 0;

    explicit Writer(bool with_journal = true) { open(with_journal); }
    void open(bool with_journal = true) {
        log.reset();
        if (with_journal) {
            journal = std::move(Journal::open(files, journal_path(log_path), random).value());
        }
        log = std::move(OffsetLog::open(files, log_path, {}).value());
        if (journal && log->recovery().bytes_cut > 0) {
            ASSERT_TRUE(journal->rewind(log->end()));
        }
        if (journal) {
            ASSERT_TRUE(finish_deletions(*log, *journal));
        }
    }
    static std::string text(int number, std::size_t size) {
        MessageId key;
        base::store_be(key.bytes, 8, static_cast<std::uint64_t>(number));
        return R"({"key":")" + key.text() + R"(","value":{"author":")" + FeedId().text() +
               R"(","sequence":)" + std::to_string(number) + R"(,"content":")" +
               std::string(size, 'x') + R"("},"timestamp":1})";
    }
    void append(int count, std::size_t size = 0) {
        std::vector<std::string> texts;
        for (int i = 0; i < count; ++i) {
            texts.push_back(text(++number, size));
        }
        std::vector<ByteView> batch;
        for (const auto& text : texts) batch.push_back(bytes_of(text));
        ASSERT_TRUE(log->append(batch));
        ASSERT_TRUE(log->sync());
    }
    std::map<Offset, std::string> rows() const {
        std::map<Offset, std::string> all;
        auto cursor = std::move(log->scan({}).value());
        while (auto entry = cursor->next().value()) {
            all[entry->offset] = base::to_text(entry->data);
        }
        return all;
    }
    std::vector<Offset> offsets() const {
        std::vector<Offset> all;
        for (const auto& [offset, text] : rows()) all.push_back(offset);
        return all;
    }
    void del(Offset at) {
        auto data = log->get(at);
        if (!data) return;
        const Deleted entry[] = {deleted_of({at, *data})};
        auto intent = journal->intend_deletion(entry);
        ASSERT_TRUE(intent);
        ASSERT_TRUE(blank(*log, entry));
        ASSERT_TRUE(journal->deletion_done(*intent));
    }
    /// Takes the last entries away, as if they had never been on the disk.
    void lose(std::size_t count) {
        if (count == 0) return;
        auto at = offsets();
        Bytes content = files.content(log_path);
        content.resize(count < at.size() ? at[at.size() - count] : 0);
        log.reset();
        files.put(log_path, content);
    }
    std::unique_ptr<Follower> follower(const Index& index) {
        Follower::Options options;
        options.position = std::move(Position::parse(index.position).value());
        return std::make_unique<Follower>(files, log_path, std::move(options));
    }
};

/// A log of twenty entries, an index of them, and who feeds it.
struct Followed {
    Writer writer;
    Index index;
    std::unique_ptr<Follower> follower;

    explicit Followed(bool with_journal = true) : writer(with_journal) {
        writer.append(20);
        follower = writer.follower(index);
        index.take(*follower);
    }
};

TEST(Follower, gives_every_entry_once_and_in_order) {
    for (bool with_journal : {true, false}) {
        Writer writer(with_journal);
        Index index;
        auto follower = writer.follower(index);
        index.take(*follower);
        for (int i = 0; i < 40; ++i) {
            writer.append(1 + i % 7, static_cast<std::size_t>(i * 11));
            index.take(*follower, i % 3 == 0 ? 1 : 100);
            if (i % 4 == 0) follower = writer.follower(index);
        }
        EXPECT_EQ(index.rows, writer.rows());
        EXPECT_EQ(index.entries, index.rows.size());
        EXPECT_EQ(index.rewinds, 0u);
        EXPECT_LE(follower->position().marks.size(), 24u);
        EXPECT_EQ(Position::parse(index.position).value(), follower->position());
    }
}

TEST(Follower, begins_before_there_is_a_log) {
    MemoryFiles files;
    Follower follower(files, log_path, {});
    EXPECT_TRUE(follower.next(10)->empty());
    Bytes file;
    append_record(file, bytes_of("{\"key\":1}"), 0, Mode::bits32);
    files.put(log_path, file);
    EXPECT_EQ(follower.next(10)->size(), 1u);
    EXPECT_TRUE(follower.next(10)->empty());
}

TEST(Follower, waits_for_an_entry_that_is_half_there) {
    Writer writer;
    writer.append(2);
    Bytes whole = writer.files.content(log_path);
    append_record(whole, bytes_of("{\"key\":\"a longer one\"}"), whole.size(), Mode::bits32);
    Index index;
    auto follower = writer.follower(index);
    for (std::size_t size = writer.log->end(); size <= whole.size(); ++size) {
        writer.files.put(log_path, ByteView(whole).first(size));
        index.take(*follower);
        EXPECT_EQ(index.rows.size(), size < whole.size() ? 2u : 3u);
    }
    EXPECT_EQ(follower->damage().places, 0u);
    EXPECT_EQ(index.rewinds, 0u);
}

TEST(Follower, steps_over_damage) {
    Writer writer;
    writer.append(9);
    auto at = writer.offsets();
    Bytes content = writer.files.content(log_path);
    content[at[4] + 2] ^= 0x40;
    writer.files.put(log_path, content);
    Index index;
    auto follower = writer.follower(index);
    index.take(*follower);
    EXPECT_EQ(index.rows.size(), 8u);
    EXPECT_EQ(follower->damage().places, 1u);
    EXPECT_EQ(follower->damage().first, at[4]);
}

TEST(Follower, learns_of_deletions_also_while_it_was_away) {
    Writer writer;
    writer.append(10);
    auto at = writer.offsets();
    Index index;
    auto follower = writer.follower(index);
    index.take(*follower);
    writer.del(at[2]);
    index.take(*follower);
    EXPECT_EQ(index.rows, writer.rows());
    follower.reset();
    writer.del(at[9]);
    writer.append(3);
    writer.del(writer.offsets().back());
    follower = writer.follower(index);
    index.take(*follower);
    EXPECT_EQ(index.rows, writer.rows());
    // Intended, and on the disk: it counts as deleted though it can be read.
    writer.append(2);
    Offset next = writer.offsets().back();
    Deleted entry;
    entry.offset = next;
    ASSERT_TRUE(writer.journal->intend_deletion(std::span(&entry, 1)));
    index = {};
    follower = writer.follower(index);
    index.take(*follower);
    EXPECT_FALSE(index.rows.contains(next));
    EXPECT_EQ(index.rows.size() + 1, writer.rows().size());
    ASSERT_TRUE(writer.log->del(std::span<const Offset>(&next, 1)));
    index.take(*follower);
    EXPECT_EQ(index.rewinds, 0u);
}

TEST(Follower, goes_back_when_the_tail_is_lost_and_grows_again) {
    for (std::size_t lost : {1u, 2u, 5u, 30u, 100u}) {
        for (bool told : {true, false}) {
            for (bool away : {true, false}) {
                Writer writer;
                Index index;
                auto follower = writer.follower(index);
                for (int i = 0; i < 10; ++i) {
                    writer.append(10);
                    index.take(*follower);
                }
                writer.lose(lost);
                if (!away) {
                    index.take(*follower);
                }
                writer.open();
                if (told) {
                    ASSERT_TRUE(writer.journal->rewind(writer.log->end()));
                }
                // Of the same lengths: only their content tells.
                writer.number = 200;
                writer.append(50);
                if (away) follower = writer.follower(index);
                index.take(*follower);
                EXPECT_EQ(index.rows, writer.rows()) << lost << told << away;
                EXPECT_GE(index.rewinds, 1u);
                EXPECT_LE(index.entries, 100 + 50 + 2 * lost + 20) << "went back too far";
            }
        }
    }
}

TEST(Follower, begins_anew_with_another_log_or_journal) {
    Followed all;
    auto& [writer, index, follower] = all;
    ASSERT_TRUE(writer.journal->new_generation(writer.random));
    index.take(*follower);
    EXPECT_EQ(index.entries, 40u);
    // The journal is lost, and another made.
    ASSERT_TRUE(writer.files.remove(journal_path(log_path)));
    writer.open();
    index.take(*follower);
    EXPECT_EQ(index.rows, writer.rows());
    EXPECT_EQ(index.entries, 60u);
    // One of the same length or longer.
    follower.reset();
    ASSERT_TRUE(writer.files.remove(journal_path(log_path)));
    writer.open();
    ASSERT_TRUE(writer.journal->rewind(writer.log->end()));
    follower = writer.follower(index);
    index.take(*follower);
    EXPECT_EQ(index.entries, 80u);
    EXPECT_EQ(index.rows, writer.rows());
}

TEST(Follower, waits_while_the_log_is_away) {
    Followed all;
    auto& [writer, index, follower] = all;
    const Bytes log = writer.files.content(log_path);
    const Bytes journal = writer.files.content(journal_path(log_path));
    for (bool both : {false, true}) {
        for (bool away : {false, true}) {
            ASSERT_TRUE(writer.files.remove(log_path));
            if (both) {
                ASSERT_TRUE(writer.files.remove(journal_path(log_path)));
            }
            if (away) follower = writer.follower(index);
            index.take(*follower);
            EXPECT_EQ(index.rows.size(), 20u);
            writer.files.put(journal_path(log_path), journal);
            writer.files.put(log_path, log);
            index.take(*follower);
        }
    }
    EXPECT_EQ(index.rows, writer.rows());
    EXPECT_EQ(index.entries, 20u);
    EXPECT_EQ(index.rewinds, 0u);
}

TEST(Follower, goes_on_when_a_log_gets_its_first_journal) {
    Followed all(false);
    auto& [writer, index, follower] = all;
    writer.open(true);
    writer.append(5);
    writer.del(writer.offsets()[3]);
    index.take(*follower);
    EXPECT_EQ(index.rows, writer.rows());
    EXPECT_EQ(index.entries, 25u);
    EXPECT_EQ(index.rewinds, 0u);
}

TEST(Follower, agrees_with_the_log_after_anything_that_can_happen_to_it) {
    for (unsigned seed = 1; seed <= 150; ++seed) {
        SCOPED_TRACE(seed);
        std::mt19937 random(seed);
        Writer writer;
        Index index;
        auto follower = writer.follower(index);
        for (int step = 0; step < 60; ++step) {
            auto at = writer.offsets();
            switch (random() % 8) {
                case 0:
                case 1:
                case 2: writer.append(1 + static_cast<int>(random() % 20), random() % 60); break;
                case 3:
                case 4:
                    if (!at.empty()) writer.del(at[random() % at.size()]);
                    break;
                case 5:
                    writer.lose(random() % 4);
                    writer.open();
                    break;
                case 6: follower = writer.follower(index); break;
                default: {
                    auto news = follower->next(1 + random() % 9);
                    ASSERT_TRUE(news);
                    for (const News& one : *news) index.take(one);
                    index.position = follower->position().text();
                }
            }
        }
        index.take(*follower);
        ASSERT_EQ(index.rows, writer.rows());
    }
}

TEST(Follower, refuses_positions_that_it_never_gave) {
    for (std::string_view bad : {"x", "[]", "{}", R"({"generation":1,"journal":2,"next":-1})",
                                 R"({"generation":1,"journal":2,"next":9,"marks":[[5,4,1]]})",
                                 R"({"generation":1,"journal":2,"next":9,"marks":[[5,10,1]]})"}) {
        EXPECT_FALSE(Position::parse(bad)) << bad;
    }
    EXPECT_EQ(Position::parse("").value(), Position());
}

MessageId key_of_message(int sequence) {
    MessageId key;
    key.bytes[0] = static_cast<std::uint8_t>(sequence);
    return key;
}

void append_message(Writer& writer, int sequence) {
    const std::string text = R"({"key":")" + key_of_message(sequence).text() +
                             R"(","value":{"author":")" + FeedId().text() + R"(","sequence":)" +
                             std::to_string(sequence) +
                             R"(,"timestamp":7,"content":{"type":"post"}},"timestamp":8})";
    ByteView batch[] = {bytes_of(text)};
    ASSERT_TRUE(writer.log->append(batch));
}

std::unique_ptr<IndexKeeper> keep(MemoryFiles& files, const std::string& path) {
    return std::move(IndexKeeper::open(files, log_path, path).value());
}

TEST(MessageIndex, holds_what_the_log_holds) {
    test::TemporaryFolder folder;
    Writer writer;
    for (int i = 1; i <= 5; ++i) append_message(writer, i);
    auto follow = [&] {
        auto keeper = keep(writer.files, folder.path("my.sqlite"));
        while (keeper->process(2).value()) {
        }
        return keeper->index().count().value();
    };
    EXPECT_EQ(follow(), 5);
    writer.append(2);
    append_message(writer, 6);
    writer.del(writer.offsets()[1]);
    EXPECT_EQ(follow(), 7);
    auto database = std::move(sqlite::Database::open(folder.path("my.sqlite"), {}).value());
    auto row = std::move(database
                             .prepare("SELECT key,author,type,json FROM messages "
                                      "WHERE sequence=6 AND timestamp=7 AND received=8")
                             .value());
    ASSERT_TRUE(row.step().value());
    EXPECT_EQ(row.text(0), key_of_message(6).text());
    EXPECT_EQ(row.text(1), FeedId().text());
    EXPECT_EQ(row.text(2), "post");
    EXPECT_TRUE(row.text(3).starts_with("{\"author\":"));
    // It knows its log again, also where all that it holds was deleted, and another one.
    auto keeper = keep(writer.files, folder.path("my.sqlite"));
    EXPECT_FALSE(keeper->is_of_another_log().value());
    for (Offset offset : writer.offsets()) writer.del(offset);
    EXPECT_FALSE(keeper->is_of_another_log().value());
    base::MemoryFiles elsewhere;
    auto another = std::move(OffsetLog::open(elsewhere, log_path, {}).value());
    EXPECT_TRUE(keep(elsewhere, folder.path("my.sqlite"))->is_of_another_log().value());
    EXPECT_FALSE(keep(elsewhere, folder.path("empty.sqlite"))->is_of_another_log().value());
    EXPECT_EQ(follow(), 0);
    // Another database stays as it is.
    auto other = std::move(sqlite::Database::open(folder.path("other"), {}).value());
    ASSERT_TRUE(other.run("CREATE TABLE mine(x)"));
    EXPECT_EQ(MessageIndex::open(folder.path("other")).error().code, Errc::invalid);
    EXPECT_EQ(other.number("SELECT count(*) FROM sqlite_master").value(), 1);
}

TEST(IndexKeeper, passes_nothing_over_that_the_database_refused) {
    test::TemporaryFolder folder;
    Writer writer;
    for (int i = 1; i <= 6; ++i) append_message(writer, i);
    auto keeper = keep(writer.files, folder.path("my.sqlite"));
    ASSERT_TRUE(keeper->process(2).value());
    auto somebody = std::move(sqlite::Database::open(folder.path("my.sqlite"), {}).value());
    ASSERT_TRUE(
        somebody.run("CREATE TRIGGER no BEFORE INSERT ON messages "
                     "BEGIN SELECT RAISE(ABORT,'no'); END"));
    EXPECT_FALSE(keeper->process(2));
    EXPECT_FALSE(keeper->process(2));
    ASSERT_TRUE(somebody.run("DROP TRIGGER no"));
    while (keeper->process(2).value()) {
    }
    EXPECT_EQ(keeper->index().count().value(), 6);
}

TEST(IndexKeeper, shares_a_database_with_others) {
    test::TemporaryFolder folder;
    Writer writer;
    for (int i = 1; i <= 6; ++i) append_message(writer, i);
    auto one = keep(writer.files, folder.path("my.sqlite"));
    auto other = keep(writer.files, folder.path("my.sqlite"));
    ASSERT_TRUE(one->process(3).value());
    // The other has read the same, but does not put back what is deleted by now.
    writer.del(writer.offsets()[1]);
    writer.del(writer.offsets()[4]);
    for (bool more = true; more;) {
        more = one->process(2).value();
        more = other->process(1).value() || more;
    }
    EXPECT_EQ(one->index().count().value(), 4);
    EXPECT_EQ(one->follower().position(), other->follower().position());
}

TEST(IndexKeeper, tells_where_its_file_has_lost_its_name) {
    test::TemporaryFolder folder;
    Writer writer;
    append_message(writer, 1);
    auto keeper = keep(writer.files, folder.path("my.sqlite"));
    ASSERT_TRUE(keeper->process(2).value());
    base::PosixFiles files;
    ASSERT_TRUE(sqlite::remove_database(files, folder.path("my.sqlite")));
    EXPECT_EQ(keeper->process(2).error().code, Errc::corrupt);
    keep(writer.files, folder.path("my.sqlite"));
    EXPECT_EQ(keeper->process(2).error().code, Errc::corrupt);
}

}  // namespace
}  // namespace sbot::flume
