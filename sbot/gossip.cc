#include "sbot/gossip.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "net/address_rules.h"
#include "net/interfaces.h"
#include "sbot/permit.h"
#include "sbot/ping.h"

namespace sbot::app {
namespace {

using base::Tree;
using net::KnownPeer;
using net::PeerState;
using replication::PeerKind;

constexpr std::uint64_t decide_ms = 2000;
constexpr std::uint64_t save_ms = 5000;
constexpr std::uint64_t downloading_ms = 500;
// A server on the LAN is believed to be there for so long after its last beacon.
constexpr double still_there_ms = 10000;
// Between two turns of the scheduler; more means that the machine slept.
constexpr double asleep_ms = 30000;

constexpr std::string_view groups[] = {"global", "local", "seed", "friends", "pub", "autoPopulate"};

std::string host_of(const std::string& address) {
    auto parsed = net::parse_address(address);
    return parsed ? parsed->host : std::string();
}

bool is_loopback(const std::string& host) {
    return host == "localhost" || net::scope_of(host) == "device";
}

bool is_online() {
    auto interfaces = net::interface_addresses();
    return std::any_of(interfaces.begin(), interfaces.end(),
                       [](const auto& each) { return !each.internal; });
}

Result<void> write_text(base::Files* files, std::string path, std::string text) {
    return base::write_file_atomically(*files, path, base::bytes_of(text), 0644);
}

}  // namespace

Gossip::Gossip(io::Loop& loop, base::Files& files, io::Pool& pool, Peers& peers, base::Logger& log,
               Options options)
    : loop_(loop),
      files_(files),
      pool_(pool),
      peers_(peers),
      log_(log),
      options_(std::move(options)),
      table_(options_.own) {
    peers_.watch(*this);
}

Gossip::~Gossip() = default;

// ---- beginning and end

/// Only what was read and is no table is put aside. A file that cannot be read now may well be
/// whole, and would be overwritten: nothing starts beside it.
Result<void> Gossip::read_file(const std::string& name,
                               Result<void> (net::PeerTable::*read)(std::string_view)) {
    std::string path = options_.settings.folder + "/" + name;
    auto text = base::read_file(files_, path, limits::peer_files_bytes_max);
    if (!text && text.error().code == Errc::not_found) return {};
    if (!text) return std::move(text).error().in("the table of peers cannot be read");
    auto done = (table_.*read)(base::text_of(*text));
    if (done) return {};
    log_.warning("peers", name + " cannot be understood and is put aside as " + name +
                              ".damaged: " + done.error().what);
    return files_.rename(path, path + ".damaged");
}

Result<void> Gossip::open() {
    const Settings& settings = options_.settings;
    conn_file_ = files_.info(settings.folder + "/conn.json").has_value();
    auto read = read_file("gossip.json", &net::PeerTable::read_gossip);
    if (read) read = read_file("conn.json", &net::PeerTable::read_conn);
    if (!read) return read;
    saved_version_ = table_.version();
    if (settings.all["offline"].truthy()) return {};
    for (const Seed& seed : settings.seeds) {
        if (KnownPeer* peer = add(seed.address, seed.key, "seed")) peer->data.set("source", "seed");
    }
    return {};
}

void Gossip::start(Reading& reading) {
    tasks_.add(run());
    tasks_.add(save_now_and_then());
    bool offline = options_.settings.all["offline"].truthy();
    if (!offline && enabled("autoPopulate") && enabled("pub")) {
        tasks_.add(follow_pub_messages(reading));
    }
}

io::Task<void> Gossip::close() {
    closing_ = true;
    scheduling_ = false;
    auto saving = save();
    co_await saving;
}

io::Task<void> Gossip::save() {
    co_await saving_.acquire();
    Permit permit(saving_);
    if (saved_version_ == table_.version()) co_return;
    std::uint64_t version = table_.version();
    const std::string& folder = options_.settings.folder;
    auto writing = pool_.run(&write_text, &files_, folder + "/gossip.json", table_.gossip_json());
    auto wrote = co_await writing;
    if (wrote && conn_file_) {
        auto writing_conn =
            pool_.run(&write_text, &files_, folder + "/conn.json", table_.conn_json());
        wrote = co_await writing_conn;
    }
    if (wrote) {
        saved_version_ = version;
    } else {
        log_.warning("peers", "the table of peers cannot be written: " + wrote.error().what);
    }
}

io::Task<void> Gossip::save_now_and_then() {
    while (true) {
        auto nap = loop_.sleep(save_ms);
        co_await nap;
        auto saving = save();
        co_await saving;
    }
}

// ---- news

void Gossip::tell(std::string_view type, const KnownPeer& peer, std::string_view source) {
    Tree item = Tree::object();
    item.set("type", type);
    item.set("peer", net::PeerTable::gossip_entry(peer, true));
    if (!source.empty()) item.set("source", source);
    news_.push_back(item.to_json());
    if (news_.size() > limits::peer_news_max) {
        news_.pop_front();
        ++first_news_;
    }
    something_new_.set();
    something_new_.reset();
    changed();
}

void Gossip::changed() {
    ++version_;
    something_changed_.set();
    something_changed_.reset();
}

io::Async<std::string> Gossip::news(std::uint64_t at) {
    while (at >= news_end()) co_await something_new_.wait();
    if (at < first_news_) co_return error(Errc::limit, "too slow for all the changes");
    co_return news_[at - first_news_];
}

// ---- the table

KnownPeer* Gossip::add(std::string address, const FeedId& key, std::string_view source,
                       Tree given) {
    auto added = table_.add(std::move(address), key, source, now(), std::move(given));
    if (added.peer != nullptr && added.is_new) {
        tell("discover", *added.peer, source.empty() ? "manual" : source);
    }
    return added.peer;
}

void Gossip::remove(KnownPeer& peer) {
    KnownPeer gone = peer;
    table_.remove(peer);
    tell("remove", gone);
}

std::size_t Gossip::lan_peers() const {
    return static_cast<std::size_t>(
        std::count_if(table_.all().begin(), table_.all().end(),
                      [](const auto& peer) { return peer->source() == "local"; }));
}

void Gossip::heard_on_lan(std::string address, const FeedId& key, bool verified) {
    if (options_.distance(key) < 0) return;
    KnownPeer* known = table_.find(key);
    if (known != nullptr) {
        bool is_new = known->heard + still_there_ms < now();
        known->heard = now();
        known->lan_address = std::move(address);
        if (is_new) {
            wake_up_.set();
            changed();
        }
        return;
    }
    if (lan_peers() >= limits::lan_peers_max) return;
    KnownPeer* peer = add(std::move(address), key, "local");
    if (peer == nullptr) return;
    peer->lan_address = peer->address;
    peer->staged = true;
    peer->data.set("type", "lan");
    peer->data.set("verified", verified);
    peer->data.set("stagingBirth", now());
    peer->data.set("stagingUpdated", now());
    wake_up_.set();
}

void Gossip::accepted(const std::string& address) {
    auto target = net::dial_target(address);
    auto* tcp = target ? std::get_if<net::NetTarget>(&*target) : nullptr;
    if (tcp == nullptr) return;
    KnownPeer* peer = add(address, tcp->remote, "seed");
    if (peer == nullptr) return;
    peer->data.set("source", "seed");
    table_.touch();
    if (enabled("seed") && peer->links == 0) dial(*peer);
}

// ---- connections

void Gossip::say(const FeedId& key, Tree data) {
    if (data.members().empty()) {
        said_.erase(key);
    } else {
        said_[key] = std::move(data);
    }
}

const Tree& Gossip::said(const FeedId& key) const {
    static const Tree nothing;
    auto found = said_.find(key);
    return found == said_.end() ? nothing : found->second;
}

io::Async<void> Gossip::connect(net::NetTarget target, std::string address) {
    FeedId key = target.remote;
    if (KnownPeer* peer = table_.find(key)) {
        table_.dialling(*peer, now());
        changed();
    }
    auto connecting = peers_.connect(std::move(target));
    auto connected = co_await connecting;
    KnownPeer* peer = table_.find(key);
    if (peer == nullptr) co_return connected;
    bool on_lan = address == peer->lan_address;  // there for now
    if (connected && peer->links == 0) connected = error(Errc::limit, "there is no room");
    if (connected) {
        if (!on_lan) table_.moved(*peer, std::move(address));
    } else {
        table_.dial_failed(*peer, connected.error().what, now());
        tell("connect-failure", *peer);
    }
    co_return connected;
}

io::Task<void> Gossip::dial_and_log(net::NetTarget target, std::string address) {
    std::string who = target.remote.text() + " at " + target.host;
    auto connecting = connect(std::move(target), std::move(address));
    auto connected = co_await connecting;
    if (!connected) log_.info("peers", who + ": " + connected.error().what);
}

/// What a beacon says may be a lie, what is written down out of date: both are tried in turn.
void Gossip::dial(KnownPeer& peer) {
    bool on_lan = peer.heard + still_there_ms > now() && !peer.lan_address.empty();
    bool even = std::fmod(peer.failures(), 2) == 0;
    std::string address = on_lan && (even || peer.is_lan()) ? peer.lan_address : peer.address;
    auto target = net::dial_target(address);
    auto* tcp = target ? std::get_if<net::NetTarget>(&*target) : nullptr;
    if (tcp == nullptr) {
        table_.dial_failed(peer, "there is no way to dial this address", now());
        return;
    }
    tasks_.add(dial_and_log(std::move(*tcp), std::move(address)));
}

bool Gossip::disconnect(const FeedId& key) {
    KnownPeer* peer = table_.find(key);
    if (peer != nullptr && peer->links > 0) {
        peer->state = PeerState::disconnecting;
        peer->data.set("stateChange", now());
        changed();
    }
    return peers_.hang_up(key);
}

void Gossip::reconnect() {
    peers_.hang_up_all();
    wake_up_.set();
}

void Gossip::linked(Link& link) {
    auto said = link.dialled ? said_.extract(link.peer) : decltype(said_)::node_type();
    if (!said.empty()) link.said = std::move(said.mapped());
    if (link.rights == muxrpc::Rights::peer && link.dialled) {
        auto told = [this, key = link.peer](double rtt_ms, double skew_ms) {
            if (KnownPeer* peer = table_.find(key)) table_.pinged(*peer, rtt_ms, skew_ms);
        };
        pings_.emplace(&link, ping_peer(loop_, *link.session, std::move(told)));
    }
    if (KnownPeer* peer = table_.find(link.peer)) {
        table_.linked(*peer, link.dialled, now());
        tell("connect", *peer);
    } else {
        changed();
    }
}

void Gossip::unlinked(Link& link) {
    pings_.erase(&link);
    wake_up_.set();
    changed();
    KnownPeer* peer = table_.find(link.peer);
    if (peer == nullptr || peer->links == 0) return;
    table_.unlinked(*peer, now());
    if (peer->links == 0) tell("disconnect", *peer);
}

void Gossip::write_status(json::Writer& out) const {
    Tree gossip = Tree::object(), local = Tree::object();
    for (const auto& peer : table_.all()) {
        if (peer->heard > 0 && !peer->lan_address.empty()) {
            Tree seen = Tree::object();
            auto parsed = net::parse_address(peer->lan_address);
            Tree address = Tree::object();
            address.set("host", parsed ? parsed->host : std::string());
            address.set("port", parsed ? parsed->port : 0);
            address.set("key", peer->key.text());
            seen.set("address", std::move(address));
            seen.set("seen", peer->heard);
            local.set(peer->key.text(), std::move(seen));
        }
        if (peer->links == 0) continue;
        Tree entry = Tree::object(), stats = Tree::object();
        entry.set("address", peer->address);
        for (const char* name : {"source", "state", "stateChange", "failure", "client"}) {
            entry.set(name, peer->data[name]);
        }
        entry.set("state", net::name_of(peer->state));
        stats.set("duration", peer->data["duration"]);
        stats.set("rtt", peer->data.at("ping.rtt"));
        stats.set("skew", peer->data.at("ping.skew"));
        entry.set("stats", std::move(stats));
        gossip.set(peer->key.text(), std::move(entry));
    }
    out.name("gossip").raw(gossip.to_json());
    if (!local.members().empty()) out.name("local").raw(local.to_json());
    out.name("connections").begin_array();
    for (const Link* link : peers_.links()) {
        out.begin_object().member("id", link->peer.text()).member("address", link->address);
        out.name("client").value(link->dialled).member("since", link->since);
        out.member("received", static_cast<double>(link->meter.bytes_in));
        out.member("sent", static_cast<double>(link->meter.bytes_out)).end_object();
    }
    out.end_array().member("knownPeers", static_cast<double>(table_.all().size()));
}

// ---- the scheduler

bool Gossip::enabled(std::string_view type) const {
    if (auto set = switches_.find(type); set != switches_.end()) return set->second;
    const Tree& given = options_.settings.all["gossip"][type];
    if (given.is_null() || (given.is_text() && given.text().empty())) return true;
    return given.truthy() && given.text() != "false";
}

void Gossip::run_scheduler(bool on) {
    scheduling_ = on && !closing_;
    if (!on) peers_.hang_up_all();
    wake_up_.set();
}

replication::Candidate Gossip::candidate_of(const KnownPeer& peer, double now) const {
    replication::Candidate candidate;
    candidate.key = peer.key;
    bool on_lan = peer.heard > 0 && peer.heard + still_there_ms > now;
    if (on_lan || peer.is_lan()) {
        candidate.kind = PeerKind::lan;
    } else if (peer.source() == "seed") {
        candidate.kind = PeerKind::seed;
    } else if (peer.source() == "friends" || options_.distance(peer.key) <= 1) {
        candidate.kind = PeerKind::friend_own;
    }
    candidate.connected = peer.links > 0;
    candidate.connecting = peer.state == PeerState::connecting;
    candidate.dialled = peer.data["client"].is_true();
    candidate.reached = peer.reached();
    candidate.state_change = peer.state_change();
    candidate.failures = peer.failures();
    return candidate;
}

bool Gossip::may_dial(const KnownPeer& peer, bool online) const {
    if (peer.links > 0) return true;  // counted, not dialled
    if (options_.distance(peer.key) < 0) return false;
    if (peer.data["autoconnect"].is_false() && peer.type() != "pub") return false;
    bool loopback = is_loopback(host_of(peer.address));
    // Anybody can write a message that says so.
    bool suspect = peer.source() == "pub" && !options_.settings.all["allowPrivate"].truthy();
    return loopback ? !suspect : online;
}

void Gossip::decide() {
    double at = now();
    for (const FeedId& gone : table_.forget_silent(at)) {
        log_.info("peers", gone.text() + ": has left the LAN");
        changed();
    }
    table_.prune_dead();
    if (!scheduling_) return;
    bool online = is_online();
    std::vector<replication::Candidate> candidates;
    for (const auto& peer : table_.all()) {
        bool first = table_.find(peer->key) == peer.get();
        if (first && may_dial(*peer, online)) candidates.push_back(candidate_of(*peer, at));
    }
    replication::SchedulerOptions options;
    auto dials = [&options](PeerKind kind) -> bool& {
        return options.dials[static_cast<std::size_t>(kind)];
    };
    dials(PeerKind::lan) = enabled("local");
    dials(PeerKind::friend_own) = enabled("friends");
    dials(PeerKind::seed) = enabled("seed");
    dials(PeerKind::pub) = enabled("global");
    options.downloading = downloaded_ms_ > 0 && downloaded_ms_ + downloading_ms > loop_.now_ms();
    auto decision = replication::schedule(candidates, at, options);
    for (const FeedId& key : decision.hang_up) disconnect(key);
    for (const FeedId& key : decision.dial) {
        if (KnownPeer* peer = table_.find(key)) dial(*peer);
    }
}

/// Every two seconds, and soon after a connection was lost or a server found.
io::Task<void> Gossip::run() {
    base::SystemRandom random;
    double last = now();
    while (true) {
        decide();
        std::uint8_t spread = 0;
        random.fill(MutableBytes(&spread, 1));
        // Those who lost the same server do not all come back in the same moment.
        auto pause = loop_.sleep(100 + std::uint64_t{2} * spread);
        co_await pause;
        auto waiting = wait_for_change();
        auto woken = co_await io::timeout(loop_, decide_ms, std::move(waiting));
        (void)woken;  // whether woken or not
        wake_up_.reset();
        if (now() - last > asleep_ms) {
            log_.info("peers", "the clock jumped, all connections are made anew");
            peers_.hang_up_all();
        }
        last = now();
    }
}

io::Async<void> Gossip::wait_for_change() {
    co_await wake_up_.wait();
    co_return {};
}

// ---- pub messages

void Gossip::learn_from(json::Value message) {
    json::Value given = message["content"]["address"];
    net::RefAddress parts;
    std::string text(given.string());
    Tree entry = Tree::object();
    if (given.is_object()) {
        parts.host = given["host"].string();
        parts.port = given["port"].number();
        parts.key = given["key"].string();
        if (!net::is_address(parts)) return;
        text = "net:" + parts.host + ":" + std::to_string(static_cast<int>(parts.port)) +
               "~shs:" + parts.key.substr(1, 44);
        entry.set("host", parts.host);
        entry.set("port", parts.port);
    } else if (auto parsed = net::parse_address(text); parsed && net::is_address(text)) {
        parts.key = parsed->key;
    }
    auto key = FeedId::parse(parts.key);
    if (key && options_.distance(*key) >= 0) add(std::move(text), *key, "pub", std::move(entry));
}

io::Task<void> Gossip::follow_pub_messages(Reading& reading) {
    co_await reading.ready().wait();
    Query query;
    query.by = Query::By::type;
    query.type = "pub";
    StreamOptions options;
    options.keys = options.sync = false;
    options.live = true;
    auto stream = reading.stream(std::move(query), options);
    while (true) {
        auto next = stream->next();
        auto item = co_await next;
        if (!item || !item->has_value()) co_return;
        auto message = json::Document::parse((*item)->text());
        if (message) learn_from(message->root());
        co_await loop_.yield();
    }
}

// ---- switches

Result<std::string> Gossip::turn(const std::string& type, bool on) {
    if (std::find(std::begin(groups), std::end(groups), type) == std::end(groups)) {
        return error(Errc::invalid, "unknown gossip type " + type);
    }
    switches_[type] = on;
    wake_up_.set();
    std::string path = options_.settings.folder + "/config";
    auto text = base::read_file(files_, path, limits::peer_files_bytes_max);
    Tree config = Tree::object();
    if (text) {
        auto document = json::Document::parse(base::text_of(*text));
        auto parsed = document ? Tree::from(document->root()) : Result<Tree>(document.error());
        // With comments it is no JSON: rewriting it would cost them.
        if (!parsed || !parsed->is_object()) {
            std::string left = path + " is left as it is: to keep this beyond a restart, set " +
                               "gossip." + type + " to " + (on ? "true" : "false");
            log_.warning("peers", left);
            return left;
        }
        config = std::move(*parsed);
    } else if (text.error().code != Errc::not_found) {
        return std::move(text).error();
    }
    if (auto set = config.set_at("gossip." + type, on); !set) return std::move(set).error();
    auto written = write_text(&files_, path, config.to_pretty_json());
    if (!written) return std::move(written).error();
    return std::string();
}

}  // namespace sbot::app
