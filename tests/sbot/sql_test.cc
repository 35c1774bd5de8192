// sql.query and its kin, as a caller of the server sees them.
#include "sbot/sql_methods.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "flume/journal.h"
#include "sbot/sql_options.h"
#include "sbot/sql_streams.h"
#include "tests/sbot/support.h"

namespace sbot::app {
namespace {

using muxrpc::Body;
using muxrpc::Source;
using Item = muxrpc::Reply<std::optional<Body>>;

/// All items, or the first `count`; an error's text comes last.
io::Task<std::vector<std::string>> items_of(Source& source, std::size_t count) {
    std::vector<std::string> items;
    for (bool more = true; more && items.size() < count;) {
        auto reading = source.next();
        auto item = co_await reading;
        more = item && item->has_value();
        if (!item) items.push_back(item.error().message);
        if (more) items.push_back(std::string((*item)->text()));
    }
    co_return items;
}

/// `{"sql":…}`, and more.
std::string options_of(std::string_view sql, const std::string& more = "") {
    std::string text = "{" + more + (more.empty() ? "" : ",") + "\"sql\":";
    json::append_string(text, sql);
    return text + "}";
}

constexpr std::string_view numbers =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT i FROM n";
constexpr std::string_view endless =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT count(*) FROM n";

io::Task<void> nap(io::Loop& loop, std::uint64_t ms) { co_await loop.sleep(ms); }

class SqlTest : public testing::Test {
 protected:
    using Texts = std::vector<std::string>;

    SqlTest() : store(loop) {
        journal = std::move(flume::Journal::open(store.disk, "log.journal", store.random).value());
        services.reset(new SqlServices{loop, store.pool, store.readable, *store.indexer,
                                       *store.reading, store.view->path(), store.news});
    }

    std::unique_ptr<Source> query(const std::string& options, std::string* refused = nullptr) {
        auto body = std::make_shared<json::Document>(
            std::move(json::Document::parse("[" + options + "]").value()));
        muxrpc::Request request{{muxrpc::Rights::local, ""}, body, body->root()};
        auto read = sql_options(request);
        if (!read && refused != nullptr) *refused = read.error().message;
        if (!read) return nullptr;
        return sql_stream(*services, std::move(*read));
    }
    Texts ask(const std::string& options, std::size_t count = SIZE_MAX) {
        std::string refused;
        auto source = query(options, &refused);
        return source ? loop.run(items_of(*source, count)) : Texts{refused};
    }
    /// A commit of its own.
    void publish(const std::string& content) {
        store.publish(content);
        loop.run(store.indexer->level());
    }
    void post(int n) { publish("{\"type\":\"post\",\"n\":" + std::to_string(n) + "}"); }
    flume::Offset last() const { return *store.log->latest(); }
    void erase(flume::Offset at) { EXPECT_TRUE(loop.run(store.writer->erase({at}, *journal, {}))); }

