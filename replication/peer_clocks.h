#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "base/result.h"
#include "io/pool.h"
#include "io/sync.h"
#include "io/task.h"
#include "message/ids.h"
#include "replication/ebt.h"

namespace sbot::replication {

/// What peers had when they were last here, in a table of bounded size (the peers longest gone are
/// forgotten), so that two that meet again only speak of what has changed. Nothing depends on it
/// being there, or right. A peer that is not in it is looked for in the JavaScript server's folder
/// `ebt/`. Loop thread; the database is used in the pool, one job at a time.
class PeerClocks {
 public:
    /// `path` of the table, which is made where it is missing and made anew where it is damaged;
    /// `js_folder` of the JavaScript's files.
    static Result<std::unique_ptr<PeerClocks>> open(io::Pool& pool, const std::string& path,
                                                    const std::string& js_folder);
    /// Forgets all of it, the JavaScript's files too: they are of another time than the log. To be
    /// called before the first `load`.
    Result<void> forget();
    /// Remembers only what is saved in this run: for tests.
    explicit PeerClocks(io::Pool& pool) : PeerClocks(pool, nullptr) {}
    ~PeerClocks();

    /// Sequences of those of the feeds that the peer spoke of.
    io::Task<PeerClock> load(FeedId peer, std::set<FeedId> feeds);
    /// Written in a while; see `flushed`.
    void save(const FeedId& peer, PeerClock clock);
    /// Returns when all that was saved is written.
    io::Task<void> flushed();

    class Table;

 private:
    PeerClocks(io::Pool& pool, std::shared_ptr<Table> table);
    io::Task<void> write_all();

    io::Pool& pool_;
    std::shared_ptr<Table> table_;
    std::map<FeedId, PeerClock> unwritten_;
    io::Event something_;
    io::Event written_;
    io::Task<void> writer_;
};

}  // namespace sbot::replication
