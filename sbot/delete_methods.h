#pragma once

#include "base/files.h"
#include "flume/journal.h"
#include "muxrpc/router.h"
#include "sbot/history.h"
#include "sbot/index_care.h"
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
    Reading& reading;
    FeedHistory& history;
    IndexCare& care;
};

/// del, of a message or of a feed, and rebuild (ssb-db 20.4).
void add_delete_methods(muxrpc::Router& router, DeleteServices& services);

}  // namespace sbot::app