    io::Loop loop;
    Store store;
    std::unique_ptr<flume::Journal> journal;
    std::unique_ptr<SqlServices> services;
};

TEST_F(SqlTest, gives_rows_one_by_one_and_the_end) {
    for (int n = 1; n <= 3; ++n) post(n);
    const std::string sql = R"("SELECT sequence, type FROM message ORDER BY offset")";
    const Texts rows = {R"({"sequence":1,"type":"post"})", R"({"sequence":2,"type":"post"})",
                        R"({"sequence":3,"type":"post"})"};
    EXPECT_EQ(ask(sql), rows);
    EXPECT_EQ(ask("{\"sql\":" + sql + "}"), rows);
    EXPECT_EQ(ask("{\"limit\":1,\"sql\":" + sql + "}"), Texts{rows[0]});
    EXPECT_EQ(ask("{\"limit\":0,\"sql\":" + sql + "}"), Texts{});
    EXPECT_EQ(ask("{\"limit\":-1,\"sql\":" + sql + "}"), rows);
    EXPECT_EQ(ask("{\"lists\":true,\"limit\":1,\"sql\":" + sql + "}"), Texts{R"([1,"post"])"});
    EXPECT_EQ(ask(R"({"sql":"SELECT :a AS a","params":{"a":"x"}})"), Texts{R"({"a":"x"})"});
    // More than one job of the pool.
    EXPECT_EQ(ask(options_of(numbers, "\"limit\":2000")).size(), 2000u);
}

TEST_F(SqlTest, says_what_is_wrong) {
    EXPECT_EQ(ask("{}"), Texts{"sql.query: it wants {sql: \"SELECT …\"}"});
    EXPECT_EQ(ask(R"({"sql":"SELECT 1","limit":"x"})"),
              Texts{"sql.query: limit must be a whole number of rows"});
    EXPECT_EQ(ask(R"({"sql":"SELECT 1","limit":1.5})"),
              Texts{"sql.query: limit must be a whole number of rows"});
    EXPECT_EQ(ask(R"({"sql":"SELECT 1","bogus":1})"), Texts{"sql.query: there is no option bogus"});
    EXPECT_EQ(ask(R"({"sql":"SELECT 1","live":1})"),
              Texts{"sql.query: live must be true or false"});
    EXPECT_EQ(ask(R"({"sql":"SELECT 1","key":"a"})"), Texts{"sql.query: key is for live queries"});
    EXPECT_EQ(ask(R"({"sql":"SELECT 1","live":true,"key":[]})"),
              Texts{"sql.query: key must be a column of the answer, or a list of such"});
    EXPECT_EQ(ask(R"({"sql":"SELECT 1","since":1.5})"),
              Texts{"sql.query: since must be an offset in the log, or true for its end"});
    EXPECT_EQ(ask(R"({"sql":"SELECT 1","timeout":0})"),
              Texts{"sql.query: timeout must be milliseconds, from 1 to 600000"});
    EXPECT_EQ(ask(R"("SELECT 1 AS a, 2 AS a")"),
              Texts{"two columns are called \"a\": name one of them with AS, or ask for lists: "
                    "true"});
    EXPECT_EQ(ask(R"({"sql":"SELECT 1 AS a, 2 AS a","lists":true})"), Texts{"[1,2]"});
    EXPECT_EQ(ask(R"({"sql":"SELECT 1 AS a","live":true,"key":"b"})"),
              Texts{"key: the answer has no column \"b\""});
    EXPECT_EQ(ask(R"("DROP TABLE messages")"),
              Texts{"a query may only read: DELETE is not allowed"});
    EXPECT_EQ(ask(R"("SELECT")"), Texts{"sqlite: incomplete input"});
}

TEST_F(SqlTest, waits_for_an_offset_and_says_where_there_is_none) {
    EXPECT_EQ(ask(R"({"sql":"SELECT 1 AS a","since":true})"), Texts{R"({"a":1})"});
    EXPECT_EQ(ask(R"({"sql":"SELECT 1 AS a","since":-1})"), Texts{R"({"a":1})"});
    EXPECT_EQ(ask(R"({"sql":"SELECT 1","since":0})"), Texts{"since: the log is empty"});
    post(1);
    const flume::Offset first = last();
    post(2);
    auto since = [&](const std::string& offset) {
        return ask(R"({"sql":"SELECT count(*) AS a FROM messages","since":)" + offset + "}");
    };
    EXPECT_EQ(since(std::to_string(last())), Texts{R"({"a":2})"});
    EXPECT_EQ(since("true"), Texts{R"({"a":2})"});
    const std::string end = std::to_string(last());
    EXPECT_EQ(since("1e18"),
              Texts{"since: the log ends before 1000000000000000000, its last entry is at " + end});
    EXPECT_EQ(since("1"), Texts{"since: no entry of the log is at 1"});
    erase(first);
    EXPECT_EQ(since(std::to_string(first)), Texts{"since: the entry at " + std::to_string(first) +
                                                  " was deleted: wait for another one"});
    erase(last());
    EXPECT_EQ(since("true"), Texts{R"({"a":0})"});
}

TEST_F(SqlTest, waits_for_the_index_no_longer_than_it_may) {
    post(1);
    const std::string first = std::to_string(last());
    // Another program holds the database, so the index cannot be written.
    auto other = std::move(
        flume::sqlite::Database::open(store.view->path(), flume::sqlite::Database::Options{})
            .value());
    ASSERT_TRUE(other.run("BEGIN IMMEDIATE"));
    store.publish(R"({"type":"post","n":2})");
    const std::string options = R"({"sql":"SELECT count(*) AS a FROM messages","since":true)";
    EXPECT_EQ(ask(options + R"(,"timeout":50})"),
              Texts{"since: the index has come to " + first + ", not to " + std::to_string(last()) +
                    ": ask again with a longer timeout, or without since for what is there now"});
    ASSERT_TRUE(other.run("ROLLBACK"));
    EXPECT_EQ(ask(options + "}"), Texts{R"({"a":2})"});
}

TEST_F(SqlTest, stops_computing_when_its_caller_goes) {
    // As many as compute at once: with one that does not stop, the last would never be answered.
    for (std::size_t i = 0; i < 2 * limits::sql_running_max; ++i) {
        auto source = query(options_of(endless, "\"timeout\":600000"));
        auto waiting = source->next();
        loop.run(nap(loop, 20));
        EXPECT_FALSE(waiting.done());
        waiting.drop();
        source.reset();
    }
    EXPECT_EQ(ask(R"("SELECT 1 AS a")"), Texts{R"({"a":1})"});
    EXPECT_EQ(services->open, 0u);
}

TEST_F(SqlTest, is_stopped_after_its_time) {
    const Texts said = ask(options_of(endless, "\"timeout\":30"));
    ASSERT_EQ(said.size(), 1u);
    EXPECT_EQ(said[0].substr(0, 41), "the query took too long and was stopped: ");
}

TEST_F(SqlTest, does_not_stay_open_for_one_who_does_not_read) {
    auto source = query(options_of(numbers, "\"timeout\":40"));
    loop.run(items_of(*source, 1));
    loop.run(nap(loop, 100));
    const Texts rest = loop.run(items_of(*source, SIZE_MAX));
    // On a busy machine it may have been too slow by itself.
    const bool told = rest.empty() || rest.back().starts_with("the answer was not read in 40 ms") ||
                      rest.back().starts_with("the query took too long");
    EXPECT_TRUE(told) << rest.back();
}

TEST_F(SqlTest, opens_so_many_and_no_more) {
    std::vector<std::unique_ptr<Source>> open;
    for (std::size_t i = 0; i < limits::sql_queries_max; ++i) open.push_back(query("\"SELECT 1\""));
    EXPECT_EQ(ask("\"SELECT 1\""), Texts{"64 queries are open: end some of them first"});
    // Live ones are counted apart.
    const std::string live = R"({"live":true,"sql":"SELECT 1 AS a"})";
    EXPECT_EQ(ask(live, 1), Texts{R"({"a":1})"});
    open.pop_back();
    EXPECT_EQ(ask("\"SELECT 1 AS a\""), Texts{R"({"a":1})"});
    open.clear();
    for (std::size_t i = 0; i < limits::sql_queries_max; ++i) open.push_back(query(live));
    EXPECT_EQ(ask(live), Texts{"64 live queries are open: end some of them first"});
    EXPECT_EQ(ask("\"SELECT 1 AS a\""), Texts{R"({"a":1})"});
}

TEST_F(SqlTest, live_tells_what_came_went_and_changed_by_key) {
    post(1);
    const flume::Offset first = last();
    auto source = query(options_of("SELECT type, count(*) AS n FROM message GROUP BY type",
                                   R"("live":true,"key":"type")"));
    EXPECT_EQ(loop.run(items_of(*source, 2)),
              (Texts{R"({"type":"post","n":1})", R"({"sync":true})"}));
    post(2);
    EXPECT_EQ(loop.run(items_of(*source, 1)),
              Texts{R"({"added":[],"removed":[],"changed":[{"type":"post","n":2}]})"});
    publish(R"({"type":"vote"})");
    EXPECT_EQ(loop.run(items_of(*source, 1)),
              Texts{R"({"added":[{"type":"vote","n":1}],"removed":[],"changed":[]})"});
    erase(last());
    EXPECT_EQ(loop.run(items_of(*source, 1)),
              Texts{R"({"added":[],"removed":[{"type":"vote","n":1}],"changed":[]})"});
    erase(first);
    EXPECT_EQ(loop.run(items_of(*source, 1)),
              Texts{R"({"added":[],"removed":[],"changed":[{"type":"post","n":1}]})"});
}

TEST_F(SqlTest, live_says_nothing_where_nothing_has_changed) {
    auto votes =
        query(R"({"live":true,"sql":"SELECT count(*) AS n FROM message WHERE type='vote'"})");
    auto contacts = query(R"({"live":true,"sql":"SELECT contact FROM contact"})");
    EXPECT_EQ(loop.run(items_of(*votes, 2)), (Texts{R"({"n":0})", R"({"sync":true})"}));
    EXPECT_EQ(loop.run(items_of(*contacts, 1)), Texts{R"({"sync":true})"});
    auto waiting = votes->next(), also = contacts->next();
    for (int n = 0; n < 5; ++n) post(n);
    loop.run(nap(loop, 250));
    EXPECT_FALSE(waiting.done());
    EXPECT_FALSE(also.done());
    publish(R"({"type":"vote"})");
    Item item = loop.run(std::move(waiting));
    EXPECT_EQ((*item)->text(), R"({"added":[{"n":1}],"removed":[{"n":0}],"changed":[]})");
    EXPECT_FALSE(also.done());
}

TEST_F(SqlTest, live_wants_keys_that_are_keys_and_an_answer_that_fits) {
    post(1);
    post(2);
    const Texts same = ask(R"({"live":true,"key":"type","sql":"SELECT type FROM message"})");
    EXPECT_EQ(same,
              Texts{"two rows of the answer have the key [\"post\"]: name more columns in key, or "
                    "none"});
    const Texts large =
        ask(options_of("SELECT value, hex(zeroblob(500000)) AS a "
                       "FROM json_each('[1,2,3,4,5,6,7,8,9]')",
                       "\"live\":true"));
    ASSERT_EQ(large.size(), 1u);
    EXPECT_EQ(large[0].substr(0, 40), "a live query remembers its answer, and t");
}

/// The sum of a live query's rows and differences.
class Sum {
 public:
    explicit Sum(bool keyed) : keyed_(keyed) {}

