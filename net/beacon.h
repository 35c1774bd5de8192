#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "message/keys.h"
#include "secret-handshake/keys.h"

/// How servers announce themselves on a LAN: one UDP packet in a while. Pure. A beacon proves
/// nothing, the handshake does. Protocol source: ssb-local 1.0, ssb-lan 1.2 (docs/peers.md).
namespace sbot::net {

struct Beacon {
    std::string address;  ///< multiserver text, as it came
    FeedId key;
    bool verified = false;  ///< signed by that key
};

/// ssb-local (UDP 8008): the address and nothing else; also the very old `host:port:ID`. Nothing
/// where it is not an address that can be dialled.
std::optional<Beacon> parse_plain_beacon(ByteView packet);

/// ssb-lan (UDP 26830): a box that the network can open, then the key's signature. One with a wrong
/// signature is still a beacon, unverified.
std::optional<Beacon> parse_signed_beacon(const shs::NetworkKey& network, ByteView packet);

/// The latter for an address of ours.
Bytes signed_beacon(const shs::NetworkKey& network, const message::KeyPair& keys,
                    std::string_view address);

}  // namespace sbot::net
