#include "friends/hops.h"

#include <boost/graph/dijkstra_shortest_paths_no_color_map.hpp>
#include <boost/graph/graph_traits.hpp>
#include <boost/iterator/counting_iterator.hpp>
#include <boost/property_map/function_property_map.hpp>
#include <boost/property_map/property_map.hpp>
#include <cmath>
#include <utility>

#include "base/assert.h"

// `Edges` as Boost.Graph wants to see a graph: found by argument-dependent lookup, nothing copied.

namespace sbot::friends {
namespace {

struct Arc {
    FeedIndex from = 0;
    const Edge* edge = nullptr;
};

class ArcIterator {
 public:
    ArcIterator() = default;
    explicit ArcIterator(Arc at) : at_(at) {}
    Arc operator*() const { return at_; }
    ArcIterator& operator++() {
        ++at_.edge;
        return *this;
    }
    bool operator==(const ArcIterator& other) const { return at_.edge == other.at_.edge; }

 private:
    Arc at_;
};

}  // namespace

static FeedIndex source(const Arc& arc, const Edges&) { return arc.from; }
static FeedIndex target(const Arc& arc, const Edges&) { return arc.edge->to; }

static std::pair<ArcIterator, ArcIterator> out_edges(FeedIndex from, const Edges& edges) {
    std::span<const Edge> row = edges.of(from);
    return {ArcIterator({from, row.data()}), ArcIterator({from, row.data() + row.size()})};
}

static std::size_t num_vertices(const Edges& edges) { return edges.feeds(); }

}  // namespace sbot::friends

template <>
struct boost::graph_traits<sbot::friends::Edges> {
    using vertex_descriptor = sbot::friends::FeedIndex;
    using edge_descriptor = sbot::friends::Arc;
    using out_edge_iterator = sbot::friends::ArcIterator;
    using directed_category = boost::directed_tag;
    using edge_parallel_category = boost::disallow_parallel_edge_tag;
    // NOLINTNEXTLINE(readability-identifier-naming): the name is Boost's
    struct traversal_category : boost::incidence_graph_tag, boost::vertex_list_graph_tag {};
    using vertices_size_type = std::size_t;
    using degree_size_type = std::size_t;
};

namespace sbot::friends {
namespace {

/// Nearer first; of a follow and a block as near as each other, the follow.
struct Nearer {
    bool operator()(Distance a, Distance b) const {
        Distance far_a = std::abs(a), far_b = std::abs(b);
        return far_a != far_b ? far_a < far_b : a > b;
    }
};

/// What an edge of a feed at distance `here` offers. Nothing leads on from one that is blocked, or
/// at the limit.
struct Along {
    double max;
    Distance operator()(Distance here, Relation relation) const {
        if (here < 0 || !(here < max)) return nowhere;
        switch (relation) {
            case Relation::follow: return here + 1;
            case Relation::same: return here + 0.1;
            case Relation::block: return -here - 1;
            case Relation::unfollow: return -here - 2;
        }
        return nowhere;
    }
};

struct NoteReached : boost::dijkstra_visitor<> {
    explicit NoteReached(std::vector<FeedIndex>& into) : reached(into) {}
    void discover_vertex(FeedIndex feed, const Edges&) { reached.push_back(feed); }
    std::vector<FeedIndex>& reached;
};

/// The library asks whether a weight is shorter than nothing; a relation never is.
struct Weight {
    Relation relation;
    operator Relation() const { return relation; }
    operator Distance() const { return 1; }
};

}  // namespace

Hops hops(const Edges& edges, FeedIndex start, double max) {
    SBOT_ASSERT(start < edges.feeds());
    Hops result;
    result.to.assign(edges.feeds(), nowhere);
    result.to[start] = 0;
    auto weight = boost::make_function_property_map<Arc, Weight>(
        [](const Arc& arc) { return Weight{arc.edge->relation}; });
    boost::dijkstra_shortest_paths_no_color_map_no_init(
        edges, start, boost::dummy_property_map(), result.to.data(), weight,
        boost::typed_identity_property_map<FeedIndex>(), Nearer(), Along{max}, nowhere, Distance(0),
        NoteReached(result.reached));
    return result;
}

Hops hops(const Edges& edges, const HopsQuery& query) {
    if (query.reverse) return hops(edges.reversed(), query.start, query.max);
    if (query.start != query.own || !(query.max < query.own_max)) {
        return hops(edges, query.start, query.max);
    }
    Hops kept = hops(edges, query.own, query.own_max);
    std::erase_if(kept.reached, [&](FeedIndex feed) {
        if (kept.to[feed] <= query.max) return false;
        kept.to[feed] = nowhere;
        return true;
    });
    return kept;
}

}  // namespace sbot::friends
