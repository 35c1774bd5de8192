#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/bytes.h"

/// Numbers modulo p = 2^255 - 19, for checking signatures: only public values, in variable time.
/// Never for secrets; those are libsodium's.
namespace sbot::message::ed25519 {

/// Five limbs of 51 bits. A *tight* one, as `mul`, `square`, `invert` and `decode` give it, has
/// limbs below 2^51 + 2^13. `add` and `sub` do not carry; each says how large its result may be.
/// Whatever has limbs below 2^54 may be multiplied.
struct Field {
    std::array<std::uint64_t, 5> limbs;
};

inline constexpr Field zero{{0, 0, 0, 0, 0}};
inline constexpr Field one{{1, 0, 0, 0, 0}};

namespace detail {

__extension__ using Wide = unsigned __int128;

inline constexpr std::uint64_t limb_mask = (std::uint64_t{1} << 51) - 1;

constexpr Wide wide(std::uint64_t a, std::uint64_t b) { return static_cast<Wide>(a) * b; }
constexpr std::uint64_t low(Wide value) { return static_cast<std::uint64_t>(value) & limb_mask; }
constexpr std::uint64_t high(Wide value) { return static_cast<std::uint64_t>(value >> 51); }

/// From five sums below 2^115 to a tight number.
///
/// What is carried is below 2^64. The last sum, to which the factor 19 does not come, is below
/// 5 · 2^108 + 2^64 < 2^110.4 for factors below 2^54: 19 times its carry is below 2^63.7.
[[gnu::always_inline]] constexpr Field carry(Wide r0, Wide r1, Wide r2, Wide r3, Wide r4) {
    r1 += high(r0);
    r2 += high(r1);
    r3 += high(r2);
    r4 += high(r3);
    std::uint64_t first = low(r0) + 19 * high(r4);
    return {{first & limb_mask, low(r1) + (first >> 51), low(r2), low(r3), low(r4)}};
}

}  // namespace detail

/// Of limbs below 2^54 each.
[[gnu::always_inline]] constexpr Field mul(const Field& left, const Field& right) {
    using detail::wide;
    const auto& [a0, a1, a2, a3, a4] = left.limbs;
    const auto& [b0, b1, b2, b3, b4] = right.limbs;
    const std::uint64_t c1 = 19 * b1, c2 = 19 * b2, c3 = 19 * b3, c4 = 19 * b4;
    return detail::carry(wide(a0, b0) + wide(a1, c4) + wide(a2, c3) + wide(a3, c2) + wide(a4, c1),
                         wide(a0, b1) + wide(a1, b0) + wide(a2, c4) + wide(a3, c3) + wide(a4, c2),
                         wide(a0, b2) + wide(a1, b1) + wide(a2, b0) + wide(a3, c4) + wide(a4, c3),
                         wide(a0, b3) + wide(a1, b2) + wide(a2, b1) + wide(a3, b0) + wide(a4, c4),
                         wide(a0, b4) + wide(a1, b3) + wide(a2, b2) + wide(a3, b1) + wide(a4, b0));
}

/// Of limbs below 2^54 each.
[[gnu::always_inline]] constexpr Field square(const Field& of) {
    using detail::wide;
    const auto& [a0, a1, a2, a3, a4] = of.limbs;
    const std::uint64_t d0 = 2 * a0, d1 = 2 * a1, d2 = 2 * a2;
    const std::uint64_t c3 = 19 * a3, c4 = 19 * a4;
    return detail::carry(
        wide(a0, a0) + wide(d1, c4) + wide(d2, c3), wide(d0, a1) + wide(d2, c4) + wide(a3, c3),
        wide(d0, a2) + wide(a1, a1) + wide(2 * a3, c4), wide(d0, a3) + wide(d1, a2) + wide(a4, c4),
        wide(d0, a4) + wide(d1, a3) + wide(a2, a2));
}

/// Limbs are the sums of the limbs.
constexpr Field add(const Field& left, const Field& right) {
    const auto& a = left.limbs;
    const auto& b = right.limbs;
    return {{a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3], a[4] + b[4]}};
}

namespace detail {

/// left + times · p - right: no limb of `right` may exceed times · (2^51 - 19).
template <std::uint64_t times>
constexpr Field sub(const Field& left, const Field& right) {
    constexpr std::uint64_t first = times * (limb_mask - 18);
    constexpr std::uint64_t rest = times * limb_mask;
    const auto& a = left.limbs;
    const auto& b = right.limbs;
    return {{a[0] + first - b[0], a[1] + rest - b[1], a[2] + rest - b[2], a[3] + rest - b[3],
             a[4] + rest - b[4]}};
}

}  // namespace detail

/// Where `right` is tight: limbs grow by less than 2^52.
constexpr Field sub(const Field& left, const Field& right) { return detail::sub<2>(left, right); }
/// Where the limbs of `right` are below 2^53 - 76: limbs grow by less than 2^53.
constexpr Field sub_sum(const Field& left, const Field& right) {
    return detail::sub<4>(left, right);
}

/// Of a tight number; tight.
constexpr Field negate(const Field& of) { return mul(sub(zero, of), one); }

/// `times` squarings, at least one.
Field square(Field of, int times);
/// of^(2^252 - 3), for square roots.
Field pow_p58(const Field& of);
/// of^(p - 2): 1 / of, and 0 for 0.
Field invert(const Field& of);

/// The low 255 bits; what is not below p is taken as it is.
Field decode(std::span<const std::uint8_t, 32> bytes);
/// The number below p, little-endian. Of limbs below 2^54.
std::array<std::uint8_t, 32> encode(const Field& of);

/// The lowest bit of the number below p: the "sign" of an x coordinate.
inline bool is_odd(const Field& of) { return (encode(of)[0] & 1) != 0; }
inline bool is_zero(const Field& of) { return encode(of) == std::array<std::uint8_t, 32>{}; }
inline bool equal(const Field& left, const Field& right) { return encode(left) == encode(right); }

}  // namespace sbot::message::ed25519
