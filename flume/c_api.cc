// The C interface (flume/flume.h) over the classes of this folder.

#include <cstring>
#include <deque>
#include <string>
#include <vector>

#include "flume/flume.h"
#include "flume/follower.h"
#include "flume/index_keeper.h"
#include "flume/offset_log.h"
#include "flume/sqlite.h"
#include "flume/watch.h"

using namespace sbot;

namespace {

thread_local std::string last_error;

int fail(const Error& why) {
    last_error = why.what;
    switch (why.code) {
        case Errc::not_found: return SBOT_FLUME_NOT_FOUND;
        case Errc::corrupt: return SBOT_FLUME_CORRUPT;
        case Errc::invalid:
        case Errc::limit:
        case Errc::unsupported: return SBOT_FLUME_INVALID;
        default: return SBOT_FLUME_FAILED;
    }
}

int misused(const char* what) { return fail(error(Errc::invalid, what)); }

const char* none(const char* why) {
    misused(why);
    return nullptr;
}

const char* chars(ByteView data) { return reinterpret_cast<const char*>(data.data()); }

}  // namespace

struct sbot_flume_log {
    base::PosixFiles files;
    std::string path;
    std::unique_ptr<flume::OffsetLog> log;
    Bytes held;

    Result<void> open() {
        flume::OffsetLog::Options how;
        how.read_only = true;
        auto opened = flume::OffsetLog::open(files, path, how);
        if (!opened) return std::move(opened).error();
        log = std::move(*opened);
        return {};
    }
};

struct sbot_flume_follower {
    sbot_flume_follower(const std::string& path, flume::Follower::Options options)
        : watch(path), follower(files, path, std::move(options)) {}

    base::PosixFiles files;
    flume::LogWatch watch;
    flume::Follower follower;
    std::vector<sbot_flume_news> news;
    std::string position;
};

struct sbot_flume_index {
    explicit sbot_flume_index(const std::string& path) : watch(path) {}

    base::PosixFiles files;
    flume::LogWatch watch;
    std::unique_ptr<flume::IndexKeeper> keeper;
};

struct sbot_flume_query {
    std::unique_ptr<flume::sqlite::Database> database;
    std::unique_ptr<flume::sqlite::Statement> statement;
    std::deque<std::string> bound;  // borrowed by the statement
    std::string name, parameter_name;
    enum { fresh, among_rows, ended } state = fresh;
};

int sbot_flume_version(void) { return SBOT_FLUME_VERSION; }
const char* sbot_flume_error(void) { return last_error.c_str(); }

int sbot_flume_open(const char* log_path, sbot_flume_log** log) {
    if (log_path == nullptr || log == nullptr) return misused("no path, or nowhere to put the log");
    auto opened = std::make_unique<sbot_flume_log>();
    opened->path = log_path;
    if (auto ok = opened->open(); !ok) return fail(ok.error());
    *log = opened.release();
    return SBOT_FLUME_OK;
}

int sbot_flume_get(sbot_flume_log* log, uint64_t offset, const char** data, size_t* length) {
    if (log == nullptr || data == nullptr || length == nullptr)
        return misused("no log, or no data");
    if (offset >= log->log->end()) {  // it may have grown
        if (auto ok = log->open(); !ok) return fail(ok.error());
    }
    auto got = log->log->get(offset);
    if (!got) return fail(got.error());
    log->held = std::move(*got);
    *data = chars(log->held);
    *length = log->held.size();
    return SBOT_FLUME_OK;
}

void sbot_flume_close(sbot_flume_log* log) { delete log; }

int sbot_flume_follow(const char* log_path, const char* position, sbot_flume_follower** follower) {
    if (log_path == nullptr || follower == nullptr) return misused("no path, or no follower");
    auto parsed = flume::Position::parse(position == nullptr ? "" : position);
    if (!parsed) return fail(parsed.error());
    flume::Follower::Options options;
    options.position = std::move(*parsed);
    *follower = new sbot_flume_follower(log_path, std::move(options));
    return SBOT_FLUME_OK;
}

