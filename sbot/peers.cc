#include "sbot/peers.h"

#include <algorithm>
#include <utility>

namespace sbot::app {
namespace {

constexpr std::uint64_t close_wait_ms = 3000;
// A JavaScript peer that dialled us misses a call that comes right behind the handshake: it listens
// for calls only once its own set-up is done, which its first packet shows.
constexpr std::uint64_t first_packet_wait_ms = 500;

io::Async<void> wait_for(io::Event& event) {
    co_await event.wait();
    co_return {};
}

std::string name_of(const io::Socket& socket) {
    if (socket.is_unix()) return "unix socket";
    return socket.remote().host + ":" + std::to_string(socket.remote().port);
}

/// Counts something while it lives.
class Counted {
 public:
    explicit Counted(std::size_t& count) : count_(count) { ++count_; }
    ~Counted() { --count_; }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;

 private:
    std::size_t& count_;
};

}  // namespace

/// One session and what runs over it; lives in the frame of `run`, known to `connections_`.
struct Peers::Connection {
    Connection(Peers& its_peers, std::unique_ptr<io::ByteStream> stream, muxrpc::Caller caller,
               muxrpc::SessionOptions options, replication::Puller::OnTrouble on_trouble)
        : peers(its_peers),
          session(peers.loop_, std::move(stream), peers.router_, std::move(caller), options),
          puller(session, peers.intake_, std::move(on_trouble)) {
        peers.connections_.push_back(this);
    }
    ~Connection() { peers.connections_.remove(this); }
    bool is_peer() const { return session.caller().rights != muxrpc::Rights::local; }
    void replicate() {
        if (replicating) puller.update(peers.wants_);
    }

    Peers& peers;
    muxrpc::Session session;
    replication::Puller puller;
    bool replicating = false;
};

Peers::Peers(io::Loop& loop, const net::Identity& identity, const muxrpc::Router& router,
             replication::Intake& intake, base::Logger& log, Options options)
    : loop_(loop),
      identity_(identity),
      router_(router),
      intake_(intake),
      log_(log),
      options_(std::move(options)) {}

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
        if (!is_unix && handshakes_ >= limits::handshakes_max)
            continue;  // closed by its destructor
        tasks_.add(welcome(std::move(*socket), is_unix));
    }
}

io::Task<void> Peers::welcome(std::unique_ptr<io::Socket> socket, bool is_unix) {
    std::string name = name_of(*socket);
    if (is_unix) {
        muxrpc::Caller caller{muxrpc::Rights::local, options_.own.text()};
        auto running = run(std::move(socket), std::move(caller), std::move(name));
        co_await running;
        co_return;
    }
    std::unique_ptr<net::SecureStream> secure;
    {
        Counted shaking(handshakes_);
        auto decide = [this](const FeedId& peer) {
            if (caller_of(peer).rights == muxrpc::Rights::local) return true;
            if (options_.blocked && options_.blocked(peer)) return false;
            return strangers() < limits::peers_max;
        };
        auto receiving = net::receive(loop_, identity_, std::move(socket), std::move(decide),
                                      options_.handshake_ms);
        auto received = co_await receiving;
        if (!received) {
            log_.info("peers", name + ": " + received.error().what);
            co_return;
        }
        secure = std::move(*received);
    }
    muxrpc::Caller caller = caller_of(secure->peer());
    auto running = run(std::move(secure), std::move(caller), std::move(name));
    co_await running;
}

io::Async<void> Peers::connect(net::NetTarget target) {
    auto dialling = io::dial_tcp(loop_, target.host, target.port, options_.handshake_ms);
    auto socket = co_await dialling;
    if (!socket) co_return std::move(socket).error();
    std::string name = name_of(**socket);
    auto greeting =
        net::greet(loop_, identity_, std::move(*socket), target.remote, options_.handshake_ms);
    auto secure = co_await greeting;
    if (!secure) co_return std::move(secure).error().in(name);
    muxrpc::Caller caller{muxrpc::Rights::peer, target.remote.text()};
    tasks_.add(run(std::move(*secure), std::move(caller), std::move(name)));
    co_return {};
}

void Peers::dial(net::NetTarget target) { tasks_.add(dial_and_log(std::move(target))); }

io::Task<void> Peers::dial_and_log(net::NetTarget target) {
    std::string who = target.remote.text() + " at " + target.host;
    auto connecting = connect(std::move(target));
    auto connected = co_await connecting;
    if (!connected) log_.info("peers", who + ": " + connected.error().what);
}

io::Task<void> Peers::run(std::unique_ptr<io::ByteStream> stream, muxrpc::Caller caller,
                          std::string name) {
    bool is_peer = caller.rights != muxrpc::Rights::local;
    muxrpc::SessionOptions options;
    options.frame_bytes_max =
        is_peer ? limits::frame_bytes_max_stranger : limits::frame_bytes_max_self;
    if (is_peer) options.budget = &budget_;
    std::string who = caller.id + " at " + name;
    auto on_trouble = [this, who](const FeedId& feed, const Error& why) {
        log_.warning("replication",
                     who + " sent a bad message of " + feed.text() + ": " + why.what);
    };
    Connection connection(*this, std::move(stream), std::move(caller), options, on_trouble);
    log_.info("peers", who + ": connected");
    auto running = connection.session.run();
    auto replicating = replicate(connection);
    auto ended = co_await running;
    log_.info("peers", who + ": " + ended.error().what);
}

io::Task<void> Peers::replicate(Connection& connection) {
    if (connection.session.caller().rights != muxrpc::Rights::peer) co_return;
    auto hearing = io::timeout(loop_, first_packet_wait_ms, wait_for(connection.session.heard()));
    auto heard = co_await hearing;
    (void)heard;  // a peer that says nothing is asked too
    connection.replicating = true;
    connection.replicate();
}

void Peers::request(const FeedId& feed, bool wanted) {
    if (!wants_.set(feed, wanted)) return;
    for (Connection* connection : connections_) connection->replicate();
}

void Peers::hops_changed(std::span<const friends::HopsChange> changes) {
    bool different = false;
    for (const friends::HopsChange& change : changes) {
        if (change.blocked()) hang_up(change.feed);
        different |= wants_.set(change.feed, change.wanted());
    }
    if (!different) return;
    for (Connection* connection : connections_) connection->replicate();
}

void Peers::hang_up(const FeedId& peer) {
    std::string id = peer.text();
    for (Connection* connection : connections_) {
        if (connection->is_peer() && connection->session.caller().id == id) {
            connection->session.close();
        }
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

std::size_t Peers::strangers() const {
    return static_cast<std::size_t>(std::count_if(connections_.begin(), connections_.end(),
                                                  [](auto* each) { return each->is_peer(); }));
}

}  // namespace sbot::app
