#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <unordered_map>
#include <utility>

#include "message/ed25519.h"
#include "message/ids.h"

namespace sbot::message {

/// The key tables of the feeds that were last seen with several messages, for the next ones of
/// theirs. One thread.
class KeyTables {
 public:
    using Table = std::shared_ptr<const ed25519::KeyTable>;

    explicit KeyTables(std::size_t bytes_max) : count_max_(bytes_max / ed25519::KeyTable::bytes) {}

    /// Null if there is none.
    Table find(const FeedId& feed) {
        auto found = places_.find(feed);
        if (found == places_.end()) return nullptr;
        newest_first_.splice(newest_first_.begin(), newest_first_, found->second);
        return found->second->second;
    }

    /// The one that was used longest ago makes room.
    void keep(const FeedId& feed, Table table) {
        if (find(feed) != nullptr) return;
        newest_first_.emplace_front(feed, std::move(table));
        places_[feed] = newest_first_.begin();
        if (places_.size() <= count_max_) return;
        places_.erase(newest_first_.back().first);
        newest_first_.pop_back();
    }

    std::size_t size() const { return places_.size(); }

 private:
    using Order = std::list<std::pair<FeedId, Table>>;

    std::size_t count_max_;
    Order newest_first_;
    std::unordered_map<FeedId, Order::iterator> places_;
};

}  // namespace sbot::message
