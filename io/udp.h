#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "io/loop.h"
#include "io/net.h"
#include "io/readiness.h"

namespace sbot::io {

struct Datagram {
    Bytes data;
    Endpoint from;
};

/// A UDP socket over IPv4 that may broadcast and that shares its port with others which do the same
/// (SO_REUSEADDR, as JavaScript's `reuseAddr`): local discovery needs no more. It outlives its
/// tasks.
class UdpSocket {
 public:
    UdpSocket(Loop& loop, int fd, Endpoint local);
    ~UdpSocket();
    UdpSocket(const UdpSocket&) = delete;
    UdpSocket& operator=(const UdpSocket&) = delete;

    /// The next datagram, possibly empty; one receive in flight. Those longer than
    /// limits::datagram_bytes_max are left out. Errors: closed, io.
    Async<Datagram> receive();
    /// Sends now or not at all; `to.host` is an IPv4 literal. Errors: invalid, io (a full buffer or
    /// an unreachable network too: try again later).
    Result<void> send(ByteView data, const Endpoint& to);
    /// A receive that waits gives `closed`.
    void close() noexcept;

    const Endpoint& local() const noexcept { return local_; }

 private:
    Loop& loop_;
    int fd_;
    Endpoint local_;
    Readiness readable_;
    bool receiving_ = false;
    unsigned received_ = 0;
};

/// `host` is an IPv4 literal ("0.0.0.0" for all); port 0: any. Errors: invalid, io.
Result<std::unique_ptr<UdpSocket>> bind_udp(Loop& loop, const std::string& host,
                                            std::uint16_t port);

}  // namespace sbot::io
