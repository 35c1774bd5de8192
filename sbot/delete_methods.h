#pragma once

#include "base/files.h"
#include "flume/journal.h"
#include "io/sync.h"
#include "io/task.h"
#include "muxrpc/router.h"
#include "sbot/reading.h"
#include "sbot/writer.h"

namespace sbot::app {

/// What `del` and `rebuild` work with; outlives the router.
struct DeleteServices {
    std::string folder;
    std::string index_path;
    base::Files& files;
    flume::Journal& journal;
    Writer& writer;
    Indexer& indexer;
    Reading& reading;
    // One rebuilding at a time, whoever asked for it and has gone since.
    io::Event rebuilt{};
    std::optional<Error> rebuild_failed{};
    io::Task<void> rebuilding{};
};

/// Makes the index anew beside the old one, from which readers then part; false if that is
/// going on, or the index is not there yet.
bool renew_index(DeleteServices& services);

/// del, of a message or of a feed, and rebuild (ssb-db 20.4).
void add_delete_methods(muxrpc::Router& router, DeleteServices& services);

}  // namespace sbot::app
