#pragma once

#include <cstdint>
#include <vector>

#include "message/ids.h"

/// What a node knows of its feeds and its connected peers: a row for each feed, with one byte for
/// each peer in it. Numbers are kept only where a peer differs from "has what we have".
namespace sbot::replication {

/// A connected peer's place in the table; used again when it has left.
using Slot = std::uint16_t;

/// One feed between us and one peer.
struct Relation {
    /// Instead of a sequence. `declined`: the peer does not replicate that feed with us.
    static constexpr std::int64_t unknown = -2;
    static constexpr std::int64_t declined = -1;

    std::int64_t has = unknown;        ///< the peer's latest sequence, as it said or showed
    std::int64_t sent = unknown;       ///< the last sequence exchanged, in either direction
    std::int64_t requested = unknown;  ///< our latest sequence when we last told the peer
    bool open = false;                 ///< we have told it of this feed on this connection
    bool tx = false;                   ///< the peer wants it from us
    bool rx = false;                   ///< we asked the peer to send it
    bool refused = false;              ///< we told it that we do not replicate it
    bool noted = false;                ///< in the peer's list of feeds to tell it of
    bool queued = false;               ///< in the peer's list of feeds to be sent

    bool operator==(const Relation&) const = default;
};

/// One feed and all connected peers.
///
/// A byte for each slot holds the flags and which numbers go with them: none known, the same as
/// ours, declined, or some in a list beside (16 bytes each). Sequences over four thousand million
/// are kept as that.
class FeedRow {
 public:
    FeedId feed;
    std::uint32_t number = 0;  ///< of the row itself
    bool wanted = false;
    bool behind = false;    ///< somebody may have more than we
    bool orphaned = false;  ///< and nobody was asked for it, at the last tick
    bool hole = false;      ///< what came did not follow on what we have
    /// A long run comes by `createHistoryStream` from `fetched_from`, which is told to send nothing
    /// meanwhile; `ending`: all of it that came is still to be stored.
    enum class Fetch : std::uint8_t { none, begun, ending };
    Fetch fetch = Fetch::none;
    Slot fetched_from = 0;
    Slot giver = 0;              ///< who was asked last
    bool gave = false;           ///< and something came since then
    std::uint8_t vain = 0;       ///< so often nothing did, one after the other, at most 255
    std::uint64_t since_ms = 0;  ///< it waits since then: it was asked for, or some of it came
    Sequence taken = 0;          ///< what came, in order, stored or not yet

    Sequence latest() const { return latest_; }
    /// Our own sequence; peers that had "the same as ours" keep the old number.
    void set_latest(Sequence latest);

    Relation get(Slot slot) const;
    void put(Slot slot, const Relation& relation);
    void clear(Slot slot) { put(slot, Relation{}); }

    /// Quick looks at single flags.
    bool has_rx(Slot slot) const { return (mark(slot) & rx_bit) != 0; }
    bool is_open(Slot slot) const { return (mark(slot) & open_bit) != 0; }
    /// Whether nothing at all is known about any peer.
    bool is_blank() const;

    std::size_t memory_bytes() const;

 private:
    enum Mark : std::uint8_t {
        kind_mask = 3,
        none = 0,
        same = 1,
        no = 2,
        listed = 3,
        open_bit = 4,
        tx_bit = 8,
        rx_bit = 16,
        refused_bit = 32,
        noted_bit = 64,
        queued_bit = 128,
    };
    struct Numbers {
        std::uint32_t has, sent, requested;
        Slot slot;
    };

    std::uint8_t mark(Slot slot) const { return slot < marks_.size() ? marks_[slot] : 0; }
    std::vector<Numbers>::iterator place_of(Slot slot);
    void list(Slot slot, const Relation& relation);

    Sequence latest_ = 0;
    std::vector<std::uint8_t> marks_;
    std::vector<Numbers> numbers_;  // by slot
};

}  // namespace sbot::replication
