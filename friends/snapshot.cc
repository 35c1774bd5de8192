#include "friends/snapshot.h"

#include "base/assert.h"

namespace sbot::friends {

Snapshot::Snapshot(const FeedId& own_feed, double hops_max)
    : graph_(Graph().with({false, {own_feed}, {}})),
      hops_(friends::hops(*graph_.edges, own, hops_max)),
      hops_max_(hops_max) {}

Snapshot Snapshot::after(const News& news) const {
    Snapshot next = *this;
    next.graph_ = graph_.with(news);
    if (news.anew) {
        ++next.line_;
        SBOT_ASSERT((*next.graph_.names)[own] == (*graph_.names)[own]);
    }
    next.hops_ = friends::hops(*next.graph_.edges, own, hops_max_);
    return next;
}

Distance Snapshot::hops_of(const FeedId& feed) const {
    auto index = graph_.names->find(feed);
    return index ? hops_.of(*index) : nowhere;
}

bool Snapshot::blocks(const FeedId& from, const FeedId& to) const {
    return graph_.between(from, to) == Relation::block;
}

bool Snapshot::blocked(const FeedId& feed) const { return hops_of(feed) == -1; }

std::vector<HopsChange> Snapshot::changes_since(const Snapshot& before) const {
    const Names& names = *graph_.names;
    const Names& names_before = *before.graph_.names;
    bool same_line = line_ == before.line_;
    std::vector<HopsChange> changes;
    for (FeedIndex feed : hops_.reached) {
        Distance was = same_line ? before.hops_.of(feed) : before.hops_of(names[feed]);
        if (was != hops_.to[feed]) changes.push_back({names[feed], hops_.to[feed]});
    }
    for (FeedIndex feed : before.hops_.reached) {
        Distance now = same_line ? hops_.of(feed) : hops_of(names_before[feed]);
        if (now == nowhere) changes.push_back({names_before[feed], nowhere});
    }
    return changes;
}

}  // namespace sbot::friends
