#pragma once

#include <functional>

#include "flume/log.h"
#include "io/loop.h"
#include "muxrpc/router.h"
#include "replication/replicator.h"
#include "sbot/feeds.h"
#include "sbot/indexer.h"
#include "sbot/own_guard.h"
#include "sbot/reading.h"
#include "sbot/settings.h"

namespace sbot::app {

/// What the calls about the state of things work with; outlives the router.
struct StatusServices {
    io::Loop& loop;
    const Settings& settings;
    FeedId own;
    const flume::Log& log;
    const Indexer& indexer;
    Feeds& feeds;
    Reading& reading;
    replication::Replicator& replicator;
    const OwnGuard& own_guard;
    /// Members of `status` that others contribute.
    std::function<void(json::Writer&)> more;
    double start = 0;  ///< where `progress` began
};

/// status, progress, latest, getFeedState, createSequenceStream (ssb-db 20.4); auth, getAddress,
/// multiserver.address, multiserver.parse (secret-stack 6.4).
void add_status_methods(muxrpc::Router& router, StatusServices& services);

}  // namespace sbot::app
