// Who gives us which feed, and looks from outside.

#include <algorithm>
#include <utility>

#include "replication/ebt.h"

namespace sbot::replication {
namespace {

// A feed of which nothing came for longer is asked of another that has it: the reference's time.
constexpr std::uint64_t silent_ms = 3000;
// With every round in which all were asked in vain that doubles, so often at most.
constexpr std::uint32_t doublings_max = 4;
// What a useful message buys its sender's other feeds: who gives fewer of them is no busy peer. On
// a line as slow as that another giver is a help.
constexpr std::uint64_t busy_ms_per_message = 100;
// Of that it has at least so much, at most as much as it may be silent: one now and then, or a
// handful at once, is no sign of a peer at work.
constexpr std::uint64_t busy_min_ms = 1000;
// What a feed may wait behind each other feed that a busy peer was asked for.
constexpr std::uint64_t turn_ms = 100;
// No excuse counts for longer.
constexpr std::uint64_t excused_max_ms = 60000;
// Messages in a row, each not the one we need, after which it does not count that they wait for us.
constexpr std::uint32_t useless_max = 100;
// Whoever was asked so often in vain for a feed is not asked just because it says something.
constexpr std::uint8_t vain_asks_max = 2;
// The only giver left something out: it is asked again after that.
constexpr std::uint64_t ask_again_ms = 8000;

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
    for (std::size_t i = 1; i <= order_.size(); ++i) {
        Slot slot = order_[(start + i) % order_.size()];
        if (slot != after && can_give(row, slot)) return slot;
    }
    return std::nullopt;
}

/// For how long nothing need come. Grows where everybody was asked in vain.
std::uint64_t Ebt::patience_ms(const FeedRow& row) const {
    if (row.vain == 0) return silent_ms;
    auto can =
        std::count_if(order_.begin(), order_.end(), [&](Slot slot) { return can_give(row, slot); });
    auto rounds = row.vain / static_cast<std::uint32_t>(std::max<std::ptrdiff_t>(can, 1));
    return silent_ms << std::min(rounds, doublings_max);
}

bool Ebt::is_stalled(const FeedRow& row, const Peer& whom) const {
    // In first notes everything is asked of the first peer that comes.
    if (!whom.began) return true;
    const std::uint64_t waited_ms = now_ms_ - row.since_ms;
    if (waited_ms <= silent_ms || waited_ms <= patience_ms(row)) return false;
    if (waited_ms > excused_max_ms) return true;
    if (now_ms_ < whom.held_until_ms) return false;
    const bool is_busy = whom.busy_until_ms >= now_ms_ + busy_min_ms;
    return !is_busy || waited_ms > silent_ms + whom.owes * turn_ms;
}

/// A message of use.
void Ebt::came(FeedRow& row, Slot slot) {
    Peer& from = peer(slot);
    row.since_ms = now_ms_;
    row.vain = 0;
    row.gave = true;
    if (vain_asks(row, from) > 0) from.vain[row.number] = 0;
    from.useless = 0;
    from.heard_ms = now_ms_;
    from.busy_until_ms =
        std::min(std::max(from.busy_until_ms, now_ms_) + busy_ms_per_message, now_ms_ + silent_ms);
}

void Ebt::heard(Slot slot, std::uint64_t now_ms) {
    if (peer(slot).useless < useless_max) peer(slot).held_until_ms = now_ms + silent_ms;
}

/// Whom we asked is not asked any more; remembered where it gave nothing.
void Ebt::ended_in_vain(FeedRow& row, Slot slot) {
    if (row.gave) return;
    if (row.vain < UINT8_MAX) ++row.vain;
    std::vector<std::uint8_t>& vain = peer(slot).vain;
    if (vain.size() <= row.number) vain.resize(rows_.size());
    if (vain[row.number] < UINT8_MAX) ++vain[row.number];
}

std::uint8_t Ebt::vain_asks(const FeedRow& row, const Peer& whom) const {
    return row.number < whom.vain.size() ? whom.vain[row.number] : 0;
}

void Ebt::ask(FeedRow& row, Slot slot) {
    Relation relation = row.get(slot);
    relation.open = true;
    row.hole = false;
    row.orphaned = false;
    // Also where it was asked before.
    row.since_ms = now_ms_;
    peer(slot).began = true;
    tell(row, slot, relation, true);
    row.put(slot, relation);
}

/// The peer says that it has more than we: ask it, unless somebody else is at it and has as much,
/// or it was asked in vain before and there is somebody else.
void Ebt::maybe_ask(FeedRow& row, Slot slot, Relation& relation) {
    if (vain_asks(row, peer(slot)) >= vain_asks_max && next_giver(row, slot)) return;
    if (auto other = giver(row, slot)) {
        Relation its = row.get(*other);
        if (relation.has <= std::max<std::int64_t>(its.has, 0)) return;
        tell(row, *other, its, false);
        row.put(*other, its);
    }
    peer(slot).began = true;
    tell(row, slot, relation, true);
}

void Ebt::note_behind(FeedRow& row) {
    if (row.behind) return;
    row.behind = true;
    row.since_ms = now_ms_;
    behind_.push_back(row.number);
}

void Ebt::tick(std::uint64_t now_ms) {
    now_ms_ = now_ms;
    for (Slot slot : order_) peer(slot).owes = std::exchange(peer(slot).owing, 0);
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

/// Who is to be asked for a feed instead of those that let it wait.
std::optional<Slot> Ebt::replacement(FeedRow& row) {
    std::optional<Slot> stalled;
    bool anybody = false;
    for (Slot slot : order_) {
        if (!row.has_rx(slot)) continue;
        anybody = true;
        ++peer(slot).owing;
        if (!is_stalled(row, peer(slot))) continue;
        Relation its = row.get(slot);
        if (!next_giver(row, slot)) {
            // Nobody else: what it left out is asked for again.
            bool long_ago = row.since_ms + ask_again_ms < now_ms_;
            if (!long_ago || !can_give(row, slot)) continue;
            if (row.hole) return slot;
            insist(row, slot);
            continue;
        }
        ended_in_vain(row, slot);
        tell(row, slot, its, false);
        row.put(slot, its);
        stalled = slot;
    }
    if (stalled) return next_giver(row, *stalled);
    return anybody ? std::nullopt : adopter(row);
}

/// For a feed that is asked of nobody. Not at once: who gave it may be about to say more.
std::optional<Slot> Ebt::adopter(FeedRow& row) {
    if (!std::exchange(row.orphaned, true)) return std::nullopt;
    if (now_ms_ - row.since_ms < patience_ms(row) - silent_ms) return std::nullopt;
    if (auto next = next_giver(row, row.giver)) return next;
    // Only the last one, if it is still there.
    const bool here = std::find(order_.begin(), order_.end(), row.giver) != order_.end();
    return here && can_give(row, row.giver) ? std::optional(row.giver) : std::nullopt;
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
    bytes += refusals_.size() * (sizeof(std::pair<FeedId, FeedId>) + 8 * sizeof(void*));
    return bytes;
}

}  // namespace sbot::replication
