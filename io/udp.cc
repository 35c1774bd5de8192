#include "io/udp.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/assert.h"
#include "base/limits.h"
#include "io/address.h"
#include "io/in_flight.h"

namespace sbot::io {

namespace {

// Datagrams in a row that were there already: after so many the others get a turn.
constexpr unsigned receives_per_turn_max = 16;

std::optional<Address> ipv4(const std::string& host, std::uint16_t port) {
    if (host.find('\0') != std::string::npos) return std::nullopt;
    auto address = literal(host, port);
    if (!address || address->family() != AF_INET) return std::nullopt;
    return address;
}

}  // namespace

UdpSocket::UdpSocket(Loop& loop, int fd, Endpoint local)
    : loop_(loop), fd_(fd), local_(std::move(local)), readable_(loop, fd) {}

UdpSocket::~UdpSocket() {
    SBOT_ASSERT(!receiving_);
    close();
}

void UdpSocket::close() noexcept {
    if (fd_ < 0) return;
    readable_.close();
    ::close(std::exchange(fd_, -1));
}

Async<Datagram> UdpSocket::receive() {
    InFlight in_flight(receiving_);
    Bytes data(limits::datagram_bytes_max);
    while (fd_ >= 0) {
        if (++received_ % receives_per_turn_max == 0) {
            co_await loop_.yield();
            if (fd_ < 0) break;
        }
        Address from;
        ssize_t got = recvfrom(fd_, data.data(), data.size(), MSG_DONTWAIT | MSG_TRUNC, from.raw(),
                               &from.size);
        if (got >= 0) {
            if (static_cast<std::size_t>(got) > data.size()) continue;
            data.resize(static_cast<std::size_t>(got));
            Datagram datagram;
            datagram.data = std::move(data);
            datagram.from = from.endpoint();
            co_return std::move(datagram);
        }
        int number = errno;
        if (number == EAGAIN || number == EWOULDBLOCK) {
            co_await readable_.readable();
        } else if (number != EINTR && number != ECONNREFUSED) {  // the latter: about one we sent
            co_return base::errno_error("receive", number);
        }
    }
    co_return base::error(Errc::closed, "receive: the socket was closed");
}

Result<void> UdpSocket::send(ByteView data, const Endpoint& to) {
    if (fd_ < 0) return base::error(Errc::closed, "send: the socket was closed");
    auto address = ipv4(to.host, to.port);
    if (!address) return base::error(Errc::invalid, "not an IPv4 address");
    ssize_t sent = sendto(fd_, data.data(), data.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                          address->raw(), address->size);
    if (sent < 0) return base::errno_error("send to " + to.host, errno);
    return {};
}

Result<std::unique_ptr<UdpSocket>> bind_udp(Loop& loop, const std::string& host,
                                            std::uint16_t port) {
    auto address = ipv4(host, port);
    if (!address) return base::error(Errc::invalid, "not an IPv4 address");
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return base::errno_error("socket", errno);
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof on);
    Address bound;
    if (bind(fd, address->raw(), address->size) != 0 ||
        getsockname(fd, bound.raw(), &bound.size) != 0) {
        Error failed = base::errno_error("bind " + host, errno);
        ::close(fd);
        return failed;
    }
    return std::make_unique<UdpSocket>(loop, fd, bound.endpoint());
}

}  // namespace sbot::io
