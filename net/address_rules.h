#pragma once

#include <optional>
#include <string>
#include <string_view>

/// What ssb-ref 2.16 makes of addresses and invites, its accidents included: methods and messages
/// are checked by these rules. They are loose (a port of -1, a host of 999.1.1.1, the empty host);
/// for dialling use `dial_target` in net/address.h as well.
namespace sbot::net {

/// What `parseAddress` gives, and the form of an address as an object in messages.
struct RefAddress {
    std::string host;  ///< WebSockets keep their protocol: `ws://example.org`
    double port = 0;   ///< NaN where there was no number
    std::string key;   ///< the ID
    std::optional<std::string> seed;
};

/// `isHost`: the shapes of IPv4 and IPv6 (also the empty text), `localhost`, or a domain of two
/// labels or more; with `ws://` or `wss://` in front or not. The npm list of second-level domains,
/// behind which an underscore is refused in one label more, is not followed.
bool is_host(std::string_view text);
/// `isPort`: any whole number up to 65536.
bool is_loose_port(double port);

/// `isAddress` of an object (and `isLegacyAddress`), and of a text: a multiserver address of two
/// layers whatever they hold, or a valid `host:port:ID`.
bool is_address(const RefAddress& address);
bool is_address(std::string_view text);

/// `parseAddress`: a text with a `~` is a multiserver address, of which the first alternative over
/// net, ws, wss or onion with shs behind it must be valid; any other text is split at its last two
/// colons, without checks.
std::optional<RefAddress> parse_address(std::string_view text);

/// `getKeyFromAddress`: the ID in the first protocol whose name begins with `shs`, unchecked.
std::optional<std::string> key_of_address(std::string_view text);

bool is_legacy_invite(std::string_view text);       ///< `host:port:ID~SEED`
bool is_multiserver_invite(std::string_view text);  ///< any multiserver address that parses
bool is_invite(std::string_view text);

struct RefInvite {
    std::string invite;                   ///< as a multiserver address with the seed
    std::string remote;                   ///< the same without
    std::string key;                      ///< the ID of the server
    std::optional<std::string> redirect;  ///< what followed the first `#`, with it
};
std::optional<RefInvite> parse_invite(std::string_view text);

/// `type`; the first that fits, so what is both an address and an invite is an address.
enum class RefType { none, feed, msg, blob, address, invite };
RefType type_of(std::string_view text);

}  // namespace sbot::net
