#include "flume/sqlite.h"

#include <sqlite3.h>

#include <algorithm>

#include "base/files.h"
#include "base/limits.h"

namespace sbot::flume::sqlite {
namespace {

constexpr std::size_t rows_at_once = 8;

Errc code_of(int result) {
    if (result == SQLITE_CONSTRAINT_COMMITHOOK) return Errc::io;
    // A file that ends too soon: somebody has cut it off.
    if (result == SQLITE_IOERR_SHORT_READ) return Errc::corrupt;
    switch (result & 0xff) {
        // What we put in is never at odds with what is there, unless that is not what we put there.
        case SQLITE_CONSTRAINT:
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB: return Errc::corrupt;
        case SQLITE_BUSY:
        case SQLITE_LOCKED: return Errc::timeout;
        case SQLITE_IOERR:
        case SQLITE_FULL:
        case SQLITE_CANTOPEN: return Errc::io;
        case SQLITE_READONLY:
        case SQLITE_AUTH:
        case SQLITE_PERM: return Errc::denied;
        case SQLITE_INTERRUPT: return Errc::cancelled;
        case SQLITE_NOMEM:
        case SQLITE_TOOBIG: return Errc::limit;
        // A statement that does not compile: what is in the file is not what we put there.
        case SQLITE_ERROR:
        case SQLITE_SCHEMA: return Errc::corrupt;
        default: return Errc::invalid;
    }
}

Error failed(sqlite3* db, int result) {
    std::string what = "sqlite: ";
    what += db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(result);
    return error(code_of(result), std::move(what));
}

}  // namespace

struct Database::Consent {
    BeforeCommit asked;
    std::optional<Error> refused;  // of the last one; taken by who tells it
};

void Database::Close::operator()(sqlite3* db) const { sqlite3_close_v2(db); }
void Statement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

Result<Database> Database::open(const std::string& path, Options options) {
    if (!options.read_only) {
        // SQLite would make it readable to others; its side files take this one's mode.
        base::PosixFiles files;
        base::OpenFile how;
        how.create = true;
        if (auto file = files.open(path, how); !file) return std::move(file).error();
    }
    sqlite3* raw = nullptr;
    int flags = options.read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    int result = sqlite3_open_v2(path.c_str(), &raw, flags | SQLITE_OPEN_NOMUTEX, nullptr);
    Database database;
    database.db_.reset(raw);
    if (result != SQLITE_OK) return failed(raw, result);
    sqlite3_extended_result_codes(raw, 1);
    sqlite3_busy_timeout(raw, static_cast<int>(limits::view_busy_ms_max));
    // Not asked for, so not to be had by a damaged file either.
    sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    // Views and indexes of ours use JSON functions, which this version counts among the unsafe;
    // what is unsafe indeed (extensions) is not to be had at all.
    sqlite3_db_config(raw, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 1, nullptr);
    std::string pragmas = "PRAGMA secure_delete=OFF;PRAGMA cache_size=-" +
                          std::to_string(options.cache_bytes / 1024) +
                          ";PRAGMA temp_store=" + (options.sort_in_files ? "FILE;" : "MEMORY;");
    if (!options.read_only) {
        pragmas +=
            "PRAGMA journal_mode=WAL;"
            "PRAGMA wal_autocheckpoint=8000;PRAGMA journal_size_limit=33554432;";
        pragmas += options.unsynced ? "PRAGMA synchronous=OFF;" : "PRAGMA synchronous=NORMAL;";
    }
    if (auto ok = database.run(pragmas.c_str()); !ok) return std::move(ok).error().in(path);
    return database;
}

Result<Database> Database::open_unjournalled(const std::string& path, std::size_t cache_bytes) {
    base::PosixFiles files;
    base::OpenFile how;
    how.create = true;
    if (auto file = files.open(path, how); !file) return std::move(file).error();
    sqlite3* raw = nullptr;
    int result =
        sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
    Database database;
    database.db_.reset(raw);
    if (result != SQLITE_OK) return failed(raw, result);
    sqlite3_extended_result_codes(raw, 1);
    const std::string pragmas =
        "PRAGMA journal_mode=OFF;PRAGMA synchronous=OFF;PRAGMA locking_mode=EXCLUSIVE;"
        "PRAGMA secure_delete=OFF;PRAGMA temp_store=FILE;PRAGMA threads=1;PRAGMA cache_size=-" +
        std::to_string(cache_bytes / 1024);
    if (auto ok = database.run(pragmas.c_str()); !ok) return std::move(ok).error();
    return database;
}

Result<Database> Database::open_temporary(std::size_t cache_bytes) {
    sqlite3* raw = nullptr;
    // No name: SQLite keeps it in memory while it fits.
    int result = sqlite3_open_v2("", &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
    Database database;
    database.db_.reset(raw);
    if (result != SQLITE_OK) return failed(raw, result);
    sqlite3_extended_result_codes(raw, 1);
    const std::string pragmas =
        "PRAGMA journal_mode=OFF;PRAGMA synchronous=OFF;"
        "PRAGMA cache_size=-" +
        std::to_string(cache_bytes / 1024);
    if (auto ok = database.run(pragmas.c_str()); !ok) return std::move(ok).error();
    return database;
}

Result<void> Database::run(const char* sql) {
    int result = sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr);
    if (result != SQLITE_OK) return explained(failed(db_.get(), result));
    return {};
}

Result<Statement> Database::prepare(std::string_view sql) {
    sqlite3_stmt* raw = nullptr;
    int result = sqlite3_prepare_v3(db_.get(), sql.data(), static_cast<int>(sql.size()),
                                    SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
    if (result != SQLITE_OK) return failed(db_.get(), result);
    Statement statement;
    statement.statement_.reset(raw);
    return statement;
}

Result<Statement> Database::prepare_only(std::string_view sql) {
    if (sql.find('\0') != sql.npos) return error(Errc::invalid, "a zero byte in the SQL");
    const char* const end = sql.data() + sql.size();
    auto next = [&](const char*& at, Statement& made) -> Result<void> {
        sqlite3_stmt* raw = nullptr;
        int result = sqlite3_prepare_v3(db_.get(), at, static_cast<int>(end - at), 0, &raw, &at);
        made.statement_.reset(raw);
        if (result == SQLITE_OK) return {};
        Error wrong = failed(db_.get(), result);
        if (wrong.code == Errc::corrupt && (result & 0xff) == SQLITE_ERROR) {
            wrong.code = Errc::invalid;
        }
        return wrong;
    };
    const char* at = sql.data();
    Statement first, second;
    if (auto ok = next(at, first); !ok) return std::move(ok).error();
    if (!first.statement_) return error(Errc::invalid, "there is no statement in it");
    // Behind it may be blanks, comments and semicolons, which prepare to nothing.
    while (at < end) {
        const char* const from = at;
        auto ok = next(at, second);
        if (!ok || second.statement_) {
            return error(Errc::invalid, "more than one statement: ask them one by one");
        }
        if (at == from) break;
    }
    return first;
}

Result<std::int64_t> Database::number(std::string_view sql) {
    auto statement = prepare(sql);
    if (!statement) return std::move(statement).error();
    auto row = statement->step();
    if (!row) return std::move(row).error();
    return *row ? statement->integer(0) : 0;
}

void Database::interrupt() { sqlite3_interrupt(db_.get()); }
std::int64_t Database::changes() const { return sqlite3_changes64(db_.get()); }
std::int64_t Database::changes_in_all() const { return sqlite3_total_changes64(db_.get()); }
std::int64_t Database::inserted() const { return sqlite3_last_insert_rowid(db_.get()); }

void Database::on_row(OnRow heard) {
    on_row_ = std::make_unique<OnRow>(std::move(heard));
    sqlite3_update_hook(
        db_.get(),
        [](void* told, int what, const char*, const char* table, sqlite3_int64) {
            (*static_cast<OnRow*>(told))(table, what == SQLITE_UPDATE);
        },
        on_row_.get());
}

void Database::before_commit(BeforeCommit asked) {
    consent_ = std::make_shared<Consent>(Consent{std::move(asked), {}});
    sqlite3_commit_hook(
        db_.get(),
        [](void* whom) {
            auto& consent = *static_cast<Consent*>(whom);
            auto given = consent.asked();
            if (given) return 0;
            consent.refused = std::move(given).error();
            return 1;
        },
        consent_.get());
}

Result<void> Database::explained(Result<void> done) {
    if (done || sqlite3_extended_errcode(db_.get()) != SQLITE_CONSTRAINT_COMMITHOOK) return done;
    return *std::exchange(consent_->refused, std::nullopt);
}

void Database::on_commit(OnCommit heard) {
    on_commit_ = std::make_unique<OnCommit>(std::move(heard));
    sqlite3_wal_hook(
        db_.get(),
        [](void* whom, sqlite3*, const char*, int log_pages) {
            (*static_cast<OnCommit*>(whom))(log_pages);
            return SQLITE_OK;
        },
        on_commit_.get());
}

Result<void> Database::checkpoint() {
    int result =
        sqlite3_wal_checkpoint_v2(db_.get(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
    if (result != SQLITE_OK && (result & 0xff) != SQLITE_BUSY) return failed(db_.get(), result);
    return {};
}

Result<bool> Database::truncate_log(int busy_ms) {
    sqlite3_busy_timeout(db_.get(), busy_ms);
    int result =
        sqlite3_wal_checkpoint_v2(db_.get(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
    sqlite3_busy_timeout(db_.get(), static_cast<int>(limits::view_busy_ms_max));
    if ((result & 0xff) == SQLITE_BUSY) return false;
    if (result != SQLITE_OK) return failed(db_.get(), result);
    return true;
}

Result<void> Database::reset() {
    sqlite3_db_config(db_.get(), SQLITE_DBCONFIG_DEFENSIVE, 0, nullptr);
    sqlite3_db_config(db_.get(), SQLITE_DBCONFIG_RESET_DATABASE, 1, nullptr);
    auto done = run("VACUUM");
    sqlite3_db_config(db_.get(), SQLITE_DBCONFIG_RESET_DATABASE, 0, nullptr);
    sqlite3_db_config(db_.get(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    if (!done) return done;
    return run("PRAGMA journal_mode=WAL");
}

Statement& Statement::bind(int at, std::int64_t value) {
    sqlite3_bind_int64(statement_.get(), at, value);
    return *this;
}
Statement& Statement::bind(int at, double value) {
    sqlite3_bind_double(statement_.get(), at, value);
    return *this;
}
Statement& Statement::bind(int at, std::string_view text) {
    sqlite3_bind_text64(statement_.get(), at, text.data() ? text.data() : "", text.size(),
                        SQLITE_STATIC, SQLITE_UTF8);
    return *this;
}
Statement& Statement::bind(int at, ByteView bytes) {
    sqlite3_bind_blob64(statement_.get(), at,
                        bytes.data() ? bytes.data() : reinterpret_cast<const std::uint8_t*>(""),
                        bytes.size(), SQLITE_STATIC);
    return *this;
}
Statement& Statement::bind_null(int at) {
    sqlite3_bind_null(statement_.get(), at);
    return *this;
}
Statement& Statement::bind(const char* name, std::string_view text) {
    return bind(sqlite3_bind_parameter_index(statement_.get(), name), text);
}

Result<bool> Statement::step() {
    int result = sqlite3_step(statement_.get());
    if (result == SQLITE_ROW) return true;
    if (result == SQLITE_DONE) return false;
    Error wrong = failed(sqlite3_db_handle(statement_.get()), result);
    reset();
    return wrong;
}

Result<void> Statement::run() {
    for (;;) {
        auto row = step();
        if (!row) return std::move(row).error();
        if (*row) continue;
        reset();
        return {};
    }
}

void Statement::reset() { sqlite3_reset(statement_.get()); }
void Statement::unbind() { sqlite3_clear_bindings(statement_.get()); }

std::int64_t Statement::integer(int column) const {
    return sqlite3_column_int64(statement_.get(), column);
}
double Statement::real(int column) const { return sqlite3_column_double(statement_.get(), column); }
std::string_view Statement::text(int column) const { return base::text_of(bytes(column)); }
ByteView Statement::bytes(int column) const {
    const void* data = sqlite3_column_blob(statement_.get(), column);
    return {static_cast<const std::uint8_t*>(data),
            static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}
bool Statement::is_null(int column) const {
    return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

bool Statement::reads_only() const { return sqlite3_stmt_readonly(statement_.get()) != 0; }
int Statement::parameters() const { return sqlite3_bind_parameter_count(statement_.get()); }
std::string_view Statement::parameter_name(int at) const {
    const char* name = sqlite3_bind_parameter_name(statement_.get(), at);
    return name != nullptr ? name : "";
}
int Statement::columns() const { return sqlite3_column_count(statement_.get()); }
std::string_view Statement::column_name(int column) const {
    const char* name = sqlite3_column_name(statement_.get(), column);
    return name != nullptr ? name : "";
}
Statement::Kind Statement::kind(int column) const {
    switch (sqlite3_column_type(statement_.get(), column)) {
        case SQLITE_INTEGER: return Kind::integer;
        case SQLITE_FLOAT: return Kind::real;
        case SQLITE_TEXT: return Kind::text;
        case SQLITE_BLOB: return Kind::bytes;
        default: return Kind::null;
    }
}

Result<Inserter> Inserter::prepare(Database& database, std::string_view target) {
    Inserter made;
    made.database_ = &database;
    made.columns_ = 1 + static_cast<int>(std::count(target.begin(), target.end(), ','));
    std::string row = "(?";
    for (int i = 1; i < made.columns_; ++i) row += ",?";
    row += ")";
    // Whatever could end such a statement in the middle (ABORT, which is the default) would make
    // SQLite keep a copy of each page it touches.
    std::string sql = "INSERT OR IGNORE INTO " + std::string(target) + " VALUES" + row;
    auto one = database.prepare(sql);
    if (!one) return std::move(one).error();
    for (std::size_t i = 1; i < rows_at_once; ++i) sql += "," + row;
    auto many = database.prepare(sql);
    if (!many) return std::move(many).error();
    made.one_ = std::move(*one);
    made.many_ = std::move(*many);
    return made;
}

void Inserter::expect(std::size_t rows) {
    left_ = rows;
    bound_ = 0;
    now_ = left_ >= rows_at_once ? &many_ : &one_;
}

Result<std::size_t> Inserter::next() {
    ++bound_;
    const std::size_t rows = now_ == &many_ ? rows_at_once : 1;
    if (static_cast<std::size_t>(bound_) < rows) return 0;
    auto done = now_->run();
    now_->unbind();
    if (!done) return std::move(done).error();
    inserted_ = static_cast<std::size_t>(database_->changes());
    expect(left_ - rows);
    return rows;
}

Result<std::unique_ptr<Transaction>> Transaction::begin(Database& database) {
    const std::pair<std::optional<Statement>*, std::string_view> needed[] = {
        {&database.begin_, "BEGIN IMMEDIATE"}, {&database.commit_, "COMMIT"}};
    for (auto& [statement, sql] : needed) {
        if (*statement) continue;
        auto made = database.prepare(sql);
        if (!made) return std::move(made).error();
        *statement = std::move(*made);
    }
    if (auto ok = database.begin_->run(); !ok) return std::move(ok).error();
    return std::unique_ptr<Transaction>(new Transaction(database));
}

Transaction::~Transaction() {
    if (!open_) return;
    // If SQLite has rolled back by itself already, this fails and nothing is lost.
    auto ignored = database_.run("ROLLBACK");
    (void)ignored.has_value();
}

Result<void> Transaction::commit() {
    auto done = database_.explained(database_.commit_->run());
    if (done) open_ = false;
    return done;
}

Result<void> remove_database(base::Files& files, const std::string& path) {
    for (const char* suffix : {"-journal", "-wal", "-shm", ""}) {
        if (auto ok = files.remove(path + suffix); !ok) return ok;
    }
    return {};
}

}  // namespace sbot::flume::sqlite
