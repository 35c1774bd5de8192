// Free SQL on the core database: what it may do, what it answers, and what it costs.
#include "flume/sql_query.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "base/memory_files.h"
#include "flume/core_builder.h"
#include "flume/core_view.h"
#include "flume/offset_log.h"
#include "tests/flume/records.h"
#include "tests/flume/support.h"

namespace sbot::flume {
namespace {

using std::chrono::milliseconds;

/// A log in memory, and a core view of it in a folder of its own.
struct Bench {
    test::TemporaryFolder folder;
    base::MemoryFiles files;
    std::unique_ptr<OffsetLog> log;
    std::unique_ptr<CoreView> view;
    Parts changed = 0;

    Bench() {
        log = std::move(OffsetLog::open(files, "/log.offset", {}).value());
        open();
    }
    std::string path() const { return folder.path("core.sqlite"); }
    void open(std::function<void(CoreView::Options&)> with = {}) {
        view.reset();
        CoreView::Options options;
        options.path = path();
        options.committed = [this](Parts parts) { changed |= parts; };
        if (with) with(options);
        auto opened = CoreView::open(std::move(options));
        ASSERT_TRUE(opened) << opened.error().what;
        view = std::move(*opened);
    }
    Offset add(const std::string& text) {
        const ByteView batch[] = {base::bytes_of(text)};
        const Offset at = log->append(batch).value()[0];
        EXPECT_TRUE(log->sync());
        EXPECT_TRUE(catch_up(*view, *log, 100));
        return at;
    }
    void add_posts(int count) {
        for (int i = 0; i < count; ++i) {
            add(message(i, R"({"type":"post","text":"hello )" + std::to_string(i) + "\"}"));
        }
    }
};

std::shared_ptr<const SqlQuery::Brake> brake(int ms = 60000) {
    return std::make_shared<SqlQuery::Brake>(milliseconds(ms));
}

/// Rows with commas between them, or the error's code and words.
std::string ask(const std::string& path, std::string_view sql, std::string_view params = "null",
                bool as_list = true) {
    auto failed = [](const Error& why) {
        return "(" + std::string(base::name_of(why.code)) + ") " + why.what;
    };
    auto query = SqlQuery::prepare(path, sql, brake());
    if (!query) return failed(query.error());
    auto document = json::Document::parse(params);
    if (auto ok = (*query)->bind(document->root()); !ok) return failed(ok.error());
    std::string rows;
    for (;;) {
        auto more = (*query)->step();
        if (!more) return failed(more.error());
        if (!*more) return rows;
        auto row = (*query)->row(as_list);
        if (!row) return failed(row.error());
        EXPECT_TRUE(json::Document::parse(*row)) << *row;
        if (!rows.empty()) rows += ',';
        rows += *row;
    }
}

TEST(SqlQuery, answers_rows_as_objects_and_as_lists) {
    Bench bench;
    bench.add_posts(2);
    EXPECT_EQ(ask(bench.path(), "SELECT sequence, type FROM message ORDER BY 1", "null", false),
              R"({"sequence":1,"type":"post"},{"sequence":2,"type":"post"})");
    EXPECT_EQ(ask(bench.path(), "SELECT sequence, type FROM message ORDER BY 1 -- all\n ; /**/"),
              R"([1,"post"],[2,"post"])");
    EXPECT_EQ(ask(bench.path(), "SELECT 1 FROM message WHERE 0"), "");
}

TEST(SqlQuery, writes_every_value_as_json_that_says_what_it_is) {
    Bench bench;
    const std::pair<std::string_view, std::string_view> values[] = {
        {"NULL", "null"},
        {"1.0", "1"},
        {"0.1", "0.1"},
        {"-0.5e-300", "-5e-301"},
        {"9e999", R"("Infinity")"},
        {"-9e999", R"("-Infinity")"},
        {"9e999 - 9e999", "null"},  // SQLite's own NaN
        {"9007199254740991", "9007199254740991"},
        {"-9007199254740991", "-9007199254740991"},
        {"9007199254740992", R"("9007199254740992")"},
        {"-9223372036854775808", R"("-9223372036854775808")"},
        {"x'00ff'", R"({"base64":"AP8="})"},
        {"x''", R"({"base64":""})"},
        {"'\"\\' || char(10,0,127)", R"("\"\\\n\u0000)"
                                     "\x7f\""},
        {"CAST(x'41ff42' AS TEXT)", "\"A\uFFFDB\""},
        {"''", R"("")"},
    };
    for (auto [sql, wanted] : values) {
        EXPECT_EQ(ask(bench.path(), "SELECT " + std::string(sql)), "[" + std::string(wanted) + "]")
            << sql;
    }
}

TEST(SqlQuery, takes_parameters_by_place_and_by_name) {
    Bench bench;
    EXPECT_EQ(ask(bench.path(), "SELECT ?, ?, ?, ?, ?", R"([1,2.5,"a",null,true])"),
              R"([1,2.5,"a",null,1])");
    EXPECT_EQ(ask(bench.path(), "SELECT :a, @b, $c, :a", R"({"a":1,"b":"x","c":[1,{"d":2}]})"),
              R"([1,"x","[1,{\"d\":2}]",1])");
    EXPECT_EQ(ask(bench.path(), "SELECT typeof(?), typeof(?), typeof(?)", "[7, 7.5, 1e300]"),
              R"(["integer","real","real"])");
    EXPECT_EQ(ask(bench.path(), "SELECT ?, typeof(?)", R"([{"base64":"AP8="},{"base64":""}])"),
              R"([{"base64":"AP8="},"blob"])");
    EXPECT_EQ(ask(bench.path(), "SELECT value FROM json_each(:list)", R"({"list":["a","b"]})"),
              R"(["a"],["b"])");
}

TEST(SqlQuery, says_which_parameter_is_missing_or_too_many) {
    Bench bench;
    const std::string path = bench.path();
    EXPECT_EQ(ask(path, "SELECT ?", "[]"), "(invalid) params has 0 values, the query wants 1");
    EXPECT_EQ(ask(path, "SELECT 1", "[1]"), "(invalid) params has 1 values, the query wants 0");
    EXPECT_EQ(ask(path, "SELECT :a", "{}"),
              "(invalid) the query has a parameter :a that is not in params");
    EXPECT_EQ(ask(path, "SELECT :a", R"({"a":1,"b":2})"),
              "(invalid) params has \"b\", which the query does not use");
    EXPECT_EQ(ask(path, "SELECT ?", R"({"a":1})"),
              "(invalid) the query has parameters without a name: give params as a list, or call "
              "them :name");
    EXPECT_EQ(ask(path, "SELECT 1", "5"), "(invalid) params must be a list or an object");
    EXPECT_EQ(ask(path, "SELECT ?", R"([{"base64":"?"}])"),
              "(invalid) params: {\"base64\": …} is no base64");
}

TEST(SqlQuery, may_read_and_nothing_else) {
    Bench bench;
    bench.add_posts(3);
    const std::pair<std::string_view, std::string_view> forbidden[] = {
        {"DELETE FROM messages", "DELETE"},
        {"UPDATE messages SET type=1", "UPDATE"},
        {"INSERT INTO types(name) VALUES('x')", "INSERT"},
        {"CREATE TABLE x(a)", "INSERT"},
        {"CREATE TEMP TABLE x(a)", "INSERT"},
        {"DROP TABLE messages", "DELETE"},
        {"UPDATE sqlite_master SET sql=''", "changing anything"},
        {"PRAGMA user_version", "PRAGMA"},
        {"PRAGMA journal_mode=DELETE", "PRAGMA"},
        {"ATTACH '/etc/passwd' AS x", "ATTACH"},
        {"DETACH main", "DETACH"},
        {"BEGIN", "BEGIN or COMMIT"},
        {"SAVEPOINT a", "SAVEPOINT"},
        {"ANALYZE", "ANALYZE"},
        {"REINDEX", "REINDEX"},
        {"VACUUM INTO '/nowhere/x.sqlite'", "changing anything"},
        {"SELECT load_extension('x')", "load_extension()"},
        {"SELECT fts3_tokenizer('simple')", "fts3_tokenizer()"},
        {"SELECT sqlite_compileoption_get(1)", "sqlite_compileoption_get()"},
    };
    for (auto [sql, what] : forbidden) {
        const std::string answer = ask(bench.path(), sql);
        const bool refused =
            answer == "(denied) a query may only read: " + std::string(what) + " is not allowed" ||
            answer == "(invalid) sqlite: table sqlite_master may not be modified";
        EXPECT_TRUE(refused) << sql << " → " << answer;
    }
    EXPECT_TRUE(ask(bench.path(), "SELECT * FROM pragma_table_info('messages')").starts_with("("));
    EXPECT_EQ(ask(bench.path(), "SELECT count(*) FROM messages"), "[3]");
}

TEST(SqlQuery, wants_one_statement_and_says_what_is_wrong_with_it) {
    Bench bench;
    const std::string path = bench.path();
    EXPECT_EQ(ask(path, ""), "(invalid) there is no statement in it");
    EXPECT_EQ(ask(path, " -- nothing"), "(invalid) there is no statement in it");
    EXPECT_EQ(ask(path, "SELECT 1; SELECT 2"),
              "(invalid) more than one statement: ask them one by one");
    EXPECT_EQ(ask(path, "SELECT 1; nonsense"),
              "(invalid) more than one statement: ask them one by one");
    EXPECT_EQ(ask(path, "SELEC 1"), "(invalid) sqlite: near \"SELEC\": syntax error");
    EXPECT_EQ(ask(path, "SELECT x FROM message"), "(invalid) sqlite: no such column: x");
    EXPECT_EQ(ask(path, std::string("SELECT 1\0", 9)), "(invalid) a zero byte in the SQL");
    EXPECT_EQ(ask(path, "SELECT 1 " + std::string(70000, ' ')),
              "(limit) an SQL text may have 65536 bytes: put values into parameters");
    EXPECT_TRUE(ask(path, "SELECT json_extract('{','$.a')").starts_with("("));
}

TEST(SqlQuery, keeps_values_and_rows_within_their_limits) {
    Bench bench;
    EXPECT_TRUE(ask(bench.path(), "SELECT randomblob(1100000)").starts_with("(limit)"));
    const std::string big = "zeroblob(1000000)";
    EXPECT_EQ(ask(bench.path(), "SELECT " + big + "," + big + "," + big + "," + big),
              "(limit) a row of the answer has more than 4194304 bytes");
    const std::string text = '"' + std::string(1100000, 'x') + '"';
    EXPECT_EQ(ask(bench.path(), "SELECT length(?)", '[' + text + ']'),
              "(limit) params: a value may have 1048576 bytes");
    std::string columns = "SELECT 1";
    for (int i = 1; i < 101; ++i) columns += ",1";
    EXPECT_TRUE(ask(bench.path(), columns).starts_with("(invalid) sqlite: too many columns"));
}

TEST(SqlQuery, is_stopped_before_it_takes_all_memory) {
    Bench bench;
    bench.add_posts(1);
    // Something that SQLite lets grow without a limit.
    const std::string_view greedy =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<2000) "
        "SELECT length(json_group_array(hex(zeroblob(500000)))) FROM n";
    const std::string answer = ask(bench.path(), greedy);
    EXPECT_TRUE(answer.starts_with("(limit) the query was stopped")) << answer;
    EXPECT_EQ(ask(bench.path(), "SELECT 1"), "[1]");
}

TEST(SqlQuery, is_stopped_in_time_whatever_functions_it_calls) {
    Bench bench;
    // Each call takes a millisecond or more, and nothing but calls are made.
    std::string sql =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT 1 "
        "FROM n WHERE 0";
    for (int i = 0; i < 20; ++i) sql += " OR length(hex(randomblob(500000+i)))=0";
    auto query = std::move(SqlQuery::prepare(bench.path(), sql, brake(20)).value());
    auto step = query->step();
    ASSERT_FALSE(step);
    EXPECT_EQ(step.error().code, Errc::timeout);
}

TEST(SqlQuery, reads_full_text_json_and_recursive_tables) {
    Bench bench;
    bench.add_posts(12);
    EXPECT_EQ(ask(bench.path(),
                  "SELECT m.sequence, snippet(texts,0,'[',']','…',3) FROM texts JOIN message m ON "
                  "m.offset=texts.rowid WHERE texts MATCH '11' ORDER BY bm25(texts)"),
              R"([12,"hello [11]"])");
    EXPECT_EQ(
        ask(bench.path(),
            "SELECT content->>'$.text' FROM message, json_each('[3]') j WHERE sequence=j.value"),
        R"(["hello 2"])");
    EXPECT_EQ(ask(bench.path(),
                  "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<5) "
                  "SELECT sum(i), group_concat(i,'-') FROM n"),
              R"([15,"1-2-3-4-5"])");
    EXPECT_EQ(ask(bench.path(),
                  "SELECT row_number() OVER (ORDER BY offset DESC) FROM messages "
                  "LIMIT 1"),
              "[1]");
}

/// `count` times, with something between them.
std::string repeated(const std::string& what, const std::string& between, int count) {
    std::string all = what;
    for (int i = 1; i < count; ++i) all += between + what;
    return all;
}

TEST(SqlQuery, searches_for_so_many_words_and_no_more) {
    Bench bench;
    bench.add_posts(3);
    bench.add(message(7, R"({"type":"post","text":")" + repeated("a", " ", 4000) + "\"}"));
    const std::string sql =
        "SELECT rowid>=0, length(snippet(texts,0,'','','',2)) FROM texts "
        "WHERE texts MATCH ? LIMIT 1";
    auto search = [&](const std::string& words) {
        std::string params = "[";
        json::append_string(params, words);
        return ask(bench.path(), sql, params + "]");
    };
    EXPECT_EQ(search(repeated("hello", " OR ", 60)), "[1,7]");
    EXPECT_EQ(search("hel* OR a"), "[1,7]");
    // SQLite recurses on these, holds the places of all, and compares each with each.
    const std::string refused =
        "(limit) too many words in a full text query, or too many places of "
        "them in one text to make a snippet of: search for fewer";
    for (const char* between : {" NOT ", " OR ", " AND ", " ", " + "}) {
        EXPECT_EQ(search(repeated("hello", between, 100000)), refused) << between;
    }
    EXPECT_EQ(search(repeated("\"\"", " NOT ", 100000)), refused);
    EXPECT_EQ(search(repeated("a", " OR ", 20)), refused);
    // A word for each row is not many.
    EXPECT_EQ(ask(bench.path(),
                  "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE "
                  "i<500) SELECT count(*) FROM n, texts WHERE texts MATCH 'hello a' "
                  "|| substr(i,1,0)"),
              "[0]");
}

