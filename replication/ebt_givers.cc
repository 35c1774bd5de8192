// Who gives us which feed, and looks from outside.

#include <algorithm>
#include <utility>

#include "replication/ebt.h"

namespace sbot::replication {
namespace {

// A giver that is silent for longer is replaced, if there is another: the reference's time.
constexpr std::uint64_t silent_ms = 3000;
// One that sends other feeds only. Long, because a giver of thousands of feeds may take its time.
constexpr std::uint32_t feed_silent_s = 60;
// Times a peer may be asked, without one message that is of use, that make it count as heard of.
constexpr std::uint32_t asks_max = 3;
// The only giver left something out: it is asked again after that.
constexpr std::uint32_t ask_again_s = 8;

std::int64_t number(Sequence sequence) { return static_cast<std::int64_t>(sequence); }

}  // namespace

/// The first peer, in order of connection, that we asked for this feed.
std::optional<Slot> Ebt::giver(const FeedRow& row, std::optional<Slot> except) const {
    for (Slot slot : order_) {
        if (slot != except && row.has_rx(slot)) return slot;
    }
    return std::nullopt;
}

bool Ebt::can_give(const FeedRow& row, Slot slot) const {
    return peer(slot).greeted && row.get(slot).has > number(row.latest()) &&
           shared(row, peer(slot));
}

/// The next in order of connection, going round, that has more than we; not `after` itself.
std::optional<Slot> Ebt::next_giver(const FeedRow& row, Slot after) const {
    auto found = std::find(order_.begin(), order_.end(), after);
    auto start = static_cast<std::size_t>(found - order_.begin());
    for (std::size_t i = 1; i < order_.size(); ++i) {
        Slot slot = order_[(start + i) % order_.size()];
        if (can_give(row, slot)) return slot;
    }
    return std::nullopt;
}

bool Ebt::is_silent(const FeedRow& row, const Peer& whom) const {
    if (whom.asks > asks_max) return row.moved_s + silent_ms / 1000 < now_ms_ / 1000;
    if (!whom.heard_ms || *whom.heard_ms + silent_ms < now_ms_) return true;
    return row.moved_s + feed_silent_s < now_ms_ / 1000;
}

void Ebt::ask(FeedRow& row, Slot slot) {
    Relation relation = row.get(slot);
    relation.open = true;
    row.hole = false;
    row.orphaned = false;
    tell(row, slot, relation, true);
    row.put(slot, relation);
    count_ask(peer(slot));
}

/// Whoever was just asked is not silent yet; whoever was asked again and again without an answer
/// is.
void Ebt::count_ask(Peer& whom) const {
    if (whom.asks <= asks_max) ++whom.asks;
    if (whom.asks <= asks_max) whom.heard_ms = now_ms_;
}

/// The peer says that it has more than we: ask it, unless somebody else is at it and has as much.
void Ebt::maybe_ask(FeedRow& row, Slot slot, Relation& relation) {
    if (auto other = giver(row, slot)) {
        Relation its = row.get(*other);
        if (relation.has <= std::max<std::int64_t>(its.has, 0)) return;
        tell(row, *other, its, false);
        row.put(*other, its);
    }
    count_ask(peer(slot));
    tell(row, slot, relation, true);
}

void Ebt::note_behind(FeedRow& row) {
    if (row.behind) return;
    row.behind = true;
    behind_.push_back(row.number);
}

void Ebt::tick(std::uint64_t now_ms) {
    now_ms_ = now_ms;
    struct Change {
        std::uint32_t row;
        Slot to;
    };
    std::vector<Change> changes;
    std::vector<std::uint32_t> still;
    for (std::uint32_t place : std::exchange(behind_, {})) {
        FeedRow& row = rows_[place];
        take_back_refusals(row);
        bool can = row.wanted && std::any_of(order_.begin(), order_.end(),
                                             [&](Slot slot) { return can_give(row, slot); });
        if (!can) {
            row.behind = false;
            forget_if_blank(row);
            continue;
        }
        still.push_back(place);
        if (auto next = replacement(row)) changes.push_back({place, *next});
    }
    behind_ = std::move(still);
    // Not before: whoever is asked counts as heard of.
    for (const Change& change : changes) ask(rows_[change.row], change.to);
}

/// Whoever we told that we do not replicate a feed that we want by now, and who has what we have,
/// would never mention it again.
void Ebt::take_back_refusals(FeedRow& row) {
    for (Slot slot : order_) {
        if (!shared(row, peer(slot))) continue;
        Relation relation = row.get(slot);
        if (!relation.open || !relation.refused) continue;
        tell(row, slot, relation, !giver(row, slot));
        row.put(slot, relation);
    }
}

/// Who is to be asked for a feed instead of those that are silent.
std::optional<Slot> Ebt::replacement(FeedRow& row) {
    std::optional<Slot> silent;
    bool anybody = false;
    for (Slot slot : order_) {
        if (!row.has_rx(slot)) continue;
        anybody = true;
        if (!is_silent(row, peer(slot))) continue;
        Relation its = row.get(slot);
        if (!next_giver(row, slot)) {
            // Nobody else: what it left out is asked for again.
            bool long_ago = row.moved_s + ask_again_s < now_ms_ / 1000;
            if (!long_ago || !can_give(row, slot)) continue;
            if (row.hole) return slot;
            insist(row, slot);
            continue;
        }
        tell(row, slot, its, false);
        row.put(slot, its);
        silent = slot;
    }
    if (silent) return next_giver(row, *silent);
    bool orphaned = !anybody && std::exchange(row.orphaned, !anybody);
    if (!orphaned) return std::nullopt;
    return can_give(row, order_.front()) ? order_.front() : next_giver(row, order_.front());
}

/// The only one that has more was asked and sends nothing at all. An epidemic-broadcast-trees 7.0
/// that believes from an earlier time that we have it goes by the higher number until it is told
/// "not with me"; asked anew (at the next tick) it takes us at our word.
void Ebt::insist(FeedRow& row, Slot slot) {
    Peer& whom = peer(slot);
    Relation its = row.get(slot);
    bool mute = !whom.heard_ms || *whom.heard_ms + silent_ms < now_ms_;
    if (!mute || its.tx || !whom.insisted.insert(row.number).second) return;
    decline(row, slot, its);
    row.put(slot, its);
}

// --- looks from outside

std::optional<Slot> Ebt::slot_of(const FeedId& id) const {
    auto found = connected_.find(id);
    if (found == connected_.end()) return std::nullopt;
    return found->second;
}

bool Ebt::is_wanted(const FeedId& feed) const {
    const FeedRow* row = find(feed);
    return row != nullptr && row->wanted;
}

bool Ebt::is_blocked(const FeedId& from, const FeedId& to) const {
    return blocks_.count({from, to}) > 0;
}

std::vector<FeedId> Ebt::wanted() const {
    std::vector<FeedId> feeds;
    for (const FeedRow& row : rows_) {
        if (row.wanted) feeds.push_back(row.feed);
    }
    return feeds;
}

std::optional<Relation> Ebt::relation(const FeedId& feed, Slot slot) const {
    const FeedRow* row = find(feed);
    if (row == nullptr) return std::nullopt;
    Relation relation = row->get(slot);
    if (relation == Relation{}) return std::nullopt;
    return relation;
}

std::optional<Sequence> Ebt::latest(const FeedId& feed) const {
    const FeedRow* row = find(feed);
    if (row == nullptr || !row->wanted) return std::nullopt;
    return row->latest();
}

bool Ebt::count_progress(ProgressCount& count, std::size_t looks_max) const {
    for (std::size_t looks = 0; count.next_row < rows_.size(); ++count.next_row) {
        if (looks >= looks_max) return false;
        looks += order_.size() + 1;
        count_row(rows_[count.next_row], count.sum);
    }
    return true;
}

void Ebt::count_row(const FeedRow& row, Progress& sum) const {
    std::int64_t ours = number(row.latest()), most = ours;
    for (Slot slot : order_) {
        if (!row.is_open(slot)) continue;
        Relation each = row.get(slot);
        sum.target += 2;
        if (each.sent != Relation::unknown) sum.current += 1;
        if (each.requested != Relation::unknown) sum.current += 1;
        if (each.has > most && can_give(row, slot)) most = each.has;
        if (each.rx && each.requested >= 0 && ours < each.has) {
            sum.current += static_cast<double>(ours - each.requested);
            sum.target += static_cast<double>(each.has - each.requested);
        }
        if (each.tx && each.has >= 0 && each.has < ours) {
            sum.current += static_cast<double>(each.sent - each.has);
            sum.target += static_cast<double>(ours - each.has);
            sum.to_send += static_cast<double>(ours - std::max(each.sent, each.has));
        }
    }
    if (most == ours) return;
    sum.missing += static_cast<double>(most - ours);
    ++sum.missing_feeds;
}

std::size_t Ebt::memory_bytes() const {
    std::size_t bytes = index_.size() * (sizeof(std::pair<FeedId, std::uint32_t>) + 16) +
                        index_.bucket_count() * sizeof(void*);
    for (const FeedRow& row : rows_) bytes += row.memory_bytes();
    return bytes;
}

}  // namespace sbot::replication
