#pragma once

#include "muxrpc/router.h"
#include "sbot/gossip.h"

namespace sbot::app {

/// What the calls on peers work with; outlives the router.
struct GossipServices {
    io::Loop& loop;
    const Settings& settings;
    Gossip& gossip;
};

/// gossip.*: ssb-gossip 1.1.
void add_gossip_methods(muxrpc::Router& router, GossipServices& services);
/// conn.* and connScheduler.*: ssb-conn 6.0.
void add_conn_methods(muxrpc::Router& router, GossipServices& services);

/// A server as a call names it: where it is, and the members that came with that.
struct NamedPeer {
    std::string address;  ///< multiserver text
    FeedId key;
    base::Tree given = base::Tree::object();
};
/// An address text (multiserver or `host:port:ID`), `{host, port, key}` or `{address, key}`.
std::optional<NamedPeer> named_peer(json::Value given);

/// Dials, and answers with the peer's id.
muxrpc::AsyncReply<muxrpc::Body> dial_named(Gossip& gossip, NamedPeer peer);

}  // namespace sbot::app
