#include "friends/graph.h"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <utility>

namespace sbot::friends {

Names Names::with(std::span<const FeedId> more) const {
    Names all;
    all.names_.reserve(size() + more.size());
    all.names_ = names_;
    all.names_.insert(all.names_.end(), more.begin(), more.end());
    std::vector<FeedIndex> added(more.size());
    std::iota(added.begin(), added.end(), static_cast<FeedIndex>(size()));
    auto earlier = [&all](FeedIndex a, FeedIndex b) { return all.names_[a] < all.names_[b]; };
    std::sort(added.begin(), added.end(), earlier);
    all.sorted_.reserve(all.size());
    std::merge(sorted_.begin(), sorted_.end(), added.begin(), added.end(),
               std::back_inserter(all.sorted_), earlier);
    return all;
}

std::optional<FeedIndex> Names::find(const FeedId& feed) const {
    auto at = std::lower_bound(
        sorted_.begin(), sorted_.end(), feed,
        [this](FeedIndex index, const FeedId& wanted) { return names_[index] < wanted; });
    if (at == sorted_.end() || names_[*at] != feed) return std::nullopt;
    return *at;
}

Edges Edges::with(std::span<const Contact> contacts, std::size_t feeds) const {
    std::vector<std::uint32_t> by_source(contacts.size());
    std::iota(by_source.begin(), by_source.end(), 0U);
    std::stable_sort(by_source.begin(), by_source.end(), [&](std::uint32_t a, std::uint32_t b) {
        return contacts[a].from < contacts[b].from;
    });
    Edges all;
    all.begin_.reserve(feeds + 1);
    all.edges_.reserve(size() + contacts.size());
    // Where the edge to a feed lies, plus one; what points before the row is of an earlier row.
    std::vector<std::uint32_t> place(feeds, 0);
    auto next = by_source.begin();
    for (FeedIndex from = 0; from < feeds; ++from) {
        std::size_t row = all.edges_.size();
        if (from < this->feeds()) {
            std::span<const Edge> old = of(from);
            all.edges_.insert(all.edges_.end(), old.begin(), old.end());
        }
        bool changed = next != by_source.end() && contacts[*next].from == from;
        for (std::size_t at = row; changed && at < all.edges_.size(); ++at) {
            place[all.edges_[at].to] = static_cast<std::uint32_t>(at + 1);
        }
        for (; next != by_source.end() && contacts[*next].from == from; ++next) {
            const Contact& contact = contacts[*next];
            std::uint32_t& at = place[contact.to];
            if (at > row) {
                all.edges_[at - 1].relation = contact.relation;
            } else {
                all.edges_.push_back({contact.to, contact.relation});
                at = static_cast<std::uint32_t>(all.edges_.size());
            }
        }
        all.begin_.push_back(static_cast<std::uint32_t>(all.edges_.size()));
    }
    return all;
}

Edges Edges::reversed() const {
    Edges back;
    back.begin_.assign(feeds() + 1, 0);
    for (const Edge& edge : edges_) ++back.begin_[edge.to + 1];
    std::partial_sum(back.begin_.begin(), back.begin_.end(), back.begin_.begin());
    std::vector<std::uint32_t> next(back.begin_.begin(), back.begin_.end() - 1);
    back.edges_.resize(size());
    for (FeedIndex from = 0; from < feeds(); ++from) {
        for (const Edge& edge : of(from)) back.edges_[next[edge.to]++] = {from, edge.relation};
    }
    return back;
}

std::optional<Relation> Edges::between(FeedIndex from, FeedIndex to) const {
    for (const Edge& edge : of(from)) {
        if (edge.to == to) return edge.relation;
    }
    return std::nullopt;
}

void News::append(News later) {
    if (later.anew || empty()) {
        *this = std::move(later);
        return;
    }
    feeds.insert(feeds.end(), later.feeds.begin(), later.feeds.end());
    contacts.insert(contacts.end(), later.contacts.begin(), later.contacts.end());
}

Graph Graph::with(const News& news) const {
    if (news.anew) {
        News rest{false, news.feeds, news.contacts};
        return Graph().with(rest);
    }
    Graph grown = *this;
    if (!news.feeds.empty()) {
        grown.names = std::make_shared<const Names>(names->with(news.feeds));
    }
    bool more = grown.names->size() > edges->feeds();
    if (more || !news.contacts.empty()) {
        grown.edges =
            std::make_shared<const Edges>(edges->with(news.contacts, grown.names->size()));
    }
    return grown;
}

std::optional<Relation> Graph::between(const FeedId& from, const FeedId& to) const {
    auto source = names->find(from), dest = names->find(to);
    if (!source || !dest) return std::nullopt;
    return edges->between(*source, *dest);
}

}  // namespace sbot::friends
