#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/logger.h"
#include "base/tree.h"
#include "friends/snapshot.h"
#include "io/net.h"
#include "io/task_group.h"
#include "muxrpc/session.h"
#include "net/address.h"
#include "net/secure_stream.h"
#include "replication/replicator.h"
#include "sbot/doorstep.h"
#include "sbot/metered_stream.h"

namespace sbot::app {

/// One connection with a peer, as others may know it. Lives as long as the connection.
struct Link {
    FeedId peer;
    std::string address;   ///< where it was dialled, or came from
    bool dialled = false;  ///< by us
    muxrpc::Rights rights = muxrpc::Rights::peer;
    double since = 0;            ///< milliseconds since 1970
    std::uint64_t since_ms = 0;  ///< of the loop
    Meter meter;
    bool closing = false;  ///< we have said goodbye
    base::Tree said;       ///< what `conn.connect` said of it; null: nothing
    muxrpc::Session* session = nullptr;
};

/// Hears of connections with peers (not of local callers).
class Watcher {
 public:
    virtual ~Watcher() = default;
    virtual void linked(Link& link) = 0;
    /// Its session is over, and about to go.
    virtual void unlinked(Link& link) = 0;
};

/// Everybody we are connected with: listens, dials, shakes hands, runs a session for each, and
/// keeps wanted feeds coming from those that are peers. Loop thread.
class Peers final : public friends::HopsObserver {
 public:
    struct Options {
        FeedId own;
        std::set<std::string> masters;  ///< feed ids with all rights
        std::uint64_t handshake_ms = limits::handshake_ms_default;
        /// A peer that neither sends nor takes anything for so long is hung up on; 0: never.
        std::uint64_t inactivity_ms = limits::inactivity_ms_default;
        std::size_t peers_max = limits::peers_max;
        std::size_t handshakes_max = limits::handshakes_max;
        /// How near a feed is (1: followed; the larger, the sooner it makes room for others).
        std::function<double(const FeedId&)> distance = [](const FeedId&) { return 1e9; };
        /// All of these together: the process may open no more files. Where that is less than
        /// both bounds above, a quarter is for handshakes.
        std::size_t connections_max = SIZE_MAX;
        /// Whether a key is that of an invite code which may still be used.
        std::function<bool(const FeedId&)> is_guest = [](const FeedId&) { return false; };
        /// What else goes on with a peer until its connection ends; may be empty.
        std::function<io::Task<void>(muxrpc::Session&, FeedId)> company{};
        /// Whom we neither dial nor let in; may be empty.
        std::function<bool(const FeedId&)> blocked{};
    };

    Peers(io::Loop& loop, const net::Identity& identity, const muxrpc::Router& router,
          replication::Replicator& replicator, base::Logger& log, Options options);
    ~Peers() override;

    /// Takes over a listening socket: net~shs, or the unix socket, whose callers have all rights.
    void serve(std::unique_ptr<io::Listener> listener);

    /// To be told of all connections from now on; outlives them all.
    void watch(Watcher& watcher) { watcher_ = &watcher; }
    /// Those with peers, in the order in which they came about.
    std::vector<Link*> links() const;
    Link* link_with(const FeedId& peer) const;
    /// Closes all connections with a peer (of callers with a peer's rights); false if there is
    /// none.
    bool hang_up(const FeedId& peer);
    void hang_up_all();

    /// Connects to a peer; returns when the session runs. A peer we dial has a peer's rights only,
    /// whoever it is.
    io::Async<void> connect(net::NetTarget target);
    /// Error `denied`, which `connect` gives, for whom we block.
    Result<void> may_dial(const FeedId& peer) const;

    /// Wants or stops wanting a feed, from all present and future peers.
    void request(const FeedId& feed, bool wanted);
    /// Hangs up on whom we block, wants who is near and nobody who is not any more.
    void hops_changed(std::span<const friends::HopsChange> changes) override;

    /// Says goodbye to all and returns when they are gone, or after a while.
    io::Task<void> close();

 private:
    struct Connection;

    io::Task<void> accept_all(io::Listener& listener);
    io::Task<void> welcome(std::unique_ptr<io::Socket> socket, bool is_unix);
    io::Task<void> run(std::unique_ptr<io::ByteStream> stream, muxrpc::Caller caller,
                       std::string address, bool dialled);
    io::Task<void> clear_doorstep();
    bool has_doorstep_room();
    io::Task<void> sweep();
    bool has_room() const;
    bool is_near(const muxrpc::Caller& caller) const;
    bool make_room(const muxrpc::Caller& newcomer);
    void resolve_twin(Connection& newcomer);
    io::Task<void> replicate(Connection& connection, bool we_dialled);
    muxrpc::Caller caller_of(const FeedId& peer) const;
    bool blocks(const FeedId& peer) const { return options_.blocked && options_.blocked(peer); }

    io::Loop& loop_;
    const net::Identity& identity_;
    const muxrpc::Router& router_;
    replication::Replicator& replicator_;
    base::Logger& log_;
    Options options_;
    muxrpc::Budget budget_{limits::strangers_bytes_max, limits::stranger_bytes_granted};
    Doorstep door_;
    bool few_files_ = false;           // they are what bounds the number of peers
    std::size_t sessions_max_;         // of peers and local callers
    std::uint64_t door_told_ms_ = 0;   // when a crowd was last told of
    std::uint64_t files_told_ms_ = 0;  // when the lack of files was
    std::list<Connection*> connections_;
    std::list<std::unique_ptr<io::Listener>> listeners_;
    Watcher* watcher_ = nullptr;
    base::SystemClock clock_;
    io::TaskGroup tasks_;
};

}  // namespace sbot::app
