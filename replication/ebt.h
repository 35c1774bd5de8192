#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/fifo.h"
#include "replication/ebt_notes.h"
#include "replication/ebt_table.h"

/// Epidemic broadcast trees: who tells whom what, and who sends what to whom.
namespace sbot::replication {

/// A peer's latest sequences as it told or showed them; -1 where it declined.
using PeerClock = std::vector<std::pair<FeedId, std::int64_t>>;

/// The state of `ebt.replicate` with all connected peers. Events go in, what is to be done is asked
/// for; no I/O, no clock (milliseconds come in, from an arbitrary start). Protocol source:
/// replication/README.md.
///
/// What a peer says never moves our own sequences: only `stored` does. What it says now is the
/// truth about the peer, whatever it said before.
///
/// Of those that can give a feed one is asked. Another takes its place when it leaves, or when the
/// feed waits: for `silent_ms` nothing of it has come in order, since it was asked or since the
/// last message, and somebody else has more of it too. What comes of other feeds, or of this one
/// that does not follow, is no excuse, with two exceptions: a peer that gives ten useful messages a
/// second and more may let each feed wait its turn behind the others it was asked for, and what
/// waits on our side for its turn is not the peer's fault. Both end after a minute.
/// The others are asked in order of connection, going round, so that whoever was asked in vain
/// comes last. When all were, each round takes twice as long as the one before, until something
/// comes or somebody new has some. Whoever was asked in vain more than once and only says again
/// that it has more does not take a feed from another that can give it.
class Ebt {
 public:
    enum class Role {
        called,   ///< the peer opened the stream: we speak first
        dialled,  ///< we did: nothing is sent before the peer's first notes
    };

    /// `salt` is random: it keeps strangers from choosing feed ids that collide. Runs of at least
    /// `fetch_min` messages are fetched, unless the peer was asked for them before it said that it
    /// has them; 0: none ever.
    Ebt(FeedId own, std::uint64_t salt, Sequence fetch_min = 0);

    // --- what happens on our side
    /// Wants a feed of which `latest` is stored, or stops wanting it. True if that is a change.
    bool request(const FeedId& feed, bool wanted, Sequence latest);
    /// `from` blocks `to`: its feed is neither given to that peer nor taken from it. Where `from`
    /// is the own id the peer's stream ends.
    void block(const FeedId& from, const FeedId& to, bool blocked);
    /// The log grew: `latest` is on the disk. Several messages of one feed may be told at once.
    void stored(const FeedId& feed, Sequence latest);
    /// A message of that feed from that peer was bad: it gives us that feed no more, until restart,
    /// or until `limits::ebt_refusals_max` later ones made it forgotten.
    void refused(const FeedId& feed, const FeedId& peer);
    /// What came did not follow on what we have, or could not be stored: somebody is asked for it
    /// again at a `tick`.
    void missed(const FeedId& feed);

    // --- what happens on a stream
    /// A stream with a peer that has none (see `slot_of`). `saved` is what `close` gave last time.
    Slot open(const FeedId& peer, Role role, const PeerClock& saved, std::uint64_t now_ms);
    /// An item of notes; a part of one does as well.
    void notes(Slot slot, std::span<const FeedNote> notes, std::uint64_t now_ms);
    /// A message came. True if it is to be checked and stored.
    bool message(Slot slot, const FeedId& feed, Sequence sequence, std::uint64_t now_ms);
    /// The peer is at work, though nothing has come through to us.
    void heard(Slot slot, std::uint64_t now_ms);
    /// The stream has ended; gives what is known about the peer.
    PeerClock close(Slot slot);
    /// Time passes: replaces givers that let a feed wait. Once a second or so.
    void tick(std::uint64_t now_ms);

    // --- what is to be done
    /// Streams that have something to send or must end, each once.
    std::vector<Slot> take_awake();
    /// The peer is blocked: its stream has to be closed.
    bool must_end(Slot slot) const { return peer(slot).must_end; }
    /// Notes to send before anything else; the first item may be empty. Nothing: no item.
    std::optional<std::vector<FeedNote>> take_notes(Slot slot);
    bool has_notes(Slot slot) const { return peer(slot).speaks; }

    struct Span {
        FeedId feed;
        Sequence first = 0, last = 0;
    };
    /// A run of messages to read for that peer, shortest-waiting feed last. Say what became of it
    /// before asking again: `sending`, or `cannot_send`.
    std::optional<Span> next_to_send(Slot slot);
    /// Messages were read and are about to be sent. False: the peer does not want them any more.
    bool sending(Slot slot, const Span& read);
    /// They are not there (deleted): that feed ends here for that peer.
    void cannot_send(Slot slot, const FeedId& feed);

    // --- long runs, fetched in one go instead of being sent
    /// Feeds that are to be fetched from that peer by now, each once.
    std::vector<FeedId> take_fetches(Slot slot);
    /// What to fetch, if the feed still is; what comes is told as `message`.
    std::optional<Span> to_fetch(Slot slot, const FeedId& feed) const;
    /// No more of it comes, `useful` if anything did. The peer is asked to send what follows once
    /// all that came is stored.
    void fetched(Slot slot, const FeedId& feed, bool useful);

