#include "io/address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>

#include "base/limits.h"
#include "io/uv_internal.h"

namespace sbot::io {

namespace {

constexpr std::size_t unix_path_bytes_max = sizeof sockaddr_un{}.sun_path - 1;

std::string ip_text(int family, const void* bytes) {
    char text[INET6_ADDRSTRLEN] = "";
    inet_ntop(family, bytes, text, sizeof text);
    return text;
}

Endpoint ipv6_endpoint(const sockaddr_in6& address) {
    std::uint16_t port = ntohs(address.sin6_port);
    // An IPv4 peer of a dual-stack listener; the rest of the server knows it by its own address.
    if (IN6_IS_ADDR_V4MAPPED(&address.sin6_addr)) {
        return {ip_text(AF_INET, address.sin6_addr.s6_addr + 12), port};
    }
    std::string host = ip_text(AF_INET6, &address.sin6_addr);
    char interface[IF_NAMESIZE] = "";
    if (address.sin6_scope_id != 0 && if_indextoname(address.sin6_scope_id, interface) != nullptr) {
        host += '%';
        host += interface;
    }
    return {std::move(host), port};
}

/// A name in the resolver's hands. `into` is the waiting task's, valid while somebody waits.
struct Lookup {
    uv_getaddrinfo_t uv{};
    Completion* waiting = nullptr;
    std::vector<Address>* into = nullptr;

    static void finished(uv_getaddrinfo_t* uv, int status, addrinfo* found) {
        auto* self = static_cast<Lookup*>(uv->data);
        if (self->waiting != nullptr) {
            for (addrinfo* one = found; one != nullptr; one = one->ai_next) {
                if (self->into->size() >= limits::dial_addresses_max) break;
                Address address;
                address.size = one->ai_addrlen;
                std::memcpy(&address.storage, one->ai_addr, one->ai_addrlen);
                self->into->push_back(address);
            }
            self->waiting->finish(status);
        }
        uv_freeaddrinfo(found);
        delete self;
    }
};

/// Takes a look-up that has not begun out of the resolver's queue when its task is dropped.
class LookupRun : public Completion {
 public:
    explicit LookupRun(Lookup* lookup) : lookup_(lookup) { attach(lookup->waiting); }
    ~LookupRun() {
        if (!done()) uv_cancel(reinterpret_cast<uv_req_t*>(&lookup_->uv));
    }

 private:
    Lookup* lookup_;
};

}  // namespace

Endpoint Address::endpoint() const {
    if (family() == AF_INET) {
        const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
        return {ip_text(AF_INET, &v4.sin_addr), ntohs(v4.sin_port)};
    }
    if (family() == AF_INET6) return ipv6_endpoint(reinterpret_cast<const sockaddr_in6&>(storage));
    return {};
}

std::optional<Address> literal(const std::string& host, std::uint16_t port) {
    Address address;
    if (uv_ip4_addr(host.c_str(), port, reinterpret_cast<sockaddr_in*>(&address.storage)) == 0) {
        address.size = sizeof(sockaddr_in);
        return address;
    }
    if (uv_ip6_addr(host.c_str(), port, reinterpret_cast<sockaddr_in6*>(&address.storage)) == 0) {
        address.size = sizeof(sockaddr_in6);
        return address;
    }
    return std::nullopt;
}

Async<std::vector<Address>> look_up(Loop& loop, std::string host, std::uint16_t port) {
    std::vector<Address> found;
    if (host.empty() || host.size() > limits::host_bytes_max ||
        host.find('\0') != std::string::npos) {
        co_return base::error(Errc::invalid, "not a host name");
    }
    if (auto address = literal(host, port)) {
        found.push_back(*address);
        co_return found;
    }
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    std::string service = std::to_string(port);
    auto* lookup = new Lookup;
    lookup->uv.data = lookup;
    lookup->into = &found;
    int failed = uv_getaddrinfo(loop.uv(), &lookup->uv, &Lookup::finished, host.c_str(),
                                service.c_str(), &hints);
    if (failed != 0) {  // a name that IDNA cannot encode, for instance
        delete lookup;
        co_return base::error(Errc::invalid, "not a host name");
    }
    LookupRun running(lookup);
    int status = co_await running;
    if (status != 0) co_return uv_error("look up " + host, status);
    if (found.empty()) co_return base::error(Errc::not_found, "look up " + host + ": no address");
    co_return found;
}

bool is_unix_path(const std::string& path) {
    return !path.empty() && path.size() <= unix_path_bytes_max &&
           path.find('\0') == std::string::npos;
}

Result<Address> unix_address(const std::string& path) {
    if (!is_unix_path(path)) {
        return base::error(Errc::invalid, "a unix socket's path has 1 to " +
                                              std::to_string(unix_path_bytes_max) +
                                              " bytes, use a shorter one than: " + path);
    }
    Address address;
    auto& as_unix = reinterpret_cast<sockaddr_un&>(address.storage);
    as_unix.sun_family = AF_UNIX;
    std::copy(path.begin(), path.end(), as_unix.sun_path);
    address.size = sizeof(sockaddr_un);
    return address;
}

}  // namespace sbot::io
