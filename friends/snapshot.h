#pragma once

#include <span>
#include <vector>

#include "friends/graph.h"
#include "friends/hops.h"

namespace sbot::friends {

/// A feed whose distance is another one now; `nowhere`: it is no longer in the map.
struct HopsChange {
    FeedId feed;
    Distance hops = nowhere;

    bool wanted() const { return hops >= 0 && hops != nowhere; }
    /// By ourselves. Somebody else's word puts a feed at -2 at the nearest.
    bool blocked() const { return hops == -1; }
    bool operator==(const HopsChange&) const = default;
};

/// Hears of changes, on the loop thread: whom to replicate, whom to hang up on. When it is added it
/// hears of everything there is. A list may be long, so it comes in pieces; blocks come first.
class HopsObserver {
 public:
    virtual ~HopsObserver() = default;
    virtual void hops_changed(std::span<const HopsChange> changes) = 0;
};

/// Everybody's contacts and one's own hops, at one moment. Never changed: shared between threads as
/// `std::shared_ptr<const Snapshot>`.
class Snapshot {
 public:
    /// Before anything is known: ourselves. `hops_max` is how far the map goes.
    Snapshot(const FeedId& own, double hops_max);

    /// The next one. Pure, some milliseconds for a large graph. If it is told `anew`, the first
    /// feed is our own.
    Snapshot after(const News& news) const;

    const Graph& graph() const { return graph_; }
    const Hops& hops() const { return hops_; }
    double hops_max() const { return hops_max_; }
    static constexpr FeedIndex own = 0;

    Distance hops_of(const FeedId& feed) const;
    bool blocks(const FeedId& from, const FeedId& to) const;
    /// Whether we block it.
    bool blocked(const FeedId& feed) const;

    /// What is different, the new map in its order, then what dropped out of it.
    std::vector<HopsChange> changes_since(const Snapshot& before) const;

 private:
    Graph graph_;
    Hops hops_;
    double hops_max_;
    std::uint64_t line_ = 0;  // feeds have the same indexes in snapshots of one line
};

}  // namespace sbot::friends
