#pragma once

#include <limits>
#include <vector>

#include "friends/graph.h"

namespace sbot::friends {

/// How far a feed is. Negative: it is blocked, or unfollowed, as near as that, and by nobody nearer
/// followed. Whole numbers, except behind a `Relation::same`, which counts a tenth.
using Distance = double;

/// Not in the map.
inline constexpr Distance nowhere = std::numeric_limits<double>::infinity();

struct Hops {
    std::vector<Distance> to;        ///< by feed; `nowhere` for those that are not reached
    std::vector<FeedIndex> reached;  ///< in the order in which they were met, the start first

    Distance of(FeedIndex feed) const {
        if (feed >= to.size()) return nowhere;
        return to[feed];
    }
};

/// Every feed's distance from `start`, going on from feeds that are nearer than `max`. Of two ways
/// the shorter counts, of two as long the friendly one. Some 5 ms for 400,000 edges.
/// Protocol source: layered-graph 1.2 and dynamic-dijkstra 1.0 over edges loaded in one go.
Hops hops(const Edges& edges, FeedIndex start, double max);

/// What `friends.hops` can be asked, beside the map that a server keeps of its own hops.
struct HopsQuery {
    FeedIndex own = 0;    ///< whose map is kept
    double own_max = 0;   ///< and how far it goes
    FeedIndex start = 0;  ///< whose distances to give
    double max = 0;
    bool reverse = false;  ///< who reaches `start` instead
};

/// As layered-graph answers it: a smaller `max` for the own feed takes what is farther out of the
/// kept map, where negative distances count as near; everything else is a map of its own.
Hops hops(const Edges& edges, const HopsQuery& query);

}  // namespace sbot::friends
