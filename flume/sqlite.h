#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/files.h"
#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

/// SQLite for data that can be rebuilt: the views. A thin cover that turns its codes into Results;
/// nobody else includes sqlite3.h.
///
/// Errors: `corrupt` (not a database, or a damaged one: throw it away and build it anew), `timeout`
/// (another connection writes for too long), `io` (disk full and the like), `cancelled` (a Fence's
/// brake), `invalid` for the rest, which is a mistake of ours.
namespace sbot::flume::sqlite {

/// A prepared statement. Parameters count from 1, columns from 0. What is bound as text or bytes is
/// borrowed until `reset` or `run`.
class Statement {
 public:
    Statement& bind(int at, std::int64_t value);
    Statement& bind(int at, double value);
    Statement& bind(int at, std::string_view text);
    Statement& bind(int at, ByteView bytes);
    Statement& bind_null(int at);
    /// By name, with its colon; nothing happens where the statement has no such parameter.
    Statement& bind(const char* name, std::string_view text);

    /// On to the next row; false at the end.
    Result<bool> step();
    /// Through to the end, then `reset`.
    Result<void> run();
    /// All parameters are NULL again, and nothing is borrowed any more.
    void unbind();
    /// Ready to be bound and stepped again. Ends the read transaction a statement holds.
    void reset();

    /// Columns of the row; what is borrowed is valid until the next step.
    std::int64_t integer(int column) const;
    double real(int column) const;
    std::string_view text(int column) const;
    ByteView bytes(int column) const;
    bool is_null(int column) const;

    /// For statements that somebody else wrote: how many parameters and columns there are, what a
    /// column is called, and what is in it.
    enum class Kind : std::uint8_t { null, integer, real, text, bytes };
    bool reads_only() const;
    int parameters() const;
    /// With its `:`, `@`, `$` or `?`; empty for a plain `?`.
    std::string_view parameter_name(int at) const;
    int columns() const;
    std::string_view column_name(int column) const;
    Kind kind(int column) const;

 private:
    friend class Database;
    struct Finalize {
        void operator()(sqlite3_stmt* statement) const;
    };
    std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class Database;

/// `INSERT OR IGNORE`, eight rows at a time where there are so many: a statement that opens all
/// indexes of a table for each single row spends a third of its time on that.
class Inserter {
 public:
    /// `target`: the table with its columns, `table(a,b)`.
    static Result<Inserter> prepare(Database& database, std::string_view target);

    /// Rows that are about to come, exactly; what is bound is borrowed until the last of them.
    void expect(std::size_t rows);
    /// A row's columns count from 1; what is not bound is NULL.
    template <typename Value>
    Inserter& bind(int at, const Value& value) {
        now_->bind(bound_ * columns_ + at, value);
        return *this;
    }
    /// The row is complete. Says how many rows went to the table, or were there already, with it: 0
    /// while they are being collected.
    Result<std::size_t> next();
    /// How many of the rows of the last `next` were new.
    std::size_t inserted() const { return inserted_; }

 private:
    Database* database_ = nullptr;
    int columns_ = 0;
    Statement many_, one_;
    Statement* now_ = nullptr;
    std::size_t left_ = 0;  // rows expected, those bound included
    int bound_ = 0;
    std::size_t inserted_ = 0;
};

/// One connection. Used by one thread at a time; several connections to one file may be.
class Database {
 public:
    struct Options {
        bool read_only = false;
        std::size_t cache_bytes = std::size_t{32} << 20;
        /// Nothing waits for the disk: a process that is killed loses nothing, a machine that stops
        /// may leave a file of no use, or one that only looks whole (flume/boot_mark.h).
        bool unsynced = false;
        /// What is sorted goes into nameless files beyond the cache, not into memory.
        bool sort_in_files = false;
    };

