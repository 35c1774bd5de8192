#include "sbot/setting_rules.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <span>
#include <string_view>

#include "base/base64.h"
#include "base/limits.h"
#include "base/number.h"
#include "message/keys.h"
#include "net/address_rules.h"
#include "secret-handshake/keys.h"

namespace sbot::app {
namespace {

using base::Tree;

constexpr double endless = std::numeric_limits<double>::infinity();

struct Rule {
    std::string_view key;
    bool (*fits)(const Tree& value, const Rule& rule);
    std::string_view expected;
    double min = 0;
    double max = endless;
};

// null is as good as nothing, but where a rule says otherwise.

bool is_object(const Tree& value, const Rule&) { return value.is_object(); }

/// Settings with names; false turns them off in some programs of the reference.
bool is_group(const Tree& value, const Rule&) {
    return value.is_object() || value.is_null() || value.is_false();
}

bool is_number(const Tree& value, const Rule& rule) {
    if (value.is_null()) return true;
    double number = number_of(value);
    return number >= rule.min && number <= rule.max;  // not NaN
}

bool is_port(const Tree& value, const Rule&) {
    double port = number_of(value);
    return value.is_null() || (port >= 1 && port <= 65535 && port == std::floor(port));
}

bool is_name(const Tree& value, const Rule&) { return value.is_null() || value.is_text(); }

bool is_switch(const Tree& value, const Rule&) {
    constexpr std::array<std::string_view, 5> words = {"", "true", "false", "1", "0"};
    if (value.is_text()) return std::count(words.begin(), words.end(), value.text()) > 0;
    if (value.is_number()) return value.number() == 0 || value.number() == 1;
    return value.is_null() || value.is_boolean();
}

bool is_network_key(const Tree& value, const Rule&) {
    auto key = base::from_base64(value.text());
    return key && key->size() == shs::NetworkKey::size;
}

bool is_signing_key(const Tree& value, const Rule&) {
    return value.is_null() || !message::HmacKey::parse(value.text()).bad();
}

/// One, or a list of them; what is false or empty does not count.
template <bool (*Fits)(const std::string&)>
bool is_some(const Tree& value, const Rule&) {
    auto fits = [](const Tree& item) {
        return !item.truthy() || (item.is_text() && Fits(item.text()));
    };
    if (value.is_list()) return std::all_of(value.items().begin(), value.items().end(), fits);
    return fits(value);
}

bool is_feed(const std::string& text) { return FeedId::parse(text).has_value(); }

bool is_peer_address(const std::string& text) {
    auto key = net::key_of_address(text);
    return key && is_feed(*key) && net::is_address(text);
}

bool is_scope(const Tree& value) {
    constexpr std::array<std::string_view, 4> scopes = {"device", "local", "private", "public"};
    return std::count(scopes.begin(), scopes.end(), value.text()) > 0;
}

bool is_scopes(const Tree& value, const Rule&) {
    const auto& items = value.items();
    if (!value.is_list()) return is_scope(value);
    return !items.empty() && std::all_of(items.begin(), items.end(), is_scope);
}

bool is_names(const Tree& value, const Rule& rule) {
    const auto& items = value.items();
    if (!value.is_list()) return is_name(value, rule);
    return std::all_of(items.begin(), items.end(), [](const Tree& each) { return each.is_text(); });
}

constexpr std::string_view port_words = "a port, 1 to 65535";
constexpr std::string_view group_words = "an object";
constexpr std::string_view switch_words = "true or false";

// Groups stand before what is in them.

constexpr Rule rules_for_asking[] = {
    {"host", is_name, "a name or an address"},
    {"port", is_port, port_words},
    {"key", is_some<is_feed>, "the id of a server, @….ed25519"},
    {"caps", is_object, "an object that holds shs, the base64 of 32 bytes"},
    {"caps.shs", is_network_key, "the base64 of 32 bytes"},
};

constexpr Rule rules_for_serving[] = {
    {"caps.sign", is_signing_key, "the base64 of 32 bytes, or null"},
    {"master", is_some<is_feed>, "a feed id, or a list of them"},
    {"seeds", is_some<is_peer_address>, "an address, net:HOST:PORT~shs:KEY, or a list of them"},
    {"connections.outgoing", is_group, group_words},
    {"ws", is_group, group_words},
    {"ws.port", is_port, port_words},
    {"friends", is_group, group_words},
    {"friends.hops", is_number, "a number, 0 or more"},
    {"replicate", is_group, group_words},
    {"replicate.hops", is_number, "a number, 0 or more"},
    {"timeout", is_number, "a number of milliseconds", -endless},
    {"timers", is_group, group_words},
    {"timers.handshake", is_number, "a number of milliseconds, 0 to 1000000000", 0, 1e9},
    {"timers.ping", is_number, "a number of milliseconds, 0 or more"},
    {"timers.inactivity", is_number, "a number of milliseconds (negative: never)", -endless},
    {"blobs", is_group, group_words},
    {"blobs.max", is_number, "a number of bytes, 0 (as usual) to 1073741824", 0,
     limits::write_bytes_max},
    {"flume", is_group, group_words},
    {"flume.walBytesMax", is_number, "a number of bytes, 1 to 1000000000000000", 1, 1e15},
    {"flume.indexLagMax", is_number, "a number of messages, 1 to 100000", 1,
     limits::index_lag_records_max},
    {"logging", is_group, group_words},
    {"gossip", is_group, group_words},
    {"gossip.global", is_switch, switch_words},
    {"gossip.local", is_switch, switch_words},
    {"gossip.seed", is_switch, switch_words},
    {"gossip.friends", is_switch, switch_words},
    {"gossip.pub", is_switch, switch_words},
    {"gossip.autoPopulate", is_switch, switch_words},
    {"lan", is_group, group_words},
    {"lan.legacy", is_switch, switch_words},
    {"offline", is_switch, switch_words},
    {"allowPrivate", is_switch, switch_words},
    {"recover", is_switch, switch_words},
};

/// Of each listener.
constexpr Rule entry_rules[] = {
    {"host", is_name, "a name or an address"},
    {"port", is_port, port_words},
    {"scope", is_scopes, "device, local, private or public, or a list of them"},
    {"external", is_names, "a host, or a list of them"},
};

std::string entry_name(std::string_view list, std::size_t at) {
    return std::string(list) + "[" + std::to_string(at) + "]";
}

Result<void> check_listeners(const Config& config) {
    for (std::string_view list : {"connections.incoming.net", "connections.incoming.unix"}) {
        const Tree::List& entries = config.merged.at(list).items();
        for (std::size_t i = 0; i < entries.size(); ++i) {
            for (const Rule& rule : entry_rules) {
                const Tree& value = entries[i][rule.key];
                if (rule.fits(value, rule)) continue;
                std::string name = entry_name(list, i) + "." + std::string(rule.key);
                return config.wrong_in(list, name, value, rule.expected);
            }
        }
    }
    return {};
}

}  // namespace

Result<void> check_settings(const Config& config, Use use) {
    auto check = [&config](std::span<const Rule> rules) -> Result<void> {
        for (const Rule& rule : rules) {
            const Tree& value = config.merged.at(rule.key);
            if (!rule.fits(value, rule)) return config.wrong(rule.key, rule.expected);
        }
        return {};
    };
    if (auto ok = check(rules_for_asking); !ok || use == Use::ask) return ok;
    if (auto ok = check(rules_for_serving); !ok) return ok;
    return check_listeners(config);
}

std::vector<std::string> doubts_about_settings(const Config& config) {
    std::vector<std::string> doubts;
    const Tree& incoming = config.merged.at("connections.incoming");
    bool listens = !config.incoming_given || !incoming["unix"].items().empty();
    for (const Tree::Member& service : incoming.members()) {
        std::string list = "connections.incoming." + service.name;
        const Tree::List& entries = service.value.items();
        if (service.name == "unix") continue;
        if (service.name != "net" && !entries.empty()) {
            doubts.push_back(list + " is left alone: this server listens on net and unix only");
            continue;
        }
        for (std::size_t i = 0; i < entries.size(); ++i) {
            const Tree& transform = entries[i]["transform"];
            if (transform.text() == "shs") {
                listens = true;
                continue;
            }
            std::string what = transform.is_null() ? "no transform" : transform.to_json();
            doubts.push_back("nothing listens for " + entry_name(list, i) + ": its transform must" +
                             " be \"shs\", and there is " + what);
        }
    }
    if (!listens) {
        doubts.emplace_back(
            "connections.incoming holds nothing to listen on: nobody can connect, the command line "
            "neither");
    }
    return doubts;
}

double number_of(const Tree& value) {
    constexpr double none = std::numeric_limits<double>::quiet_NaN();
    if (value.is_text()) return value.text().empty() ? none : base::to_number(value.text());
    return value.number(none);
}

void settle_switches(Tree& all) {
    for (const Rule& rule : rules_for_serving) {
        const Tree& value = all.at(rule.key);
        if (rule.fits != is_switch || !value.is_text() || value.text().empty()) continue;
        bool on = value.text() == "true" || value.text() == "1";
        [[maybe_unused]] auto ok = all.set_at(rule.key, on);  // not deep
    }
}

}  // namespace sbot::app