int sbot_flume_next(sbot_flume_follower* follower, size_t count_max, int timeout_ms,
                    const sbot_flume_news** news, size_t* count) {
    if (follower == nullptr || news == nullptr || count == nullptr) return misused("no follower");
    if (count_max == 0) return misused("no news wanted");
    follower->news.clear();
    for (bool waited = timeout_ms <= 0;; waited = true) {
        auto found = follower->follower.next(count_max);
        if (!found) return fail(found.error());
        for (const flume::News& one : *found) {
            sbot_flume_news given{};
            given.kind = static_cast<int>(one.kind);
            given.offset = one.offset;
            given.data = one.data.empty() ? nullptr : chars(one.data);
            given.length = one.data.size();
            follower->news.push_back(given);
        }
        if (!found->empty() || waited) break;
        follower->watch.wait(timeout_ms);
    }
    *news = follower->news.data();
    *count = follower->news.size();
    return follower->news.empty() ? SBOT_FLUME_END : SBOT_FLUME_OK;
}

const char* sbot_flume_position(sbot_flume_follower* follower) {
    if (follower == nullptr) return none("no follower");
    follower->position = follower->follower.position().text();
    return follower->position.c_str();
}

void sbot_flume_progress(sbot_flume_follower* follower, uint64_t* done, uint64_t* total) {
    if (follower == nullptr || done == nullptr || total == nullptr) return;
    *done = follower->follower.position().next;
    *total = std::max(*done, follower->follower.log_end());
}

void sbot_flume_unfollow(sbot_flume_follower* follower) { delete follower; }

int sbot_flume_index_open(const char* log_path, const char* database_path,
                          sbot_flume_index** index) {
    if (log_path == nullptr || database_path == nullptr || index == nullptr) {
        return misused("no path, or no index");
    }
    auto opened = std::make_unique<sbot_flume_index>(log_path);
    auto keeper = flume::IndexKeeper::open(opened->files, log_path, database_path);
    if (!keeper) return fail(keeper.error());
    opened->keeper = std::move(*keeper);
    *index = opened.release();
    return SBOT_FLUME_OK;
}

int sbot_flume_index_process(sbot_flume_index* index, size_t count_max, int timeout_ms,
                             uint64_t* done, uint64_t* total) {
    if (index == nullptr || done == nullptr || total == nullptr) return misused("no index");
    if (count_max == 0) return misused("no news wanted");
    int result = SBOT_FLUME_END;
    for (bool waited = timeout_ms <= 0;; waited = true) {
        auto more = index->keeper->process(count_max);
        if (!more) return fail(more.error());
        if (*more) result = SBOT_FLUME_OK;
        if (*more || waited) break;
        index->watch.wait(timeout_ms);
    }
    const flume::Follower& follower = index->keeper->follower();
    *done = follower.position().next;
    *total = std::max(*done, follower.log_end());
    return result;
}

void sbot_flume_index_close(sbot_flume_index* index) { delete index; }

int sbot_flume_query_open(const char* database_path, const char* sql, sbot_flume_query** query) {
    if (database_path == nullptr || sql == nullptr || query == nullptr) return misused("no query");
    flume::sqlite::Database::Options how;
    how.read_only = true;
    auto database = flume::sqlite::Database::open(database_path, how);
    if (!database) return fail(database.error());
    auto opened = std::make_unique<sbot_flume_query>();
    opened->database = std::make_unique<flume::sqlite::Database>(std::move(*database));
    auto statement = opened->database->prepare_only(sql);
    if (!statement) return fail(statement.error());
    // Some would write other files.
    if (!statement->reads_only()) return misused("a query may only read");
    opened->statement = std::make_unique<flume::sqlite::Statement>(std::move(*statement));
    *query = opened.release();
    return SBOT_FLUME_OK;
}

