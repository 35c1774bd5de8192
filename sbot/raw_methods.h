#pragma once

#include "io/pool.h"
#include "muxrpc/router.h"
#include "sbot/feeds.h"
#include "sbot/indexer.h"
#include "sbot/reading.h"

namespace sbot::app {

/// What the calls on the log as such work with; outlives the router.
struct RawServices {
    io::Pool& pool;
    std::shared_ptr<const Entries> entries;  ///< shared with jobs in the pool
    const Indexer& indexer;
    Feeds& feeds;
    Reading& reading;
};

/// createRawLogStream, and createWriteStream, the sink for whole messages (ssb-db 20.4).
void add_raw_methods(muxrpc::Router& router, RawServices& services);

/// The log in its own order, items by offset: `createLogStream({raw: true})` with private messages
/// opened, `createRawLogStream` without.
std::unique_ptr<muxrpc::Source> raw_stream(RawServices& services, json::Value options, bool unbox);

}  // namespace sbot::app
