#include "replication/ebt.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/assert.h"
#include "base/limits.h"

namespace sbot::replication {
namespace {

// Fetches in a row that brought nothing, after which a peer is only asked to send.
constexpr std::uint32_t vain_fetches_max = 3;

std::int64_t number(Sequence sequence) { return static_cast<std::int64_t>(sequence); }

}  // namespace

std::size_t Ebt::SaltedHash::operator()(const FeedId& id) const noexcept {
    std::uint64_t hash = salt;
    for (std::size_t at = 0; at < id.bytes.size(); at += sizeof hash) {
        std::uint64_t word;
        std::memcpy(&word, id.bytes.data() + at, sizeof word);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15ULL;
        hash ^= hash >> 29;
    }
    return hash;
}

Ebt::Ebt(FeedId own, std::uint64_t salt, Sequence fetch_min)
    : own_(own), fetch_min_(fetch_min), index_(0, SaltedHash{salt | 1}) {}

// --- rows

FeedRow* Ebt::find(const FeedId& feed) {
    auto found = index_.find(feed);
    return found == index_.end() ? nullptr : &rows_[found->second];
}

const FeedRow* Ebt::find(const FeedId& feed) const { return const_cast<Ebt*>(this)->find(feed); }

FeedRow& Ebt::row_of(const FeedId& feed) {
    if (FeedRow* row = find(feed)) return *row;
    std::uint32_t place = static_cast<std::uint32_t>(rows_.size());
    if (free_rows_.empty()) {
        rows_.emplace_back();
    } else {
        place = free_rows_.back();
        free_rows_.pop_back();
    }
    FeedRow& row = rows_[place];
    row.feed = feed;
    row.number = place;
    index_.emplace(feed, place);
    return row;
}

void Ebt::forget_if_blank(FeedRow& row) {
    if (row.wanted || row.behind || !row.is_blank()) return;
    for (Slot slot : order_) {
        if (vain_asks(row, peer(slot)) > 0) peer(slot).vain[row.number] = 0;
    }
    index_.erase(row.feed);
    free_rows_.push_back(row.number);
    row = FeedRow{};
}

bool Ebt::shared(const FeedRow& row, const Peer& with) const {
    if (!row.wanted) return false;
    if (blocks_.empty() && refused_.empty()) return true;
    return blocks_.count({row.feed, with.id}) == 0 && refused_.count({row.feed, with.id}) == 0;
}

// --- what is said

void Ebt::wake(Slot slot) {
    Peer& whom = peer(slot);
    if (whom.awake) return;
    whom.awake = true;
    awake_.push_back(slot);
}

/// There is something to say of this feed: what the relation is when it is said.
void Ebt::speak(FeedRow& row, Slot slot, Relation& relation) {
    Peer& to = peer(slot);
    to.speaks = true;
    wake(slot);
    if (relation.noted) return;
    relation.noted = true;
    to.pending.push_back(row.number);
}

void Ebt::tell(FeedRow& row, Slot slot, Relation& relation, bool receive) {
    if (receive && !relation.rx) {
        row.giver = slot;
        row.since_ms = now_ms_;
        row.gave = false;
    }
    if (relation.open) {
        relation.rx = receive;
        relation.requested = number(row.latest());
    }
    relation.refused = false;
    plan_fetch(row, slot, relation);
    speak(row, slot, relation);
}

void Ebt::decline(FeedRow& row, Slot slot, Relation& relation) {
    relation.rx = relation.tx = false;
    relation.requested = Relation::declined;
    relation.refused = true;
    plan_fetch(row, slot, relation);
    speak(row, slot, relation);
}

/// Our first notes: every feed but those of which the peer has what we have, or wants nothing.
void Ebt::greet(Slot slot) {
    Peer& to = peer(slot);
    to.greeted = true;
    to.speaks = true;
    wake(slot);
    for (FeedRow& row : rows_) {
        if (!shared(row, to)) continue;
        Relation relation = row.get(slot);
        bool level = relation.has == number(row.latest()) && row.latest() > 0;
        if (relation.has == Relation::declined || level) continue;
        relation.open = true;
        tell(row, slot, relation, !giver(row, slot));
        row.put(slot, relation);
    }
}

void Ebt::queue(FeedRow& row, Slot slot, Relation& relation) {
    if (relation.queued) return;
    relation.queued = true;
    peer(slot).ready.push(row.number);
    wake(slot);
}

// --- our side

bool Ebt::request(const FeedId& feed, bool wanted, Sequence latest) {
    if (FeedRow* known = find(feed); wanted == (known != nullptr && known->wanted)) return false;
    FeedRow& row = row_of(feed);
    row.wanted = wanted;
    row.fetch = FeedRow::Fetch::none;
    if (wanted) {
        row.set_latest(latest);
        row.taken = latest;
    }
    bool asked = false;
    for (Slot slot : order_) {
        Relation relation = row.get(slot);
        relation.tx = false;
        if (wanted) relation.rx = false;
        bool level = relation.has == number(latest) && latest > 0;
        if (wanted && peer(slot).greeted && shared(row, peer(slot)) &&
            relation.has != Relation::declined && !level) {
            relation.open = true;
            relation.sent = Relation::declined;
            tell(row, slot, relation, !asked);
            asked = true;
        }
        row.put(slot, relation);
        // One that we declined and that is level with us hears of it at the next tick.
        if (wanted && (relation.refused || can_give(row, slot))) note_behind(row);
    }
    forget_if_blank(row);
    return true;
}

void Ebt::block(const FeedId& from, const FeedId& to, bool blocked) {
    if (!blocked) {
        blocks_.erase({from, to});
        return;
    }
    if (!blocks_.insert({from, to}).second) return;
    if (from != own_) {
        withdraw(from, to);
    } else if (auto slot = slot_of(to)) {
        peer(*slot).must_end = true;
        wake(*slot);
    }
}

void Ebt::refused(const FeedId& feed, const FeedId& from_peer) {
    auto [place, is_new] = refused_.insert({feed, from_peer});
    if (!is_new) return;
    refusals_.push_back(place);
    if (refusals_.size() > limits::ebt_refusals_max) {
        refused_.erase(refusals_.front());
        refusals_.pop_front();
    }
    withdraw(feed, from_peer);
}

/// Ends what goes on with a peer about a feed that it may not have or give any more.
void Ebt::withdraw(const FeedId& feed, const FeedId& from_peer) {
    FeedRow* row = find(feed);
    auto slot = slot_of(from_peer);
    if (row == nullptr || !slot) return;
    row->taken = row->latest();
    Relation relation = row->get(*slot);
    if (!relation.open) return;
    decline(*row, *slot, relation);
    row->put(*slot, relation);
    note_behind(*row);
}

void Ebt::missed(const FeedId& feed) {
    FeedRow* row = find(feed);
    if (row == nullptr) return;
    row->taken = row->latest();
    row->hole = true;
    note_behind(*row);
    if (row->fetch == FeedRow::Fetch::none) return;
    row->fetch = FeedRow::Fetch::ending;
    end_fetch(*row);
}

void Ebt::stored(const FeedId& feed, Sequence latest) {
    FeedRow* row = find(feed);
    if (row == nullptr || !row->wanted || latest <= row->latest()) return;
    row->set_latest(latest);
    row->taken = std::max(row->taken, latest);
    for (Slot slot : order_) {
        Relation relation = row->get(slot);
        if (peer(slot).greeted && shared(*row, peer(slot))) {
            bool lacks = relation.has != Relation::declined && relation.has < number(latest);
            if (relation.tx) {
                if (relation.sent >= 0 && relation.sent < number(latest)) {
                    queue(*row, slot, relation);
                }
            } else if (lacks && (!relation.open || relation.sent != Relation::unknown)) {
                tell(*row, slot, relation, false);
            }
        }
        row->put(slot, relation);
    }
    end_fetch(*row);
}

// --- streams

Slot Ebt::open(const FeedId& id, Role role, const PeerClock& saved, std::uint64_t now_ms) {
    SBOT_ASSERT(connected_.count(id) == 0);
    now_ms_ = now_ms;
    auto free = std::find(peers_.begin(), peers_.end(), nullptr);
    auto slot = static_cast<Slot>(free - peers_.begin());
    if (free == peers_.end()) peers_.emplace_back();
    peers_[slot] = std::make_unique<Peer>();
    Peer& opened = peer(slot);
    opened.id = id;
    opened.gives_runs = fetch_min_ > 0;
    order_.push_back(slot);
    connected_.emplace(id, slot);
    for (const auto& [feed, has] : saved) {
        FeedRow* known = find(feed);
        if (known == nullptr && ++opened.unwanted > limits::ebt_unwanted_numbers_max) continue;
        FeedRow& row = known != nullptr ? *known : row_of(feed);
        Relation relation;
        relation.has = has;
        row.put(slot, relation);
        if (has > number(row.latest())) note_behind(row);
    }
    if (is_blocked(own_, id)) {
        opened.must_end = true;
        wake(slot);
    } else if (role == Role::called) {
        greet(slot);
    }
    return slot;
}

PeerClock Ebt::close(Slot slot) {
    PeerClock clock;
    connected_.erase(peer(slot).id);
    std::erase(awake_, slot);
    for (FeedRow& row : rows_) {
        Relation was = row.get(slot);
        if (was == Relation{}) continue;
        // Of a feed that we declined, the peer says nothing on its own again: then we have to.
        bool mute = was.refused && was.has == number(row.latest());
        if (was.has != Relation::unknown && !mute) clock.push_back({row.feed, was.has});
        row.clear(slot);
        if (row.fetched_from == slot) row.fetch = FeedRow::Fetch::none;
        if (was.rx && row.wanted && !giver(row, {})) {
            if (auto next = next_giver(row, slot)) ask(row, *next);
        }
        forget_if_blank(row);
    }
    std::erase(order_, slot);
    peers_[slot] = nullptr;
    return clock;
}

void Ebt::notes(Slot slot, std::span<const FeedNote> said, std::uint64_t now_ms) {
    now_ms_ = now_ms;
    if (peer(slot).must_end) return;
    if (!peer(slot).greeted) greet(slot);
    for (const FeedNote& each : said) take_note(slot, each);
}

void Ebt::take_note(Slot slot, const FeedNote& said) {
    FeedRow* row = find(said.feed);
    if (row == nullptr || !shared(*row, peer(slot))) {
        answer_unshared(slot, said);
        return;
    }
    Relation relation = row->get(slot);
    std::int64_t ours = number(row->latest());
    const bool had_more = relation.open && relation.has > ours;
    relation.has = said.note.replicate ? number(said.note.sequence) : Relation::declined;
    // Somebody new: everybody is asked as soon as at first.
    if (relation.has > ours && !had_more) row->vain = 0;
    if (!relation.open) {
        relation.open = true;
        tell(*row, slot, relation, relation.has > ours && !giver(*row, slot));
    } else if (!relation.rx && relation.has > ours) {
        maybe_ask(*row, slot, relation);
    } else if (relation.rx && relation.noted) {
        // It was to be told to send, before we knew how much.
        plan_fetch(*row, slot, relation);
    }
    relation.tx = said.note.receive && said.note.replicate;
    relation.sent = relation.has;
    if (ours > relation.sent) {
        if (relation.tx) {
            queue(*row, slot, relation);
        } else if (said.note.replicate) {
            tell(*row, slot, relation, relation.rx);
        }
    }
    row->put(slot, relation);
    if (relation.has > ours) note_behind(*row);
}

/// A feed that we do not want, or not with this peer: it is told so once.
void Ebt::answer_unshared(Slot slot, const FeedNote& said) {
    Peer& to = peer(slot);
    FeedRow* known = find(said.feed);
    if (known == nullptr && index_.size() >= limits::ebt_feeds_max) {
        if (to.declined.size() < limits::ebt_unwanted_numbers_max) {
            to.declined.push_back(said.feed);
            to.speaks = true;
            wake(slot);
        }
        return;
    }
    FeedRow& row = known != nullptr ? *known : row_of(said.feed);
    Relation relation = row.get(slot);
    bool first = !relation.open;
    if (first) {
        decline(row, slot, relation);
        if (++to.unwanted > limits::ebt_unwanted_numbers_max) relation.has = Relation::unknown;
    }
    relation.open = true;
    relation.refused = true;
    relation.tx = relation.rx = false;
    if (to.unwanted <= limits::ebt_unwanted_numbers_max) {
        relation.has = said.note.replicate ? number(said.note.sequence) : Relation::declined;
        relation.sent = relation.requested = Relation::declined;
    }
    row.put(slot, relation);
}

bool Ebt::message(Slot slot, const FeedId& feed, Sequence sequence, std::uint64_t now_ms) {
    now_ms_ = now_ms;
    FeedRow* row = find(feed);
    if (row == nullptr || !row->is_open(slot)) return false;
    Relation relation = row->get(slot);
    relation.has = std::max(relation.has, number(sequence));
    relation.sent = std::max(relation.sent, number(sequence));
    bool is_shared = shared(*row, peer(slot));
    bool is_new = sequence > row->latest();
    // Also of a feed not wanted any more: it makes the peer stop.
    if (!is_new && relation.rx) {
        ended_in_vain(*row, slot);
        tell(*row, slot, relation, false);
    }
    row->put(slot, relation);
    if (!is_shared || !is_new) return false;
    peer(slot).began = true;
    if (sequence == std::max(row->taken, row->latest()) + 1) {
        row->taken = sequence;
        came(*row, slot);
    } else {
        ++peer(slot).useless;
    }
    return true;
}

// --- what is to be done

std::vector<Slot> Ebt::take_awake() {
    for (Slot slot : awake_) peer(slot).awake = false;
    return std::exchange(awake_, {});
}

std::optional<std::vector<FeedNote>> Ebt::take_notes(Slot slot) {
    Peer& to = peer(slot);
    if (!to.speaks) return std::nullopt;
    to.speaks = false;
    std::vector<FeedNote> notes;
    notes.reserve(to.pending.size() + to.declined.size());
    for (std::uint32_t place : std::exchange(to.pending, {})) {
        FeedRow& row = rows_[place];
        Relation relation = row.get(slot);
        relation.noted = false;
        row.put(slot, relation);
        const bool fetched = row.fetch != FeedRow::Fetch::none && row.fetched_from == slot;
        Note note =
            relation.refused ? Note::refusal() : Note{row.latest(), true, relation.rx && !fetched};
        notes.push_back({row.feed, note});
    }
    for (const FeedId& feed : std::exchange(to.declined, {})) {
        notes.push_back({feed, Note::refusal()});
    }
    return notes;
}

std::optional<Ebt::Span> Ebt::next_to_send(Slot slot) {
    Peer& to = peer(slot);
    while (!to.ready.empty()) {
        FeedRow& row = rows_[to.ready.pop()];
        Relation relation = row.get(slot);
        relation.queued = false;
        row.put(slot, relation);
        if (!shared(row, to) || !relation.tx || relation.sent < 0) continue;
        if (relation.sent >= number(row.latest())) continue;
        return Span{row.feed, static_cast<Sequence>(relation.sent) + 1, row.latest()};
    }
    return std::nullopt;
}

bool Ebt::sending(Slot slot, const Span& read) {
    FeedRow* row = find(read.feed);
    if (row == nullptr || !shared(*row, peer(slot))) return false;
    Relation relation = row->get(slot);
    if (!relation.tx || relation.sent < 0) return false;
    bool fits = static_cast<Sequence>(relation.sent) + 1 == read.first;
    if (fits) relation.sent = number(read.last);
    if (relation.sent < number(row->latest())) queue(*row, slot, relation);
    row->put(slot, relation);
    return fits;
}

void Ebt::cannot_send(Slot slot, const FeedId& feed) {
    FeedRow* row = find(feed);
    if (row == nullptr) return;
    Relation relation = row->get(slot);
    relation.tx = false;
    row->put(slot, relation);
}

// --- long runs

/// A server that reads its log message by message for `ebt.replicate` gives a run of them twice as
/// fast by `createHistoryStream`.
void Ebt::plan_fetch(FeedRow& row, Slot slot, const Relation& relation) {
    const bool here = row.fetch != FeedRow::Fetch::none && row.fetched_from == slot;
    if (here && !relation.rx) row.fetch = FeedRow::Fetch::none;
    if (!relation.rx || row.fetch != FeedRow::Fetch::none || !peer(slot).gives_runs) return;
    if (relation.has < number(row.latest() + fetch_min_)) return;
    row.fetch = FeedRow::Fetch::begun;
    row.fetched_from = slot;
    peer(slot).fetches.push_back(row.number);
    wake(slot);
}

std::vector<FeedId> Ebt::take_fetches(Slot slot) {
    std::vector<FeedId> feeds;
    for (std::uint32_t place : std::exchange(peer(slot).fetches, {})) {
        if (to_fetch(slot, rows_[place].feed)) feeds.push_back(rows_[place].feed);
    }
    return feeds;
}

std::optional<Ebt::Span> Ebt::to_fetch(Slot slot, const FeedId& feed) const {
    const FeedRow* row = find(feed);
    if (row == nullptr || row->fetch != FeedRow::Fetch::begun) return std::nullopt;
    if (row->fetched_from != slot || !shared(*row, peer(slot))) return std::nullopt;
    const Sequence first = std::max(row->taken, row->latest()) + 1;
    return Span{feed, first, static_cast<Sequence>(row->get(slot).has)};
}

void Ebt::fetched(Slot slot, const FeedId& feed, bool useful) {
    Peer& whom = peer(slot);
    whom.vain_fetches = useful ? 0 : whom.vain_fetches + 1;
    if (whom.vain_fetches >= vain_fetches_max) whom.gives_runs = false;
    if (!to_fetch(slot, feed)) return;
    FeedRow& row = *find(feed);
    row.fetch = FeedRow::Fetch::ending;
    end_fetch(row);
}

/// Not before all is stored: the peer would send again what it gave.
void Ebt::end_fetch(FeedRow& row) {
    if (row.fetch != FeedRow::Fetch::ending || row.latest() < row.taken) return;
    row.fetch = FeedRow::Fetch::none;
    const Slot slot = row.fetched_from;
    Relation relation = row.get(slot);
    if (!relation.rx) return;
    relation.requested = number(row.latest());
    speak(row, slot, relation);
    row.put(slot, relation);
}

}  // namespace sbot::replication