int sbot_flume_query_bind(sbot_flume_query* query, int parameter, const sbot_flume_value* value) {
    if (query == nullptr || value == nullptr) return misused("no query, or no value");
    if (parameter < 1 || parameter > query->statement->parameters()) {
        return misused("no such parameter");
    }
    if (query->state != sbot_flume_query::fresh) return misused("rows were asked for already");
    if (value->data != nullptr) query->bound.emplace_back(value->data, value->length);
    switch (value->kind) {
        case SBOT_FLUME_NULL: query->statement->bind_null(parameter); break;
        case SBOT_FLUME_INTEGER: query->statement->bind(parameter, value->integer); break;
        case SBOT_FLUME_REAL: query->statement->bind(parameter, value->real); break;
        case SBOT_FLUME_TEXT:
        case SBOT_FLUME_BYTES:
            if (value->data == nullptr) return misused("no data");
            if (value->kind == SBOT_FLUME_TEXT) {
                query->statement->bind(parameter, std::string_view(query->bound.back()));
            } else {
                query->statement->bind(parameter, base::bytes_of(query->bound.back()));
            }
            break;
        default: return misused("no such kind of value");
    }
    return SBOT_FLUME_OK;
}

int sbot_flume_query_parameters(sbot_flume_query* query) {
    if (query != nullptr) return query->statement->parameters();
    misused("no query");
    return 0;
}

const char* sbot_flume_query_parameter_name(sbot_flume_query* query, int parameter) {
    if (query == nullptr) return none("no query");
    if (parameter < 1 || parameter > query->statement->parameters()) {
        return none("no such parameter");
    }
    query->parameter_name = query->statement->parameter_name(parameter);
    return query->parameter_name.c_str();
}

int sbot_flume_query_step(sbot_flume_query* query) {
    if (query == nullptr) return misused("no query");
    // SQLite would begin again.
    if (query->state == sbot_flume_query::ended) return SBOT_FLUME_END;
    auto row = query->statement->step();
    query->state = row && *row ? sbot_flume_query::among_rows : sbot_flume_query::ended;
    if (!row) return fail(row.error());
    return *row ? SBOT_FLUME_OK : SBOT_FLUME_END;
}

int sbot_flume_query_reset(sbot_flume_query* query) {
    if (query == nullptr) return misused("no query");
    query->statement->reset();
    query->state = sbot_flume_query::fresh;
    return SBOT_FLUME_OK;
}

void sbot_flume_query_interrupt(sbot_flume_query* query) {
    if (query != nullptr) query->database->interrupt();
}

int sbot_flume_query_columns(sbot_flume_query* query) {
    if (query != nullptr) return query->statement->columns();
    misused("no query");
    return 0;
}

const char* sbot_flume_query_name(sbot_flume_query* query, int column) {
    if (query == nullptr) return none("no query");
    if (column < 0 || column >= query->statement->columns()) return none("no such column");
    query->name = query->statement->column_name(column);
    return query->name.c_str();
}

int sbot_flume_query_value(sbot_flume_query* query, int column, sbot_flume_value* value) {
    if (query == nullptr || value == nullptr) return misused("no query, or no value");
    if (column < 0 || column >= query->statement->columns()) return misused("no such column");
    const flume::sqlite::Statement& row = *query->statement;
    *value = {};
    switch (row.kind(column)) {
        case flume::sqlite::Statement::Kind::null: value->kind = SBOT_FLUME_NULL; break;
        case flume::sqlite::Statement::Kind::integer:
            value->kind = SBOT_FLUME_INTEGER;
            value->integer = row.integer(column);
            break;
        case flume::sqlite::Statement::Kind::real:
            value->kind = SBOT_FLUME_REAL;
            value->real = row.real(column);
            break;
        case flume::sqlite::Statement::Kind::text:
            value->kind = SBOT_FLUME_TEXT;
            value->data = row.text(column).data();
            value->length = row.text(column).size();
            break;
        case flume::sqlite::Statement::Kind::bytes:
            value->kind = SBOT_FLUME_BYTES;
            value->data = chars(row.bytes(column));
            value->length = row.bytes(column).size();
            break;
    }
    return SBOT_FLUME_OK;
}

void sbot_flume_query_close(sbot_flume_query* query) { delete query; }
