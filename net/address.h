#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "message/ids.h"

/// Addresses of servers: reading and writing multiserver texts, and choosing what to dial.
namespace sbot::net {

/// One layer of an address: `net:localhost:8008` has the name `net` and two data.
struct Protocol {
    std::string name;
    std::vector<std::string> data;  ///< without escapes

    bool operator==(const Protocol&) const = default;
};

/// A multiserver address by its grammar (npm multiserver-address 1.0.1): alternatives separated by
/// `;`, the best first; each a transport and its transforms, separated by `~`.
struct MultiserverAddress {
    std::vector<std::vector<Protocol>> alternatives;

    /// Says nothing about hosts, ports and keys: `net~shs:x` is fine. Errors: `invalid`, with the
    /// position but not the text, which may hold a secret.
    static Result<MultiserverAddress> parse(std::string_view text);

    /// The text form. Nobody who dials understands escapes, so none are written; data with one of
    /// `!~:;` inside do not come back the same.
    std::string text() const;

    bool operator==(const MultiserverAddress&) const = default;
};

/// A port number as people write it: decimal, 1 to 65535, no sign, no zero in front.
std::optional<std::uint16_t> parse_port(std::string_view text);

/// TCP with a secret handshake.
struct NetTarget {
    std::string
        host;  ///< a name or an address; IPv6 without brackets, perhaps with a zone (`%eth0`)
    std::uint16_t port = 0;
    FeedId remote;                         ///< who must answer
    std::optional<base::Secret<32>> seed;  ///< of the key pair to dial with (invites), else our own

    /// From parts that came apart, as in `{host, port, key}` and `host:port:key`. An empty host is
    /// this machine. Errors: `invalid`, naming the part.
    static Result<NetTarget> from_parts(std::string_view host, std::string_view port,
                                        std::string_view key);
};

/// A unix socket without handshake: whoever can open it may do everything. Only for addresses the
/// user gave; a caller never dials one that a peer sent.
struct UnixTarget {
    std::string path;
};

using DialTarget = std::variant<NetTarget, UnixTarget>;

/// The first alternative of an address text that this server can dial: `net:…~shs:KEY`, with
/// `:SEED` or without, `unix:…~noauth`, or the old `host:port:ID`. Splits as npm multiserver
/// 3.8 does (at `;`, then at `~` with `!` before it or not, then at `:`, port last), is strict
/// about port and key. Errors: `unsupported` if all alternatives are of other kinds, else `invalid`
/// with the reason of the first bad one of our kinds.
Result<DialTarget> dial_target(std::string_view text);

/// What the server says of itself. A zone (`%eth0`) means nothing elsewhere and is cut; IPv6 is
/// written bare.
std::string net_address(std::string_view host, std::uint16_t port, const FeedId& key);
std::string unix_address(std::string_view path);

}  // namespace sbot::net
