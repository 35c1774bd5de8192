#pragma once

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>

#include "io/loop.h"
#include "io/pool.h"
#include "io/sync.h"
#include "muxrpc/router.h"
#include "muxrpc/session.h"
#include "replication/ebt.h"
#include "replication/fetcher.h"
#include "replication/history.h"
#include "replication/incoming.h"
#include "replication/intake.h"
#include "replication/peer_clocks.h"
#include "replication/puller.h"

namespace sbot::replication {

/// Keeps wanted feeds level with all connected peers: drives `Ebt` over `ebt.replicate` streams, in
/// both roles, and falls back to `createHistoryStream` where a peer has no EBT, or its EBT fails or
/// says nothing. Loop thread; all that is handed in outlives this.
class Replicator {
 public:
    struct Options {
        FeedId own;
        std::uint64_t salt = 0;  ///< random
        /// How near a feed is, 0 the nearest: nearer ones are asked for and checked first.
        Rank rank = [](const FeedId&) { return std::size_t{0}; };
    };
    /// Hears of a peer that sent a bad message of a feed, or another branch of it, and why it was
    /// not taken. The feed goes on with other peers.
    using OnTrouble =
        std::function<void(const FeedId& peer, const FeedId& feed, const std::string& why)>;

    Replicator(io::Loop& loop, io::Pool& pool, Intake& intake, History& history, PeerClocks& clocks,
               Options options, OnTrouble on_trouble);
    ~Replicator();

    /// What is stored is known by now: streams that waited for that begin.
    void start();

    /// Wants a feed, or stops wanting it. The own one is always wanted.
    void request(const FeedId& feed, bool wanted);
    void block(const FeedId& from, const FeedId& to, bool blocked);

    /// A batch was written: call for each of its feeds, then `settle`.
    void stored(const FeedId& feed, Sequence latest);
    /// Messages that were accepted could not be written.
    void lost(const FeedId& feed);
    void settle();

    /// Replicates over a session until it ends. Must be dropped before the session.
    io::Task<void> accompany(muxrpc::Session& session, FeedId peer, bool we_dialled);
    /// `ebt.replicate`, called by a peer.
    muxrpc::AsyncReply<void> serve(muxrpc::Request request, std::unique_ptr<muxrpc::Source> in,
                                   std::unique_ptr<muxrpc::Sink> out);

    /// Messages that crossed EBT streams so far.
    struct Traffic {
        std::uint64_t received = 0, sent = 0;
    };
    const Traffic& traffic() const { return traffic_; }

    /// How far EBT is. Counting large tables takes turns of the loop; what came out is kept for
    /// ten times as long as that took.
    io::Task<Ebt::Progress> progress();

    const Ebt& ebt() const { return ebt_; }
    bool wants(const FeedId& feed) const { return wants_.feeds().count(feed) > 0; }
    const Wants& wants() const { return wants_; }
    /// Set for a moment with every change of `wants`.
    io::Event& wants_changed() { return wants_changed_; }

 private:
    struct Stream;
    struct Legacy;

    io::Task<void> converse(Stream& stream);
    io::Task<void> read(Stream& stream);
    void hear(Stream& stream);
    io::Async<void> take_item(Stream& stream, muxrpc::Body item);
    io::Async<void> take_notes(Stream& stream, muxrpc::Body item);
    io::Task<void> write(Stream& stream);
    muxrpc::AsyncReply<void> say(Stream& stream, std::vector<FeedNote> notes);
    muxrpc::AsyncReply<void> send_messages(Stream& stream, Ebt::Span span);
    void take_fetches(Stream& stream);
    Fetcher::Hooks fetches_of(Stream& stream);
    io::Task<void> take_fetched(Stream& stream, muxrpc::Body item);
    io::Task<void> watch(muxrpc::Session& session, Stream& stream);
    io::Task<void> pull(muxrpc::Session& session, FeedId peer);
    io::Task<void> keep_time();
    io::Task<void> count_progress();
    void begin(Stream& stream, const PeerClock& saved);
    void finish(Stream& stream);

    io::Loop& loop_;
    io::Pool& pool_;
    Intake& intake_;
    History& history_;
    PeerClocks& clocks_;
    FeedId own_;
    Rank rank_;
    OnTrouble on_trouble_;
    Traffic traffic_;
    Ebt ebt_;
    Wants wants_;
    io::Event wants_changed_;
    io::Event ready_;
    std::unordered_map<Slot, Stream*> streams_;
    std::list<Legacy*> legacy_;
    Incoming incoming_;
    io::Task<void> timer_;
    Ebt::Progress progress_;
    std::uint64_t progress_until_ms_ = 0;  // it holds until then
    bool counting_progress_ = false;
    io::Event progress_known_;
    io::Task<void> counting_;
};

}  // namespace sbot::replication
