#pragma once

#include "message/private_box.h"
#include "muxrpc/router.h"
#include "sbot/feeds.h"
#include "sbot/friends.h"
#include "sbot/own_guard.h"
#include "sbot/raw_methods.h"
#include "sbot/reading.h"

namespace sbot::app {

/// What the calls on messages work with; outlives the router.
struct LogServices {
    Feeds& feeds;
    Reading& reading;
    const message::Unboxer& unboxer;
    RawServices& raw;  ///< for `createLogStream({raw: true})`
    const Friends& friends;
    OwnGuard& own;
};

/// publish, add, get, getLatest, latestSequence, getVectorClock and the reading streams. Protocol
/// source: ssb-db 20.4; texts and shapes are its own (docs/methods.md).
void add_log_methods(muxrpc::Router& router, LogServices& services);

}  // namespace sbot::app
