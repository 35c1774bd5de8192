#include "sbot/peers.h"

#include <algorithm>
#include <utility>

namespace sbot::app {
namespace {

constexpr std::uint64_t close_wait_ms = 3000;
constexpr std::uint64_t sweep_ms = 5000;
constexpr std::uint64_t door_wait_ms = 10;
// Two peers that dial each other at the same time meet within this.
constexpr std::uint64_t twin_ms_max = 10000;
// What goes on all the time is said so often.
constexpr std::uint64_t tell_again_ms = 60000;

std::string name_of(const io::Socket& socket) {
    if (socket.is_unix()) return "unix socket";
    return socket.remote().host + ":" + std::to_string(socket.remote().port);
}

Link link_of(const muxrpc::Caller& caller, std::string address, bool dialled) {
    Link link;
    link.peer = FeedId::parse(caller.id).value_or(FeedId());
    link.address = std::move(address);
    link.dialled = dialled;
    link.rights = caller.rights;
    return link;
}

/// True once in a while.
bool is_due(std::uint64_t& told_ms, std::uint64_t now_ms) {
    if (told_ms != 0 && told_ms + tell_again_ms > now_ms) return false;
    told_ms = now_ms;
    return true;
}

}  // namespace

/// One session and what runs over it; lives in the frame of `run`, known to `connections_`.
struct Peers::Connection {
    Connection(Peers& its_peers, Link its_link, std::unique_ptr<io::ByteStream> stream,
               muxrpc::Caller caller, muxrpc::SessionOptions options)
        : peers(its_peers),
          link(std::move(its_link)),
          below(*stream),
          session(peers.loop_,
                  std::make_unique<MeteredStream>(peers.loop_, std::move(stream), link.meter),
                  peers.router_, std::move(caller), options) {
        link.session = &session;
        link.since = peers.clock_.wall_ms();
        link.since_ms = peers.loop_.now_ms();
        peers.connections_.push_back(this);
        if (is_peer() && peers.watcher_ != nullptr) peers.watcher_->linked(link);
    }
    ~Connection() {
        peers.connections_.remove(this);
        if (is_peer() && peers.watcher_ != nullptr) peers.watcher_->unlinked(link);
    }
    bool is_peer() const { return session.caller().rights != muxrpc::Rights::local; }

    /// Says goodbye, which takes a moment.
    void close() {
        link.closing = true;
        session.close();
    }
    bool stays() const { return !link.closing && session.is_open(); }
    /// Without waiting for whether the other side has heard our goodbye.
    void cut_off() { below.close(); }