    // --- looks from outside
    std::optional<Slot> slot_of(const FeedId& peer) const;
    const FeedId& peer_of(Slot slot) const { return peer(slot).id; }
    bool is_blocked(const FeedId& from, const FeedId& to) const;
    /// The peer sent a bad message of that feed.
    bool is_refused(const FeedId& feed, const FeedId& peer) const {
        return refused_.count({feed, peer}) > 0;
    }
    std::vector<FeedId> wanted() const;
    /// A feed and one peer; nothing where they never had to do with each other.
    std::optional<Relation> relation(const FeedId& feed, Slot slot) const;
    std::optional<Sequence> latest(const FeedId& feed) const;
    const std::vector<Slot>& slots() const { return order_; }

    struct Progress {
        double current = 0, target = 0;  ///< as `progress().ebt` counts
        double missing = 0;              ///< messages that connected peers have and we lack
        std::size_t missing_feeds = 0;   ///< of so many feeds
        double to_send = 0;              ///< messages, each as often as there are peers waiting
    };
    struct ProgressCount {
        Progress sum;
        std::size_t next_row = 0;
    };
    /// Goes on counting for about `looks_max` looks at a feed and a peer. True at the end; of what
    /// changes on the way either state is counted.
    bool count_progress(ProgressCount& count, std::size_t looks_max) const;

    /// Rows and marks, without the allocator's own.
    std::size_t memory_bytes() const;
    std::size_t row_count() const { return index_.size(); }

 private:
    struct Peer {
        FeedId id;
        bool greeted = false;  // our first notes are made
        bool speaks = false;   // there is an item of notes to send
        bool must_end = false;
        bool awake = false;                     // in `awake_`
        std::optional<std::uint64_t> heard_ms;  // a message that we needed came
        bool began = false;                     // to give, or was asked since our first notes
        std::uint64_t busy_until_ms = 0;        // each of those buys some time, see `is_stalled`
        std::uint64_t held_until_ms = 0;        // what it sent waited for us
        std::uint64_t owes = 0, owing = 0;      // feeds asked of it that wait; as counted just now
        std::vector<std::uint8_t> vain;         // by row: asked so often without getting any
        std::vector<std::uint32_t> pending;     // rows to tell it of, each as it is by then
        std::vector<FeedId> declined;           // and feeds without a row
        base::Fifo<std::uint32_t> ready;        // rows with something to send
        std::uint32_t useless = 0;              // messages in a row that led nowhere
        std::size_t unwanted = 0;               // feeds it mentioned that we do not want
        std::set<std::uint32_t> insisted;       // rows, see `insist`
        bool gives_runs = false;                // may be fetched from
        std::uint32_t vain_fetches = 0;         // in a row
        std::vector<std::uint32_t> fetches;     // rows to be fetched
    };

    struct SaltedHash {
        std::uint64_t salt;
        std::size_t operator()(const FeedId& id) const noexcept;
    };

    Peer& peer(Slot slot) { return *peers_[slot]; }
    const Peer& peer(Slot slot) const { return *peers_[slot]; }
    FeedRow* find(const FeedId& feed);
    const FeedRow* find(const FeedId& feed) const;
    FeedRow& row_of(const FeedId& feed);
    void forget_if_blank(FeedRow& row);
    bool shared(const FeedRow& row, const Peer& peer) const;

    void wake(Slot slot);
    void greet(Slot slot);
    void tell(FeedRow& row, Slot slot, Relation& relation, bool receive);
    void decline(FeedRow& row, Slot slot, Relation& relation);
    void plan_fetch(FeedRow& row, Slot slot, const Relation& relation);
    void end_fetch(FeedRow& row);
    void speak(FeedRow& row, Slot slot, Relation& relation);
    void take_note(Slot slot, const FeedNote& said);
    void answer_unshared(Slot slot, const FeedNote& said);
    void maybe_ask(FeedRow& row, Slot slot, Relation& relation);
    void queue(FeedRow& row, Slot slot, Relation& relation);
    void take_back_refusals(FeedRow& row);
    void withdraw(const FeedId& feed, const FeedId& from_peer);
    void note_behind(FeedRow& row);

    void count_row(const FeedRow& row, Progress& sum) const;
    std::optional<Slot> giver(const FeedRow& row, std::optional<Slot> except) const;
    bool can_give(const FeedRow& row, Slot slot) const;
    std::optional<Slot> next_giver(const FeedRow& row, Slot after) const;
    std::uint64_t patience_ms(const FeedRow& row) const;
    bool is_stalled(const FeedRow& row, const Peer& peer) const;
    void came(FeedRow& row, Slot slot);
    void ended_in_vain(FeedRow& row, Slot slot);
    std::uint8_t vain_asks(const FeedRow& row, const Peer& peer) const;
    void ask(FeedRow& row, Slot slot);
    std::optional<Slot> replacement(FeedRow& row);
    std::optional<Slot> adopter(FeedRow& row);
    void insist(FeedRow& row, Slot slot);

    FeedId own_;
    Sequence fetch_min_;
    std::uint64_t now_ms_ = 0;  // as told last
    std::unordered_map<FeedId, std::uint32_t, SaltedHash> index_;
    std::deque<FeedRow> rows_;
    std::vector<std::uint32_t> free_rows_;
    std::vector<std::uint32_t> behind_;  // rows marked so
    std::vector<std::unique_ptr<Peer>> peers_;
    std::vector<Slot> order_;  // in order of connection
    std::map<FeedId, Slot> connected_;
    std::vector<Slot> awake_;
    std::set<std::pair<FeedId, FeedId>> blocks_;   // feed, peer
    std::set<std::pair<FeedId, FeedId>> refused_;  // the same, for bad messages
    std::deque<std::set<std::pair<FeedId, FeedId>>::iterator> refusals_;  // the oldest first
};

}  // namespace sbot::replication