    void add(const std::string& item) {
        auto document = json::Document::parse(item);
        json::Value root = document->root();
        if (root["sync"].exists()) {
            synced_ = true;
        } else if (!synced_) {
            put(root);
        } else {
            for (json::Value row : root["removed"].elements()) take_out(row);
            for (json::Value row : root["changed"].elements()) take_out(row);
            for (json::Value row : root["changed"].elements()) put(row);
            for (json::Value row : root["added"].elements()) put(row);
        }
    }
    bool synced() const { return synced_; }
    std::multiset<std::string> rows() const {
        std::multiset<std::string> all;
        for (auto& [known_by, row] : rows_) all.insert(row);
        return all;
    }

 private:
    std::string known_by(json::Value row) const { return json::compact(keyed_ ? row["k"] : row); }
    void put(json::Value row) { rows_.emplace(known_by(row), json::compact(row)); }
    void take_out(json::Value row) {
        auto at = rows_.find(known_by(row));
        ASSERT_NE(at, rows_.end()) << json::compact(row);
        rows_.erase(at);
    }

    bool keyed_;
    bool synced_ = false;
    std::multimap<std::string, std::string> rows_;
};

class LiveSum : public SqlTest, public testing::WithParamInterface<int> {
 protected:
    std::multiset<std::string> fresh(const std::string& sql) {
        const Texts rows = ask("{\"sql\":\"" + sql + "\"}");
        return {rows.begin(), rows.end()};
    }
    /// In the index, or no longer, without a word in the log: as when a message is looked at anew.
    void reindex(flume::Offset at, bool in) {
        const Bytes data = store.log->get(at).value();
        EXPECT_TRUE(loop.run(store.indexer->with_index([&](flume::CoreView& view) {
            const flume::Entry entry[] = {{at, data}};
            return in ? view.apply(entry, flume::Place::ahead) : view.retract(entry);
        })));
    }
    /// Something that makes one commit.
    void change(std::mt19937& random) {
        if (taken_out) {
            reindex(*std::exchange(taken_out, std::nullopt), true);
            return;
        }
        const std::size_t which = offsets.empty() ? 0 : random() % offsets.size();
        switch (offsets.empty() ? 4 : random() % 5) {
            case 0:
                erase(offsets[which]);
                offsets.erase(offsets.begin() + static_cast<std::ptrdiff_t>(which));
                return;
            case 1:
                taken_out = offsets[which];
                reindex(*taken_out, false);
                return;
            default:
                publish("{\"type\":\"typ" + std::to_string(random() % 4) +
                        "\",\"n\":" + std::to_string(random() % 3) + "}");
                offsets.push_back(last());
        }
    }

