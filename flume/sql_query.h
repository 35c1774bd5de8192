#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "flume/core_parts.h"
#include "flume/sqlite_fence.h"

namespace sbot::flume {

/// Free SQL on the core database (docs/schema.md): one statement that reads, on a connection of its
/// own, fenced in. From the first `step` to the last it sees the database as of one commit; as long
/// as that takes, the write-ahead log cannot be cut, so brakes are for that too.
///
/// Used by one thread at a time; `brake` pulled by any. Errors say what was wrong with the query in
/// words for its author: `invalid`, `denied`, `limit`, `timeout`, `cancelled`; and `corrupt`, `io`.
class SqlQuery {
 public:
    using Brake = sqlite::Brake;

    /// `path` is CoreView's. Opens the file: from here on it is read, whatever takes its name.
    static Result<std::unique_ptr<SqlQuery>> prepare(const std::string& path, std::string_view sql,
                                                     std::shared_ptr<const Brake> brake);

    /// Parameters: a list, in order, or an object by name (without `:`), none missing and none too
    /// many. Null, booleans (0 and 1), numbers, strings; `{"base64": …}` is bytes; other lists and
    /// objects become their JSON, for `json_each(?)`.
    Result<void> bind(json::Value params);

    /// On to the next row; false at the end.
    Result<bool> step();

    const std::vector<std::string>& columns() const { return columns_; }
    /// What the answer depends on.
    Parts reads() const { return reads_; }
    /// A column of the row as JSON: an integer beyond 2^53 is a string of its digits, an infinite
    /// number "Infinity" or "-Infinity", bytes are `{"base64": …}`; what is no UTF-8 is mended.
    void append_cell(std::string& out, std::size_t column) const;
    /// The whole row, as an object by the names of columns, or as a list. Error `limit`.
    Result<std::string> row(bool as_list) const;

 private:
    SqlQuery(sqlite::Database database, std::shared_ptr<const Brake> brake, std::string_view sql);

    Result<void> bind_one(int at, json::Value value);
    Error explained(Error why) const;

    // Each outlives what comes below it.
    sqlite::Database database_;
    std::shared_ptr<const Brake> brake_;
    sqlite::Fence fence_;
    std::deque<std::string> bound_;
    sqlite::Statement statement_;
    std::vector<std::string> columns_, names_;  // the latter as JSON, with a colon
    Parts reads_ = 0;
};

}  // namespace sbot::flume
