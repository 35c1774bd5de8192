#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"
#include "base/random.h"
#include "base/secret.h"

/// The keys of the secret handshake and of the box-stream behind it.
namespace sbot::shs {

/// A long-term Ed25519 public key: who somebody is.
using PublicKey = std::array<std::uint8_t, 32>;
/// What all peers of one network know and nobody else (`caps.shs`). Public for the main network,
/// kept secret by private ones, and so a type of its own that cannot be taken for a public key.
using NetworkKey = base::Secret<32>;
/// A long-term Ed25519 secret key as libsodium has it: seed, then public key.
using SecretKey = base::Secret<64>;
/// A box-stream's counter, big-endian.
using Nonce = std::array<std::uint8_t, 24>;

struct KeyPair {
    PublicKey public_key{};
    SecretKey secret_key;

    static KeyPair generate(base::Random& random);
    /// Whether the public key within the secret key is this public key. Signing with halves of two
    /// pairs makes signatures that nobody can verify.
    bool matches() const;
};

/// Lets libsodium choose the fastest code for this machine. Cheap to call again; everything in this
/// folder does so itself. Ends the process where libsodium cannot start.
void init();

}  // namespace sbot::shs
