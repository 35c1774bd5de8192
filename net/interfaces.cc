#include "net/interfaces.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdint>

namespace sbot::net {
namespace {

std::string_view scope_of_ipv4(std::uint32_t address) {
    auto in = [address](std::uint32_t network, unsigned bits) {
        return address >> (32 - bits) == network >> (32 - bits);
    };
    if (in(0x7f000000, 8)) return "device";
    if (in(0xa9fe0000, 16)) return "link";
    if (in(0x0a000000, 8) || in(0xac100000, 12) || in(0xc0a80000, 16)) return "local";
    return "public";
}

std::string_view scope_of_ipv6(const in6_addr& address) {
    if (IN6_IS_ADDR_LOOPBACK(&address)) return "device";
    if (IN6_IS_ADDR_LINKLOCAL(&address)) return "link";
    if ((address.s6_addr[0] & 0xfe) == 0xfc) return "local";
    return "public";
}

std::uint32_t ipv4_of(const sockaddr* address) {
    return ntohl(reinterpret_cast<const sockaddr_in*>(address)->sin_addr.s_addr);
}

std::string broadcast_of(const ifaddrs& interface) {
    if ((interface.ifa_flags & IFF_BROADCAST) == 0 || interface.ifa_netmask == nullptr) return {};
    std::uint32_t given = 0;
    if (interface.ifa_broadaddr != nullptr && interface.ifa_broadaddr->sa_family == AF_INET) {
        given = ipv4_of(interface.ifa_broadaddr);
    }
    in_addr to{
        htonl(broadcast_for(ipv4_of(interface.ifa_addr), ipv4_of(interface.ifa_netmask), given))};
    char text[INET_ADDRSTRLEN] = "";
    inet_ntop(AF_INET, &to, text, sizeof text);
    return text;
}

}  // namespace

std::string_view scope_of(std::string_view address) {
    std::string text(address.substr(0, address.find('%')));
    in_addr four{};
    if (inet_pton(AF_INET, text.c_str(), &four) == 1) return scope_of_ipv4(ntohl(four.s_addr));
    in6_addr six{};
    if (inet_pton(AF_INET6, text.c_str(), &six) == 1) return scope_of_ipv6(six);
    return {};
}

std::uint32_t broadcast_for(std::uint32_t address, std::uint32_t mask, std::uint32_t given) {
    if (given != 0 && given != address) return given;
    constexpr std::uint32_t everybody = 0xffffffff;
    bool has_one = ~mask > 1;  // not with one or two addresses
    return has_one ? address | ~mask : everybody;
}

std::vector<InterfaceAddress> interface_addresses() {
    std::vector<InterfaceAddress> out;
    ifaddrs* all = nullptr;
    if (getifaddrs(&all) != 0) return out;
    for (const ifaddrs* each = all; each != nullptr; each = each->ifa_next) {
        constexpr unsigned ready = IFF_UP | IFF_RUNNING;
        if (each->ifa_addr == nullptr || (each->ifa_flags & ready) != ready) continue;
        InterfaceAddress found{each->ifa_name, {}, (each->ifa_flags & IFF_LOOPBACK) != 0};
        char text[INET6_ADDRSTRLEN] = "";
        int family = each->ifa_addr->sa_family;
        if (family == AF_INET) {
            const auto* address = reinterpret_cast<const sockaddr_in*>(each->ifa_addr);
            inet_ntop(family, &address->sin_addr, text, sizeof text);
            found.broadcast = broadcast_of(*each);
        } else if (family == AF_INET6) {
            const auto* address = reinterpret_cast<const sockaddr_in6*>(each->ifa_addr);
            inet_ntop(family, &address->sin6_addr, text, sizeof text);
            found.zone = address->sin6_scope_id;
        } else {
            continue;
        }
        found.address = text;
        auto behind = std::find_if(out.rbegin(), out.rend(), [&](const InterfaceAddress& other) {
            return other.interface == found.interface;
        });
        out.insert(behind == out.rend() ? out.end() : behind.base(), std::move(found));
    }
    freeifaddrs(all);
    return out;
}

std::vector<std::string> hosts_in_scope(std::string_view scope) {
    if (scope == "device") return {"localhost"};
    std::vector<std::string> hosts;
    for (InterfaceAddress& each : interface_addresses()) {
        if (scope_of(each.address) == scope) hosts.push_back(std::move(each.address));
    }
    return hosts;
}

}  // namespace sbot::net
