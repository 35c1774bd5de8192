#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "friends/contact.h"

/// Who says what of whom, as values: what has been made is never changed, so threads can share it.
namespace sbot::friends {

/// A feed's place in the graph: small, dense, the same for as long as the graph grows.
using FeedIndex = std::uint32_t;

struct Contact {
    FeedIndex from = 0, to = 0;
    Relation relation = Relation::unfollow;

    bool operator==(const Contact&) const = default;
};

struct Edge {
    FeedIndex to = 0;
    Relation relation = Relation::unfollow;

    bool operator==(const Edge&) const = default;
};

/// The feeds by their index, and back.
class Names {
 public:
    Names with(std::span<const FeedId> more) const;

    std::size_t size() const { return names_.size(); }
    const FeedId& operator[](FeedIndex index) const { return names_[index]; }
    std::optional<FeedIndex> find(const FeedId& feed) const;

 private:
    std::vector<FeedId> names_;
    std::vector<FeedIndex> sorted_;  // by name
};

/// All edges, by the feed they come from and there in the order in which they were first drawn.
class Edges {
 public:
    /// With more feeds, and with contacts, of which the last between two feeds counts.
    Edges with(std::span<const Contact> contacts, std::size_t feeds) const;
    /// Each the other way round.
    Edges reversed() const;

    std::size_t feeds() const { return begin_.size() - 1; }
    std::size_t size() const { return edges_.size(); }
    std::span<const Edge> of(FeedIndex from) const {
        return std::span(edges_).subspan(begin_[from], begin_[from + 1] - begin_[from]);
    }
    std::optional<Relation> between(FeedIndex from, FeedIndex to) const;

 private:
    std::vector<std::uint32_t> begin_ = {0};  // one more than there are feeds
    std::vector<Edge> edges_;
};

/// What there is to know behind a graph: feeds that are new, and contacts in the order of the log.
struct News {
    bool anew = false;  ///< forget all that was known: this is everything
    std::vector<FeedId> feeds;
    std::vector<Contact> contacts;

    bool empty() const { return !anew && feeds.empty() && contacts.empty(); }
    /// As if both had been one.
    void append(News later);
};

struct Graph {
    std::shared_ptr<const Names> names = std::make_shared<const Names>();
    std::shared_ptr<const Edges> edges = std::make_shared<const Edges>();

    Graph with(const News& news) const;
    std::optional<Relation> between(const FeedId& from, const FeedId& to) const;
};

}  // namespace sbot::friends
