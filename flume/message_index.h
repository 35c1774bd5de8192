#pragma once

#include <memory>
#include <span>
#include <string>

#include "base/files.h"
#include "base/json.h"
#include "flume/file_place.h"
#include "flume/follower.h"
#include "flume/log.h"
#include "flume/sqlite.h"

namespace sbot::flume {

/// A database of messages for anybody's queries, fed by a `Follower`: `sbot flume index`. Its one
/// table, documented in docs/flume-tools.md:
///
///     messages(offset, key, author, sequence, type, timestamp, received, json)
///
/// Rows and position are in one transaction. Whoever wants another schema writes such a class.
class MessageIndex {
 public:
    /// Opens the file, or makes it (mode 0600). Error `invalid` for a database that is not of this
    /// kind and version: it is somebody's, and stays as it is.
    static Result<std::unique_ptr<MessageIndex>> open(const std::string& path);

    /// Where its follower goes on.
    const Position& position() const { return position_; }
    /// Takes in what a follower that began at `position()` gave, and is behind now. False, and
    /// nothing is done, where another program has taken in something meanwhile. Errors: `corrupt`
    /// where the file has lost its name, `timeout` where somebody else goes on writing it.
    Result<bool> apply(std::span<const News> news, const Position& position);
    /// Looks where the database is now, by whomever.
    Result<void> load_position();
    Result<std::int64_t> count();
    /// Whether the log holds any of the first messages where they were.
    Result<bool> has_a_first_message_of(const Log& log);

 private:
    MessageIndex(sqlite::Database database, FilePlace place)
        : place_(std::move(place)), database_(std::move(database)) {}

    Result<void> start();
    Result<void> make_tables();
    Result<void> take(const News& news);
    Result<void> insert(const News& news);

    base::PosixFiles files_;
    FilePlace place_;
    sqlite::Database database_;
    sqlite::Statement insert_, remove_, remove_from_, move_;
    std::string stored_;  // the position, as it stands there
    Position position_;
    json::Document document_;
};

}  // namespace sbot::flume
