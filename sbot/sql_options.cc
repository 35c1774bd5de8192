#include "sbot/sql_options.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/limits.h"

namespace sbot::app {
namespace {

using muxrpc::RemoteError;

RemoteError wrong(std::string_view what) {
    return RemoteError{"sql.query: " + std::string(what), "UsageError"};
}

bool is_missing(json::Value given) { return !given.exists() || given.is_null(); }
bool is_switch(json::Value given) { return is_missing(given) || given.is_boolean(); }

constexpr std::string_view command_line_names[] = {
    "path", "host", "port", "key", "config", "remote", "logging", "connections", "caps"};

/// A column, or a list of columns.
std::optional<std::vector<std::string>> columns_of(json::Value given) {
    std::vector<std::string> columns;
    if (is_missing(given)) return columns;
    if (given.is_string()) columns.emplace_back(given.string());
    for (json::Value each : given.elements()) {
        if (!each.is_string()) return std::nullopt;
        columns.emplace_back(each.string());
    }
    if (columns.empty()) return std::nullopt;
    return columns;
}

}  // namespace

std::optional<std::string> unknown_option(json::Value given,
                                          std::initializer_list<std::string_view> own) {
    auto is_among = [](std::string_view name, const auto& names) {
        return std::find(std::begin(names), std::end(names), name) != std::end(names);
    };
    for (json::Member member : given.members()) {
        if (is_among(member.name, own) || is_among(member.name, command_line_names)) continue;
        return std::string(member.name);
    }
    return std::nullopt;
}

muxrpc::Reply<SqlOptions> sql_options(const muxrpc::Request& request) {
    json::Value given = request.arg(0);
    SqlOptions options;
    options.timeout_ms = limits::sql_ms_default;
    json::Value sql = given.is_string() ? given : given["sql"];
    if (!sql.is_string()) return wrong("it wants {sql: \"SELECT …\"}");
    auto unknown = unknown_option(
        given, {"sql", "params", "limit", "lists", "live", "key", "since", "timeout"});
    if (unknown) return wrong("there is no option " + *unknown);
    options.sql = sql.string();
    options.body = request.body;
    options.params = given["params"];
    json::Value limit = given["limit"];
    const bool is_count = limit.is_number() && limit.number() == std::floor(limit.number());
    if (!is_missing(limit) && !is_count) return wrong("limit must be a whole number of rows");
    // As with other streams, a negative one is none.
    if (limit.is_number() && limit.number() >= 0) {
        options.limit = static_cast<std::uint64_t>(std::min(limit.number(), 1e15));
    }
    for (std::string_view name : {"lists", "live"}) {
        if (!is_switch(given[name])) return wrong(std::string(name) + " must be true or false");
    }
    options.as_lists = given["lists"].is_true();
    options.live = given["live"].is_true();
    auto key = columns_of(given["key"]);
    if (!key) return wrong("key must be a column of the answer, or a list of such");
    if (!key->empty() && !options.live) return wrong("key is for live queries");
    options.key = std::move(*key);
    json::Value since = given["since"];
    const bool is_offset = since.is_number() && since.number() == std::floor(since.number());
    if (!is_switch(since) && !is_offset) {
        return wrong("since must be an offset in the log, or true for its end");
    }
    options.wait = since.is_true() || (is_offset && since.number() >= 0);
    if (is_offset) options.since = since.number();
    json::Value timeout = given["timeout"];
    if (is_missing(timeout)) return options;
    const double ms = timeout.number(-1);
    if (!(ms >= 1 && ms <= static_cast<double>(limits::sql_ms_max))) {
        return wrong("timeout must be milliseconds, from 1 to " +
                     std::to_string(limits::sql_ms_max));
    }
    options.timeout_ms = static_cast<std::uint64_t>(ms);
    return options;
}

}  // namespace sbot::app
