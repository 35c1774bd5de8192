#include "net/peer_table.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/json.h"
#include "base/limits.h"
#include "net/address_rules.h"

namespace sbot::net {
namespace {

using base::Tree;

constexpr double silent_ms = 10000;
constexpr double failures_of_dead = 100;

/// Members that an entry holds by itself, not in its data.
constexpr std::string_view own_members[] = {"address", "key", "state"};

Result<Tree> parse(std::string_view json) {
    auto document = json::Document::parse(json);
    if (!document) return std::move(document).error();
    return Tree::from(document->root());
}

/// `net:host:port~shs:KEY` of an entry that only has the parts.
std::string address_of_parts(const Tree& entry) {
    const std::string& key = entry["key"].text();
    const std::string& host = entry["host"].text();
    bool onion = host.ends_with(".onion");
    const Tree& port = entry["port"];
    if (host.empty() || !FeedId::parse(key)) return {};
    std::string digits = port.is_text() ? port.text() : port.to_json();
    return (onion ? "onion:" : "net:") + host + ':' + digits + "~shs:" + key.substr(1, 44);
}

/// `source` of who was asked for: nothing for who was met by chance. Without one it was by hand.
std::string asked_source(std::string_view source) {
    if (source == "pub" || source == "local" || source == "stored") return {};
    return std::string(source.empty() ? "manual" : source);
}

/// What the files say of a peer.
Tree file_data(const KnownPeer& peer) {
    Tree data = peer.data;
    bool says_so = peer.source() != "stored" && peer.source() != "pub";
    if (!peer.asked_as.empty() && !says_so) data.set("source", peer.asked_as);
    return data;
}

Tree without_own_members(Tree entry) {
    for (std::string_view name : own_members) entry.remove(name);
    return entry;
}

}  // namespace

std::string_view name_of(PeerState state) {
    switch (state) {
        case PeerState::connecting: return "connecting";
        case PeerState::connected: return "connected";
        case PeerState::disconnecting: return "disconnecting";
        case PeerState::none: break;
    }
    return {};
}

Tree with_sample(const Tree& statistics, double value) {
    double count = statistics["count"].number() + 1;
    double sum = statistics["sum"].number() + value;
    double sqsum = statistics["sqsum"].number() + value * value;
    double mean = sum / count;
    Tree out = Tree::object();
    out.set("mean", mean);
    out.set("stdev", std::sqrt(std::max(0.0, sqsum / count - mean * mean)));
    out.set("count", count);
    out.set("sum", sum);
    out.set("sqsum", sqsum);
    return out;
}

// ---- files

void PeerTable::import(Tree entry, std::string address, std::string_view source) {
    KnownPeer peer;
    peer.key = *FeedId::parse(entry["key"].text());
    if (peer.key == own_) return;
    KnownPeer* known = find(address);
    bool newer = known != nullptr && entry["stateChange"].number() > known->state_change();
    std::string asked_as = asked_source(entry["source"].text());
    Tree data = without_own_members(std::move(entry));
    if (!source.empty()) data.set("source", source);
    if (known != nullptr && known->asked_as.empty()) known->asked_as = asked_as;
    if (known == nullptr) {
        peer.asked_as = std::move(asked_as);
        peer.address = std::move(address);
        peer.data = std::move(data);
        insert(std::move(peer));
        return;
    }
    Tree older = newer ? known->data : data;
    if (newer) known->data = std::move(data);
    // What only one of the files knew stays.
    for (const Tree::Member& member : older.members()) {
        if (known->data.find(member.name) == nullptr) known->data.set(member.name, member.value);
    }
}

Result<void> PeerTable::read_gossip(std::string_view json) {
    auto list = parse(json);
    if (!list || !list->is_list()) return error(Errc::corrupt, "no list of peers");
    for (const Tree& entry : list->items()) {
        std::string address = entry["address"].text();
        if (!is_address(address)) address = address_of_parts(entry);
        if (entry["source"].text() == "local") continue;
        if (!is_address(address) || !FeedId::parse(entry["key"].text())) {
            odd_gossip_.push_back(entry);
            continue;
        }
        if (by_key_.count(*FeedId::parse(entry["key"].text())) > 0) continue;
        // What conn.remember wrote has no source, there as here.
        bool remembered = entry.find("birth") != nullptr && entry.find("source") == nullptr;
        import(entry, std::move(address), remembered ? "" : "stored");
    }
    return {};
}

Result<void> PeerTable::read_conn(std::string_view json) {
    constexpr std::size_t cut_max = 9;
    auto object = parse(json);
    for (std::size_t cut = 1; cut <= cut_max && cut < json.size(); ++cut) {
        if (object && object->is_object()) break;
        object = parse(json.substr(0, json.size() - cut));
    }
    if (!object || !object->is_object()) return error(Errc::corrupt, "no object of peers");
    for (const Tree::Member& member : object->members()) {
        Tree entry = member.value;
        bool passing = entry["source"].text() == "local" || entry["source"].text() == "bt" ||
                       entry["type"].text() == "lan" || entry["type"].text() == "bt";
        if (passing) continue;
        auto key = FeedId::parse(entry["key"].text());
        if (!key) {
            auto in_address = key_of_address(member.name);
            if (in_address) key = FeedId::parse(*in_address);
        }
        if (!entry.is_object() || !key || !is_address(member.name)) {
            odd_conn_.push_back(member);
            continue;
        }
        entry.set("key", key->text());
        import(std::move(entry), member.name, "");
    }
    return {};
}

Tree PeerTable::gossip_entry(const KnownPeer& peer, bool with_state) {
    Tree out = Tree::object();
    out.set("address", peer.address);
    out.set("key", peer.key.text());
    for (const Tree::Member& member : peer.data.members()) out.set(member.name, member.value);
    if (with_state && peer.state != PeerState::none) out.set("state", name_of(peer.state));
    return out;
}

std::string PeerTable::gossip_json() const {
    Tree list = Tree::List();
    for (const auto& peer : peers_) {
        auto first = by_key_.find(peer->key);
        if (peer->staged || peer->source() == "local" || first->second != peer.get()) continue;
        Tree entry = gossip_entry(*peer, false);
        if (Tree data = file_data(*peer); data["source"].truthy()) {
            entry.set("source", data["source"]);
        }
        // For the oldest readers.
        auto parsed = parse_address(peer->address);
        if (parsed && (!entry["host"].truthy() || !entry["port"].truthy())) {
            entry.set("host", parsed->host);
            entry.set("port", parsed->port);
        }
        list.push(std::move(entry));
    }
    for (const Tree& odd : odd_gossip_) list.push(odd);
    return list.to_pretty_json();
}

std::string PeerTable::conn_json() const {
    Tree object = Tree::object();
    for (const auto& peer : peers_) {
        if (peer->staged || peer->is_lan()) continue;
        Tree data = Tree::object();
        data.set("key", peer->key.text());
        data.merge(file_data(*peer));
        object.set(peer->address, std::move(data));
    }
    for (const Tree::Member& odd : odd_conn_) object.set(odd.name, odd.value);
    return object.to_pretty_json();
}

// ---- entries

KnownPeer* PeerTable::find(const FeedId& key) {
    auto found = by_key_.find(key);
    return found == by_key_.end() ? nullptr : found->second;
}

KnownPeer* PeerTable::find(std::string_view address) {
    auto found = by_address_.find(std::string(address));
    return found == by_address_.end() ? nullptr : found->second;
}

/// The one that has failed most often goes, of those that nobody asked for and that never worked.
bool PeerTable::make_room() {
    if (peers_.size() < limits::peers_known_max) return true;
    KnownPeer* worst = nullptr;
    for (const auto& peer : peers_) {
        bool used = peer->reached() || peer->links > 0 || peer->state != PeerState::none;
        // As ssb-conn remembers each that a message tells of.
        bool just_met = peer->type() == "pub" && peer->data["autoconnect"].is_false();
        if (used || (peer->asked_for() && !just_met)) continue;
        if (worst == nullptr || peer->failures() > worst->failures()) worst = peer.get();
    }
    if (worst == nullptr) return false;
    remove(*worst);
    return true;
}

KnownPeer* PeerTable::insert(KnownPeer peer) {
    if (peer.address.size() > limits::peer_address_bytes_max || !make_room()) return nullptr;
    peers_.push_back(std::make_unique<KnownPeer>(std::move(peer)));
    KnownPeer* added = peers_.back().get();
    by_key_.emplace(added->key, added);
    by_address_.emplace(added->address, added);
    touch();
    return added;
}

PeerTable::Added PeerTable::add(std::string address, const FeedId& key, std::string_view source,
                                double now, Tree given) {
    if (key == own_) return {};
    std::string asked_as = asked_source(source);
    if (KnownPeer* known = find(key)) {
        if (!asked_as.empty()) known->asked_as = std::move(asked_as);
        if (source == "friends" || source == "local") {
            if (known->source() != source) touch();
            known->data.set("source", source);
        } else if (known->source() != "local") {
            known->data.set("announcers", known->data["announcers"].number() + 1);
            known->staged = false;
            touch();
        }
        if (source == "local") known->heard = now;
        return {known, false};
    }
    KnownPeer peer;
    peer.address = std::move(address);
    peer.key = key;
    peer.asked_as = std::move(asked_as);
    peer.data = without_own_members(std::move(given));
    if (!source.empty()) peer.data.set("source", source);
    peer.data.set("announcers", 1);
    if (peer.data.find("duration") == nullptr) peer.data.set("duration", Tree());
    if (source == "local") peer.heard = now;
    return {insert(std::move(peer)), true};
}

PeerTable::Added PeerTable::remember(std::string address, const FeedId& key, const Tree& data,
                                     double now) {
    if (key == own_) return {};
    Tree given = without_own_members(data.is_object() ? data : Tree::object());
    KnownPeer* known = find(address);
    bool is_new = known == nullptr || known->staged;
    if (known == nullptr) {
        KnownPeer peer;
        peer.address = std::move(address);
        peer.key = key;
        known = insert(std::move(peer));
        if (known == nullptr) return {};
    }
    if (known->staged && !known->is_lan()) {  // it stays that besides
        known->offer = std::exchange(known->data, Tree::object());
    }
    if (known->data.find("birth") == nullptr) known->data.set("birth", now);
    known->data.merge(given);
    known->staged = false;
    touch();
    return {known, is_new};
}

PeerTable::Added PeerTable::stage(std::string address, const FeedId& key, const Tree& data,
                                  double now) {
    if (key == own_) return {};
    KnownPeer* known = find(address);
    bool is_new = known == nullptr;
    if (known == nullptr) {
        KnownPeer peer;
        peer.address = std::move(address);
        peer.key = key;
        peer.staged = true;
        known = insert(std::move(peer));
        if (known == nullptr) return {};
    } else if (!known->staged && !known->offer.is_object()) {
        known->offer = Tree::object();
        is_new = true;
    }
    Tree& staging = known->staged ? known->data : known->offer;
    if (is_new) staging.set("stagingBirth", now);
    staging.set("stagingUpdated", now);
    staging.merge(without_own_members(data));
    if (data["type"].text() == "lan") known->heard = now;
    touch();
    return {known, is_new};
}

bool PeerTable::withdraw(KnownPeer& peer) {
    if (!peer.offer.is_object()) return false;
    peer.offer = Tree();
    touch();
    return true;
}

bool PeerTable::keep_offer_only(KnownPeer& peer) {
    if (!peer.offer.is_object()) return false;
    peer.data = std::exchange(peer.offer, Tree());
    peer.staged = true;
    touch();
    return true;
}

void PeerTable::remove(KnownPeer& peer) {
    auto same = [&peer](const auto& each) { return each.get() == &peer; };
    auto place = std::find_if(peers_.begin(), peers_.end(), same);
    std::unique_ptr<KnownPeer> gone = std::move(*place);
    peers_.erase(place);
    by_address_.erase(gone->address);
    touch();
    if (by_key_[gone->key] != gone.get()) return;
    by_key_.erase(gone->key);
    for (const auto& other : peers_) {
        if (other->key == gone->key && by_key_.emplace(other->key, other.get()).second) break;
    }
}

std::vector<FeedId> PeerTable::forget_silent(double now) {
    std::vector<FeedId> gone;
    for (std::size_t i = peers_.size(); i-- > 0;) {
        KnownPeer& peer = *peers_[i];
        bool silent = peer.heard > 0 && peer.heard + silent_ms < now;
        if (silent && peer.offer["type"].text() == "lan") withdraw(peer);
        if (!peer.is_lan() || !silent || peer.links > 0 || peer.state != PeerState::none) continue;
        gone.push_back(peer.key);
        remove(peer);
    }
    return gone;
}

std::vector<FeedId> PeerTable::prune_dead() {
    std::vector<FeedId> gone;
    for (std::size_t i = peers_.size(); i-- > 0;) {
        KnownPeer& peer = *peers_[i];
        bool dead = peer.failures() >= failures_of_dead && !peer.reached();
        if (!dead || peer.asked_for() || peer.state != PeerState::none) continue;
        gone.push_back(peer.key);
        remove(peer);
    }
    return gone;
}

// ---- events

void PeerTable::dialling(KnownPeer& peer, double now) {
    peer.state = PeerState::connecting;
    peer.data.set("stateChange", now);
    touch();
}

void PeerTable::dial_failed(KnownPeer& peer, std::string_view why, double now) {
    peer.state = peer.links > 0 ? PeerState::connected : PeerState::none;
    peer.data.set("failure", peer.failures() + 1);
    peer.data.set("error", why);
    peer.data.set("stateChange", now);
    peer.data.set("duration", with_sample(peer.data["duration"], 0));
    touch();
}

void PeerTable::linked(KnownPeer& peer, bool dialled, double now) {
    if (++peer.links == 1) peer.linked_since = now;
    peer.offer = Tree();
    peer.state = PeerState::connected;
    peer.data.set("stateChange", now);
    peer.data.set("client", dialled);
    peer.data.set("failure", 0);
    peer.data.remove("error");
    touch();
}

void PeerTable::unlinked(KnownPeer& peer, double now) {
    if (peer.links == 0 || --peer.links > 0) return;
    peer.state = PeerState::none;
    peer.data.set("stateChange", now);
    peer.data.set("duration",
                  with_sample(peer.data["duration"], std::max(0.0, now - peer.linked_since)));
    touch();
}

void PeerTable::pinged(KnownPeer& peer, double rtt_ms, double skew_ms) {
    Tree ping = peer.data["ping"].is_object() ? peer.data["ping"] : Tree::object();
    ping.set("rtt", with_sample(ping["rtt"], rtt_ms));
    ping.set("skew", with_sample(ping["skew"], skew_ms));
    ping.remove("fail");
    peer.data.set("ping", std::move(ping));
    touch();
}

void PeerTable::moved(KnownPeer& peer, std::string address) {
    if (address == peer.address || by_address_.count(address) > 0) return;
    by_address_.erase(peer.address);
    peer.address = std::move(address);
    by_address_.emplace(peer.address, &peer);
    // They belong to the old place.
    peer.data.remove("host");
    peer.data.remove("port");
    touch();
}

}  // namespace sbot::net
