#include "sbot/client_connect.h"

#include "io/net.h"
#include "net/secure_stream.h"
#include "sbot/data_folder.h"

namespace sbot::app {
namespace {

constexpr std::uint64_t dial_ms = 3000;

using Connected = std::unique_ptr<io::ByteStream>;

Result<message::KeyPair> own_keys(const Settings& settings) {
    base::Logger log(base::LogLevel::error);
    return load_secret(settings.folder, log);
}

io::Async<Connected> dial_net(io::Loop& loop, const Settings& settings) {
    auto keys = own_keys(settings);
    if (!keys) co_return std::move(keys).error();
    auto dialling = io::dial_tcp(loop, settings.host, settings.port, dial_ms);
    auto socket = co_await dialling;
    if (!socket) co_return std::move(socket).error();
    net::Identity identity{settings.network, {keys->id.bytes, shs::SecretKey(keys->secret)}};
    auto greeting =
        net::greet(loop, identity, std::move(*socket), settings.key.value_or(keys->id), dial_ms);
    auto secure = co_await greeting;
    if (!secure) co_return std::move(secure).error();
    co_return Connected(std::move(*secure));
}

/// Whether the one at the folder's socket is the one who is meant.
bool is_at_socket(const Settings& settings) {
    if (settings.server_named) return false;
    if (!settings.key) return true;
    auto keys = own_keys(settings);
    return keys && keys->id == *settings.key;
}

}  // namespace

io::Async<Connected> dial_server(io::Loop& loop, const Settings& settings) {
    if (is_at_socket(settings)) {
        auto dialling = io::dial_unix(loop, settings.folder + "/socket");
        auto socket = co_await dialling;
        if (socket) co_return Connected(std::move(*socket));
    }
    auto over_net = dial_net(loop, settings);
    co_return co_await over_net;
}

}  // namespace sbot::app
