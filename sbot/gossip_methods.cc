#include "sbot/gossip_methods.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/number.h"
#include "net/address_rules.h"
#include "net/interfaces.h"
#include "sbot/ping.h"
#include "sbot/remote_error.h"
#include "sbot/stream_options.h"

namespace sbot::app {
namespace {

using base::Tree;
using muxrpc::Allow;
using muxrpc::AsyncReply;
using muxrpc::Body;
using muxrpc::RemoteError;
using muxrpc::Reply;
using muxrpc::Request;
using muxrpc::Sink;
using muxrpc::Source;
using net::KnownPeer;

Body entry_of(const KnownPeer& peer) {
    return Body::json(net::PeerTable::gossip_entry(peer, true).to_json());
}

/// `ID` or `{key: ID}`, in the reference's words where it is neither.
Reply<FeedId> id_of(json::Value given) {
    if (!given.exists() || given.is_null()) {
        std::string what = given.exists() ? "null" : "undefined";
        return RemoteError{"Cannot read properties of " + what + " (reading 'key')", "TypeError"};
    }
    auto id = FeedId::parse(given.string());
    if (!id && given.is_object()) id = FeedId::parse(given["key"].string());
    if (!id) return RemoteError{"must provide id:" + json::compact(given)};
    return *id;
}

AsyncReply<Body> peers(GossipServices& services, Request) {
    Tree list = Tree::List();
    for (const auto& peer : services.gossip.table().all()) {
        if (services.gossip.table().find(peer->key) == peer.get()) {
            list.push(net::PeerTable::gossip_entry(*peer, true));
        }
    }
    co_return Body::json(list.to_json());
}

AsyncReply<Body> add(GossipServices& services, Request request) {
    json::Value given = request.arg(0);
    if (!given.truthy()) co_return param_required();
    auto peer = named_peer(given);
    if (!peer) {
        bool is_text = given.is_string();
        co_return RemoteError{"not a valid address:" +
                              (is_text ? std::string(given.string()) : json::compact(given))};
    }
    json::Value source = request.arg(1);
    if (source.truthy() && !source.is_string()) {
        co_return RemoteError{"Param 1 must by of type string", "TypeError"};
    }
    KnownPeer* known = services.gossip.add(std::move(peer->address), peer->key, source.string(),
                                           std::move(peer->given));
    if (known == nullptr) co_return nothing();
    co_return entry_of(*known);
}

AsyncReply<Body> get(GossipServices& services, Request request) {
    auto id = id_of(request.arg(0));
    if (!id) co_return std::move(id).error();
    KnownPeer* peer = services.gossip.table().find(*id);
    if (peer == nullptr) co_return nothing();
    co_return entry_of(*peer);
}

AsyncReply<Body> remove(GossipServices& services, Request request) {
    auto id = id_of(request.arg(0));
    if (!id) co_return std::move(id).error();
    if (KnownPeer* peer = services.gossip.table().find(*id)) services.gossip.remove(*peer);
    co_return nothing();
}

AsyncReply<Body> connect(GossipServices& services, Request request) {
    json::Value given = request.arg(0);
    if (!given.truthy()) {
        co_return RemoteError{"ssb-gossip.connect: address, or peer id must be provided"};
    }
    Gossip& gossip = services.gossip;
    if (auto id = FeedId::parse(given.string())) {
        KnownPeer* known = gossip.table().find(*id);
        if (known == nullptr) co_return RemoteError{"no known address for peer:" + id->text()};
        NamedPeer peer{known->address, known->key};
        auto dialling = dial_named(gossip, std::move(peer));
        co_return co_await dialling;
    }
    auto peer = named_peer(given);
    if (!peer) co_return RemoteError{"first param must be an address"};
    if (auto may = gossip.peers().may_dial(peer->key); !may) co_return remote(may.error());
    gossip.add(peer->address, peer->key, "manual", peer->given);
    auto dialling = dial_named(gossip, std::move(*peer));
    co_return co_await dialling;
}

AsyncReply<Body> disconnect(GossipServices& services, Request request) {
    auto id = id_of(request.arg(0));
    if (!id) co_return std::move(id).error();
    bool known = services.gossip.table().find(*id) != nullptr;
    if (!services.gossip.disconnect(*id) && !known) {
        co_return RemoteError{"Cannot set properties of undefined (setting 'state')", "TypeError"};
    }
    co_return nothing();
}

AsyncReply<Body> reconnect(GossipServices& services, Request) {
    services.gossip.reconnect();
    std::string text;
    json::append_number(text, services.gossip.now());
    co_return Body::json(text);
}

AsyncReply<Body> turn(GossipServices& services, Request request, bool on) {
    json::Value given = request.arg(0);
    if (given.truthy() && !given.is_string()) co_return param_type("string");
    std::string type = given.truthy() ? std::string(given.string()) : "global";
    auto turned = services.gossip.turn(type, on);
    if (!turned) co_return remote(turned.error());
    std::string done = (on ? "enabled gossip type " : "disabled gossip type ") + type;
    co_return Body::utf8(turned->empty() ? done : done + "; " + *turned);
}

AsyncReply<Body> enable(GossipServices& services, Request request) {
    return turn(services, std::move(request), true);
}
AsyncReply<Body> disable(GossipServices& services, Request request) {
    return turn(services, std::move(request), false);
}

class Changes final : public Source {
 public:
    explicit Changes(Gossip& gossip) : gossip_(gossip), next_(gossip.news_end()) {}

