#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "flume/sqlite.h"
#include "flume/sqlite_functions.h"
#include "flume/sqlite_words.h"

namespace sbot::flume::sqlite {

/// Stops what a fenced connection computes: when the time is over, or when it is pulled, from any
/// thread.
class Brake {
 public:
    using Clock = std::chrono::steady_clock;
    explicit Brake(std::chrono::milliseconds time) : until_(Clock::now() + time) {}

    void pull() { pulled_ = true; }
    bool pulled() const { return pulled_; }
    bool late() const { return Clock::now() >= until_; }
    bool over() const { return pulled() || late(); }

 private:
    const Clock::time_point until_;
    std::atomic<bool> pulled_ = false;
};

/// Around a read-only connection for SQL that somebody else wrote: it may read, with harmless
/// functions, and nothing else (no PRAGMA, ATTACH, transaction, extension); SQLite's own limits are
/// low, and from the first fence on its heap has one; the brake stops it at any time, for no call
/// of a function takes long (flume/sqlite_functions.h, flume/sqlite_words.h). Outlives what is
/// prepared, and is outlived by the database.
class Fence {
 public:
    /// Hears which columns a statement reads while it is prepared: `column` is empty where it only
    /// counts rows; `inside` is the innermost view, or WITH table, that does the reading, or empty.
    using OnRead = std::function<void(std::string_view table, std::string_view column,
                                      std::string_view inside)>;

    Fence(Database& database, std::shared_ptr<const Brake> brake, OnRead on_read);
    ~Fence();
    Fence(const Fence&) = delete;
    Fence& operator=(const Fence&) = delete;

    /// A statement, its error in words for the one who wrote it.
    Result<Statement> prepare(std::string_view sql);

    /// It was stopped because SQLite's memory runs out (limits::sql_heap_bytes_wanted).
    bool was_too_big() const { return too_big_; }
    /// A full text query was refused.
    bool had_too_many_words() const { return words_.too_many(); }

 private:
    static int authorize(void* self, int action, const char* first, const char* second,
                         const char* database, const char* inside);
    bool allows(int action, std::string_view first, std::string_view second);
    bool must_stop();

    Database& database_;
    std::shared_ptr<const Brake> brake_;
    OnRead on_read_;
    BoundedFunctions functions_;
    BoundedWords words_;
    bool preparing_ = false, too_big_ = false;
    std::string refused_;
};

}  // namespace sbot::flume::sqlite
