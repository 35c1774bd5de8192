// Packets of the LAN: what is taken for a beacon names a key and a place that can be written and
// read again; what the network's key opens only where nothing was changed.

#include <cstdlib>

#include "base/bytes.h"
#include "message/keys.h"
#include "net/address_rules.h"
#include "net/beacon.h"

using namespace sbot;

namespace {

void must(bool holds) {
    if (!holds) std::abort();
}

void usable(const std::optional<net::Beacon>& beacon) {
    if (!beacon) return;
    must(net::is_address(beacon->address));
    must(net::key_of_address(beacon->address) == beacon->key.text());
    auto again = net::parse_plain_beacon(base::bytes_of(beacon->address));
    must(again && again->address == beacon->address && again->key == beacon->key);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    ByteView packet(data, size);
    std::array<std::uint8_t, 32> seed{};
    shs::NetworkKey network{std::span<const std::uint8_t, 32>(seed)};
    usable(net::parse_plain_beacon(packet));
    usable(net::parse_signed_beacon(network, packet));
    // The same text as what a member of the network says.
    static const message::KeyPair keys = message::KeyPair::from_seed(seed);
    if (size > 2000) return 0;
    auto own = net::signed_beacon(network, keys, base::text_of(packet));
    usable(net::parse_signed_beacon(network, own));
    if (size > 0) {
        own[data[0] % (own.size() - 64)] ^= 1;
        must(!net::parse_signed_beacon(network, own));
    }
    return 0;
}
