#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/limits.h"
#include "base/logger.h"
#include "base/tree.h"
#include "message/ids.h"
#include "message/keys.h"
#include "sbot/config.h"
#include "sbot/setting_rules.h"
#include "secret-handshake/keys.h"

/// The configuration as the server uses it.
namespace sbot::app {

/// Where to listen for net~shs.
struct ListenAt {
    std::string host;  ///< "::" for all addresses, IPv4 too
    std::uint16_t port = 0;
    std::set<std::string> scopes;       ///< device, local, public
    std::vector<std::string> external;  ///< hosts to announce instead, in scope public
};

/// A server to begin with.
struct Seed {
    std::string address;
    FeedId key;
};

struct Settings {
    std::string folder;              ///< absolute
    std::string host = "localhost";  ///< what clients dial
    std::uint16_t port = 8008;
    /// The host, the port or the network was named by the environment or the command line: that is
    /// the server to ask. What a file says of them goes for our own as well, so it names none.
    bool server_named = false;
    std::optional<FeedId> key;  ///< of the server to ask; none: our own
    std::vector<ListenAt> net;
    bool unix_socket = true;
    shs::NetworkKey network;
    message::HmacKey hmac;
    std::set<std::string> masters;
    std::uint64_t handshake_ms = limits::handshake_ms_default;
    std::uint64_t inactivity_ms = limits::inactivity_ms_default;  ///< 0: never
    double hops_max = 3;                                          ///< of the map of hops
    std::uint64_t blob_bytes_max = limits::blob_bytes_max_default;
    std::uint64_t index_wal_bytes_max = limits::core_wal_bytes_max_default;
    std::size_t index_lag_records_max = limits::index_lag_records_max_default;
    base::LogLevel log_level = base::LogLevel::notice;
    std::string bad_log_level;  ///< what stood there, if it is none
    std::vector<Seed> seeds;
    std::vector<std::string> doubts;  ///< to be said at the start
    base::Tree all;  ///< Config::all: everything that was set, also what we do not know
};

/// What the configuration means. Errors name the key and who set it, and what was expected.
Result<Settings> read_settings(Config config, const Surroundings& surroundings, Use use);

/// Reads and merges everything, and checks what the command of the line uses.
Result<Settings> load_settings(const CommandLine& line, const Surroundings& surroundings);

}  // namespace sbot::app
