#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "muxrpc/router.h"

namespace sbot::app {

/// What `sql.query` was asked for.
struct SqlOptions {
    std::string sql;
    std::shared_ptr<const json::Document> body;  ///< `params` is in it
    json::Value params;
    std::optional<std::uint64_t> limit;  ///< rows
    bool as_lists = false;
    bool live = false;
    std::vector<std::string> key;  ///< columns by which a live query knows its rows
    bool wait = false;             ///< for the index, until it has
    std::optional<double> since;   ///< this offset; none: the log's end as it is now
    std::uint64_t timeout_ms = 0;

    bool keyed() const { return !key.empty(); }
};

/// The name of an option that is neither one of `own` nor what the command line takes for itself
/// but hands on: it would do nothing.
std::optional<std::string> unknown_option(json::Value given,
                                          std::initializer_list<std::string_view> own);

/// From `{sql, params, limit, lists, live, key, since, timeout}`, or the SQL alone. Errors say what
/// an option must be.
muxrpc::Reply<SqlOptions> sql_options(const muxrpc::Request& request);

}  // namespace sbot::app