    /// Opens, and makes the file (mode 0600) where it is missing, unless `read_only`. Write-ahead
    /// log, synced at checkpoints unless `unsynced`: a power cut loses the newest transactions,
    /// never half of one.
    static Result<Database> open(const std::string& path, Options options);
    /// For a file that is made in one go by one connection, and is of no use before that is done:
    /// no journal, no sync. Makes it (mode 0600).
    static Result<Database> open_unjournalled(const std::string& path, std::size_t cache_bytes);
    /// A private one for the time being: in memory, and in a nameless file beyond `cache_bytes`.
    static Result<Database> open_temporary(std::size_t cache_bytes);

    /// Statements that give no rows, separated by semicolons.
    Result<void> run(const char* sql);
    /// A statement must not outlive its database.
    Result<Statement> prepare(std::string_view sql);
    /// For SQL that somebody else wrote: exactly one statement. Errors: `invalid`, with SQLite's
    /// words for it.
    Result<Statement> prepare_only(std::string_view sql);
    /// One number from one row; 0 if there is none.
    Result<std::int64_t> number(std::string_view sql);

    /// Hears of every row that this connection inserts, updates or deletes, but for those of tables
    /// without row ids; also of those that are rolled back.
    using OnRow = std::function<void(std::string_view table, bool updated)>;
    void on_row(OnRow heard);

    /// Asked before every transaction that changes something, those of single statements included,
    /// but for `reset`. What it refuses is rolled back, and `run` and `Transaction::commit` fail
    /// with its reason; a statement of its own has SQLite's words only.
    using BeforeCommit = std::function<Result<void>()>;
    void before_commit(BeforeCommit asked);

    /// Hears after each commit how many pages the write-ahead log has. It is the hearer's from then
    /// on to `checkpoint` where it grows long: a commit does not any more.
    using OnCommit = std::function<void(int log_pages)>;
    void on_commit(OnCommit heard);
    /// Brings the write-ahead log into the file as far as no reader needs it, and waits for nobody;
    /// the next commit begins it anew if that was all of it.
    Result<void> checkpoint();
    /// Brings the write-ahead log into the file and cuts it to nothing, waiting `busy_ms` for those
    /// who read; false if one of them goes on for longer.
    Result<bool> truncate_log(int busy_ms);

    /// From any thread: what this connection computes just now ends with `cancelled`.
    void interrupt();

    /// Rows changed by the last statement, and by all there were; the row id of the last insertion.
    std::int64_t changes() const;
    std::int64_t changes_in_all() const;
    std::int64_t inserted() const;

    /// Empties the file whatever is in it, damaged or not. No other connection may be at work in it
    /// just then.
    Result<void> reset();

 private:
    friend class Fence;
    friend class Transaction;
    struct Close {
        void operator()(sqlite3* db) const;
    };
    struct Consent;
    /// `done`, but the reason of a refusal in place of SQLite's words for it.
    Result<void> explained(Result<void> done);

    std::unique_ptr<OnRow> on_row_;  // SQLite has its address, and those of the next two
    std::unique_ptr<OnCommit> on_commit_;
    std::shared_ptr<Consent> consent_;
    std::unique_ptr<sqlite3, Close> db_;
    // What each transaction needs, compiled once.
    std::optional<Statement> begin_, commit_;
};

/// Resets a statement when a function leaves in the middle of its rows.
class Rewind {
 public:
    explicit Rewind(Statement& statement) : statement_(statement) {}
    ~Rewind() { statement_.reset(); }
    Rewind(const Rewind&) = delete;
    Rewind& operator=(const Rewind&) = delete;

 private:
    Statement& statement_;
};

/// All or nothing: rolled back unless committed.
class Transaction {
 public:
    static Result<std::unique_ptr<Transaction>> begin(Database& database);
    ~Transaction();
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;

    Result<void> commit();

 private:
    explicit Transaction(Database& database) : database_(database) {}
    Database& database_;
    bool open_ = true;
};

/// Removes a database that nobody has open, with what SQLite keeps beside it. It goes last: cut
/// short, this leaves a database, and is done again.
Result<void> remove_database(base::Files& files, const std::string& path);

}  // namespace sbot::flume::sqlite
