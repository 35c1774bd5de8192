#pragma once

#include <node_api.h>

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "flume/flume.h"

/// SQL with the values of JavaScript. Where a function is false, `why` says why, or else
/// `sbot_flume_error`; those with an `env` have thrown it.
namespace sbot::node {

struct Bytes {
    std::string data;
    bool operator==(const Bytes&) const = default;
    auto operator<=>(const Bytes&) const = default;
};
using Cell = std::variant<std::monostate, std::int64_t, double, std::string, Bytes>;

using Row = std::vector<Cell>;

struct Answer {
    std::vector<std::string> names;
    std::vector<Row> rows;
};

/// By place, or by name; the names are those that JavaScript gave.
struct Parameters {
    bool by_name = false;
    std::vector<std::string> names;
    std::vector<Cell> values;
};

struct CloseQuery {
    void operator()(sbot_flume_query* query) const { sbot_flume_query_close(query); }
};
using Query = std::unique_ptr<sbot_flume_query, CloseQuery>;

/// None: it could not be opened.
Query open_query(const std::string& db, const std::string& sql);
bool bind_all(sbot_flume_query* query, const Parameters& given, std::string& why);
/// No two columns may have one name.
bool name_columns(sbot_flume_query* query, std::vector<std::string>& names, std::string& why);
bool read_rows(sbot_flume_query* query, std::size_t rows_max, std::vector<Row>& rows);

/// From a list or an object.
bool parameters_of(napi_env env, napi_value given, Parameters& parameters);
/// A list of objects.
napi_value rows_of(napi_env env, const std::vector<std::string>& names,
                   const std::vector<Row>& rows);

// What the addon offers.
napi_value query(napi_env env, napi_callback_info info);
napi_value live(napi_env env, napi_callback_info info);
napi_value look(napi_env env, napi_callback_info info);
napi_value stop(napi_env env, napi_callback_info info);

}  // namespace sbot::node