    AsyncReply<std::optional<Body>> next() override {
        auto waiting = gossip_.news(next_++);
        auto item = co_await waiting;
        if (!item) co_return remote(item.error());
        co_return std::optional(Body::json(*item));
    }

 private:
    Gossip& gossip_;
    std::uint64_t next_;
};

AsyncReply<void> ping(GossipServices& services, std::unique_ptr<Source> in,
                      std::unique_ptr<Sink> out) {
    double wanted = number_of(services.settings.all.at("timers.ping"));
    if (std::isnan(wanted)) wanted = ping_ms_default;
    auto delay_ms = static_cast<std::uint64_t>(std::clamp(wanted, ping_ms_min, ping_ms_max));
    return answer_pings(services.loop, delay_ms, std::move(in), std::move(out));
}

void add_ping(muxrpc::Router& router, GossipServices& services, std::string path) {
    router.duplex(std::move(path), Allow::peer,
                  [&services](Request, std::unique_ptr<Source> in, std::unique_ptr<Sink> out) {
                      return ping(services, std::move(in), std::move(out));
                  });
}

// ---- conn.*

RemoteError bad_address() {
    return RemoteError{"The given address is not a valid multiserver-address"};
}

Tree data_of(json::Value given) {
    if (!given.is_object()) return Tree::object();
    return Tree::from(given).value_or(Tree::object());
}

/// The type that goes without saying.
std::string_view inferred_type(const std::string& address) {
    for (std::string_view type : {"bt", "dht", "tunnel"}) {
        if (address.starts_with(std::string(type) + ":")) return type;
    }
    auto parsed = net::parse_address(address);
    bool lan = parsed && net::scope_of(parsed->host) == "local";
    return lan ? "lan" : "internet";
}

/// `[[ADDR, data], …]`
class Pairs {
 public:
    void add(const std::string& address, Tree data) {
        list_.push(Tree::List{Tree(address), std::move(data)});
    }
    Body body() const { return Body::json(list_.to_json()); }

 private:
    Tree list_ = Tree::List();
};

Tree hub_data(Gossip& gossip, const FeedId& key, const std::string& address, std::string_view state,
              double since, const Tree& said) {
    Tree data = Tree::object();
    data.set("state", state);
    data.set("key", key.text());
    data.set("hubBirth", since);
    data.set("hubUpdated", since);
    KnownPeer* known = gossip.table().find(address);
    if (known == nullptr) known = gossip.table().find(key);
    if (known != nullptr) data.merge(known->data);
    data.merge(said);
    data.set("state", state);  // whatever was said
    data.set("key", key.text());
    if (!data["type"].truthy()) data.set("inferredType", inferred_type(address));
    return data;
}

Body hub_list(Gossip& gossip) {
    Pairs pairs;
    for (const Link* link : gossip.peers().links()) {
        if (link->rights == muxrpc::Rights::invite) continue;
        std::string_view state = link->closing ? "disconnecting" : "connected";
        pairs.add(link->address,
                  hub_data(gossip, link->peer, link->address, state, link->since, link->said));
    }
    for (const auto& peer : gossip.table().all()) {
        if (peer->state != net::PeerState::connecting || peer->links > 0) continue;
        pairs.add(peer->address, hub_data(gossip, peer->key, peer->address, "connecting",
                                          peer->state_change(), gossip.said(peer->key)));
    }
    return pairs.body();
}

Body staged_list(Gossip& gossip) {
    Pairs pairs;
    for (const auto& peer : gossip.table().all()) {
        bool waits = peer->data["autoconnect"].is_false(), offered = peer->offer.is_object();
        if ((!peer->staged && !waits && !offered) || peer->links > 0) continue;
        Tree data = offered ? peer->offer : peer->data;
        data.set("key", peer->key.text());
        if (!peer->staged && !offered) data.set("pool", "db");
        pairs.add(peer->address, std::move(data));
    }
    return pairs.body();
}

/// The whole list at once, and again at each change; never twice the same in a row.
class Lists final : public Source {
 public:
    Lists(Gossip& gossip, Body (*list)(Gossip&)) : gossip_(gossip), list_(list) {}

