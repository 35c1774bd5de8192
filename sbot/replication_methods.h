#pragma once

#include "io/loop.h"
#include "muxrpc/router.h"
#include "replication/replicator.h"
#include "sbot/feeds.h"
#include "sbot/own_guard.h"
#include "sbot/reading.h"

namespace sbot::app {

/// What the calls about replication work with; outlives the router.
struct ReplicationServices {
    io::Loop& loop;
    FeedId own;
    replication::Replicator& replicator;
    const OwnGuard& own_guard;
    const Feeds& feeds;
    Reading& reading;
};

/// ebt.replicate, ebt.request, ebt.block, ebt.peerStatus (ssb-ebt 5.6 and 9.1), replicate.request,
/// replicate.block, replicate.upto, replicate.changes (ssb-replicate 1.3).
void add_replication_methods(muxrpc::Router& router, ReplicationServices& services);

}  // namespace sbot::app
