#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/assert.h"
#include "io/address.h"
#include "io/in_flight.h"
#include "io/net.h"
#include "io/socket.h"

namespace sbot::io {

namespace {

constexpr std::uint64_t trouble_pause_ms = 100;
// Accepts in a row that did not wait: then the others get a turn, however fast connections come.
constexpr int accepts_per_turn_max = 16;

/// A descriptor until it is somebody else's.
class Descriptor {
 public:
    explicit Descriptor(int fd) : fd_(fd) {}
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int get() const { return fd_; }
    int release() { return std::exchange(fd_, -1); }

 private:
    int fd_;
};

int new_socket(int family) { return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }

/// Lack of something that may be there again soon.
bool is_trouble(int number) {
    return number == EMFILE || number == ENFILE || number == ENOBUFS || number == ENOMEM;
}

/// accept(2): these belong to the connection that was to be accepted, not to the listener.
bool is_the_peers(int number) {
    switch (number) {
        case ECONNABORTED:
        case EINTR:
        case EPERM:
        case ENETDOWN:
        case EPROTO:
        case ENOPROTOOPT:
        case EHOSTDOWN:
        case ENONET:
        case EHOSTUNREACH:
        case EOPNOTSUPP:
        case ENETUNREACH: return true;
        default: return false;
    }
}

Result<std::unique_ptr<Listener>> listen_at(Loop& loop, const Address& at, int backlog,
                                            Stack stack) {
    Descriptor fd(new_socket(at.family()));
    if (fd.get() < 0) return base::errno_error("socket", errno);
    int on = 1;
    setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (at.family() == AF_INET6) {
        int only = stack == Stack::ipv6_only ? 1 : 0;
        setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only);
    }
    if (bind(fd.get(), at.raw(), at.size) != 0) return base::errno_error("bind", errno);
    if (listen(fd.get(), backlog) != 0) return base::errno_error("listen", errno);
    Address bound;
    if (getsockname(fd.get(), bound.raw(), &bound.size) != 0) {
        return base::errno_error("getsockname", errno);
    }
    return std::make_unique<Listener>(loop, fd.release(), bound.endpoint(), false);
}

/// A socket file on which nobody listens any more; a file that is no socket is never that.
bool is_stale(const std::string& path, const Address& address) {
    struct stat file {};
    if (lstat(path.c_str(), &file) != 0 || !S_ISSOCK(file.st_mode)) return false;
    Descriptor probe(new_socket(AF_UNIX));
    if (probe.get() < 0) return false;
    return connect(probe.get(), address.raw(), address.size) != 0 && errno == ECONNREFUSED;
}

}  // namespace

Listener::Listener(Loop& loop, int fd, Endpoint local, bool is_unix)
    : loop_(loop), fd_(fd), local_(std::move(local)), is_unix_(is_unix), readable_(loop, fd) {
    struct stat file {};
    if (is_unix_ && lstat(local_.host.c_str(), &file) == 0) {
        file_device_ = file.st_dev;
        file_number_ = file.st_ino;
    }
}

Listener::~Listener() {
    SBOT_ASSERT(!accepting_);
    close();
}

void Listener::close() noexcept {
    if (fd_ < 0) return;
    readable_.close();
    struct stat file {};
    if (is_unix_ && lstat(local_.host.c_str(), &file) == 0 && file.st_dev == file_device_ &&
        file.st_ino == file_number_) {
        unlink(local_.host.c_str());
    }
    ::close(std::exchange(fd_, -1));
}

Async<std::unique_ptr<Socket>> Listener::accept() {
    InFlight in_flight(accepting_);
    if (++accepts_ % accepts_per_turn_max == 0) co_await loop_.yield();
    while (fd_ >= 0) {
        int fd = accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            in_trouble_ = false;
            auto* handle = new Socket::Handle(loop_, is_unix_);
            auto socket = std::make_unique<Socket>(handle);
            if (auto opened = handle->open(fd); !opened) co_return std::move(opened).error();
            co_return std::move(socket);
        }
        int number = errno;
        if (number == EAGAIN || number == EWOULDBLOCK) {
            co_await readable_.readable();
        } else if (is_trouble(number)) {
            if (!std::exchange(in_trouble_, true) && report_) {
                report_(base::errno_error("accept", number));
            }
            co_await loop_.sleep(trouble_pause_ms);
        } else if (!is_the_peers(number)) {
            co_return base::errno_error("accept", number);
        }
    }
    co_return base::error(Errc::closed, "accept: the listener was closed");
}

Async<std::unique_ptr<Listener>> listen_tcp(Loop& loop, std::string host, std::uint16_t port,
                                            int backlog, Stack stack) {
    std::string where = "listen on " + host + ":" + std::to_string(port);
    auto addresses = co_await look_up(loop, std::move(host), port);
    if (!addresses) co_return std::move(addresses).error().in(where);
    Error last = base::error(Errc::not_found, "no address");
    for (const Address& address : *addresses) {
        auto listener = listen_at(loop, address, backlog, stack);
        if (listener) co_return std::move(*listener);
        last = std::move(listener).error();
    }
    co_return std::move(last).in(where);
}

Result<std::unique_ptr<Listener>> listen_unix(Loop& loop, std::string path, unsigned mode,
                                              int backlog) {
    auto address = unix_address(path);
    if (!address) return std::move(address).error();
    Descriptor fd(new_socket(AF_UNIX));
    if (fd.get() < 0) return base::errno_error("socket", errno);
    if (bind(fd.get(), address->raw(), address->size) != 0) {
        int number = errno;
        if (number != EADDRINUSE || !is_stale(path, *address)) {
            return base::errno_error("listen on " + path, number);
        }
        unlink(path.c_str());
        if (bind(fd.get(), address->raw(), address->size) != 0) {
            return base::errno_error("listen on " + path, errno);
        }
    }
    // Nobody can connect between bind and listen, so nobody sees the file with another mode.
    if (chmod(path.c_str(), mode) != 0 || listen(fd.get(), backlog) != 0) {
        Error failed = base::errno_error("listen on " + path, errno);
        unlink(path.c_str());
        return failed;
    }
    Endpoint local;
    local.host = std::move(path);
    return std::make_unique<Listener>(loop, fd.release(), std::move(local), true);
}

}  // namespace sbot::io