    AsyncReply<std::optional<Body>> next() override {
        while (true) {
            while (seen_ && *seen_ == gossip_.version()) {
                co_await gossip_.something_changed().wait();
            }
            seen_ = gossip_.version();
            Body body = list_(gossip_);
            if (body.data == last_) continue;
            last_ = body.data;
            co_return std::optional(std::move(body));
        }
    }

 private:
    Gossip& gossip_;
    Body (*list_)(Gossip&);
    std::optional<std::uint64_t> seen_;
    Bytes last_;
};

AsyncReply<Body> conn_connect(GossipServices& services, Request request) {
    auto peer = named_peer(request.arg(0));
    if (!request.arg(0).is_string() || !peer) co_return bad_address();
    Gossip& gossip = services.gossip;
    if (gossip.peers().link_with(peer->key) != nullptr) {
        json::Writer out;
        out.begin_object().member("id", peer->key.text()).end_object();
        co_return Body::json(out.text());
    }
    FeedId key = peer->key;
    gossip.say(key, data_of(request.arg(1)));
    auto dialling = dial_named(gossip, std::move(*peer));
    auto dialled = co_await dialling;
    if (!dialled) gossip.say(key, Tree());
    co_return dialled;
}

AsyncReply<Body> conn_disconnect(GossipServices& services, Request request) {
    auto peer = named_peer(request.arg(0));
    if (!request.arg(0).is_string() || !peer) co_return bad_address();
    co_return Body::json(services.gossip.disconnect(peer->key) ? "true" : "false");
}

AsyncReply<Body> db_peers(GossipServices& services, Request) {
    Pairs pairs;
    for (const auto& peer : services.gossip.table().all()) {
        if (peer->staged || peer->is_lan()) continue;
        Tree data = peer->data;
        data.set("key", peer->key.text());
        pairs.add(peer->address, std::move(data));
    }
    co_return pairs.body();
}

AsyncReply<Body> remember(GossipServices& services, Request request) {
    auto peer = named_peer(request.arg(0));
    if (!request.arg(0).is_string() || !peer) co_return bad_address();
    json::Value data = request.arg(1);
    if (data.exists() && !data.is_object() && !data.is_array()) {
        co_return RemoteError{"The given connection data should have been an object"};
    }
    Gossip& gossip = services.gossip;
    gossip.use_conn_file();
    gossip.table().remember(peer->address, peer->key, data_of(data), gossip.now());
    gossip.changed();
    co_return nothing();
}

AsyncReply<Body> forget(GossipServices& services, Request request) {
    auto peer = named_peer(request.arg(0));
    if (!request.arg(0).is_string() || !peer) co_return bad_address();
    services.gossip.use_conn_file();
    KnownPeer* known = services.gossip.table().find(peer->address);
    if (known == nullptr || known->staged) co_return nothing();
    if (services.gossip.table().keep_offer_only(*known)) {
        services.gossip.changed();
    } else {
        services.gossip.remove(*known);
    }
    co_return nothing();
}

AsyncReply<Body> stage(GossipServices& services, Request request) {
    auto peer = named_peer(request.arg(0));
    if (!request.arg(0).is_string() || !peer) co_return bad_address();
    Gossip& gossip = services.gossip;
    Tree data = data_of(request.arg(1));
    if (!request.arg(1).exists()) data.set("type", "internet");
    bool connected = gossip.peers().link_with(peer->key) != nullptr;
    if (connected) co_return nothing();
    bool added = gossip.table().stage(peer->address, peer->key, data, gossip.now()).is_new;
    gossip.changed();
    co_return Body::json(added ? "true" : "false");
}

AsyncReply<Body> unstage(GossipServices& services, Request request) {
    auto peer = named_peer(request.arg(0));
    if (!request.arg(0).is_string() || !peer) co_return bad_address();
    KnownPeer* known = services.gossip.table().find(peer->address);
    if (known == nullptr || known->links > 0) co_return nothing();
    if (known->staged) {
        services.gossip.remove(*known);
        co_return Body::json("true");
    }
    if (!services.gossip.table().withdraw(*known)) co_return nothing();
    services.gossip.changed();
    co_return Body::json("true");
}

AsyncReply<Body> start(GossipServices& services, Request) {
    services.gossip.run_scheduler(true);
    co_return Body::json("{}");
}

AsyncReply<Body> stop(GossipServices& services, Request) {
    services.gossip.run_scheduler(false);
    co_return nothing();
}

using SourceReply = Reply<std::unique_ptr<Source>>;

}  // namespace

std::optional<NamedPeer> named_peer(json::Value given) {
    NamedPeer peer;
    std::string text(given.string());
    if (given.is_object()) {
        json::Value port = given["port"];
        text = given["address"].string();
        auto key = FeedId::parse(given["key"].string());
        if (!net::is_address(text)) {
            net::RefAddress parts;
            parts.host = given["host"].string();
            parts.port = port.is_string() ? base::to_number(port.string()) : port.number();
            parts.key = given["key"].string();
            if (!key || parts.host.empty() || !net::is_address(parts)) return std::nullopt;
            std::string_view scheme = parts.host.ends_with(".onion") ? "onion:" : "net:";
            text = std::string(scheme) + parts.host + ":" +
                   std::to_string(static_cast<int>(parts.port)) + "~shs:" + parts.key.substr(1, 44);
        }
        if (key) peer.given = Tree::from(given).value_or(Tree::object());
    }
    if (text.size() > limits::peer_address_bytes_max || !net::is_address(text)) return std::nullopt;
    auto key_text = net::key_of_address(text);
    auto key = key_text ? FeedId::parse(*key_text) : std::nullopt;
    if (!key) {  // the oldest form, `host:port:ID`
        auto parsed = net::parse_address(text);
        if (parsed) key = FeedId::parse(parsed->key);
        if (!key) return std::nullopt;
        text = "net:" + parsed->host + ":" + std::to_string(static_cast<int>(parsed->port)) +
               "~shs:" + parsed->key.substr(1, 44);
    }
    peer.key = *key;
    peer.address = std::move(text);
    return peer;
}

AsyncReply<Body> dial_named(Gossip& gossip, NamedPeer peer) {
    auto target = net::dial_target(peer.address);
    if (!target) co_return remote(target.error());
    auto* tcp = std::get_if<net::NetTarget>(&*target);
    if (tcp == nullptr || tcp->seed) co_return RemoteError{"not the address of a peer"};
    if (auto may = gossip.peers().may_dial(peer.key); !may) co_return remote(may.error());
    auto connecting = gossip.connect(std::move(*tcp), std::move(peer.address));
    auto connected = co_await connecting;
    if (!connected) co_return remote(connected.error());
    json::Writer out;
    out.begin_object().member("id", peer.key.text()).end_object();
    co_return Body::json(out.text());
}

void add_gossip_methods(muxrpc::Router& router, GossipServices& services) {
    auto with = [&services](auto* method) {
        return
            [&services, method](Request request) { return method(services, std::move(request)); };
    };
    router.sync("gossip.peers", Allow::local, with(&peers));
    router.sync("gossip.add", Allow::local, with(&add));
    router.sync("gossip.remove", Allow::local, with(&remove));
    router.sync("gossip.get", Allow::local, with(&get));
    router.async("gossip.connect", Allow::local, with(&connect));
    router.async("gossip.disconnect", Allow::local, with(&disconnect));
    router.source("gossip.changes", Allow::local, [&services](Request) {
        return SourceReply(std::make_unique<Changes>(services.gossip));
    });
    router.sync("gossip.reconnect", Allow::local, with(&reconnect));
    router.sync("gossip.enable", Allow::local, with(&enable));
    router.sync("gossip.disable", Allow::local, with(&disable));
    add_ping(router, services, "gossip.ping");
}

void add_conn_methods(muxrpc::Router& router, GossipServices& services) {
    auto with = [&services](auto* method) {
        return
            [&services, method](Request request) { return method(services, std::move(request)); };
    };
    auto lists = [&services](Body (*list)(Gossip&)) {
        return [&services, list](Request) {
            return SourceReply(std::make_unique<Lists>(services.gossip, list));
        };
    };
    router.async("conn.connect", Allow::local, with(&conn_connect));
    router.async("conn.disconnect", Allow::local, with(&conn_disconnect));
    router.source("conn.peers", Allow::local, lists(&hub_list));
    router.source("conn.stagedPeers", Allow::local, lists(&staged_list));
    router.sync("conn.dbPeers", Allow::local, with(&db_peers));
    router.sync("conn.remember", Allow::local, with(&remember));
    router.sync("conn.forget", Allow::local, with(&forget));
    router.sync("conn.stage", Allow::local, with(&stage));
    router.sync("conn.unstage", Allow::local, with(&unstage));
    router.sync("conn.start", Allow::local, with(&start));
    router.sync("conn.stop", Allow::local, with(&stop));
    add_ping(router, services, "conn.ping");
    router.sync("connScheduler.start", Allow::local, with(&start));
    router.sync("connScheduler.stop", Allow::local, with(&stop));
}

}  // namespace sbot::app
