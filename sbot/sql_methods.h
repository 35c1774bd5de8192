#pragma once

#include <memory>
#include <string>

#include "base/limits.h"
#include "io/pool.h"
#include "muxrpc/router.h"
#include "sbot/commit_news.h"
#include "sbot/indexer.h"
#include "sbot/reading.h"

namespace sbot::app {

/// What `sql.*` works with; outlives the router.
struct SqlServices {
    io::Loop& loop;
    io::Pool& pool;
    std::shared_ptr<const Entries> entries;
    Indexer& indexer;
    Reading& reading;
    std::string index_path;
    std::shared_ptr<CommitNews> news;
    io::Semaphore running{limits::sql_running_max};
    std::size_t open = 0, live = 0;  ///< queries; live ones are counted apart
};

/// sql.query, sql.index, sql.dropIndex, sql.indexes: our own (docs/schema.md).
void add_sql_methods(muxrpc::Router& router, SqlServices& services);

}  // namespace sbot::app
