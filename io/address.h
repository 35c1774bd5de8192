#pragma once

#include <sys/socket.h>

#include <optional>
#include <string>
#include <vector>

#include "io/loop.h"
#include "io/net.h"
#include "io/task.h"

/// For the sources of io/ only: socket addresses and names.
namespace sbot::io {

struct Address {
    sockaddr_storage storage{};
    socklen_t size = sizeof(sockaddr_storage);

    sockaddr* raw() { return reinterpret_cast<sockaddr*>(&storage); }
    const sockaddr* raw() const { return reinterpret_cast<const sockaddr*>(&storage); }
    int family() const { return storage.ss_family; }
    Endpoint endpoint() const;
};

/// An IPv4 or IPv6 literal ("fe80::1%eth0" too) without looking anything up.
std::optional<Address> literal(const std::string& host, std::uint16_t port);

/// The addresses of a literal or a name, in the resolver's order, at least one and at most
/// limits::dial_addresses_max. Dropping the task leaves the resolver's thread to end by itself.
Async<std::vector<Address>> look_up(Loop& loop, std::string host, std::uint16_t port);

/// The address of a unix socket; `invalid` if the path does not fit or is empty.
Result<Address> unix_address(const std::string& path);

}  // namespace sbot::io
