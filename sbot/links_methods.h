#pragma once

#include "io/pool.h"
#include "muxrpc/router.h"
#include "sbot/indexer.h"
#include "sbot/reading.h"

namespace sbot::app {

/// What `links` works with; outlives the router.
struct LinksServices {
    io::Pool& pool;
    std::shared_ptr<const Entries> entries;  ///< shared with jobs in the pool
    const Indexer& indexer;
    Reading& reading;
};

/// links (ssb-db 20.4 `indexes/links.js`): who links to what, by which member.
void add_links_methods(muxrpc::Router& router, LinksServices& services);

}  // namespace sbot::app
