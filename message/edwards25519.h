#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "message/field25519.h"

/// Points of edwards25519: -x² + y² = 1 + dxy² over the numbers modulo p; for checking signatures,
/// in variable time. All formulas hold for all points, those of small order too: -1 is a square and
/// d is none.
namespace sbot::message::ed25519 {

/// x = X/Z, y = Y/Z; all tight.
struct Projective {
    Field x, y, z;
};

/// The same with T = XY/Z.
struct Extended {
    Field x, y, z, t;
};

/// x = X/Z, y = Y/T: what formulas give, three or four multiplications before one of the above.
/// Limbs below 2^54.
struct Completed {
    Field x, y, z, t;
};

/// A point to be added, x and y known: y + x, y - x, 2dxy.
struct Affine {
    std::array<Field, 2> sums;  ///< y + x, y - x: a negative point has them swapped
    Field product;
};

inline constexpr Extended neutral{zero, one, one, zero};
/// The generator.
extern const Extended base_point;

inline Projective to_projective(const Completed& of) {
    return {mul(of.x, of.t), mul(of.y, of.z), mul(of.z, of.t)};
}
inline Extended to_extended(const Completed& of) {
    return {mul(of.x, of.t), mul(of.y, of.z), mul(of.z, of.t), mul(of.x, of.y)};
}
inline Projective without_t(const Extended& of) { return {of.x, of.y, of.z}; }

inline Completed twice(const Projective& of) {
    Field xx = square(of.x);
    Field yy = square(of.y);
    Field zz = square(of.z);
    Field y = add(yy, xx);
    Field z = sub(yy, xx);
    return {sub_sum(square(add(of.x, of.y)), y), y, z, sub_sum(add(zz, zz), z)};
}

/// left + right, or left - right.
inline Completed add(const Extended& left, const Affine& right, bool negative = false) {
    Field a = mul(add(left.y, left.x), right.sums[negative ? 1 : 0]);
    Field b = mul(sub(left.y, left.x), right.sums[negative ? 0 : 1]);
    Field c = mul(left.t, right.product);
    Field zz = add(left.z, left.z);
    Field more = add(zz, c);
    Field less = sub(zz, c);
    if (negative) return {sub(a, b), add(a, b), less, more};
    return {sub(a, b), add(a, b), more, less};
}

Extended add(const Extended& left, const Extended& right);
/// 2^times · of; `times` at least one.
Extended double_times(const Extended& of, int times);
/// 8 · of is the neutral point.
bool has_small_order(const Extended& of);

/// The y coordinate is below p. What is asked is the encoding: 255 bits of y, one of x.
bool is_canonical(std::span<const std::uint8_t, 32> point);
/// The point, wherever there is one with this y, below p or not; the sign of x = 0 is not looked
/// at.
std::optional<Extended> decode_point(std::span<const std::uint8_t, 32> point);
/// With `inverse_z` = 1 / z.
std::array<std::uint8_t, 32> encode_point(const Projective& of, const Field& inverse_z);
Extended negate(const Extended& of);

/// Replaces each by its inverse, with one inversion and three multiplications for each. None may be
/// zero: then all become zero.
void invert_all(std::span<Field> numbers);

/// The odd multiples 1P, 3P … (2 · odd - 1)P of each of the points, ready to be added.
std::vector<Affine> odd_multiples(std::span<const Extended> points, std::size_t odd);

}  // namespace sbot::message::ed25519
