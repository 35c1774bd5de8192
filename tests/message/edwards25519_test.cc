#include "message/edwards25519.h"

#include <gtest/gtest.h>

#include <random>

#include "base/base64.h"
#include "tests/message/signature_forge.h"

namespace {

using namespace sbot::message::ed25519;
using sbot::tests::forge::Point;
using sbot::tests::forge::scalar_of;
using Random = std::mt19937_64;
using Encoded = std::array<std::uint8_t, 32>;

constexpr std::uint64_t tight_max = (std::uint64_t{1} << 51) + (1 << 13) - 1;
constexpr std::uint64_t factor_max = (std::uint64_t{1} << 54) - 1;

/// Numbers modulo p as everybody learns it at school, in digits of 32 bits.
class Slow {
 public:
    explicit Slow(std::uint32_t small) : digits_{small} {}
    explicit Slow(const Field& of) {
        for (unsigned i = 0; i < 5; ++i) {
            add_at(51 * i, static_cast<std::uint32_t>(of.limbs[i]));
            add_at(51 * i + 32, static_cast<std::uint32_t>(of.limbs[i] >> 32));
        }
        reduce();
    }

    Slow operator*(const Slow& other) const {
        Slow product(0);
        for (unsigned i = 0; i < 8; ++i) {
            for (unsigned j = 0; j < 8; ++j) {
                std::uint64_t part = std::uint64_t{digits_[i]} * other.digits_[j];
                product.add_at(32 * (i + j), static_cast<std::uint32_t>(part));
                product.add_at(32 * (i + j) + 32, static_cast<std::uint32_t>(part >> 32));
            }
        }
        product.reduce();
        return product;
    }

    /// To 2^bits - minus.
    Slow power(int bits, std::uint32_t minus) const {
        // 2^bits - minus = (2^(bits - 8) - 1) · 2^8 + (2^8 - minus)
        Slow result(1);
        for (int i = 0; i < bits - 8; ++i) result = result * result * *this;
        for (int bit = 7; bit >= 0; --bit) {
            result = result * result;
            if (((256 - minus) >> bit & 1) != 0) result = result * *this;
        }
        return result;
    }

    Encoded bytes() const {
        Encoded bytes;
        for (std::size_t i = 0; i < bytes.size(); ++i) {
            bytes[i] = static_cast<std::uint8_t>(digits_[i / 4] >> i % 4 * 8);
        }
        return bytes;
    }

 private:
    void add_at(unsigned bit, std::uint32_t number) {
        std::uint64_t shifted = std::uint64_t{number} << bit % 32;
        std::uint64_t carry = 0;
        for (std::size_t i = bit / 32; i < digits_.size() && (shifted | carry) != 0; ++i) {
            carry += digits_[i] + (shifted & 0xffffffff);
            digits_[i] = static_cast<std::uint32_t>(carry);
            carry >>= 32;
            shifted >>= 32;
        }
    }
    /// 2^255 = 19, again and again; then p once at most.
    void reduce() {
        while (is_beyond(0x7fffffff)) {
            auto all = digits_;
            digits_.fill(0);
            for (unsigned i = 0; i < 8; ++i) digits_[i] = all[i];
            digits_[7] &= 0x7fffffff;
            for (unsigned i = 7; i < all.size(); ++i) {
                std::uint32_t part = i == 7 ? all[i] & 0x80000000 : all[i];
                // part · 2^(32i) = part · 19 · 2^(32i - 255)
                std::uint64_t times = std::uint64_t{part} * 19 << 1;
                if (i == 7) {
                    add_at(0, static_cast<std::uint32_t>(times >> 32));
                } else {
                    add_at(32 * (i - 8), static_cast<std::uint32_t>(times));
                    add_at(32 * (i - 8) + 32, static_cast<std::uint32_t>(times >> 32));
                }
            }
        }
        auto more = digits_;
        add_at(0, 19);
        if (!is_beyond(0x7fffffff)) {
            digits_ = more;
        } else {
            digits_[7] &= 0x7fffffff;
        }
    }
    bool is_beyond(std::uint32_t top) const {
        for (std::size_t i = 8; i < digits_.size(); ++i) {
            if (digits_[i] != 0) return true;
        }
        return digits_[7] > top;
    }

