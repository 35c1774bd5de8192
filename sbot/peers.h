#pragma once

#include <functional>
#include <list>
#include <memory>
#include <set>
#include <string>

#include "base/logger.h"
#include "friends/snapshot.h"
#include "io/net.h"
#include "io/task_group.h"
#include "muxrpc/session.h"
#include "net/address.h"
#include "net/secure_stream.h"
#include "replication/puller.h"

namespace sbot::app {

/// Everybody we are connected with: listens, dials, shakes hands, runs a session for each, and
/// keeps wanted feeds coming from those that are peers. Loop thread.
class Peers final : public friends::HopsObserver {
 public:
    struct Options {
        FeedId own;
        std::set<std::string> masters;  ///< feed ids with all rights
        std::uint64_t handshake_ms = limits::handshake_ms_default;
        /// Whether a key is that of an invite code which may still be used.
        std::function<bool(const FeedId&)> is_guest = [](const FeedId&) { return false; };
        /// Whom we do not let in; may be empty.
        std::function<bool(const FeedId&)> blocked{};
    };

    Peers(io::Loop& loop, const net::Identity& identity, const muxrpc::Router& router,
          replication::Intake& intake, base::Logger& log, Options options);
    ~Peers() override;

    /// Takes over a listening socket: net~shs, or the unix socket, whose callers have all rights.
    void serve(std::unique_ptr<io::Listener> listener);

    /// Connects to a peer; returns when the session runs. A peer we dial has a peer's rights only,
    /// whoever it is.
    io::Async<void> connect(net::NetTarget target);
    /// The same, for whoever does not wait for it; a failure goes to the log.
    void dial(net::NetTarget target);

    /// Wants or stops wanting a feed, from all present and future peers.
    void request(const FeedId& feed, bool wanted);
    /// Hangs up on whom we block, wants who is near and nobody who is not any more.
    void hops_changed(std::span<const friends::HopsChange> changes) override;
    /// Ends all connections with a peer.
    void hang_up(const FeedId& peer);

    /// Says goodbye to all and returns when they are gone, or after a while.
    io::Task<void> close();

 private:
    struct Connection;

    io::Task<void> accept_all(io::Listener& listener);
    io::Task<void> welcome(std::unique_ptr<io::Socket> socket, bool is_unix);
    io::Task<void> run(std::unique_ptr<io::ByteStream> stream, muxrpc::Caller caller,
                       std::string name);
    io::Task<void> replicate(Connection& connection);
    io::Task<void> dial_and_log(net::NetTarget target);
    muxrpc::Caller caller_of(const FeedId& peer) const;
    std::size_t strangers() const;

    io::Loop& loop_;
    const net::Identity& identity_;
    const muxrpc::Router& router_;
    replication::Intake& intake_;
    base::Logger& log_;
    Options options_;
    muxrpc::Budget budget_{limits::strangers_bytes_max, limits::stranger_bytes_granted};
    replication::Wants wants_;
    std::size_t handshakes_ = 0;
    std::list<Connection*> connections_;
    std::list<std::unique_ptr<io::Listener>> listeners_;
    io::TaskGroup tasks_;
};

}  // namespace sbot::app
