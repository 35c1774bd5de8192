#pragma once

#include "io/pool.h"
#include "muxrpc/router.h"
#include "sbot/feeds.h"
#include "sbot/friends.h"
#include "sbot/reading.h"

namespace sbot::app {

/// What the calls about follows and blocks work with; outlives the router.
struct FriendServices {
    io::Pool& pool;
    FeedId own;
    Friends& friends;
    Feeds& feeds;
    Reading& reading;
};

/// friends.* of ssb-friends 4.1, and `follow` and `block` of 5.1. Answers hold everything that was
/// stored before the call.
void add_friend_methods(muxrpc::Router& router, FriendServices& services);

}  // namespace sbot::app
