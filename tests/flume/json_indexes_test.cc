// Indexes on members of the content: used by queries, harmless to what comes in, and kept.
#include "flume/json_indexes.h"

#include <gtest/gtest.h>

#include <random>

#include "base/memory_files.h"
#include "flume/core_builder.h"
#include "flume/core_view.h"
#include "flume/offset_log.h"
#include "flume/sql_query.h"
#include "tests/flume/records.h"
#include "tests/flume/support.h"

namespace sbot::flume {
namespace {

struct Bench {
    test::TemporaryFolder folder;
    base::MemoryFiles files;
    std::unique_ptr<OffsetLog> log;
    std::unique_ptr<CoreView> view;
    int count = 0;

    Bench() {
        log = std::move(OffsetLog::open(files, "/log.offset", {}).value());
        open();
    }
    std::string path() const { return folder.path("core.sqlite"); }
    void open() {
        view.reset();
        view = std::move(CoreView::open({path(), {}, {}}).value());
    }
    bool add(const std::string& content) {
        const std::string text = message(count++, content);
        const ByteView batch[] = {base::bytes_of(text)};
        if (!log->append(batch) || !log->sync()) return false;
        auto done = catch_up(*view, *log, 100);
        EXPECT_TRUE(done) << content.substr(0, 100) << done.error().what;
        return done.has_value();
    }
    /// First column of all rows.
    std::vector<std::string> ask(const std::string& sql, const std::string& of = "") {
        auto database = sqlite::Database::open(of.empty() ? path() : of, {.read_only = true});
        EXPECT_TRUE(database) << database.error().what;
        auto row = database->prepare(sql);
        EXPECT_TRUE(row) << row.error().what;
        std::vector<std::string> all;
        while (row->step().value()) all.emplace_back(row->text(row->columns() - 1));
        return all;
    }
    bool uses(const std::string& index, const std::string& sql, const std::string& of = "") {
        for (const std::string& line : ask("EXPLAIN QUERY PLAN " + sql, of)) {
            if (line.find("USING INDEX " + index) != line.npos) return true;
        }
        return false;
    }
};

const JsonIndex by_about{"about", {"$.about"}};
const std::string who_is =
    "SELECT offset FROM contents WHERE json_extract(json,'$.about')='@someone'";

TEST(JsonIndexes, are_used_by_queries) {
    Bench bench;
    bench.add(R"({"type":"about","about":"@someone","name":"a"})");
    bench.add(R"({"type":"about","about":"@other","name":"b"})");
    EXPECT_FALSE(bench.uses("json_about", who_is));
    ASSERT_TRUE(bench.view->make_index(by_about));
    bench.add(R"({"type":"about","about":"@someone","name":"c"})");
    EXPECT_TRUE(bench.uses("json_about", who_is));
    EXPECT_EQ(bench.ask(who_is).size(), 2u);
    const std::string joined =
        "SELECT m.key FROM contents c JOIN message m USING(offset) "
        "WHERE json_extract(c.json,'$.about')='@someone'";
    EXPECT_TRUE(bench.uses("json_about", joined));
    EXPECT_EQ(bench.ask(joined).size(), 2u);
    const std::string viewed =
        "SELECT key FROM message WHERE content IS NOT NULL AND "
        "json_extract(content,'$.about')='@someone'";
    EXPECT_TRUE(bench.uses("json_about", viewed));
    EXPECT_EQ(bench.ask(viewed).size(), 2u);
}

TEST(JsonIndexes, may_have_several_paths) {
    Bench bench;
    const JsonIndex both{"both", {"$.about", "$.name"}};
    ASSERT_TRUE(bench.view->make_index(both));
    bench.add(R"({"about":"@someone","name":"it's"})");
    EXPECT_EQ(both.expression(1, "content"), "json_extract(content,'$.name')");
    EXPECT_TRUE(bench.uses("json_both", who_is + " AND " + both.expression(1) + "='it''s'"));
    const JsonIndex quoted{"quoted", {"$.\"it's\""}};
    ASSERT_TRUE(bench.view->make_index(quoted));
    EXPECT_TRUE(bench.uses("json_quoted",
                           "SELECT offset FROM contents WHERE " + quoted.expression(0) + "=1"));
}

TEST(JsonIndexes, refuse_what_is_no_index) {
    Bench bench;
    auto refused = [&](const JsonIndex& index) {
        auto made = bench.view->make_index(index);
        return !made && made.error().code == Errc::invalid;
    };
    EXPECT_TRUE(refused({"", {"$.a"}}));
    EXPECT_TRUE(refused({"A", {"$.a"}}));
    EXPECT_TRUE(refused({"a b", {"$.a"}}));
    EXPECT_TRUE(refused({"a);DROP TABLE links;--", {"$.a"}}));
    EXPECT_TRUE(refused({std::string(41, 'a'), {"$.a"}}));
    EXPECT_TRUE(refused({"a", {}}));
    EXPECT_TRUE(refused({"a", {"$.a", "$.b", "$.c", "$.d", "$.e"}}));
    for (const std::string path :
         {"",        "$",      "a",      "a.b",       "$a",           "$.",    "$[",
          "$[x]",    "$[]",    "$[#]",   "$[1",       "$[-1]",        "$[#-]", "$.a[",
          "$.a[-1]", "$.a[x]", "$.a[0",  "$.a[0]x",   "$.a[0000001]", "$.\"a", "$.\"a\"b",
          "$..a",    "$.a.",   "$.a..b", "$.a[\"x\"]"}) {
        EXPECT_TRUE(refused({"odd", {path}})) << path;
    }
    EXPECT_TRUE(refused({"a", {std::string("$.a\0b", 5)}}));
    EXPECT_TRUE(refused({"a", {"$." + std::string(300, 'a')}}));
    ASSERT_TRUE(bench.view->make_index({"a", {"$.a"}}));
    EXPECT_TRUE(bench.view->make_index({"a", {"$.a"}}));
    EXPECT_TRUE(refused({"a", {"$.b"}}));
    EXPECT_TRUE(bench.view->drop_index("a"));
    EXPECT_EQ(bench.view->drop_index("a").error().code, Errc::not_found);
    for (int i = 0; i < 32; ++i) {
        ASSERT_TRUE(bench.view->make_index({"n" + std::to_string(i), {"$.a"}}));
    }
    EXPECT_EQ(bench.view->make_index({"onemore", {"$.a"}}).error().code, Errc::limit);
}

/// Whatever is there where a path leads.
TEST(JsonIndexes, that_are_taken_never_stop_a_message) {
    Bench bench;
    const std::vector<std::string> paths = {
        "$.a",        "$.a[0]",       "$.a[#-1]", "$.a[#-1].b", "$.a.b", "$.a.b[3].c",
        "$.\"a\"[0]", "$.\"a\".\"\"", "$.-",      "$.a b",      "$.#",   "$[0]",
        "$[#-2][0]",  "$.a[999999]",  "$.]",      "$.'"};
    for (std::size_t i = 0; i < paths.size(); ++i) {
        ASSERT_TRUE(bench.view->make_index({"p" + std::to_string(i), {paths[i]}})) << paths[i];
    }
    for (const std::string inner :
         {"1", "\"\"", "null", "[]", "[1]", "[[],{}]", "{}", "[{\"b\":1}]", "{\"b\":[]}",
          "{\"b\":[1,2,3,{\"c\":[]}]}", "{\"\":0}"}) {
        for (const std::string outer : {"{\"a\":", "{\"-\":", "{\"a b\":", "{\"#\":", "{\"x\":["}) {
            const std::string end = outer.ends_with('[') ? "]}" : "}";
            EXPECT_TRUE(bench.add(outer + inner + end)) << outer << inner;
        }
    }
}

std::vector<std::string> odd_contents() {
    std::vector<std::string> odd = {
        "null",
        "true",
        "0",
        "-0",
        "1e999",
        "-1e-999",
        "123456789012345678901234567890",
        R"("")",
        R"("text")",
        R"("x.box")",
        "[]",
        "[[]]",
        "{}",
        R"({"":""})",
        R"({"about":null})",
        R"({"about":{}})",
        R"({"about":[1,[2]]})",
        R"({"about":1e400})",
        R"({"about":"\ud800"})",
        R"({"about":"\udc00\ud800"})",
        R"({"about":"\u0000"})",
        R"({"about":"a\u0000b"})",
        R"({"\u0000":1,"about":2})",
        R"({"about":"\/\b\f\n\r\t\\\""})",
        R"({"about":1,"about":2})",
        R"({"$.about":3})",
        R"({"about.x":4})",
        R"({"__proto__":5})",
        R"({"about":"'"})",
        R"({"about":"%"})",
        R"( { "about" : [ 1 , 2 ] } )",
        "\t{\n\"about\"\r:\n1}",
        R"({"about":1E+5,"x":1.0e-05})",
        R"({"about":-0.0})",
        R"({"about":"𝒳"})",
        R"({"about":"\uD835\uDCB3"})",
        "{\"about\":\"\x7f\xc2\x80\"}",
        "{\"about\":\"\xed\xa0\x80\"}",
        "{\"about\":\"\xff\xfe\"}",
        "\"\xf0\x9f\"",
    };
    for (std::size_t depth : {499, 500, 501, 999, 1001, 1999, 2001, 3990}) {
        odd.push_back(std::string(depth, '[') + std::string(depth, ']'));
        std::string nested = "1";
        for (std::size_t i = 0; i < depth; ++i) nested = R"({"about":)" + nested + "}";
        odd.push_back(nested);
    }
    std::string wide = "[0";
    for (int i = 0; i < 100000; ++i) wide += ",0";
    odd.push_back(wide + "]");
    odd.push_back(R"({"about":")" + std::string(500000, 'a') + "\"}");
    return odd;
}

