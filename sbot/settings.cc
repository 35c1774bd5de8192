#include "sbot/settings.h"

#include <limits>

#include "base/base64.h"
#include "net/address_rules.h"

namespace sbot::app {
namespace {

using base::Tree;

constexpr std::uint16_t port_default = 8008;

// What is read here has been checked, and of what only a server needs, nothing is believed.

std::uint16_t port_of(const Tree& value, std::uint16_t otherwise) {
    double port = number_of(value);
    return port >= 1 && port <= 65535 ? static_cast<std::uint16_t>(port) : otherwise;
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
void read_server(const Config& config, Settings& settings) {
    for (const Config::Layer& layer : config.layers) {
        if (layer.is_file) continue;
        for (const char* key : {"host", "port", "caps.shs"}) {
            settings.server_named = settings.server_named || layer.tree.at(key).truthy();
        }
    }
    settings.key = FeedId::parse(config.all["key"].text());
}

void read_listeners(const Config& config, Settings& settings) {
    const Tree& given = config.incoming_given ? config.all["port"] : config.merged["port"];
    settings.port = port_of(given, port_default);
    const Tree& incoming = config.all.at("connections.incoming");
    if (!config.incoming_given) {
        // One listener for all addresses, those of interfaces that come up later too.
        const std::string& named = config.merged["host"].text();
        settings.net.push_back(
            {named.empty() ? "::" : named, settings.port, {"device", "local", "public"}, {}});
        return;
    }
    settings.unix_socket = !incoming["unix"].items().empty();
    for (const Tree& entry : incoming["net"].items()) {
        if (entry["transform"].text() != "shs") continue;
        auto scopes = texts_of(entry["scope"]);
        std::string name = entry["host"].text();
        if (name.empty()) name = scopes == std::vector<std::string>{"device"} ? "127.0.0.1" : "::";
        settings.net.push_back({name,
                                port_of(entry["port"], settings.port),
                                {scopes.begin(), scopes.end()},
                                texts_of(entry["external"])});
    }
}

void read_network(const Tree& given, Settings& settings) {
    auto network = base::from_base64(given.at("caps.shs").text());
    if (network && network->size() == shs::NetworkKey::size) {
        settings.network = shs::NetworkKey(std::span<const std::uint8_t, 32>(*network));
    }
}

void read_keys(const Config& config, Settings& settings) {
    read_network(config.all, settings);
    const Tree& sign = config.all.at("caps.sign");
    if (!sign.is_null()) settings.hmac = message::HmacKey::parse(sign.text());
    for (std::string& each : texts_of(config.all["master"])) {
        if (FeedId::parse(each)) settings.masters.insert(std::move(each));
    }
}

void read_seeds(const Config& config, Settings& settings) {
    for (std::string& address : texts_of(config.all["seeds"])) {
        auto key = net::key_of_address(address);
        auto id = key ? FeedId::parse(*key) : std::nullopt;
        if (id) settings.seeds.push_back({std::move(address), *id});
    }
}

/// As in the reference, what is out of these bounds counts as not set.
template <typename Number>
void read_between(const Config& config, std::string_view key, double min, double max,
                  Number& number) {
    const double given = number_of(config.all.at(key));
    if (given >= min && given <= max) number = static_cast<Number>(given);
}

void read_numbers(const Config& config, Settings& settings) {
    constexpr double least = std::numeric_limits<double>::min(), most = 1e15;
    for (const char* key : {"timers.handshake", "timeout"}) {
        read_between(config, key, least, 1e9, settings.handshake_ms);
    }
    // 0 is the default, negative never.
    if (number_of(config.all.at("timers.inactivity")) < 0) settings.inactivity_ms = 0;
    read_between(config, "timers.inactivity", 1, 1e12, settings.inactivity_ms);
    for (const char* key : {"replicate.hops", "friends.hops"}) {
        read_between(config, key, least, std::numeric_limits<double>::infinity(),
                     settings.hops_max);
    }
    read_between(config, "blobs.max", 1, limits::write_bytes_max, settings.blob_bytes_max);
    read_between(config, "flume.walBytesMax", 1, most, settings.index_wal_bytes_max);
    read_between(config, "flume.indexLagMax", 1, limits::index_lag_records_max,
                 settings.index_lag_records_max);
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

/// The reference takes the options of a method for settings as well. Who asks it to publish a
/// message with a `key` means no other server: on a line with a cut, only what stands behind that
/// counts.
CommandLine without_options_of_method(CommandLine line) {
    if (line.cut && line.calls_a_method()) line.command.options = Tree::object();
    return line;
}

/// What a method call names behind its cut: the server that it asks.
Tree named_server(const CommandLine& line) {
    Tree named = Tree::object();
    if (!line.cut || !line.calls_a_method()) return named;
    for (const char* key : {"host", "port", "key", "caps.shs"}) {
        const Tree& value = line.weak.options.at(key);
        if (value.is_null()) continue;
        [[maybe_unused]] auto ok = named.set_at(key, value);  // not deep
    }
    return named;
}

/// It is right even where files override it.
Result<void> check_named(Config config, const Tree& named) {
    config.layers.push_back({"the command line, behind --", named});
    config.merged.merge(named);
    return check_settings(config, Use::ask);
}

/// Over what the folder's own configuration says of where its server listens.
void ask_named(Settings& settings, const Tree& named) {
    for (const char* key : {"host", "port", "caps.shs"}) {
        settings.server_named = settings.server_named || named.at(key).truthy();
    }
    if (named["host"].truthy()) settings.host = named["host"].text();
    settings.port = port_of(named["port"], settings.port);
    if (auto key = FeedId::parse(named["key"].text())) settings.key = key;
    read_network(named, settings);
}

}  // namespace

Result<Settings> read_settings(Config config, const Surroundings& surroundings, Use use) {
    if (auto ok = check_settings(config, use); !ok) return std::move(ok).error();
    Settings settings;
    const Tree& path = config.all["path"];
    std::string folder = path.is_number() ? path.to_json() : path.text();
    if (folder.empty()) return config.wrong("path", "a folder");
    if (surroundings.home.empty() && folder == "browser/." + config.app) {
        return error(Errc::invalid, "no folder: set HOME, or give one with --path");
    }
    settings.folder = absolute_path(folder, surroundings);
    for (auto* read :
         {&read_server, &read_listeners, &read_keys, &read_seeds, &read_numbers, &read_log_level}) {
        read(config, settings);
    }
    settings.doubts = doubts_about_settings(config);
    if (!settings.net.empty()) {
        settings.host = settings.net.front().host == "::" ? "localhost" : settings.net.front().host;
        settings.port = settings.net.front().port;
    }
    settings.all = std::move(config.all);
    settle_switches(settings.all);
    return settings;
}

Result<Settings> load_settings(const CommandLine& line, const Surroundings& surroundings) {
    Tree named = named_server(line);
    CommandLine rest = without_options_of_method(line);
    // The reference does not read the configuration of a folder that is named there.
    const bool over_folder = line.weak.options["path"].truthy();
    for (const Tree::Member& each : named.members()) {
        if (over_folder) rest.weak.options.remove(each.name);
    }
    auto config = read_config(rest, surroundings);
    if (!config) return std::move(config).error();
    if (auto ok = check_named(*config, named); !ok) return std::move(ok).error();
    auto settings = read_settings(std::move(*config), surroundings,
                                  line.calls_a_method() ? Use::ask : Use::serve);
    if (settings && over_folder) ask_named(*settings, named);
    return settings;
}

}  // namespace sbot::app
