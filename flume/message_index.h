#pragma once

#include <memory>
#include <span>
#include <string>

#include "base/json.h"
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
    /// Takes in what the follower gave, of which `position` is behind.
    Result<void> apply(std::span<const News> news, const Position& position);
    Result<std::int64_t> count();
    /// True if there are rows, and the log holds none of the first of them where they were: it is
    /// another log, and to follow it would replace all of them.
    Result<bool> is_of_another(const Log& log);

 private:
    explicit MessageIndex(sqlite::Database database) : database_(std::move(database)) {}

    Result<void> start();
    Result<void> insert(const News& news);

    sqlite::Database database_;
    sqlite::Statement insert_, remove_, remove_from_, move_;
    Position position_;
    json::Document document_;
};

}  // namespace sbot::flume