TEST(JsonIndexes, make_no_insertion_fail_and_are_kept_when_all_is_made_anew) {
    Bench bench;
    const std::vector<JsonIndex> all = {
        by_about, {"deep", {"$.about.about[0].about"}}, {"last", {"$[#-1]", "$.about[#-1]"}}};
    for (const JsonIndex& index : all) ASSERT_TRUE(bench.view->make_index(index));
    for (const std::string& content : odd_contents()) ASSERT_TRUE(bench.add(content));
    const std::string rows = std::to_string(bench.count);
    EXPECT_EQ(bench.ask("SELECT count(*) FROM messages"), std::vector<std::string>{rows});
    const auto found = bench.ask("SELECT offset FROM contents WHERE json_valid(json) ORDER BY 1");
    EXPECT_EQ(bench.ask("SELECT offset FROM contents WHERE json IS NOT NULL ORDER BY 1"), found);
    EXPECT_EQ(bench.ask("PRAGMA integrity_check"), std::vector<std::string>{"ok"});

    // Made at speed beside it.
    CoreBuilder builder({bench.view->building_path(), {}, {}});
    bench.view->start_building();
    auto built = builder.build(*bench.log);
    ASSERT_TRUE(built) << built.error().what;
    ASSERT_TRUE(bench.view->adopt(*bench.log));
    EXPECT_TRUE(bench.uses("json_about", who_is));
    EXPECT_EQ(bench.ask("PRAGMA integrity_check"), std::vector<std::string>{"ok"});
    // From nothing, and by another version.
    ASSERT_TRUE(bench.view->clear(1));
    EXPECT_TRUE(
        bench.uses("json_deep", "SELECT 1 FROM contents WHERE " + all[1].expression(0) + "=1"));
    ASSERT_TRUE(catch_up(*bench.view, *bench.log, 1000));
    EXPECT_EQ(bench.ask("SELECT offset FROM contents WHERE json_valid(json) ORDER BY 1"), found);
    ASSERT_TRUE(bench.view->distrust());
    bench.open();
    EXPECT_TRUE(bench.uses("json_about", who_is));
    EXPECT_EQ(bench.view->json_indexes().value(), all);
    // Dropped is dropped.
    ASSERT_TRUE(bench.view->drop_index("about"));
    bench.open();
    EXPECT_FALSE(bench.uses("json_about", who_is));
}

