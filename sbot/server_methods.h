#pragma once

#include <string>

#include "muxrpc/router.h"
#include "sbot/peers.h"
#include "sbot/settings.h"

namespace sbot::app {

/// What the calls about the server itself work with; outlives the router.
struct ServerServices {
    const Settings& settings;
    FeedId own;
    Peers& peers;
};

/// whoami, version, address.
void add_server_methods(muxrpc::Router& router, ServerServices& services);

/// `manifest`, of everything registered before it is called.
void add_manifest_method(muxrpc::Router& router);

/// What the server says of how it can be reached in a scope (device, local, public): addresses
/// joined with `;`. Empty if there is none.
std::string address_in(const Settings& settings, const FeedId& own, std::string_view scope);

}  // namespace sbot::app
