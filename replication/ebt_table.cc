#include "replication/ebt_table.h"

#include <algorithm>
#include <limits>

#include "base/assert.h"

namespace sbot::replication {
namespace {

// Room for the two values that are no sequence.
constexpr std::int64_t shift = 2;

std::uint32_t packed(std::int64_t number) {
    constexpr std::int64_t most = std::numeric_limits<std::uint32_t>::max();
    return static_cast<std::uint32_t>(std::min(number + shift, most));
}

std::int64_t unpacked(std::uint32_t number) { return static_cast<std::int64_t>(number) - shift; }

}  // namespace

std::vector<FeedRow::Numbers>::iterator FeedRow::place_of(Slot slot) {
    return std::lower_bound(numbers_.begin(), numbers_.end(), slot,
                            [](const Numbers& each, Slot key) { return each.slot < key; });
}

Relation FeedRow::get(Slot slot) const {
    std::uint8_t bits = mark(slot);
    Relation out;
    out.open = (bits & open_bit) != 0;
    out.tx = (bits & tx_bit) != 0;
    out.rx = (bits & rx_bit) != 0;
    out.refused = (bits & refused_bit) != 0;
    out.noted = (bits & noted_bit) != 0;
    out.queued = (bits & queued_bit) != 0;
    auto ours = static_cast<std::int64_t>(latest_);
    switch (bits & kind_mask) {
        case same: out.has = ours; break;
        case no: out.has = Relation::declined; break;
        case listed: {
            auto found = const_cast<FeedRow*>(this)->place_of(slot);
            SBOT_ASSERT(found != numbers_.end() && found->slot == slot);
            out.has = unpacked(found->has);
            out.sent = unpacked(found->sent);
            out.requested = unpacked(found->requested);
            return out;
        }
        default: break;
    }
    if (!out.open) return out;
    out.sent = out.has;
    out.requested = out.refused ? Relation::declined : ours;
    return out;
}

void FeedRow::put(Slot slot, const Relation& relation) {
    std::uint8_t bits = 0;
    if (relation.open) bits |= open_bit;
    if (relation.tx) bits |= tx_bit;
    if (relation.rx) bits |= rx_bit;
    if (relation.refused) bits |= refused_bit;
    if (relation.noted) bits |= noted_bit;
    if (relation.queued) bits |= queued_bit;
    auto ours = static_cast<std::int64_t>(latest_);
    bool level = relation.open ? relation.sent == relation.has : true;
    std::uint8_t kind = listed;
    if (level && relation.has == Relation::unknown) kind = none;
    if (level && relation.has == Relation::declined) kind = no;
    if (level && relation.has == ours) kind = same;
    bits = static_cast<std::uint8_t>(bits | kind);

    std::uint8_t before = mark(slot);
    if (kind == listed) {
        list(slot, relation);
    } else if ((before & kind_mask) == listed) {
        numbers_.erase(place_of(slot));
    }
    if (bits == before) return;
    if (slot >= marks_.size()) marks_.resize(slot + std::size_t{1});
    marks_[slot] = bits;
}

void FeedRow::list(Slot slot, const Relation& relation) {
    Numbers numbers{packed(relation.has), packed(relation.sent), packed(relation.requested), slot};
    auto place = place_of(slot);
    if (place != numbers_.end() && place->slot == slot) {
        *place = numbers;
    } else {
        numbers_.insert(place, numbers);
    }
}

void FeedRow::set_latest(Sequence latest) {
    if (latest == latest_) return;
    for (std::size_t i = 0; i < marks_.size(); ++i) {
        if ((marks_[i] & kind_mask) != same) continue;
        auto slot = static_cast<Slot>(i);
        list(slot, get(slot));
        marks_[i] |= listed;
    }
    latest_ = latest;
}

bool FeedRow::is_blank() const {
    return std::all_of(marks_.begin(), marks_.end(), [](std::uint8_t each) { return each == 0; });
}

std::size_t FeedRow::memory_bytes() const {
    return sizeof(FeedRow) + marks_.capacity() + numbers_.capacity() * sizeof(Numbers);
}

}  // namespace sbot::replication
