#include "sbot/lan.h"

#include <utility>

#include "net/address.h"
#include "net/address_rules.h"
#include "net/beacon.h"
#include "net/interfaces.h"

namespace sbot::app {
namespace {

constexpr std::uint16_t plain_port = 8008, signed_port = 26830;
constexpr std::uint64_t announce_ms = 2000;
constexpr std::uint64_t window_ms = 1000;

/// What listens on `at` can be reached by this address of an interface.
bool listens_on(const ListenAt& at, const std::string& address) {
    bool all = at.host == "::" || at.host == "0.0.0.0";
    return (all || at.host == address) && (at.scopes.count("local") || at.scopes.count("private"));
}

}  // namespace

Lan::Lan(io::Loop& loop, Gossip& gossip, const message::KeyPair& keys, const Settings& settings,
         base::Logger& log)
    : loop_(loop), gossip_(gossip), keys_(keys), settings_(settings), log_(log) {}

void Lan::start() { tasks_.add(run()); }

void Lan::close() {
    closed_ = true;
    for (auto& socket : sockets_) socket->close();
}

bool Lan::on() const { return !closed_ && gossip_.enabled("local"); }

/// Looked up each time: interfaces come and go. A network that is not private is no LAN.
std::vector<Lan::Announcement> Lan::announcements() const {
    std::vector<Announcement> out;
    for (const net::InterfaceAddress& each : net::interface_addresses()) {
        if (each.internal || each.broadcast.empty()) continue;
        std::string_view scope = net::scope_of(each.address);
        if (scope != "local" && scope != "link") continue;
        for (const ListenAt& at : settings_.net) {
            if (!listens_on(at, each.address)) continue;
            out.push_back({net::net_address(each.address, at.port, keys_.id), each.broadcast});
        }
    }
    return out;
}

void Lan::open_sockets() {
    auto open = [this](std::uint16_t port, bool is_signed) {
        auto socket = io::bind_udp(loop_, "0.0.0.0", port);
        if (!socket) {
            log_.warning("lan", "cannot listen on UDP port " + std::to_string(port) + ": " +
                                    socket.error().what);
            return;
        }
        sockets_.push_back(std::move(*socket));
        tasks_.add(listen(*sockets_.back(), is_signed));
    };
    open(signed_port, true);
    if (settings_.all.at("lan.legacy").is_false()) return;
    open(plain_port, false);
    // The reference uses the number of its TCP port.
    if (settings_.port != plain_port && settings_.port != signed_port) open(settings_.port, false);
}

void Lan::announce() {
    bool plain = !settings_.all.at("lan.legacy").is_false();
    for (const Announcement& each : announcements()) {
        auto send = [&](ByteView packet, std::uint16_t port) {
            auto sent = sockets_.front()->send(packet, {each.broadcast, port});
            (void)sent;  // a network that has just gone; it will be tried again
        };
        send(net::signed_beacon(settings_.network, keys_, each.address), signed_port);
        if (!plain) continue;
        send(base::bytes_of(each.address), plain_port);
        if (settings_.port != plain_port) send(base::bytes_of(each.address), settings_.port);
    }
}

io::Task<void> Lan::run() {
    while (!closed_) {
        if (on()) {
            if (sockets_.empty()) open_sockets();
            if (!sockets_.empty()) announce();
        }
        auto nap = loop_.sleep(announce_ms);
        co_await nap;
    }
}

io::Task<void> Lan::listen(io::UdpSocket& socket, bool is_signed) {
    while (true) {
        auto receiving = socket.receive();
        auto datagram = co_await receiving;
        if (!datagram) co_return;
        heard(*datagram, is_signed);
    }
}

void Lan::heard(const io::Datagram& datagram, bool is_signed) {
    if (!on()) return;
    // A signature takes 50 µs: a flood must not eat the loop.
    if (loop_.now_ms() >= window_ms_ + window_ms) {
        window_ms_ = loop_.now_ms();
        in_window_ = 0;
    }
    if (++in_window_ > limits::beacons_per_second_max) return;
    auto beacon = is_signed ? net::parse_signed_beacon(settings_.network, datagram.data)
                            : net::parse_plain_beacon(datagram.data);
    if (!beacon || beacon->key == keys_.id) return;
    // Who announces a place far away has us dial whom it wants.
    auto parsed = net::parse_address(beacon->address);
    std::string_view scope = net::scope_of(parsed->host);
    bool near = scope == "local" || scope == "link" || parsed->host == datagram.from.host;
    if (near) gossip_.heard_on_lan(std::move(beacon->address), beacon->key, beacon->verified);
}

}  // namespace sbot::app