/// Values at random, from letters that JSON, paths and SQL care about.
std::string any_json(std::mt19937& random, int depth) {
    const char* atoms[] = {"0",      "-1.5e+3",     "true",        "null",        R"("")",
                           R"("a")", R"("\u0000")", R"("\ud83d")", R"("\"\\\/")", "1e308"};
    const auto kind = random() % 10;
    if (depth == 0 || kind < 5) return atoms[random() % std::size(atoms)];
    const bool object = kind < 8;
    std::string out(1, object ? '{' : '[');
    for (std::size_t i = 0, count = random() % 4; i < count; ++i) {
        if (i > 0) out += random() % 5 == 0 ? " , " : ",";
        if (object) out += std::string(random() % 2 == 0 ? R"("about")" : R"("\u0061")") + ":";
        out += any_json(random, depth - 1);
    }
    return out + (object ? '}' : ']');
}

TEST(JsonIndexes, find_what_reading_everything_finds) {
    for (unsigned seed = 1; seed <= 3; ++seed) {
        std::mt19937 random(seed);
        Bench bench;
        ASSERT_TRUE(bench.view->make_index(by_about));
        for (int i = 0; i < 150; ++i) ASSERT_TRUE(bench.add(any_json(random, 5)));
        const std::string slow =
            "SELECT offset FROM contents WHERE +json_extract(json,'$.about') IS NOT NULL";
        const std::string fast =
            "SELECT offset FROM contents WHERE json_extract(json,'$.about') IS NOT NULL";
        EXPECT_TRUE(bench.uses("json_about", fast + " AND json_extract(json,'$.about')>1"));
        auto a = bench.ask(slow), b = bench.ask(fast);
        std::sort(a.begin(), a.end());
        std::sort(b.begin(), b.end());
        EXPECT_EQ(a, b) << "seed " << seed;
    }
}

TEST(JsonIndexes, with_a_spoilt_list_cost_themselves_and_nothing_else) {
    Bench bench;
    ASSERT_TRUE(bench.view->make_index(by_about));
    base::PosixFiles files;
    const std::string list = json_indexes_path(bench.path());
    ASSERT_TRUE(base::write_file_atomically(files, list, base::bytes_of("{spoilt")));
    bench.open();
    EXPECT_TRUE(bench.add(R"({"about":1})"));
    EXPECT_EQ(bench.view->make_index({"b", {"$.b"}}).error().code, Errc::corrupt);
    // By hand, and badly.
    const std::string odd = R"({"Ä":["$.a"],"bad":["$["],"good":["$.a"],"none":5})";
    ASSERT_TRUE(base::write_file_atomically(files, list, base::bytes_of(odd)));
    bench.open();
    EXPECT_TRUE(bench.uses("json_good", "SELECT 1 FROM contents WHERE json_extract(json,'$.a')=1"));
    EXPECT_FALSE(bench.uses("json_about", who_is));
}

}  // namespace
}  // namespace sbot::flume
