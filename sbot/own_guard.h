#pragma once

#include <functional>
#include <string>
#include <unordered_map>

#include "base/logger.h"
#include "io/loop.h"
#include "io/sync.h"
#include "io/task.h"
#include "muxrpc/session.h"
#include "replication/own_feed.h"
#include "replication/replicator.h"
#include "sbot/feeds.h"
#include "sbot/friends.h"

namespace sbot::app {

/// Keeps our own feed from forking: gathers what peers say and show of it, has
/// `replication::OwnFeed` judge, and makes whoever publishes wait. While there may be messages of
/// ours that we lack it asks every peer for them, by `createHistoryStream`: a JavaScript peer that
/// remembers us as level says and sends nothing by EBT. Loop thread.
class OwnGuard {
 public:
    using Doubt = replication::OwnFeed::Doubt;
    /// Hears when the doubt is over.
    using OnSettled = std::function<void()>;

    /// All that is handed in outlives this.
    OwnGuard(io::Loop& loop, Friends& friends, const replication::Replicator& replicator,
             Feeds& feeds, base::Logger& log, Doubt doubt, OnSettled on_settled);

    /// Returns when one may publish, or knows that one may not: see `Feeds::publish`.
    io::Task<void> clear_to_publish();

    /// Asks a peer for messages of ours as long as the session lasts, whenever there may be some
    /// that we lack. To be dropped before the session.
    io::Task<void> question(muxrpc::Session& session, FeedId peer);
    /// `Feeds::own_beyond` has grown.
    void seen_beyond();
    /// `Feeds::own_fork` is known by now.
    void seen_fork();
    /// A peer has shown in another way than by EBT what it has of our feed.
    void shown(const FeedId& peer, Sequence has);

    Doubt doubt() const { return own_.doubt(); }
    /// For what publishing waits just now, `until …`, for people; empty: for nothing.
    std::string waits_until() const;

 private:
    replication::OwnFeed::Known known() const;
    bool follows(const FeedId& peer) const;
    bool follows_some() const;
    bool may_lack() const;
    io::Async<bool> fetch(muxrpc::Session& session);
    io::Task<void> watch();
    void conclude();
    void tell();

    io::Loop& loop_;
    Friends& friends_;
    const replication::Replicator& replicator_;
    Feeds& feeds_;
    base::Logger& log_;
    OnSettled on_settled_;
    replication::OwnFeed own_;
    bool settled_;
    bool friends_known_ = false;  // whoever publishes has waited for that
    bool graph_known_ = false;
    bool told_ = false;                           // that publishing waits
    std::unordered_map<FeedId, Sequence> shown_;  // while there is doubt
    io::Event doubted_;                           // set for a moment
    io::Task<void> watching_;
};

}  // namespace sbot::app
