#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>

#include "base/clock.h"
#include "base/files.h"
#include "base/logger.h"
#include "io/pool.h"
#include "io/sync.h"
#include "io/task_group.h"
#include "net/address.h"
#include "net/peer_table.h"
#include "replication/scheduler.h"
#include "sbot/peers.h"
#include "sbot/reading.h"
#include "sbot/settings.h"

namespace sbot::app {

/// Which servers there are and which of them we are connected with: keeps the table of them and its
/// files, lets the scheduler decide whom to dial, and tells who asks of every change. Loop thread.
class Gossip final : public Watcher {
 public:
    struct Options {
        const Settings& settings;
        FeedId own;
        /// How near a feed is: 1 for one we follow, more for those beyond, negative for a blocked
        /// one.
        std::function<double(const FeedId&)> distance;
    };

    /// All outlive this, but for `peers`, which goes first.
    Gossip(io::Loop& loop, base::Files& files, io::Pool& pool, Peers& peers, base::Logger& log,
           Options options);
    ~Gossip() override;

    /// Reads the table's files and the configured seeds. Nothing is dialled before `start`. Errors:
    /// as the file has them, if one is there and cannot be read.
    Result<void> open();
    /// Dials by itself from now on, and learns of servers from messages of type `pub`.
    void start(Reading& reading);
    /// Dials no more; the table is on the disk when this returns.
    io::Task<void> close();

    net::PeerTable& table() { return table_; }
    Peers& peers() { return peers_; }
    double now() { return clock_.wall_ms(); }

    /// `gossip.add`; null for ourselves, or where there is no room.
    net::KnownPeer* add(std::string address, const FeedId& key, std::string_view source,
                        base::Tree given = base::Tree::object());
    void remove(net::KnownPeer& peer);
    /// A server that announced itself on the LAN.
    void heard_on_lan(std::string address, const FeedId& key, bool verified);
    /// An accepted invite: a seed, dialled at once.
    void accepted(const std::string& address);

    /// What `conn.connect` says of the connection that it makes now; null or empty: nothing. Goes
    /// over to its link.
    void say(const FeedId& key, base::Tree data);
    /// As long as there is no link.
    const base::Tree& said(const FeedId& key) const;
    /// Dials `target`, and keeps the account of its entry in the table, if it has one.
    io::Async<void> connect(net::NetTarget target, std::string address);
    bool disconnect(const FeedId& key);
    /// Hangs up on all, and begins anew.
    void reconnect();

    /// `gossip.enable` and `disable`: now, and in the folder's config file unless that would cost
    /// what else is in it: then what is to be done by hand, for people, else an empty text.
    Result<std::string> turn(const std::string& type, bool on);
    /// `conn.start` and `stop`.
    void run_scheduler(bool on);

    /// conn.* was used: conn.json is written from now on.
    void use_conn_file() { conn_file_ = true; }
    /// What others than the scheduler changed: told to readers of `conn.peers` and its like.
    void changed();
    /// A message of somebody else was stored: enough to do for now.
    void downloading() { downloaded_ms_ = loop_.now_ms(); }

    /// Members of `status`: `gossip` (connected peers of the table), `local` (those heard on the
    /// LAN), `connections` and `knownPeers`.
    void write_status(json::Writer& out) const;

    /// Where in the sequence of all changes we are.
    std::uint64_t news_end() const { return first_news_ + news_.size(); }
    /// Waits for a change (as `gossip.changes` has it) by its place. Error `limit` if so many
    /// followed that it is forgotten.
    io::Async<std::string> news(std::uint64_t at);
    /// Grows with everything that `conn.peers` or `conn.stagedPeers` would show.
    std::uint64_t version() const { return version_; }
    io::Event& something_changed() { return something_changed_; }

    /// What `gossip.TYPE` is set to, or was by `turn`; on where nothing says so.
    bool enabled(std::string_view type) const;

    void linked(Link& link) override;
    void unlinked(Link& link) override;

 private:
    replication::Candidate candidate_of(const net::KnownPeer& peer, double now) const;
    bool may_dial(const net::KnownPeer& peer, bool online) const;
    void tell(std::string_view type, const net::KnownPeer& peer, std::string_view source = {});
    Result<void> read_file(const std::string& name,
                           Result<void> (net::PeerTable::*read)(std::string_view));
    std::size_t lan_peers() const;
    void dial(net::KnownPeer& peer);
    void decide();
    void learn_from(json::Value message);
    io::Task<void> run();
    io::Async<void> wait_for_change();
    io::Task<void> save_now_and_then();
    io::Task<void> save();
    io::Task<void> follow_pub_messages(Reading& reading);
    io::Task<void> dial_and_log(net::NetTarget target, std::string address);

    io::Loop& loop_;
    base::Files& files_;
    io::Pool& pool_;
    Peers& peers_;
    base::Logger& log_;
    Options options_;
    base::SystemClock clock_;
    net::PeerTable table_;
    std::map<std::string, bool, std::less<>> switches_;  // set by calls, over the configuration
    bool conn_file_ = false;
    bool scheduling_ = true;
    bool closing_ = false;
    std::uint64_t saved_version_ = 0;
    std::uint64_t downloaded_ms_ = 0;
    std::uint64_t version_ = 0;
    std::uint64_t first_news_ = 0;
    std::deque<std::string> news_;
    io::Event something_new_;
    io::Event something_changed_;
    io::Event wake_up_;
    std::map<const Link*, io::Task<void>> pings_;
    std::map<FeedId, base::Tree> said_;
    io::Semaphore saving_{1};
    io::TaskGroup tasks_;
};

}  // namespace sbot::app
