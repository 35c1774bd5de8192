#include "sbot/sql_methods.h"

#include <utility>

#include "flume/json_indexes.h"
#include "sbot/remote_error.h"
#include "sbot/sql_options.h"
#include "sbot/sql_streams.h"

namespace sbot::app {
namespace {

using flume::JsonIndex;
using muxrpc::Allow;
using muxrpc::AsyncReply;
using muxrpc::Body;
using muxrpc::RemoteError;
using muxrpc::Reply;
using muxrpc::Request;
using muxrpc::Source;

/// What it is, and how a query must say it.
void write_index(json::Writer& out, const JsonIndex& index) {
    out.begin_object().member("name", index.name).name("path").begin_array();
    for (const std::string& path : index.paths) out.value(path);
    out.end_array().member("index", index.sql_name()).name("expressions").begin_array();
    for (std::size_t i = 0; i < index.paths.size(); ++i) out.value(index.expression(i));
    out.end_array().end_object();
}

AsyncReply<Body> make_index(SqlServices& services, Request request) {
    json::Value given = request.arg(0), path = given["path"];
    if (auto unknown = unknown_option(given, {"name", "path"})) {
        co_return RemoteError{"sql.index: there is no option " + *unknown, "UsageError"};
    }
    JsonIndex index{std::string(given["name"].string()), {}};
    if (path.is_string()) index.paths.emplace_back(path.string());
    for (json::Value each : path.elements()) index.paths.emplace_back(each.string());
    auto making = services.indexer.with_index(
        [index](flume::CoreView& view) { return view.make_index(index); });
    auto made = co_await making;
    if (!made) co_return remote(made.error());
    json::Writer out;
    write_index(out, index);
    co_return Body::json(out.text());
}

AsyncReply<Body> drop_index(SqlServices& services, Request request) {
    json::Value given = request.arg(0);
    std::string name(given.is_string() ? given.string() : given["name"].string());
    auto dropping = services.indexer.with_index(
        [name](flume::CoreView& view) { return view.drop_index(name); });
    auto dropped = co_await dropping;
    if (!dropped) co_return remote(dropped.error());
    co_return Body::json("true");
}

Result<std::vector<JsonIndex>> list_indexes(std::string index_path) {
    base::PosixFiles files;
    return flume::read_json_indexes(files, flume::json_indexes_path(index_path));
}

AsyncReply<Body> indexes(SqlServices& services, Request) {
    auto listing = services.pool.run(&list_indexes, services.index_path);
    auto listed = co_await listing;
    if (!listed) co_return remote(listed.error());
    json::Writer out;
    out.begin_array();
    for (const JsonIndex& index : *listed) write_index(out, index);
    out.end_array();
    co_return Body::json(out.text());
}

}  // namespace

void add_sql_methods(muxrpc::Router& router, SqlServices& services) {
    auto with = [&services](auto* method) {
        return
            [&services, method](Request request) { return method(services, std::move(request)); };
    };
    router.source("sql.query", Allow::local,
                  [&services](const Request& request) -> Reply<std::unique_ptr<Source>> {
                      auto options = sql_options(request);
                      if (!options) return std::move(options).error();
                      return sql_stream(services, std::move(*options));
                  });
    router.async("sql.index", Allow::local, with(&make_index));
    router.async("sql.dropIndex", Allow::local, with(&drop_index));
    router.async("sql.indexes", Allow::local, with(&indexes));
}

}  // namespace sbot::app
