#include "secret-handshake/network_box.h"

#include <sodium.h>

#include "base/assert.h"

namespace sbot::shs {

static_assert(network_box_bytes == crypto_secretbox_MACBYTES);

Bytes network_box(const NetworkKey& network, ByteView plain) {
    Bytes boxed(network_box_bytes + plain.size());
    // The nonce is the first 24 bytes of the key.
    int made = crypto_secretbox_easy(boxed.data(), plain.data(), plain.size(), network.data(),
                                     network.data());
    SBOT_ASSERT(made == 0);
    return boxed;
}

std::optional<Bytes> open_network_box(const NetworkKey& network, ByteView boxed) {
    if (boxed.size() < network_box_bytes) return std::nullopt;
    Bytes plain(boxed.size() - network_box_bytes);
    int opened = crypto_secretbox_open_easy(plain.data(), boxed.data(), boxed.size(),
                                            network.data(), network.data());
    if (opened != 0) return std::nullopt;
    return plain;
}

}  // namespace sbot::shs