constexpr std::string_view endless =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT count(*) FROM n";

TEST(SqlQuery, is_stopped_when_its_time_is_over) {
    Bench bench;
    auto query = std::move(SqlQuery::prepare(bench.path(), endless, brake(20)).value());
    auto step = query->step();
    ASSERT_FALSE(step);
    EXPECT_EQ(step.error().code, Errc::timeout);
    EXPECT_NE(step.error().what.find("too long"), std::string::npos);
}

TEST(SqlQuery, is_stopped_by_its_brake_from_another_thread) {
    Bench bench;
    auto stop = std::make_shared<SqlQuery::Brake>(milliseconds(60000));
    auto query = std::move(SqlQuery::prepare(bench.path(), endless, stop).value());
    std::jthread other([&] { stop->pull(); });
    auto step = query->step();
    ASSERT_FALSE(step);
    EXPECT_EQ(step.error().code, Errc::cancelled);
}

TEST(SqlQuery, sees_one_commit_from_its_first_row_to_its_last) {
    Bench bench;
    bench.add_posts(3);
    auto query = std::move(
        SqlQuery::prepare(bench.path(), "SELECT sequence FROM messages ORDER BY 1", brake())
            .value());
    ASSERT_TRUE(query->step().value());
    bench.add(message(77, R"({"type":"post"})"));
    EXPECT_TRUE(query->step().value());
    EXPECT_TRUE(query->step().value());
    EXPECT_FALSE(query->step().value());
    EXPECT_EQ(ask(bench.path(), "SELECT count(*) FROM messages"), "[4]");
}

