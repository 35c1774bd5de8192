#include <algorithm>
#include <mutex>
#include <utility>

#include "bindings/node/promises.h"
#include "bindings/node/sql.h"

// An answer that is looked at again and again, and what has changed in it.
namespace sbot::node {
namespace {

/// An answer, and what it is compared by.
struct Known {
    std::vector<Row> rows;           // as they came
    std::vector<std::size_t> order;  // of rows, by key
};

/// A query that is asked again, on connections that stay open.
struct Live {
    std::string db, sql;
    Parameters parameters;
    std::vector<std::string> key;
    std::size_t rows_max = 0;

    std::mutex busy, switching;  // the latter for who interrupts
    bool stopped = false;
    Query version, query;
    std::int64_t seen = -1;
    std::vector<std::string> names;
    std::vector<std::size_t> key_columns;  // all, where none were declared
    std::shared_ptr<Known> known;
};
using HeldLive = std::shared_ptr<Live>;

struct News {
    bool any = false, first = false;
    std::vector<Row> added, removed, changed;
};

bool find_key(Live& live, std::string& why) {
    live.key_columns.clear();
    for (std::size_t i = 0; live.key.empty() && i < live.names.size(); ++i) {
        live.key_columns.push_back(i);
    }
    for (const std::string& name : live.key) {
        auto found = std::find(live.names.begin(), live.names.end(), name);
        if (found == live.names.end()) {
            why = "key: the answer has no column \"" + name + '"';
            return false;
        }
        live.key_columns.push_back(static_cast<std::size_t>(found - live.names.begin()));
    }
    return true;
}

/// Opens the file that has the name now.
bool open_live(Live& live, std::string& why) {
    Query version = open_query(live.db, "PRAGMA data_version");
    if (!version) return false;
    Query query = open_query(live.db, live.sql);
    if (!query) return false;
    std::vector<std::string> names;
    if (!bind_all(query.get(), live.parameters, why)) return false;
    if (!name_columns(query.get(), names, why)) return false;
    if (live.known && names != live.names) {
        why = "the columns of the answer are others now";
        return false;
    }
    live.names = std::move(names);
    if (!find_key(live, why)) return false;
    std::lock_guard lock(live.switching);
    live.version = std::move(version);
    live.query = std::move(query);
    live.seen = -1;
    return true;
}

/// True where nothing was committed since the last time.
bool unchanged(Live& live, bool& failed) {
    sbot_flume_value value{};
    failed = sbot_flume_query_step(live.version.get()) != SBOT_FLUME_OK;
    if (!failed) sbot_flume_query_value(live.version.get(), 0, &value);
    sbot_flume_query_reset(live.version.get());
    return !failed && std::exchange(live.seen, value.integer) == value.integer;
}

int compare_by(const std::vector<std::size_t>& columns, const Row& a, const Row& b) {
    for (std::size_t column : columns) {
        if (a[column] < b[column]) return -1;
        if (b[column] < a[column]) return 1;
    }
    return 0;
}

bool put_in_order(const Live& live, Known& known, std::string& why) {
    known.order.resize(known.rows.size());
    for (std::size_t i = 0; i < known.order.size(); ++i) known.order[i] = i;
    auto compare = [&](std::size_t a, std::size_t b) {
        return compare_by(live.key_columns, known.rows[a], known.rows[b]);
    };
    std::sort(known.order.begin(), known.order.end(),
              [&](std::size_t a, std::size_t b) { return compare(a, b) < 0; });
    for (std::size_t i = 1; !live.key.empty() && i < known.order.size(); ++i) {
        if (compare(known.order[i - 1], known.order[i]) != 0) continue;
        why = "two rows of the answer have the same key: name more columns in it, or none";
        return false;
    }
    return true;
}

News difference(const Live& live, const Known& before, const Known& after) {
    News news;
    std::size_t old = 0, now = 0;
    while (old < before.order.size() || now < after.order.size()) {
        int which = old == before.order.size() ? 1 : -1;
        if (old < before.order.size() && now < after.order.size()) {
            which = compare_by(live.key_columns, before.rows[before.order[old]],
                               after.rows[after.order[now]]);
        }
        if (which < 0) {
            news.removed.push_back(before.rows[before.order[old++]]);
        } else if (which > 0) {
            news.added.push_back(after.rows[after.order[now++]]);
        } else {
            const Row& row = after.rows[after.order[now++]];
            if (before.rows[before.order[old++]] != row) news.changed.push_back(row);
        }
    }
    news.any = !news.added.empty() || !news.removed.empty() || !news.changed.empty();
    return news;
}

bool look(Live& live, bool reopen, News& news, std::string& why) {
    {
        std::lock_guard lock(live.switching);
        if (live.stopped) return true;
    }
    if ((reopen || !live.query) && !open_live(live, why)) return false;
    bool failed = false;
    if (unchanged(live, failed)) return true;
    auto now = std::make_shared<Known>();
    failed = failed || !read_rows(live.query.get(), live.rows_max, now->rows);
    sbot_flume_query_reset(live.query.get());
    if (failed) {
        live.seen = -1;
        return false;
    }
    if (!put_in_order(live, *now, why)) return false;
    if (live.known) {
        news = difference(live, *live.known, *now);
    } else {
        news.any = news.first = true;
        news.added = now->rows;
    }
    live.known = std::move(now);
    return true;
}

}  // namespace

/// live(db, sql, parameters, {key, rows}): a handle.
napi_value live(napi_env env, napi_callback_info info) {
    auto given = arguments(env, info);
    auto made = std::make_shared<Live>();
    if (!parameters_of(env, given[2], made->parameters)) return nullptr;
    made->db = text_of(env, given[0]);
    made->sql = text_of(env, given[1]);
    napi_value key = nullptr, rows = nullptr;
    napi_get_named_property(env, given[3], "key", &key);
    napi_get_named_property(env, given[3], "rows", &rows);
    made->rows_max = static_cast<std::size_t>(number_of(env, rows));
    std::uint32_t count = 0;
    napi_get_array_length(env, key, &count);
    for (std::uint32_t i = 0; i < count; ++i) {
        napi_value name = nullptr;
        napi_get_element(env, key, i, &name);
        made->key.push_back(text_of(env, name));
    }
    return hold(env, std::move(made));
}

/// look(live, reopen): {rows} the first time, then null or {added, removed, changed}.
napi_value look(napi_env env, napi_callback_info info) {
    auto given = arguments(env, info);
    auto asked = held<Live>(env, given[0]);
    if (!asked) return refuse(env);
    bool reopen = false;
    napi_get_value_bool(env, given[1], &reopen);
    auto news = std::make_shared<News>();
    auto work = std::make_unique<Work>();
    work->execute = [=](std::string& why) {
        std::lock_guard lock(asked->busy);
        return look(*asked, reopen, *news, why);
    };
    work->result = [=](napi_env its) {
        napi_value result = nullptr;
        if (!news->any) {
            napi_get_null(its, &result);
            return result;
        }
        result = object(its);
        set(its, result, news->first ? "rows" : "added", rows_of(its, asked->names, news->added));
        if (news->first) return result;
        set(its, result, "removed", rows_of(its, asked->names, news->removed));
        set(its, result, "changed", rows_of(its, asked->names, news->changed));
        return result;
    };
    return promise(env, std::move(work));
}

/// stop(live): what it computes just now ends with an error.
napi_value stop(napi_env env, napi_callback_info info) {
    auto given = arguments(env, info);
    auto asked = held<Live>(env, given[0]);
    if (!asked) return refuse(env);
    std::lock_guard lock(asked->switching);
    asked->stopped = true;
    if (asked->query) sbot_flume_query_interrupt(asked->query.get());
    return nullptr;
}
}  // namespace sbot::node
