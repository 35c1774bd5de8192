#pragma once

#include <map>
#include <string_view>

#include "io/loop.h"
#include "io/task_group.h"
#include "replication/replicator.h"
#include "sbot/batch.h"
#include "sbot/feeds.h"
#include "sbot/friends.h"

namespace sbot::app {

/// Tells the replicator what was stored, for it to be passed on. Whoever is blocked by a message is
/// not to get that message: where the blocked one is connected, its feed goes no further before the
/// block is in force, as in the reference. Loop thread; all outlive this.
class PassingOn {
 public:
    PassingOn(io::Loop& loop, Friends& friends, replication::Replicator& replicator,
              const Feeds& feeds)
        : loop_(loop), friends_(friends), replicator_(replicator), feeds_(feeds) {}

    void batch_done(const Batch& batch);

 private:
    bool blocks_a_peer(std::string_view envelope) const;
    io::Task<void> hold_back(FeedId feed);
    io::Async<void> in_force();

    io::Loop& loop_;
    Friends& friends_;
    replication::Replicator& replicator_;
    const Feeds& feeds_;
    std::map<FeedId, bool> held_back_;  // true: another block came meanwhile
    io::TaskGroup holding_;
};

}  // namespace sbot::app
