#include "sbot/settings.h"

#include <limits>

#include "base/base64.h"
#include "base/number.h"
#include "net/address.h"

namespace sbot::app {
namespace {

using base::Tree;

constexpr std::string_view main_network = "1KHLiKZvAvjbY1ziZEHMXawbCEIM6qwjCDm3VYRan/s=";
constexpr std::uint16_t port_default = 8008;

/// `value` is what stands at `key`, or in an entry of the list that stands there.
Result<std::uint16_t> port_of(const Config& config, std::string_view key, const Tree& value,
                              std::uint16_t otherwise) {
    if (value.is_null()) return otherwise;
    double port = value.number();
    if (value.is_text()) {
        Config alone;
        alone.all = Tree::object();
        alone.all.set("port", value);
        auto number = alone.number("port");
        port = number && *number ? **number : 0;
    }
    if (!(port >= 1 && port <= 65535) || port != static_cast<double>(static_cast<int>(port))) {
        return config.wrong(key, "a port, 1 to 65535");
    }
    return static_cast<std::uint16_t>(port);
}

std::vector<std::string> texts_of(const Tree& value) {
    std::vector<std::string> out;
    if (value.is_text()) out.push_back(value.text());
    for (const Tree& item : value.items()) {
        if (item.is_text()) out.push_back(item.text());
    }
    return out;
}

/// Which server is asked, as ssb-server's command line builds its address.
Result<void> read_server(const Config& config, Settings& settings) {
    for (const Config::Layer& layer : config.layers) {
        if (layer.is_file) continue;
        bool named = layer.tree["host"].truthy() || layer.tree["port"].truthy();
        settings.address_named = settings.address_named || named;
    }
    const Tree& key = config.all["key"];
    if (!key.truthy()) return {};
    auto id = FeedId::parse(key.text());
    if (!id) return config.wrong("key", "the id of a server, @….ed25519");
    settings.key = *id;
    return {};
}

Result<void> read_listeners(const Config& config, Settings& settings) {
    const Tree& host = config.all["host"];
    if (!host.is_null() && !host.is_text()) return config.wrong("host", "a name or an address");
    // With no interface up, the defaults hold no port.
    const Tree& given = config.incoming_given ? config.all["port"] : config.given("port");
    auto port = port_of(config, "port", given, port_default);
    if (!port) return std::move(port).error();
    settings.port = *port;
    const Tree& incoming = config.all.at("connections.incoming");
    if (!config.incoming_given) {
        // One listener for all addresses, those of interfaces that come up later too.
        bool named = config.given("host").truthy();
        settings.net.push_back(
            {named ? host.text() : "::", *port, {"device", "local", "public"}, {}});
        return {};
    }
    settings.unix_socket = !incoming["unix"].items().empty();
    for (const Tree& entry : incoming["net"].items()) {
        if (entry["transform"].text() != "shs") continue;
        auto at = port_of(config, "connections.incoming.net", entry["port"], settings.port);
        if (!at) return std::move(at).error().in("a port");
        auto scopes = texts_of(entry["scope"]);
        std::string name = entry["host"].text();
        if (name.empty()) name = scopes == std::vector<std::string>{"device"} ? "127.0.0.1" : "::";
        settings.net.push_back(
            {name, *at, {scopes.begin(), scopes.end()}, texts_of(entry["external"])});
    }
    return {};
}

Result<void> read_keys(const Config& config, Settings& settings) {
    const Tree& all = config.all;
    const Tree& shs = all.at("caps.shs");
    auto network = base::from_base64(shs.is_null() ? main_network : shs.text());
    if (!network || network->size() != shs::NetworkKey::size) {
        return config.wrong("caps.shs", "the base64 of 32 bytes");
    }
    settings.network = shs::NetworkKey(std::span<const std::uint8_t, 32>(*network));
    const Tree& sign = all.at("caps.sign");
    if (!sign.is_null()) settings.hmac = message::HmacKey::parse(sign.text());
    if (settings.hmac.bad()) return config.wrong("caps.sign", "the base64 of 32 bytes, or null");
    const Tree& master = all["master"];
    auto masters = texts_of(master);
    bool plain = master.is_null() || master.is_text() || master.items().size() == masters.size();
    for (std::string& each : masters) {
        plain = plain && FeedId::parse(each).has_value();
        settings.masters.insert(std::move(each));
    }
    if (!plain || master.is_object() || master.is_boolean() || master.is_number()) {
        return config.wrong("master", "a feed id, or a list of them");
    }
    return {};
}

/// A setting that may have come as text, from the command line or the environment.
double number_at(const Config& config, std::string_view key) {
    const Tree& given = config.all.at(key);
    return given.is_text() ? base::to_number(given.text()) : given.number();
}

/// As in the reference, what is no number within the bounds counts as not set.
template <typename Number>
void read_between(const Config& config, std::string_view key, double min, double max,
                  Number& number) {
    const double given = number_at(config, key);
    if (given >= min && given <= max) number = static_cast<Number>(given);
}

void read_bounds(const Config& config, Settings& settings) {
    // 0 is the default, negative never.
    if (number_at(config, "timers.inactivity") < 0) settings.inactivity_ms = 0;
    read_between(config, "timers.inactivity", 1, 1e12, settings.inactivity_ms);
    constexpr double least = std::numeric_limits<double>::min(), most = 1e15;
    for (const char* key : {"replicate.hops", "friends.hops"}) {
        read_between(config, key, least, std::numeric_limits<double>::infinity(),
                     settings.hops_max);
    }
    read_between(config, "blobs.max", 1, limits::write_bytes_max, settings.blob_bytes_max);
    read_between(config, "flume.walBytesMax", 1, most, settings.index_wal_bytes_max);
    read_between(config, "flume.indexLagMax", 1, limits::index_lag_records_max,
                 settings.index_lag_records_max);
}

Result<void> read_numbers(const Config& config, Settings& settings) {
    for (const char* key : {"friends.hops", "timers.ping", "timers.inactivity"}) {
        if (auto number = config.number(key); !number) return std::move(number).error();
    }
    for (const char* key : {"timers.handshake", "timeout"}) {
        auto limit_ms = config.number(key);
        if (!limit_ms) return std::move(limit_ms).error();
        if (*limit_ms && **limit_ms > 0 && **limit_ms < 1e9) {
            settings.handshake_ms = static_cast<std::uint64_t>(**limit_ms);
        }
    }
    return {};
}

void read_log_level(const Config& config, Settings& settings) {
    const Tree& given = config.all.at("logging.level");
    if (given.is_null()) return;
    if (auto level = base::parse_log_level(given.text())) {
        settings.log_level = *level;
    } else {
        settings.bad_log_level = given.is_text() ? given.text() : given.to_json();
    }
}

}  // namespace

Result<Settings> read_settings(Config config, const Surroundings& surroundings) {
    Settings settings;
    const Tree& path = config.all["path"];
    std::string folder = path.is_number() ? path.to_json() : path.text();
    if (folder.empty()) return config.wrong("path", "a folder");
    if (surroundings.home.empty() && folder == "browser/." + config.app) {
        return error(Errc::invalid, "no folder: set HOME, or give one with --path");
    }
    settings.folder = absolute_path(folder, surroundings);
    for (auto* read : {&read_server, &read_listeners, &read_keys, &read_numbers}) {
        if (auto ok = read(config, settings); !ok) return std::move(ok).error();
    }
    read_bounds(config, settings);
    read_log_level(config, settings);
    if (!settings.net.empty()) {
        settings.host = settings.net.front().host == "::" ? "localhost" : settings.net.front().host;
        settings.port = settings.net.front().port;
    }
    settings.all = std::move(config.all);
    return settings;
}

Result<Settings> load_settings(const CommandLine& line, const Surroundings& surroundings) {
    auto config = read_config(line, surroundings);
    if (!config) return std::move(config).error();
    return read_settings(std::move(*config), surroundings);
}

}  // namespace sbot::app