TEST(SqlQuery, knows_which_parts_of_the_database_it_reads) {
    Bench bench;
    const std::pair<std::string_view, Parts> all[] = {
        {"SELECT 1", 0},
        {"SELECT count(*) FROM messages", part_messages},
        {"SELECT key, content FROM message", part_messages | part_authors | part_types},
        {"SELECT author FROM link WHERE rel='vote'", part_messages | part_authors | part_rels},
        {"SELECT contact, decrypted FROM contact WHERE state=-1", part_contacts | part_authors},
        {"SELECT count(*) FROM contact", part_contacts | part_authors},
        {"SELECT id, name FROM authors", part_authors},
        {"SELECT count(*) FROM author", part_authors | part_feeds},
        {"SELECT name, sequence FROM authors", part_authors | part_feeds},
        {"SELECT * FROM author", part_authors | part_feeds},
        {"SELECT name FROM types", part_types},
        {"SELECT name FROM Names", part_names},
        {"SELECT upto FROM progress", part_progress},
        {"SELECT rowid FROM texts WHERE texts MATCH 'a'", part_texts},
        {"SELECT why FROM unreadable", part_unreadable},
        {"SELECT value FROM json_each('[1]')", 0},
        {"SELECT contact FROM contact WHERE contact IN (SELECT name FROM names)",
         part_contacts | part_authors | part_names},
        {"WITH contact AS (SELECT rts FROM messages) SELECT * FROM contact", part_messages},
    };
    for (auto [sql, parts] : all) {
        auto query = SqlQuery::prepare(bench.path(), sql, brake());
        ASSERT_TRUE(query) << sql << query.error().what;
        EXPECT_EQ((*query)->reads(), parts) << sql;
    }
}

