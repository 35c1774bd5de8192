// What is written page by page is what SQLite would read had it been inserted.
#include "flume/sqlite_tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>

#include "flume/sqlite.h"
#include "tests/flume/support.h"

namespace sbot::flume::sqlite {
namespace {

struct Place {
    test::TemporaryFolder folder;
    std::string path = folder.path("db");

    /// An empty database; the roots of what it holds, by name.
    std::int64_t root(const char* sql, const std::string& name) {
        auto database = std::move(Database::open_unjournalled(path, 1 << 20).value());
        EXPECT_TRUE(database.run(sql));
        return database.number("SELECT rootpage FROM sqlite_schema WHERE name='" + name + "'")
            .value();
    }
    std::string problems() {
        auto database = std::move(Database::open(path, {.read_only = true}).value());
        auto row = std::move(database.prepare("PRAGMA integrity_check").value());
        EXPECT_TRUE(row.step().value());
        return std::string(row.text(0));
    }
};

std::string text_of_length(std::size_t length, std::uint_fast32_t seed) {
    std::string text(length, 'x');
    for (std::size_t i = 0; i < length; i += 7) {
        text[i] = static_cast<char>('a' + (seed + i) % 26);
    }
    return text;
}

TEST(SqliteTree, holds_rows_of_any_size_and_number) {
    for (const std::size_t count : {0, 1, 2, 40, 41, 1000, 100000}) {
        Place place;
        const auto root = place.root("CREATE TABLE t(id INTEGER PRIMARY KEY,a TEXT,b)", "t");
        std::mt19937 random(static_cast<unsigned>(count));
        std::vector<std::pair<std::int64_t, std::string>> rows;
        std::int64_t id = -3;
        auto file = std::move(PageFile::open(place.path).value());
        Tree tree(*file, Tree::Kind::table, static_cast<std::uint32_t>(root));
        Record record;
        for (std::size_t i = 0; i < count; ++i) {
            id += i == 2 ? (std::int64_t{1} << 61) : 1 + random() % 300;
            // Around what fits into a page, into one more, and far beyond.
            const std::size_t edge = std::vector<std::size_t>{0, 480, 4058, 8150}[random() % 4];
            const std::size_t size = count > 10000  ? random() % 60
                                     : i % 97 == 96 ? 100000
                                                    : edge + random() % 20;
            rows.emplace_back(id, text_of_length(size, random()));
            record.clear();
            tree.add(id, record.null().text(rows.back().second).integer(7).bytes());
        }
        tree.finish();
        ASSERT_TRUE(file->finish());
        EXPECT_EQ(place.problems(), "ok") << count;
        auto database = std::move(Database::open(place.path, {.read_only = true}).value());
        auto row = std::move(database.prepare("SELECT id,a,b FROM t ORDER BY id").value());
        for (const auto& [at, text] : rows) {
            ASSERT_TRUE(row.step().value());
            ASSERT_EQ(row.integer(0), at);
            ASSERT_EQ(row.text(1), text);
            ASSERT_EQ(row.integer(2), 7);
        }
        EXPECT_FALSE(row.step().value());
    }
}

TEST(SqliteTree, holds_entries_of_an_index_and_of_a_table_without_row_ids) {
    for (const std::size_t count : {1, 3, 4, 5, 500, 50000}) {
        Place place;
        const char* sql =
            "CREATE TABLE t(a TEXT,b INTEGER,PRIMARY KEY(a,b)) WITHOUT ROWID;"
            "CREATE UNIQUE INDEX i ON t(b,a)";
        std::mt19937 random(static_cast<unsigned>(count));
        std::vector<std::pair<std::string, std::int64_t>> entries;
        for (std::size_t i = 0; i < count; ++i) {
            // Around the longest that stays in its page.
            const std::size_t size = count > 1000 ? random() % 30 : 980 + random() % 40;
            entries.emplace_back(text_of_length(i % 50 == 49 ? 9000 : size, random()),
                                 static_cast<std::int64_t>(i * 3));
        }
        const auto table = place.root(sql, "t");
        const auto index = place.root("", "i");
        auto file = std::move(PageFile::open(place.path).value());
        Tree by_number(*file, Tree::Kind::index, static_cast<std::uint32_t>(index));
        Tree by_text(*file, Tree::Kind::index, static_cast<std::uint32_t>(table));
        Record record;
        for (const auto& [text, number] : entries) {
            record.clear();
            by_number.add(record.integer(number).text(text).bytes());
        }
        std::sort(entries.begin(), entries.end());
        for (const auto& [text, number] : entries) {
            record.clear();
            by_text.add(record.text(text).integer(number).bytes());
        }
        by_number.finish();
        by_text.finish();
        ASSERT_TRUE(file->finish());
        EXPECT_EQ(place.problems(), "ok") << count;
        // And goes on from there.
        auto database = std::move(Database::open(place.path, {}).value());
        ASSERT_TRUE(database.run("INSERT INTO t SELECT a||'+',b+1 FROM t;DELETE FROM t WHERE b%2"));
        EXPECT_EQ(database.number("SELECT count(*) FROM t").value(),
                  static_cast<std::int64_t>((count + 1) / 2 + count / 2));
        EXPECT_EQ(place.problems(), "ok") << count;
    }
}

TEST(SqliteTree, writes_values_as_sqlite_does) {
    const std::int64_t integers[] = {0,
                                     1,
                                     -1,
                                     2,
                                     127,
                                     128,
                                     -128,
                                     -129,
                                     32767,
                                     32768,
                                     -32769,
                                     8388607,
                                     8388608,
                                     2147483647,
                                     2147483648,
                                     -2147483649,
                                     140737488355327,
                                     140737488355328,
                                     std::numeric_limits<std::int64_t>::max(),
                                     std::numeric_limits<std::int64_t>::min()};
    const double reals[] = {0.5, -0.0, 1e308, std::numeric_limits<double>::infinity(), 1.5e12};
    Place place;
    const auto root = place.root("CREATE TABLE t(id INTEGER PRIMARY KEY,v)", "t");
    auto file = std::move(PageFile::open(place.path).value());
    Tree tree(*file, Tree::Kind::table, static_cast<std::uint32_t>(root));
    Record record;
    std::int64_t id = 0;
    for (auto value : integers) {
        record.clear();
        tree.add(++id, record.null().integer(value).bytes());
    }
    for (auto value : reals) {
        record.clear();
        tree.add(++id, record.null().real(value).bytes());
    }
    tree.finish();
    ASSERT_TRUE(file->finish());
    auto database = std::move(Database::open(place.path, {}).value());
    auto row = std::move(database.prepare("SELECT v,typeof(v) FROM t ORDER BY id").value());
    for (auto value : integers) {
        ASSERT_TRUE(row.step().value());
        EXPECT_EQ(row.text(1), "integer");
        EXPECT_EQ(row.integer(0), value);
    }
    for (auto value : reals) {
        ASSERT_TRUE(row.step().value());
        EXPECT_EQ(row.text(1), "real");
        EXPECT_EQ(row.real(0), value);
    }
    row.reset();
    // The same bytes: SQLite's own copy takes as much room.
    ASSERT_TRUE(
        database.run("CREATE TABLE u(id INTEGER PRIMARY KEY,v);INSERT INTO u SELECT * FROM t"));
    EXPECT_EQ(database.number("SELECT sum(payload) FROM dbstat WHERE name='t'").value(),
              database.number("SELECT sum(payload) FROM dbstat WHERE name='u'").value());
}

TEST(SqliteTree, leaves_the_page_free_that_sqlite_locks) {
    Place place;
    const auto root = place.root("CREATE TABLE t(id INTEGER PRIMARY KEY,a TEXT)", "t");
    base::PosixFiles files;
    {
        // 2 pages before it; a hole in front.
        auto file = std::move(files.open(place.path, {}).value());
        ASSERT_TRUE(file->truncate(0x40000000 - 2 * 4096));
    }
    auto file = std::move(PageFile::open(place.path).value());
    ASSERT_EQ(file->page_bytes(), 4096u);
    Tree tree(*file, Tree::Kind::table, static_cast<std::uint32_t>(root));
    Record record;
    const std::string text = text_of_length(30000, 1);
    for (std::int64_t id = 1; id <= 20; ++id) {
        record.clear();
        tree.add(id, record.null().text(text).bytes());
    }
    tree.finish();
    ASSERT_TRUE(file->finish());
    auto database = std::move(Database::open(place.path, {.read_only = true}).value());
    auto row = std::move(database.prepare("SELECT a FROM t").value());
    for (int i = 0; i < 20; ++i) {
        ASSERT_TRUE(row.step().value());
        ASSERT_EQ(row.text(0), text);
    }
    Bytes page(4096);
    auto raw = std::move(files.open(place.path, {}).value());
    ASSERT_EQ(raw->read_at(0x40000000, page).value(), page.size());
    EXPECT_TRUE(std::all_of(page.begin(), page.end(), [](auto byte) { return byte == 0; }));
}

TEST(SqliteTree, refuses_what_is_no_database) {
    test::TemporaryFolder folder;
    EXPECT_FALSE(PageFile::open(folder.path("nowhere")));
    base::PosixFiles files;
    base::OpenFile how;
    how.create = true;
    auto file = std::move(files.open(folder.path("x"), how).value());
    EXPECT_EQ(PageFile::open(folder.path("x")).error().code, Errc::corrupt);
    ASSERT_TRUE(file->write_at(0, Bytes(5000, 'x')));
    EXPECT_EQ(PageFile::open(folder.path("x")).error().code, Errc::corrupt);
}

}  // namespace
}  // namespace sbot::flume::sqlite