    std::array<std::uint32_t, 18> digits_{};
};

/// All that limbs below `limit` can be, the limits above all.
Field random_field(Random& random, std::uint64_t max) {
    const std::array<std::uint64_t, 6> edges{
        0, 1, (std::uint64_t{1} << 51) - 19, (std::uint64_t{1} << 51) - 1, max - 1, max};
    Field field;
    for (std::uint64_t& limb : field.limbs) {
        std::size_t pick = random() % 8;
        limb = pick < edges.size() ? edges[pick] : random() % (max + 1);
    }
    return field;
}

bool is_tight(const Field& of) {
    return std::ranges::all_of(of.limbs, [](std::uint64_t limb) { return limb <= tight_max; });
}

TEST(Field25519, multiplies_and_squares_up_to_the_limit_of_its_limbs) {
    Random random(1);
    for (int i = 0; i < 5000; ++i) {
        Field a = random_field(random, i % 2 == 0 ? factor_max : tight_max);
        Field b = random_field(random, i % 3 == 0 ? tight_max : factor_max);
        if (i == 0) {
            a.limbs.fill(factor_max);
            b = a;
        }
        Field product = mul(a, b);
        EXPECT_TRUE(is_tight(product));
        EXPECT_EQ(encode(product), (Slow(a) * Slow(b)).bytes());
        EXPECT_EQ(square(a).limbs, mul(a, a).limbs);
        EXPECT_EQ(encode(a), Slow(a).bytes());
    }
}

TEST(Field25519, adds_and_subtracts_within_the_limits_it_names) {
    Random random(2);
    for (int i = 0; i < 5000; ++i) {
        Field a = random_field(random, tight_max);
        Field b = random_field(random, tight_max);
        Field sum_max = random_field(random, (std::uint64_t{1} << 53) - 76);
        EXPECT_EQ(encode(add(sub(a, b), b)), encode(a));
        EXPECT_EQ(encode(mul(add(sub_sum(a, sum_max), sum_max), one)), encode(a));
        for (std::uint64_t limb : sub(a, b).limbs) EXPECT_LT(limb, std::uint64_t{1} << 53);
        for (std::uint64_t limb : sub_sum(a, sum_max).limbs) EXPECT_LT(limb, factor_max);
        EXPECT_TRUE(is_tight(negate(a)));
        EXPECT_TRUE(is_zero(add(negate(a), a)));
    }
}

TEST(Field25519, raises_to_its_two_powers) {
    Random random(3);
    for (int i = 0; i < 20; ++i) {
        Field a = random_field(random, factor_max);
        EXPECT_EQ(encode(invert(a)), Slow(a).power(255, 21).bytes());
        EXPECT_EQ(encode(pow_p58(a)), Slow(a).power(252, 3).bytes());
        EXPECT_TRUE(is_zero(a) || equal(mul(a, invert(a)), one));
    }
    EXPECT_TRUE(is_zero(invert(zero)));
}

TEST(Field25519, writes_every_number_in_one_way) {
    Random random(4);
    // p - 3 … p + 18 are all that two numbers of 255 bits stand for.
    for (std::uint8_t low = 0xea; low != 0; ++low) {
        Encoded bytes;
        bytes.fill(0xff);
        bytes[0] = low;
        bytes[31] = 0x7f;
        Encoded expected = bytes;
        if (low >= 0xed) {
            expected.fill(0);
            expected[0] = static_cast<std::uint8_t>(low - 0xed);
        }
        EXPECT_EQ(encode(decode(bytes)), expected);
        EXPECT_EQ(is_canonical(bytes), low < 0xed);
        bytes[31] = 0xff;
        EXPECT_EQ(encode(decode(bytes)), expected);
        EXPECT_EQ(is_canonical(bytes), low < 0xed);
    }
    for (int i = 0; i < 1000; ++i) {
        Encoded bytes;
        for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
        EXPECT_TRUE(is_canonical(bytes));
        bytes[31] &= 0x7f;
        EXPECT_EQ(encode(decode(bytes)), bytes);
        EXPECT_EQ(is_odd(decode(bytes)), bytes[0] % 2 == 1);
    }
}

TEST(Field25519, inverts_many_at_once) {
    Random random(5);
    std::vector<Field> numbers;
    for (int i = 0; i < 50; ++i) numbers.push_back(random_field(random, tight_max));
    std::erase_if(numbers, is_zero);
    std::vector<Field> inverses = numbers;
    invert_all(inverses);
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        EXPECT_TRUE(equal(inverses[i], invert(numbers[i])));
    }
    invert_all({});
    // As the header says of zeros.
    inverses[3] = zero;
    invert_all(inverses);
    EXPECT_TRUE(std::ranges::all_of(inverses, is_zero));
}

