#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/random.h"
#include "friends/contact.h"
#include "io/loop.h"
#include "io/task_group.h"
#include "muxrpc/router.h"
#include "sbot/feeds.h"
#include "sbot/invite_codes.h"
#include "sbot/reading.h"
#include "sbot/settings.h"

namespace sbot::app {

/// What the calls on invites work with; outlives the router.
struct InviteServices {
    io::Loop& loop;
    const Settings& settings;
    FeedId own;
    InviteCodes& codes;
    Feeds& feeds;
    Reading& reading;
    base::Random& random;
    /// What we say of a feed, by what is in the log.
    std::function<io::Task<std::optional<friends::Relation>>(FeedId)> relation;
    /// Hears of the pub (a multiserver address) whose invite was accepted.
    std::function<void(const std::string&)> accepted;
    /// Uses under way: they come to their end even if the guest hangs up.
    io::TaskGroup uses = io::TaskGroup();
};

/// invite.create, invite.use, invite.accept. Protocol source: ssb-invite 2.1.
void add_invite_methods(muxrpc::Router& router, InviteServices& services);

}  // namespace sbot::app