TEST(CoreView, says_which_parts_a_commit_has_changed) {
    Bench bench;
    auto parts_of = [&](const std::string& content) {
        static int number = 0;
        bench.changed = 0;
        bench.add(message(++number, content));
        return bench.changed;
    };
    const Parts always = part_messages | part_names | part_feeds | part_progress;
    const std::string someone = R"("@)" + std::string(43, 'A') + R"(=.ed25519")";
    EXPECT_EQ(parts_of(R"({"type":"post","text":"a"})"),
              always | part_authors | part_types | part_texts);
    EXPECT_EQ(parts_of(R"({"type":"post","text":"a"})"), always | part_texts);
    EXPECT_EQ(parts_of(R"({"type":"odd","contact":)" + someone + "}"),
              always | part_types | part_contacts | part_rels);
    EXPECT_EQ(parts_of("{}"), always);
    bench.changed = 0;
    ASSERT_TRUE(bench.view->clear(1));
    EXPECT_EQ(bench.changed, part_all);
}

TEST(Schema, has_no_sql_view_that_live_queries_do_not_know) {
    Bench bench;
    auto database = std::move(sqlite::Database::open(bench.path(), {.read_only = true}).value());
    auto row =
        std::move(database.prepare("SELECT name FROM sqlite_master WHERE type='view'").value());
    std::set<std::string> names;
    while (row.step().value()) names.emplace(row.text(0));
    EXPECT_EQ(names, std::set<std::string>(std::begin(core_view_names), std::end(core_view_names)));
}

}  // namespace
}  // namespace sbot::flume
