#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "flume/sqlite.h"

/// Indexes on members of the content of messages, made by their users (`sql.index`). They are no
/// part of the log, so what they are stands in a file beside the core database, which may be
/// deleted and made anew at any time: `flume/core.indexes.json`, `{"NAME": ["$.PATH", …], …}`.
///
/// They can make no insertion fail: what is in `contents.json` is JSON that SQLite can read, or
/// NULL (flume/message_rows.cc), and `json_extract` of what has no such member is NULL.
namespace sbot::flume {

struct JsonIndex {
    std::string name;                ///< a word of small letters, digits and `_`
    std::vector<std::string> paths;  ///< as SQLite has them: `$.about`, `$.mentions[0].link`

    bool operator==(const JsonIndex&) const = default;
    /// What it is called in the database, and in what EXPLAIN says.
    std::string sql_name() const { return "json_" + name; }
    /// What queries must say, with `json` or `content` for the column, to use it.
    std::string expression(std::size_t path, std::string_view column = "json") const;
};

/// Where they are noted, beside a core database or the one that is made to take its place.
std::string json_indexes_path(const std::string& core_path);
/// None where there is no such file. Errors: `corrupt`, which says what to do; `io`.
Result<std::vector<JsonIndex>> read_json_indexes(base::Files& files, const std::string& path);
Result<void> write_json_indexes(base::Files& files, const std::string& path,
                                const std::vector<JsonIndex>& indexes);

/// Whether the database takes it: a good name, and paths that SQLite understands. Error `invalid`.
Result<void> check_json_index(const JsonIndex& index);
/// Makes it where it is missing, of what `contents` holds. Takes seconds for a large one.
Result<void> make_json_index(sqlite::Database& database, const JsonIndex& index);
Result<void> drop_json_index(sqlite::Database& database, std::string_view name);
/// Makes those that are missing and good, and drops those that are no longer noted.
Result<void> make_json_indexes(sqlite::Database& database, const std::vector<JsonIndex>& indexes);

}  // namespace sbot::flume
