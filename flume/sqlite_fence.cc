#include "flume/sqlite_fence.h"

#include <sqlite3.h>

#include <algorithm>
#include <utility>

#include "base/limits.h"

namespace sbot::flume::sqlite {
namespace {

// Instructions of SQLite's between two looks at the brake: some microseconds, or as many calls of a
// function as there are among them.
constexpr int steps_between_looks = 50;

/// What SQLite offers and does nothing but compute. In the order of the alphabet.
constexpr std::string_view functions[] = {
    "->",
    "->>",
    "abs",
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "avg",
    "bm25",
    "ceil",
    "ceiling",
    "changes",
    "char",
    "coalesce",
    "cos",
    "cosh",
    "count",
    "cume_dist",
    "current_date",
    "current_time",
    "current_timestamp",
    "date",
    "datetime",
    "degrees",
    "dense_rank",
    "exp",
    "first_value",
    "floor",
    "format",
    "glob",
    "group_concat",
    "hex",
    "highlight",
    "ifnull",
    "iif",
    "instr",
    "json",
    "json_array",
    "json_array_length",
    "json_extract",
    "json_group_array",
    "json_group_object",
    "json_insert",
    "json_object",
    "json_patch",
    "json_quote",
    "json_remove",
    "json_replace",
    "json_set",
    "json_type",
    "json_valid",
    "julianday",
    "lag",
    "last_value",
    "lead",
    "length",
    "like",
    "likelihood",
    "likely",
    "ln",
    "log",
    "log10",
    "log2",
    "lower",
    "ltrim",
    "match",
    "max",
    "min",
    "mod",
    "nth_value",
    "ntile",
    "nullif",
    "percent_rank",
    "pi",
    "pow",
    "power",
    "printf",
    "quote",
    "radians",
    "random",
    "randomblob",
    "rank",
    "replace",
    "round",
    "row_number",
    "rtrim",
    "sign",
    "sin",
    "sinh",
    "snippet",
    "soundex",
    "sqlite_version",
    "sqrt",
    "strftime",
    "substr",
    "substring",
    "sum",
    "tan",
    "tanh",
    "time",
    "total",
    "trim",
    "trunc",
    "typeof",
    "unicode",
    "unixepoch",
    "unlikely",
    "upper",
    "zeroblob",
};

static_assert(std::is_sorted(std::begin(functions), std::end(functions)));

/// SQLite's words for what a statement wants to do.
std::string_view name_of(int action) {
    switch (action) {
        case SQLITE_PRAGMA: return "PRAGMA";
        case SQLITE_ATTACH: return "ATTACH";
        case SQLITE_DETACH: return "DETACH";
        case SQLITE_INSERT: return "INSERT";
        case SQLITE_UPDATE: return "UPDATE";
        case SQLITE_DELETE: return "DELETE";
        case SQLITE_TRANSACTION: return "BEGIN or COMMIT";
        case SQLITE_SAVEPOINT: return "SAVEPOINT";
        case SQLITE_ANALYZE: return "ANALYZE";
        case SQLITE_REINDEX: return "REINDEX";
        default: return "changing anything";
    }
}

std::string_view text_of(const char* text) {
    return text != nullptr ? std::string_view(text) : std::string_view();
}

constexpr std::pair<int, int> lowered[] = {
    {SQLITE_LIMIT_LENGTH, static_cast<int>(limits::sql_value_bytes_max)},
    {SQLITE_LIMIT_SQL_LENGTH, static_cast<int>(limits::sql_text_bytes_max)},
    {SQLITE_LIMIT_COLUMN, static_cast<int>(limits::sql_columns_max)},
    {SQLITE_LIMIT_EXPR_DEPTH, 200},
    {SQLITE_LIMIT_COMPOUND_SELECT, 50},
    {SQLITE_LIMIT_VDBE_OP, 100000},
    {SQLITE_LIMIT_ATTACHED, 0},
    {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 100},
    {SQLITE_LIMIT_VARIABLE_NUMBER, 1000},
    {SQLITE_LIMIT_TRIGGER_DEPTH, 1},
    {SQLITE_LIMIT_WORKER_THREADS, 0},
};

}  // namespace

Fence::Fence(Database& database, std::shared_ptr<const Brake> brake, OnRead on_read)
    : database_(database),
      brake_(std::move(brake)),
      on_read_(std::move(on_read)),
      functions_(database.db_.get(), *brake_),
      words_(database.db_.get(), *brake_) {
    sqlite3* raw = database_.db_.get();
    for (auto [limit, value] : lowered) sqlite3_limit(raw, limit, value);
    sqlite3_set_authorizer(raw, &Fence::authorize, this);
    sqlite3_progress_handler(
        raw, steps_between_looks,
        [](void* self) { return static_cast<Fence*>(self)->must_stop() ? 1 : 0; }, this);
    sqlite3_hard_heap_limit64(limits::sql_heap_bytes);
}

Fence::~Fence() {
    sqlite3_set_authorizer(database_.db_.get(), nullptr, nullptr);
    sqlite3_progress_handler(database_.db_.get(), 0, nullptr, nullptr);
}

bool Fence::must_stop() {
    words_.looked();
    too_big_ = too_big_ || sqlite3_memory_used() > limits::sql_heap_bytes_wanted;
    return too_big_ || brake_->over();
}

Result<Statement> Fence::prepare(std::string_view sql) {
    if (sql.size() > limits::sql_text_bytes_max) {
        return error(Errc::limit, "an SQL text may have " +
                                      std::to_string(limits::sql_text_bytes_max) +
                                      " bytes: put values into parameters");
    }
    preparing_ = true;
    auto made = database_.prepare_only(sql);
    preparing_ = false;
    if (made && !made->reads_only()) refused_ = name_of(0);
    if (!refused_.empty()) {
        return error(Errc::denied, "a query may only read: " + refused_ + " is not allowed");
    }
    return made;
}

int Fence::authorize(void* self, int action, const char* first, const char* second, const char*,
                     const char* inside) {
    auto& fence = *static_cast<Fence*>(self);
    if (!fence.allows(action, text_of(first), text_of(second))) return SQLITE_DENY;
    if (action == SQLITE_READ && fence.preparing_) {
        fence.on_read_(text_of(first), text_of(second), text_of(inside));
    }
    return SQLITE_OK;
}

bool Fence::allows(int action, std::string_view first, std::string_view second) {
    switch (action) {
        case SQLITE_SELECT:
        case SQLITE_READ:
        case SQLITE_RECURSIVE: return true;
        case SQLITE_FUNCTION:
            if (std::binary_search(std::begin(functions), std::end(functions), second)) return true;
            refused_ = std::string(second) + "()";
            return false;
        case SQLITE_PRAGMA:
            // The full text asks whether it has changed.
            if (first == "data_version" && second.empty()) return true;
            break;
        case SQLITE_UPDATE:
            // As virtual tables begin: nothing is written. Who means it is found by `prepare`.
            if (first == "sqlite_master") return true;
            break;
        default: break;
    }
    refused_ = name_of(action);
    return false;
}

}  // namespace sbot::flume::sqlite
