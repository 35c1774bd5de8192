#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "message/edwards25519.h"

/// Ed25519 signatures checked many at a time, several times as fast as libsodium does it one by
/// one, with the same verdict (docs/signatures.md).
///
/// It is no batch verification of the kind that takes a random combination of all: that would judge
/// points of small order differently. Every signature is held against libsodium 1.0.18's own
/// equation, `encoding of [S]B - [h]A = R`, behind libsodium's own conditions (S below the group's
/// order, A canonical, A and R of no small order). What many share is only computing: multiples of
/// the key, and one inversion for all encodings.
///
/// Everything here is public, so all of it takes variable time. Signing is libsodium's.
namespace sbot::message::ed25519 {

using PublicKey = std::array<std::uint8_t, 32>;

/// What is to be shown: that `R, S` is a signature.
struct Claim {
    std::array<std::uint8_t, 64> signature;
    std::array<std::uint8_t, 32> hash;  ///< SHA-512 of R, A and the text, modulo the group's order

    static Claim of(const PublicKey& key, const std::array<std::uint8_t, 64>& signature,
                    ByteView text);
};

/// Multiples of a key's point, worth making for three signatures or more. May be kept and shared;
/// never changes.
class KeyTable {
 public:
    /// `minus_a`: the point that the key stands for, negated.
    explicit KeyTable(const Extended& minus_a);
    static constexpr std::size_t pieces = 16;  ///< P, 2^16 P … 2^240 P
    static constexpr std::size_t odd = 8;      ///< 1, 3 … 15 times each
    static constexpr std::size_t bytes = pieces * odd * sizeof(Affine);

    const Affine* multiples() const { return multiples_.data(); }

 private:
    std::vector<Affine> multiples_;
};

/// Signatures of one key.
struct KeyRun {
    PublicKey key;
    /// Given: one kept from an earlier run of this key, or null. After: that, or the one that was
    /// made because there are enough claims, or null.
    std::shared_ptr<const KeyTable> table = {};
    std::vector<Claim> claims = {};
    std::vector<bool> right = {};  ///< the answer, one for each claim
};

/// So many claims of one key make up for its table.
inline constexpr std::size_t claims_for_table = 3;

/// Fills in all `right`. Safe on any thread; the first call makes a table of 120 kB.
void verify(std::span<KeyRun> runs);

}  // namespace sbot::message::ed25519
