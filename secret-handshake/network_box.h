#pragma once

#include <optional>

#include "base/bytes.h"
#include "secret-handshake/keys.h"

namespace sbot::shs {

/// What anybody of a network can open: a secretbox whose key and nonce both come from the network's
/// key, so that equal texts make equal boxes. It tells networks apart and keeps nothing secret from
/// a member. Protocol source: ssb-lan 1.2.
Bytes network_box(const NetworkKey& network, ByteView plain);
std::optional<Bytes> open_network_box(const NetworkKey& network, ByteView boxed);

/// What the box adds.
inline constexpr std::size_t network_box_bytes = 16;

}  // namespace sbot::shs
