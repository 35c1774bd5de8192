#include "sbot/client_connect.h"

#include "io/net.h"
#include "net/secure_stream.h"
#include "sbot/data_folder.h"

namespace sbot::app {
namespace {

constexpr std::uint64_t dial_ms = 3000;

using Connected = std::unique_ptr<io::ByteStream>;

/// The server's id: our own, unless `key` says otherwise.
Result<FeedId> server_id(const Settings& settings, const FeedId& own) {
    const base::Tree& key = settings.all["key"];
    if (!key.truthy()) return own;
    auto id = FeedId::parse(key.text());
    if (!id) return error(Errc::invalid, "key must be the id of the server, @….ed25519");
    return *id;
}

io::Async<Connected> dial_net(io::Loop& loop, const Settings& settings) {
    base::Logger log(base::LogLevel::error);
    auto keys = load_secret(settings.folder, log);
    if (!keys) co_return std::move(keys).error();
    auto id = server_id(settings, keys->id);
    if (!id) co_return std::move(id).error();
    auto dialling = io::dial_tcp(loop, settings.host, settings.port, dial_ms);
    auto socket = co_await dialling;
    if (!socket) co_return std::move(socket).error();
    net::Identity identity{settings.network, {keys->id.bytes, shs::SecretKey(keys->secret)}};
    auto greeting = net::greet(loop, identity, std::move(*socket), *id, dial_ms);
    auto secure = co_await greeting;
    if (!secure) co_return std::move(secure).error();
    co_return Connected(std::move(*secure));
}

bool names_server(const CommandLine& line) {
    const base::Tree& options = line.weak.options;
    return options.find("host") || options.find("port") || options.find("key");
}

}  // namespace

io::Async<Connected> dial_server(io::Loop& loop, const Settings& settings,
                                 const CommandLine& line) {
    if (!names_server(line)) {
        auto dialling = io::dial_unix(loop, settings.folder + "/socket");
        auto socket = co_await dialling;
        if (socket) co_return Connected(std::move(*socket));
    }
    auto over_net = dial_net(loop, settings);
    co_return co_await over_net;
}

}  // namespace sbot::app
