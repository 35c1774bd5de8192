#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "io/loop.h"
#include "io/readiness.h"
#include "io/stream.h"

/// TCP and unix sockets.
namespace sbot::io {

/// An address as text. TCP: a literal without brackets ("192.0.2.1", "fe80::1%eth0"; an IPv4 peer
/// of an IPv6 socket is given as IPv4) and a port. Unix: the path (empty for a peer) and port 0.
struct Endpoint {
    std::string host;
    std::uint16_t port = 0;
    bool operator==(const Endpoint&) const = default;
};

/// A connected socket. Bytes are read only while somebody awaits a read, straight into the reader's
/// memory; unsent bytes are held by libuv, up to limits::send_high_bytes and one write more.
/// TCP: no Nagle; on accepted sockets acknowledgements are not delayed either, because the
/// JavaScript client sends a packet's header and body apart, with Nagle, and would wait 40 ms
/// twice. Where small pieces come, and come, and next to nothing goes back, they are read and
/// acknowledged once in a millisecond: a JavaScript server that gives its log then spends a tenth
/// less on each message, and we a sixth.
class Socket final : public ByteStream {
 public:
    struct Handle;  // what libuv holds; lives until libuv lets go of it

    explicit Socket(Handle* handle) : handle_(handle) {}
    ~Socket() override;
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;

    Async<std::size_t> read(MutableBytes into) override;
    Async<void> write(Bytes data) override;
    Async<void> shutdown() override;
    void close() noexcept override;

    /// As they were when the connection came about.
    const Endpoint& remote() const noexcept;
    const Endpoint& local() const noexcept;
    bool is_unix() const noexcept;

 private:
    Handle* handle_;
};

/// Connects within `timeout_ms` in all. `host` is a literal or a name; a name's addresses are tried
/// one after the other, each with its share of the time. Errors: invalid (no possible host name),
/// not_found (unknown name), timeout, io (with the system's text).
Async<std::unique_ptr<Socket>> dial_tcp(Loop& loop, std::string host, std::uint16_t port,
                                        std::uint64_t timeout_ms);

/// Whether a unix socket can have that path: it is short enough.
bool is_unix_path(const std::string& path);

/// Connects to a unix socket. Errors: invalid (path too long), not_found (no such file), io.
Async<std::unique_ptr<Socket>> dial_unix(Loop& loop, std::string path);

/// A listening socket, TCP or unix. Outlives its accept task; closing it leaves accepted sockets
/// alone.
class Listener {
 public:
    Listener(Loop& loop, int fd, Endpoint local, bool is_unix);
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    /// The next connection; one accept in flight. Survives a lack of descriptors or memory: it says
    /// so once to `on_trouble`, and tries again every 100 ms (connections wait in the backlog).
    /// Errors: closed, or io if the socket itself is broken.
    Async<std::unique_ptr<Socket>> accept();
    /// An accept that waits gives `closed`; a unix socket's file is removed, if it is still ours.
    void close() noexcept;

    /// Called once when accepting starts to fail for want of resources, and again only after it had
    /// worked in between. Must not destroy the listener.
    void on_trouble(std::function<void(const Error&)> report) { report_ = std::move(report); }

    /// With the port that the system chose, if 0 was asked for.
    const Endpoint& local() const noexcept { return local_; }

 private:
    Loop& loop_;
    int fd_;
    Endpoint local_;
    bool is_unix_;
    bool accepting_ = false;
    bool in_trouble_ = false;
    unsigned accepts_ = 0;
    std::uint64_t file_device_ = 0;  // of a unix socket's file, to know it again
    std::uint64_t file_number_ = 0;
    Readiness readable_;
    std::function<void(const Error&)> report_;
};

/// "::" takes IPv4 too unless it is `ipv6_only`; that is for a listener of its own on "0.0.0.0".
enum class Stack { dual, ipv6_only };

inline constexpr int backlog_default = 511;

/// Port 0: any free one. A name that is no literal is looked up, its first address that works is
/// taken. Errors: as dial_tcp (io: "Address already in use" and so on).
Async<std::unique_ptr<Listener>> listen_tcp(Loop& loop, std::string host, std::uint16_t port,
                                            int backlog = backlog_default,
                                            Stack stack = Stack::dual);

/// The file gets `mode` before anybody can connect. A socket file already there is replaced only if
/// nobody answers on it, and nothing else ever is. Errors: invalid (path too long), io.
Result<std::unique_ptr<Listener>> listen_unix(Loop& loop, std::string path, unsigned mode = 0600,
                                              int backlog = backlog_default);

}  // namespace sbot::io