Encoded written(const Extended& of) { return encode_point(without_t(of), invert(of.z)); }

bool is_whole(const Extended& of) { return equal(mul(of.x, of.y), mul(of.z, of.t)); }

/// Of all kinds: in the main group, of small order, mixed.
Point some_point(Random& random) {
    Point point = random() % 4 == 0 ? sbot::tests::forge::neutral
                                    : sbot::tests::forge::times_base(scalar_of(random()));
    return sbot::tests::forge::add(point, sbot::tests::forge::torsion()[random() % 8]);
}

TEST(Edwards25519, reads_points_as_libsodium_does) {
    Random random(6);
    int points = 0;
    for (int i = 0; i < 1000; ++i) {
        Encoded bytes;
        for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
        // The last ones are not below p.
        if (i < 38) bytes = sbot::tests::forge::beyond_p(static_cast<std::uint8_t>(i / 2), i % 2);
        Point same;
        bool is_point = crypto_core_ed25519_add(same.data(), bytes.data(),
                                                sbot::tests::forge::neutral.data()) == 0;
        auto point = decode_point(bytes);
        ASSERT_EQ(point.has_value(), is_point) << sbot::base::to_hex(bytes);
        if (!point) continue;
        ++points;
        EXPECT_TRUE(is_whole(*point));
        EXPECT_EQ(written(*point), same);
    }
    EXPECT_GT(points, 300);
    EXPECT_EQ(written(base_point), sbot::tests::forge::times_base({1}));
    EXPECT_TRUE(is_whole(base_point));
    EXPECT_EQ(written(neutral), sbot::tests::forge::neutral);
}

TEST(Edwards25519, adds_as_libsodium_does_for_points_of_every_order) {
    Random random(7);
    for (int i = 0; i < 500; ++i) {
        Point a = some_point(random);
        Point b = i % 5 == 0 ? a : some_point(random);
        Point c = some_point(random);
        Extended p = *decode_point(a);
        Extended q = *decode_point(b);
        Extended r = *decode_point(c);
        Extended sum = add(p, q);
        EXPECT_TRUE(is_whole(sum));
        EXPECT_EQ(written(sum), sbot::tests::forge::add(a, b));
        EXPECT_EQ(written(add(sum, r)), written(add(p, add(q, r))));
        EXPECT_EQ(written(add(q, p)), written(sum));
        EXPECT_EQ(written(double_times(p, 1)), sbot::tests::forge::add(a, a));
        EXPECT_EQ(written(double_times(sum, 3)),
                  written(double_times(double_times(double_times(sum, 1), 1), 1)));
        EXPECT_EQ(written(add(p, negate(p))), sbot::tests::forge::neutral);
        EXPECT_EQ(written(add(sum, neutral)), written(sum));
    }
}

TEST(Edwards25519, makes_odd_multiples_to_add_and_to_subtract) {
    Random random(8);
    std::vector<Extended> points;
    std::vector<Point> encoded;
    for (int i = 0; i < 20; ++i) {
        encoded.push_back(some_point(random));
        points.push_back(*decode_point(encoded.back()));
    }
    std::vector<Affine> multiples = odd_multiples(points, 8);
    ASSERT_EQ(multiples.size(), 160U);
    Extended start = *decode_point(some_point(random));
    for (std::size_t i = 0; i < points.size(); ++i) {
        Point expected = encoded[i];
        for (std::size_t odd = 0; odd < 8; ++odd) {
            const Affine& multiple = multiples[8 * i + odd];
            Extended sum = to_extended(add(neutral, multiple));
            EXPECT_TRUE(is_whole(sum));
            EXPECT_EQ(written(sum), expected);
            Extended away = to_extended(add(start, multiple));
            EXPECT_EQ(written(away), written(add(start, sum)));
            EXPECT_EQ(written(to_extended(add(away, multiple, true))), written(start));
            expected = sbot::tests::forge::add(expected, encoded[i]);
            expected = sbot::tests::forge::add(expected, encoded[i]);
        }
    }
    EXPECT_TRUE(odd_multiples({}, 8).empty());
}

TEST(Edwards25519, knows_points_of_small_order) {
    Random random(9);
    for (const Point& small : sbot::tests::forge::torsion()) {
        EXPECT_TRUE(has_small_order(*decode_point(small)));
        Point mixed =
            sbot::tests::forge::add(small, sbot::tests::forge::times_base(scalar_of(random())));
        EXPECT_FALSE(has_small_order(*decode_point(mixed)));
    }
}

}  // namespace