    std::vector<flume::Offset> offsets;
    std::optional<flume::Offset> taken_out;
};

TEST_P(LiveSum, is_the_answer_at_some_commit_and_in_the_end_the_last) {
    const bool keyed = GetParam() % 2 == 0;
    const std::string sql =
        keyed ? "SELECT type AS k, count(*) AS n, sum(content->>'$.n') AS s FROM message GROUP BY 1"
              : "SELECT type, content->>'$.n' AS n FROM message";
    std::mt19937 random(static_cast<unsigned>(GetParam()));
    for (int i = 0; i < 5; ++i) change(random);
    Sum sum(keyed);
    std::set<std::multiset<std::string>> history = {fresh(sql)};
    auto source =
        query("{\"live\":true,\"sql\":\"" + sql + "\"" + (keyed ? ",\"key\":\"k\"}" : "}"));
    auto next = source->next();
    auto take = [&] {
        while (next.done()) {
            Item item = next.take();
            ASSERT_TRUE(item) << item.error().message;
            sum.add(std::string((*item)->text()));
            if (sum.synced()) {
                ASSERT_EQ(history.count(sum.rows()), 1u) << "seed " << GetParam();
            }
            next = source->next();
        }
    };
    for (int i = 0; i < 30; ++i) {
        change(random);
        history.insert(fresh(sql));
        loop.run(nap(loop, random() % 40));
        take();
    }
    for (int i = 0; i < 100 && sum.rows() != fresh(sql); ++i) {
        loop.run(nap(loop, 50));
        take();
    }
    EXPECT_EQ(sum.rows(), fresh(sql)) << "seed " << GetParam();
    next.drop();
}

INSTANTIATE_TEST_SUITE_P(Seeds, LiveSum, testing::Range(1, 7));

TEST_F(SqlTest, is_for_local_callers_and_makes_indexes_for_them) {
    muxrpc::Router router;
    add_sql_methods(router, *services);
    for (std::string_view name : {"query", "index", "dropIndex", "indexes"}) {
        const std::vector<std::string> path = {"sql", std::string(name)};
        const std::string type = name == "query" ? "source" : "async";
        EXPECT_FALSE(router.find(path, type, muxrpc::Rights::peer)) << name;
        EXPECT_FALSE(router.find(path, type, muxrpc::Rights::invite)) << name;
        EXPECT_TRUE(router.find(path, type, muxrpc::Rights::local)) << name;
    }
    auto call = [&](const std::string& name, const std::string& args) {
        auto body =
            std::make_shared<json::Document>(std::move(json::Document::parse(args).value()));
        muxrpc::Request request{{muxrpc::Rights::local, ""}, body, body->root()};
        auto method = router.find({"sql", name}, "async", muxrpc::Rights::local);
        auto done = loop.run((*method)->async(std::move(request)));
        return done ? std::string(done->text()) : done.error().message;
    };
    const std::string about = R"-({"name":"about","path":["$.about"],"index":"json_about",)-"
                              R"-("expressions":["json_extract(json,'$.about')"]})-";
    EXPECT_EQ(call("index", R"([{"name":"about","path":"$.about"}])"), about);
    EXPECT_EQ(call("indexes", "[]"), "[" + about + "]");
    const Texts plan = ask(options_of(
        "EXPLAIN QUERY PLAN SELECT offset FROM contents WHERE json_extract(json,'$.about')='x'"));
    ASSERT_EQ(plan.size(), 1u);
    EXPECT_NE(plan[0].find("USING INDEX json_about"), std::string::npos) << plan[0];
    EXPECT_NE(call("index", R"([{"name":"about"}])").find("index"), std::string::npos);
    EXPECT_EQ(call("dropIndex", R"(["about"])"), "true");
    EXPECT_EQ(call("dropIndex", R"([{"name":"about"}])"), "there is no index called about");
    EXPECT_EQ(call("indexes", "[]"), "[]");
}

}  // namespace
}  // namespace sbot::app
