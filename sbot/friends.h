#pragma once

#include <deque>
#include <memory>
#include <set>
#include <vector>

#include "base/logger.h"
#include "friends/contact_view.h"
#include "friends/snapshot.h"
#include "io/loop.h"
#include "io/pool.h"
#include "io/sync.h"
#include "io/task_group.h"
#include "sbot/indexer.h"

namespace sbot::app {

/// Keeps the graph of follows and blocks up to date with the log, and tells those who act on it.
/// A change makes the next snapshot in the pool, at once where it is small; where it is not, they
/// follow each other with pauses, unless somebody waits. Loop thread.
class Friends {
 public:
    using Snapshot = std::shared_ptr<const friends::Snapshot>;

    struct Options {
        friends::ContactView::Options view;
        double hops_max = 3;
    };

    /// Knows nobody before `load`. Outlives the indexer, which feeds what is in it.
    Friends(io::Loop& loop, io::Pool& pool, std::shared_ptr<const flume::Log> log,
            base::Logger& logger, Options options);
    ~Friends();

    /// Opens the view and has it fed from now on. Ends when the graph is whole.
    io::Async<void> load(Indexer& indexer);

    const Snapshot& now() const { return now_; }
    /// With everything that was stored when it was called; waits for `load`. Errors: why that
    /// failed.
    io::Async<Snapshot> fresh();
    /// Waits until what is stored now counts, and those who act on it have heard. Not before
    /// `load` has ended, nor where the index cannot take it in.
    io::Task<void> in_force();
    /// Set for a moment whenever there is another snapshot.
    io::Event& changed() { return changed_; }

    /// It hears of ourselves now, later of what changes. To be called before `load`; the observer
    /// outlives the loop's last turn.
    void observe(friends::HopsObserver& observer);

    /// Whether messages of `feed` may be given to `peer`: not those of whom we block, nor those of
    /// whoever blocks the peer.
    bool may_pass(const FeedId& feed, const FeedId& peer) const;

    /// What was said since it was made, for one stream.
    class Edges {
     public:
        explicit Edges(Friends& from) : from_(from) { from_.edges_.insert(this); }
        ~Edges() { from_.edges_.erase(this); }
        Edges(const Edges&) = delete;
        Edges& operator=(const Edges&) = delete;

        struct Told {
            FeedId from, to;
            friends::Relation relation;
        };
        std::deque<Told> waiting;  ///< in the order of the log
        bool lost = false;         ///< more came than may wait

     private:
        Friends& from_;
    };

 private:
    struct Made {
        Snapshot snapshot;
        std::vector<friends::HopsChange> changes;
        friends::News news;
    };

    static Made make(Snapshot before, friends::News news);
    SideView::Then fed(Result<void> result, bool level);
    void tell(Result<friends::News> news, bool level);
    bool small() const;
    io::Async<void> open_and_feed();
    io::Task<void> run();
    io::Task<void> rest(std::uint64_t rest_ms);
    void advance(Made made);
    io::Task<void> inform();

    io::Loop& loop_;
    io::Pool& pool_;
    std::shared_ptr<const flume::Log> log_;
    base::Logger& logger_;
    Options options_;
    std::unique_ptr<friends::ContactView> view_;
    Indexer* indexer_ = nullptr;  // from `load` on

    Snapshot now_;
    friends::News pending_;
    bool level_ = false;          // with `pending_` we know all that is in the log
    bool making_ = false;         // in the pool
    std::uint64_t heard_ = 0;     // how often news came
    std::uint64_t included_ = 0;  // how much of that is in `now_`; 0 before `load`
    std::size_t waiting_ = 0;     // for a fresh one
    std::optional<Error> failed_;
    io::Event something_, hurry_, changed_, untold_;
    std::set<Edges*> edges_;
    std::vector<friends::HopsObserver*> observers_;
    std::deque<friends::HopsChange> to_tell_;
    io::Task<void> runner_, informer_;
};

}  // namespace sbot::app
