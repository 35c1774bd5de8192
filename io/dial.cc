#include <algorithm>

#include "io/address.h"
#include "io/net.h"
#include "io/socket.h"
#include "io/sync.h"

namespace sbot::io {

namespace {

/// One attempt at one address. Dropping it closes the socket, and with it the attempt.
Async<std::unique_ptr<Socket>> connect_tcp(Loop& loop, Address to) {
    auto* handle = new Socket::Handle(loop, false);
    auto socket = std::make_unique<Socket>(handle);
    Completion connected;
    auto* request = new Request<uv_connect_t>(connected);
    int refused =
        uv_tcp_connect(&request->uv, &handle->uv.tcp, to.raw(), &Request<uv_connect_t>::finished);
    if (refused != 0) request->refused(refused);
    int status = co_await connected;
    if (status != 0) co_return uv_error("connect", status);
    handle->connected();
    co_return std::move(socket);
}

}  // namespace

Async<std::unique_ptr<Socket>> dial_tcp(Loop& loop, std::string host, std::uint16_t port,
                                        std::uint64_t timeout_ms) {
    std::uint64_t deadline = loop.now_ms() + timeout_ms;
    auto looking_up = look_up(loop, host, port);
    auto addresses = co_await timeout(loop, timeout_ms, std::move(looking_up));
    if (!addresses) co_return std::move(addresses).error().in("dial " + host);
    Error last = base::error(Errc::timeout, "no time left");
    std::size_t left = addresses->size();
    for (const Address& address : *addresses) {
        std::uint64_t now = loop.now_ms();
        if (now >= deadline) break;
        // An address that never answers must not use up the time of the others.
        std::uint64_t share_ms = std::max<std::uint64_t>((deadline - now) / left--, 1);
        auto connecting = connect_tcp(loop, address);
        auto socket = co_await timeout(loop, share_ms, std::move(connecting));
        if (socket) co_return std::move(*socket);
        last = std::move(socket).error();
    }
    co_return std::move(last).in("dial " + host + ":" + std::to_string(port));
}

Async<std::unique_ptr<Socket>> dial_unix(Loop& loop, std::string path) {
    auto address = unix_address(path);  // libuv would cut a long path short
    if (!address) co_return std::move(address).error();
    auto* handle = new Socket::Handle(loop, true);
    auto socket = std::make_unique<Socket>(handle);
    Completion connected;
    auto* request = new Request<uv_connect_t>(connected);
    uv_pipe_connect(&request->uv, &handle->uv.pipe, path.c_str(), &Request<uv_connect_t>::finished);
    int status = co_await connected;
    if (status != 0) co_return uv_error("dial " + path, status);
    handle->local.host = path;
    handle->remote.host = path;
    co_return std::move(socket);
}

}  // namespace sbot::io
