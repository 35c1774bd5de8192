#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sbot::net {

/// Addresses of this machine's interfaces that belong to a scope: `device` (loopback, as
/// "localhost"), `local` (private networks), `public` (the rest). Link-local ones are left out.
std::vector<std::string> hosts_in_scope(std::string_view scope);

/// One address of one interface that is up, as Node's `os.networkInterfaces()` has them.
struct InterfaceAddress {
    std::string interface;
    std::string address;  ///< without a zone
    bool internal = false;
    std::string broadcast = {};  ///< of an IPv4 network that has one
    std::uint32_t zone = 0;      ///< of a link-local IPv6 address
};

/// Those of one interface together, in the system's order.
std::vector<InterfaceAddress> interface_addresses();

/// Where a broadcast goes from an IPv4 address (all in host order): what the system was given, or
/// the last address of the network. The system answers an address's own where it was given none, as
/// by `ip address add 10.0.0.1/24 dev X`. Networks too small to have one: 255.255.255.255.
std::uint32_t broadcast_for(std::uint32_t address, std::uint32_t mask, std::uint32_t given);

/// The scope of an address literal, by its network.
std::string_view scope_of(std::string_view address);

}  // namespace sbot::net
