#pragma once

#include <sodium.h>

#include <algorithm>
#include <array>
#include <vector>

#include "message/ed25519.h"

/// Signatures of every odd kind, made with libsodium's own arithmetic, and what libsodium says of
/// them. For the tests and the fuzz target.
namespace sbot::tests::forge {

using Point = std::array<std::uint8_t, 32>;   // encoded
using Scalar = std::array<std::uint8_t, 32>;  // little-endian
using message::ed25519::Claim;
using message::ed25519::PublicKey;

inline const Point neutral{1};

inline Point add(const Point& left, const Point& right) {
    Point sum;
    if (crypto_core_ed25519_add(sum.data(), left.data(), right.data()) != 0) std::abort();
    return sum;
}

/// scalar · B
inline Point times_base(const Scalar& scalar) {
    if (scalar == Scalar{}) return neutral;
    Point point;
    if (crypto_scalarmult_ed25519_base_noclamp(point.data(), scalar.data()) != 0) std::abort();
    return point;
}

/// 0T … 7T, of the one with order 8.
inline const std::array<Point, 8>& torsion() {
    static const std::array<Point, 8> points = [] {
        std::array<Point, 8> made;
        made[0] = neutral;
        const Point generator{0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
                              0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
                              0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a};
        for (std::size_t i = 1; i < made.size(); ++i) made[i] = add(made[i - 1], generator);
        return made;
    }();
    return points;
}

/// 2^255 - 19 + extra as the y of an encoding, extra below 19: what no point is written as.
inline Point beyond_p(std::uint8_t extra, bool odd) {
    Point point;
    point.fill(0xff);
    point[0] = static_cast<std::uint8_t>(0xed + extra);
    point[31] = odd ? 0xff : 0x7f;
    return point;
}

struct Signed {
    PublicKey key{};
    std::array<std::uint8_t, 64> signature{};
    Bytes text;

    void set_r(const Point& point) { std::copy_n(point.begin(), 32, signature.begin()); }
    void set_s(const Scalar& scalar) { std::copy_n(scalar.begin(), 32, signature.begin() + 32); }
    /// S + L: the same number modulo L, written otherwise.
    void add_order_to_s() {
        static constexpr Scalar order{0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,
                                      0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
                                      0,    0,    0,    0,    0,    0,    0,    0,
                                      0,    0,    0,    0,    0,    0,    0,    0x10};
        sodium_add(signature.data() + 32, order.data(), order.size());
    }
    Claim claim() const { return Claim::of(key, signature, text); }
};

inline Scalar scalar_of(std::uint64_t seed) {
    std::array<std::uint8_t, 64> wide;
    crypto_hash_sha512(wide.data(), reinterpret_cast<const std::uint8_t*>(&seed), sizeof seed);
    Scalar scalar;
    crypto_core_ed25519_scalar_reduce(scalar.data(), wide.data());
    return scalar;
}

/// With A = secret·B + T_a and R = nonce·B + T_r: the equation holds but for points of small order,
/// and wholly where T_r = -h·T_a.
inline Signed sign(const Scalar& secret, std::size_t a, const Scalar& nonce, std::size_t r,
                   Bytes text) {
    Signed made;
    made.key = add(times_base(secret), torsion()[a % 8]);
    made.set_r(add(times_base(nonce), torsion()[r % 8]));
    made.text = std::move(text);
    Scalar s;
    crypto_core_ed25519_scalar_mul(s.data(), made.claim().hash.data(), secret.data());
    crypto_core_ed25519_scalar_add(s.data(), s.data(), nonce.data());
    made.set_s(s);
    return made;
}

inline bool libsodium_says(const Signed& signature) {
    return crypto_sign_verify_detached(signature.signature.data(), signature.text.data(),
                                       signature.text.size(), signature.key.data()) == 0;
}

/// What we say: alone, with a table, with a table that was kept; all three must say the same.
inline std::array<bool, 3> we_say(const Signed& signature) {
    using message::ed25519::KeyRun;
    Claim claim = signature.claim();
    std::array<KeyRun, 2> runs{
        KeyRun{.key = signature.key, .claims = {claim}},
        KeyRun{.key = signature.key,
               .claims = std::vector<Claim>(message::ed25519::claims_for_table, claim)},
    };
    message::ed25519::verify(runs);
    std::array<KeyRun, 1> again{
        KeyRun{.key = signature.key, .table = runs[1].table, .claims = {claim}}};
    message::ed25519::verify(again);
    return {runs[0].right[0], runs[1].right[0] && runs[1].right[1] && runs[1].right[2],
            again[0].right[0]};
}

/// Later releases of libsodium than 1.0.18 look past points of small order in the equation.
inline bool libsodium_multiplies_by_cofactor() {
    static const bool answer = [] {
        for (std::uint8_t i = 0; i < 16; ++i) {
            // T_r = -h·T_a for one of two signatures, if h counts.
            if (!libsodium_says(sign(scalar_of(1), 4, scalar_of(2), 0, {i}))) return false;
        }
        return true;
    }();
    return answer;
}

/// We say one thing, and libsodium says it too.
inline bool same_verdict(const Signed& signature) {
    bool right = libsodium_says(signature);
    std::array<bool, 3> ours = we_say(signature);
    if (ours[0] != ours[1] || ours[0] != ours[2]) return false;
    return ours[0] == right || (right && libsodium_multiplies_by_cofactor());
}

}  // namespace sbot::tests::forge