    Peers& peers;
    Link link;
    io::ByteStream& below;  // the session's
    muxrpc::Session session;
};

Peers::Peers(io::Loop& loop, const net::Identity& identity, const muxrpc::Router& router,
             replication::Replicator& replicator, base::Logger& log, Options options)
    : loop_(loop),
      identity_(identity),
      router_(router),
      replicator_(replicator),
      log_(log),
      options_(std::move(options)) {
    std::size_t files = options_.connections_max;
    std::size_t share = std::max<std::size_t>(1, files - files / 4);
    few_files_ = share < options_.peers_max;
    options_.peers_max = std::min(options_.peers_max, share);
    options_.handshakes_max =
        std::min(options_.handshakes_max, files - std::min(files - 1, options_.peers_max));
    sessions_max_ = files - std::min(files - 1, options_.handshakes_max);
    tasks_.add(sweep());
}

Peers::~Peers() = default;

void Peers::serve(std::unique_ptr<io::Listener> listener) {
    listener->on_trouble([this](const Error& why) {
        log_.warning("peers", "new connections have to wait: " + why.what);
    });
    listeners_.push_back(std::move(listener));
    tasks_.add(accept_all(*listeners_.back()));
}

io::Task<void> Peers::accept_all(io::Listener& listener) {
    while (true) {
        auto socket = co_await listener.accept();
        if (!socket) {
            if (socket.error().code != Errc::closed) {
                log_.error("peers", "listening has ended: " + socket.error().what);
            }
            co_return;
        }
        bool is_unix = (*socket)->is_unix();
        if (!is_unix) {
            auto clearing = clear_doorstep();
            co_await clearing;
        }
        tasks_.add(welcome(std::move(*socket), is_unix));
    }
}

/// Waits for room for one more handshake, or makes it: nobody is kept out by those who only stand
/// at the door. Meanwhile others wait in the system's queue.
io::Task<void> Peers::clear_doorstep() {
    while (!has_doorstep_room()) {
        // For the keys of those sent away, which are still being made, or for who has just come.
        auto nap = loop_.sleep(door_wait_ms);
        co_await nap;
    }
}

bool Peers::has_doorstep_room() {
    const std::size_t count = door_.count();
    bool no_files = count + connections_.size() >= options_.connections_max;
    for (Connection* each : connections_) {
        if (no_files && !each->stays()) each->cut_off();
    }
    if (door_.alive() >= 2 * options_.handshakes_max) return false;
    if (count < options_.handshakes_max && (!no_files || count == 0)) return true;
    auto gone = door_.send_one_away(loop_.now_ms());
    if (gone && is_due(door_told_ms_, loop_.now_ms())) {
        log_.warning("peers", std::to_string(count) + " connections have not said who they are, " +
                                  std::to_string(gone->count) + " of them from " + gone->from +
                                  ": each newcomer takes the place of one");
    }
    return gone.has_value();
}

io::Task<void> Peers::welcome(std::unique_ptr<io::Socket> socket, bool is_unix) {
    std::string name = name_of(*socket);
    if (is_unix) {
        muxrpc::Caller caller{muxrpc::Rights::local, options_.own.text()};
        auto running = run(std::move(socket), std::move(caller), std::move(name), false);
        co_await running;
        co_return;
    }
    std::unique_ptr<net::SecureStream> secure;
    io::Endpoint from = socket->remote();
    {
        auto send_away = [raw = socket.get()] { raw->close(); };
        Doorstep::Caller caller(door_, from.host, loop_.now_ms(), std::move(send_away));
        auto decide = [this](const FeedId& peer) {
            if (caller_of(peer).rights == muxrpc::Rights::local) return true;
            return !blocks(peer);
        };
        auto moved_on = [this, &caller] { caller.moved_on(loop_.now_ms()); };
        auto receiving = net::receive(loop_, identity_, std::move(socket), std::move(decide),
                                      options_.handshake_ms, std::move(moved_on));
        auto received = co_await receiving;
        if (!received) {
            std::string why = caller.sent_away() ? "made way for others" : received.error().what;
            log_.info("peers", name + ": " + why);
            co_return;
        }
        secure = std::move(*received);
    }
    muxrpc::Caller caller = caller_of(secure->peer());
    std::string address = net::net_address(from.host, from.port, secure->peer());
    auto running = run(std::move(secure), std::move(caller), std::move(address), false);
    co_await running;
}

Result<void> Peers::may_dial(const FeedId& peer) const {
    if (blocks(peer)) return error(Errc::denied, "we block " + peer.text());
    return {};
}

io::Async<void> Peers::connect(net::NetTarget target) {
    if (auto may = may_dial(target.remote); !may) co_return may;
    auto dialling = io::dial_tcp(loop_, target.host, target.port, options_.handshake_ms);
    auto socket = co_await dialling;
    if (!socket) co_return std::move(socket).error();
    std::string name = name_of(**socket);
    std::string address = net::net_address(target.host, target.port, target.remote);
    auto greeting =
        net::greet(loop_, identity_, std::move(*socket), target.remote, options_.handshake_ms);
    auto secure = co_await greeting;
    if (!secure) co_return std::move(secure).error().in(name);
    // It may be blocked since then.
    if (auto may = may_dial(target.remote); !may) co_return may;
    muxrpc::Caller caller{muxrpc::Rights::peer, target.remote.text()};
    tasks_.add(run(std::move(*secure), std::move(caller), std::move(address), true));
    co_return {};
}

io::Task<void> Peers::run(std::unique_ptr<io::ByteStream> stream, muxrpc::Caller caller,
                          std::string address, bool dialled) {
    bool is_peer = caller.rights != muxrpc::Rights::local;
    muxrpc::SessionOptions options;
    options.frame_bytes_max =
        is_peer ? limits::frame_bytes_max_stranger : limits::frame_bytes_max_self;
    if (is_peer) options.budget = &budget_;
    if (is_near(caller)) options.streams_max = limits::streams_per_friend_max;
    std::string who = caller.id + " at " + address;
    if (is_peer && !make_room(caller)) {
        log_.info("peers", who + ": there is no room");
        co_return;
    }
    Link link = link_of(caller, std::move(address), dialled);
    Connection connection(*this, std::move(link), std::move(stream), std::move(caller), options);
    if (is_peer) resolve_twin(connection);
    log_.info("peers", who + ": connected");
    auto running = connection.session.run();
    auto replicating = replicate(connection, dialled);
    auto ended = co_await running;
    log_.info("peers", who + ": " + ended.error().what);
}

io::Task<void> Peers::replicate(Connection& connection, bool we_dialled) {
    const muxrpc::Caller& caller = connection.session.caller();
    auto peer = FeedId::parse(caller.id);
    if (caller.rights != muxrpc::Rights::peer || !peer) co_return;
    io::Task<void> besides;
    if (options_.company) besides = options_.company(connection.session, *peer);
    auto accompanying = replicator_.accompany(connection.session, *peer, we_dialled);
    co_await accompanying;
}

/// Ourselves, or whom we follow.
bool Peers::is_near(const muxrpc::Caller& caller) const {
    if (caller.rights == muxrpc::Rights::local) return true;
    auto id = FeedId::parse(caller.id);
    if (!id) return false;
    double distance = options_.distance(*id);
    return distance >= 0 && distance <= 1;
}

/// Hangs up on peers that are silent for too long, dead ones among them.
io::Task<void> Peers::sweep() {
    while (options_.inactivity_ms > 0) {
        auto nap = loop_.sleep(std::min(sweep_ms, options_.inactivity_ms));
        co_await nap;
        for (Connection* each : connections_) {
            bool idle = each->link.meter.last_ms + options_.inactivity_ms <= loop_.now_ms();
            if (!each->is_peer() || !idle || !each->stays()) continue;
            log_.info("peers", each->session.caller().id + ": silent for too long");
            each->close();
        }
    }
}

/// A newcomer takes the place of the farthest, of those of the one that has been silent longest: a
/// server that is full stays of use to those it knows, and strangers take turns. False for who is
/// farther away than everybody.
bool Peers::make_room(const muxrpc::Caller& newcomer) {
    if (has_room()) return true;
    if (few_files_ && is_due(files_told_ms_, loop_.now_ms())) {
        log_.warning("peers", "the limit for open files (ulimit -n) leaves room for " +
                                  std::to_string(options_.peers_max) +
                                  " peers: who is nearer takes the place of who is farther");
    }
    Connection* least = nullptr;
    double least_distance = 0;
    for (Connection* each : connections_) {
        if (!each->is_peer() || !each->stays()) continue;
        double distance = options_.distance(each->link.peer);
        bool farther = least == nullptr || distance > least_distance;
        bool as_far = least != nullptr && distance == least_distance;
        if (farther || (as_far && each->link.meter.last_ms < least->link.meter.last_ms)) {
            least = each;
            least_distance = distance;
        }
    }
    auto id = FeedId::parse(newcomer.id);
    bool is_guest = newcomer.rights == muxrpc::Rights::invite;  // on his way to be followed
    if (least == nullptr || !id) return false;
    if (!is_guest && options_.distance(*id) > least_distance) return false;
    log_.info("peers", least->session.caller().id + ": makes room for another");
    least->close();
    return true;
}

/// Two servers that dial each other at once have two connections then, of which both give up the
/// same: the one that the larger key dialled.
void Peers::resolve_twin(Connection& newcomer) {
    for (Connection* each : connections_) {
        if (each == &newcomer || !each->is_peer() || !each->stays()) continue;
        if (each->link.peer != newcomer.link.peer || newcomer.link.peer == options_.own) continue;
        if (each->link.dialled == newcomer.link.dialled) continue;
        if (each->link.since_ms + twin_ms_max < newcomer.link.since_ms) continue;
        bool ours_stays = options_.own < newcomer.link.peer;
        Connection& loser = each->link.dialled == ours_stays ? newcomer : *each;
        loser.close();
        return;
    }
}

std::vector<Link*> Peers::links() const {
    std::vector<Link*> out;
    for (Connection* each : connections_) {
        if (each->is_peer()) out.push_back(&each->link);
    }
    return out;
}

Link* Peers::link_with(const FeedId& peer) const {
    for (Connection* each : connections_) {
        bool same = each->is_peer() && each->link.peer == peer;
        if (same && each->stays()) return &each->link;
    }
    return nullptr;
}

bool Peers::hang_up(const FeedId& peer) {
    bool any = false;
    for (Connection* each : connections_) {
        if (!each->is_peer() || each->link.peer != peer || !each->stays()) continue;
        each->close();
        any = true;
    }
    return any;
}

void Peers::hang_up_all() {
    for (Connection* each : connections_) {
        if (each->is_peer()) each->close();
    }
}

void Peers::request(const FeedId& feed, bool wanted) { replicator_.request(feed, wanted); }

void Peers::hops_changed(std::span<const friends::HopsChange> changes) {
    for (const friends::HopsChange& change : changes) {
        if (change.blocked()) hang_up(change.feed);
        replicator_.request(change.feed, change.wanted());
    }
}

io::Task<void> Peers::close() {
    for (auto& listener : listeners_) listener->close();
    for (Connection* connection : connections_) connection->session.close();
    std::uint64_t until_ms = loop_.now_ms() + close_wait_ms;
    while (!connections_.empty() && loop_.now_ms() < until_ms) {
        auto nap = loop_.sleep(10);
        co_await nap;
    }
}

muxrpc::Caller Peers::caller_of(const FeedId& peer) const {
    std::string id = peer.text();
    if (peer == options_.own || options_.masters.count(id) > 0) {
        return {muxrpc::Rights::local, std::move(id)};
    }
    return {options_.is_guest(peer) ? muxrpc::Rights::invite : muxrpc::Rights::peer, std::move(id)};
}

bool Peers::has_room() const {
    std::size_t peers = 0, all = 0;
    for (const Connection* each : connections_) {
        if (!each->stays()) continue;
        ++all;
        if (each->is_peer()) ++peers;
    }
    return peers < options_.peers_max && all < sessions_max_;
}

}  // namespace sbot::app
