#pragma once

#include <sodium.h>

#include <algorithm>
#include <array>
#include <initializer_list>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/random.h"
#include "secret-handshake/handshake.h"

/// The protocol written a second time, straight from its description and without any check, for
/// tests that must say something wrong in a properly sealed box.
namespace sbot::shs::by_hand {

using Block = std::array<std::uint8_t, 32>;

/// Gives the same byte string again and again.
class FixedRandom final : public base::Random {
 public:
    explicit FixedRandom(Bytes bytes) : bytes_(std::move(bytes)) {}
    void fill(MutableBytes out) override {
        for (std::uint8_t& byte : out) byte = bytes_[at_++ % bytes_.size()];
    }

 private:
    Bytes bytes_;
    std::size_t at_ = 0;
};

inline Block block_of(std::uint8_t byte) {
    Block block;
    block.fill(byte);
    return block;
}

inline NetworkKey network_of(std::uint8_t byte) { return NetworkKey(block_of(byte)); }

inline KeyPair pair_of(std::uint8_t seed_byte) {
    FixedRandom random({seed_byte});
    return KeyPair::generate(random);
}

inline Bytes join(std::initializer_list<ByteView> parts) {
    Bytes all;
    for (ByteView part : parts) base::append(all, part);
    return all;
}

inline Block sha256(ByteView data) {
    Block digest;
    crypto_hash_sha256(digest.data(), data.data(), data.size());
    return digest;
}

/// All zeros where the point has a low order: what somebody who sent it would reckon with.
inline Block agree(ByteView secret, ByteView point) {
    Block shared;
    if (crypto_scalarmult(shared.data(), secret.data(), point.data()) != 0) shared.fill(0);
    return shared;
}

inline Block public_of(const Block& secret) {
    Block point;
    crypto_scalarmult_base(point.data(), secret.data());
    return point;
}

/// Zeros where the key is no usable point.
inline Block curve(const PublicKey& key) {
    Block point;
    if (crypto_sign_ed25519_pk_to_curve25519(point.data(), key.data()) != 0) point.fill(0);
    return point;
}

inline Block curve(const SecretKey& key) {
    Block scalar;
    crypto_sign_ed25519_sk_to_curve25519(scalar.data(), key.data());
    return scalar;
}

inline Bytes sign(ByteView text, const SecretKey& by) {
    Bytes signature(crypto_sign_BYTES);
    crypto_sign_detached(signature.data(), nullptr, text.data(), text.size(), by.data());
    return signature;
}

inline Bytes box(ByteView plain, const Block& key, const Nonce& nonce = {}) {
    Bytes boxed(crypto_secretbox_MACBYTES + plain.size());
    crypto_secretbox_easy(boxed.data(), plain.data(), plain.size(), nonce.data(), key.data());
    return boxed;
}

/// Empty where the box does not open.
inline Bytes unbox(ByteView boxed, const Block& key) {
    Bytes plain(boxed.size() - crypto_secretbox_MACBYTES);
    const Nonce zero{};
    if (crypto_secretbox_open_easy(plain.data(), boxed.data(), boxed.size(), zero.data(),
                                   key.data()) != 0) {
        plain.clear();
    }
    return plain;
}

inline Bytes hello(const NetworkKey& network, const Block& point) {
    Block mac;
    crypto_auth(mac.data(), point.data(), point.size(), network.data());
    return join({mac, point});
}

/// What a client knows once it has seen message 2, and what it then can say.
struct Client {
    NetworkKey network;
    KeyPair own;
    PublicKey server;
    Block ephemeral;         // secret
    Block server_ephemeral;  // public

    Block ee() const { return agree(ephemeral, server_ephemeral); }
    Block es() const { return agree(ephemeral, curve(server)); }
    Bytes to_sign() const { return join({network.view(), server, sha256(ee())}); }
    /// Message 3 around any 96 bytes.
    Bytes auth(ByteView plain) const {
        return box(plain, sha256(join({network.view(), ee(), es()})));
    }
    Bytes honest_plain() const { return join({sign(to_sign(), own.secret_key), own.public_key}); }
};

/// What a server knows once it has seen messages 1 and 3.
struct Server {
    NetworkKey network;
    KeyPair own;
    Block ephemeral;         // secret
    Block client_ephemeral;  // public
    Bytes client_auth;       // message 3, boxed

    Block ee() const { return agree(ephemeral, client_ephemeral); }
    Block es() const { return agree(curve(own.secret_key), client_ephemeral); }
    Bytes auth_plain() const {
        return unbox(client_auth, sha256(join({network.view(), ee(), es()})));
    }
    Block se() const {
        Bytes plain = auth_plain();
        PublicKey client;
        std::copy_n(plain.begin() + crypto_sign_BYTES, client.size(), client.begin());
        return agree(ephemeral, curve(client));
    }
    Bytes to_sign() const { return join({network.view(), auth_plain(), sha256(ee())}); }
    /// Message 4 around any 64 bytes.
    Bytes accept(ByteView plain) const {
        return box(plain, sha256(join({network.view(), ee(), es(), se()})));
    }
    Bytes honest_plain() const { return sign(to_sign(), own.secret_key); }
};

/// Points of low order: X25519 with any of them gives zeros whatever the secret.
inline constexpr std::string_view low_order_points[] = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    // the same with the bit set that X25519 ignores
    "0000000000000000000000000000000000000000000000000000000000000080",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
};

/// Moves what is owed from one to the other. The server accepts everyone.
inline Bytes take_owed(Handshake& from) {
    Bytes owed = base::to_bytes(from.to_send());
    from.sent(owed.size());
    return owed;
}

}  // namespace sbot::shs::by_hand
