#include "message/ed25519.h"

#include <sodium.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/assert.h"

namespace sbot::message::ed25519 {
namespace {

using Scalar = std::array<std::uint8_t, 32>;

// Of the generator there are more, made once: the digits of S are wider.
constexpr int key_width = 5;
constexpr int base_width = 8;
constexpr std::size_t base_odd = 64;
constexpr unsigned piece_bits = 256 / KeyTable::pieces;
static_assert(KeyTable::odd == std::size_t{1} << (key_width - 2));
static_assert(base_odd == std::size_t{1} << (base_width - 2));

/// P, 2^16 P … 2^240 P.
std::array<Extended, KeyTable::pieces> pieces_of(const Extended& point) {
    std::array<Extended, KeyTable::pieces> pieces;
    pieces[0] = point;
    for (std::size_t i = 1; i < pieces.size(); ++i) {
        pieces[i] = double_times(pieces[i - 1], piece_bits);
    }
    return pieces;
}

const Affine* base_multiples() {
    static const std::vector<Affine> made = odd_multiples(pieces_of(base_point), base_odd);
    return made.data();
}

/// Gives `each` the digits of a number below 2^253 with their places, the lowest first: odd, below
/// 2^(width - 1) in amount, at least `width` places apart; digit · 2^place sums up to the number.
template <int width, typename Each>
void each_digit(const Scalar& number, Each each) {
    std::array<std::uint64_t, 5> words{};
    std::memcpy(words.data(), number.data(), number.size());
    constexpr std::int64_t range = std::int64_t{1} << width;
    bool carry = false;
    for (unsigned place = 0; place < 256;) {
        unsigned shift = place % 64;
        std::uint64_t bits = words[place / 64] >> shift;
        if (shift != 0) bits |= words[place / 64 + 1] << (64 - shift);
        // With a carry, ones become zeros and hand it on.
        if (auto skip = static_cast<unsigned>(std::countr_zero(carry ? ~bits : bits)); skip != 0) {
            place += skip;
            continue;
        }
        auto digit = static_cast<std::int64_t>(bits & (range - 1)) + (carry ? 1 : 0);
        carry = digit >= range / 2;
        each(place, static_cast<int>(carry ? digit - range : digit));
        place += width;
    }
    SBOT_ASSERT(!carry);
}

/// A sum of multiples, which shares the doublings between them.
class Sum {
 public:
    Sum() { first_.fill(none); }

    /// number · P. `multiples`: the odd ones of P, 2^spacing P, 2^(2 · spacing) P …
    template <int width, unsigned spacing>
    void add(const Scalar& number, const Affine* multiples) {
        constexpr std::size_t odd = std::size_t{1} << (width - 2);
        each_digit<width>(number, [&](unsigned place, int digit) {
            unsigned amount = static_cast<unsigned>(digit < 0 ? -digit : digit);
            add_term(place % spacing, {multiples + place / spacing * odd + amount / 2, digit < 0});
        });
    }

    Projective value() const {
        Projective sum = without_t(neutral);
        for (std::size_t step = steps_; step-- > 0;) {
            Completed next = twice(sum);
            for (std::size_t i = first_[step]; i != none; i = terms_[i].next) {
                next = ed25519::add(to_extended(next), *terms_[i].point, terms_[i].negative);
            }
            sum = to_projective(next);
        }
        return sum;
    }

 private:
    struct Term {
        const Affine* point;
        bool negative;
        std::uint8_t next = none;
    };
    static constexpr std::uint8_t none = 255;
    static constexpr std::size_t terms_max = 256 / key_width + 1 + 256 / base_width + 1;
    static_assert(terms_max < none);

    /// 2^step · the term.
    void add_term(unsigned step, Term term) {
        term.next = first_[step];
        terms_[count_] = term;
        first_[step] = static_cast<std::uint8_t>(count_++);
        steps_ = std::max<std::size_t>(steps_, step + 1);
    }

    std::array<std::uint8_t, 256> first_;  // of the terms of each step
    std::array<Term, terms_max> terms_;
    std::size_t count_ = 0;
    std::size_t steps_ = 0;
};

bool is_below_order(const std::uint8_t* scalar) {
    static constexpr Scalar order{0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7,
                                  0xa2, 0xde, 0xf9, 0xde, 0x14, 0,    0,    0,    0,    0,    0,
                                  0,    0,    0,    0,    0,    0,    0,    0,    0,    0x10};
    return std::lexicographical_compare(std::make_reverse_iterator(scalar + order.size()),
                                        std::make_reverse_iterator(scalar), order.rbegin(),
                                        order.rend());
}

/// Of a canonical encoding: one of the five y coordinates of the eight points of small order.
bool is_small_order_encoding(const std::uint8_t* point) {
    static constexpr std::array<std::array<std::uint8_t, 32>, 5> of_small_order{{
        {0},
        {1},
        {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
         0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
         0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
        {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
         0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
         0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
        {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    }};
    return std::ranges::any_of(of_small_order, [&](const auto& small) {
        return std::memcmp(small.data(), point, 31) == 0 && small[31] == (point[31] & 0x7f);
    });
}

/// The point of a key, negated; nothing for a key all of whose signatures libsodium refuses.
std::optional<Extended> minus_point(const PublicKey& key) {
    if (!is_canonical(key)) return std::nullopt;
    auto point = decode_point(key);
    if (!point || has_small_order(*point)) return std::nullopt;
    return negate(*point);
}

/// The signatures that get as far as the equation, up to their shared inversion.
class Equations {
 public:
    template <unsigned spacing>
    void add(KeyRun& run, const Affine* multiples) {
        for (std::size_t i = 0; i < run.claims.size(); ++i) {
            const Claim& claim = run.claims[i];
            const std::uint8_t* s = claim.signature.data() + 32;
            if (!is_below_order(s) || is_small_order_encoding(claim.signature.data())) continue;
            Scalar factor;
            std::copy_n(s, factor.size(), factor.begin());
            Sum sum;
            sum.add<key_width, spacing>(claim.hash, multiples);
            sum.add<base_width, piece_bits>(factor, base_multiples());
            points_.push_back(sum.value());
            places_.push_back({&run, i});
        }
    }

    /// R is what [S]B - [h]A is written as.
    void finish() {
        std::vector<Field> inverse_z;
        inverse_z.reserve(points_.size());
        for (const Projective& point : points_) inverse_z.push_back(point.z);
        invert_all(inverse_z);
        for (std::size_t i = 0; i < points_.size(); ++i) {
            auto [run, claim] = places_[i];
            auto r = encode_point(points_[i], inverse_z[i]);
            run->right[claim] =
                std::equal(r.begin(), r.end(), run->claims[claim].signature.begin());
        }
    }

 private:
    struct Place {
        KeyRun* run;
        std::size_t claim;
    };
    std::vector<Projective> points_;
    std::vector<Place> places_;
};

}  // namespace

Claim Claim::of(const PublicKey& key, const std::array<std::uint8_t, 64>& signature,
                ByteView text) {
    Claim claim{.signature = signature, .hash = {}};
    std::array<std::uint8_t, crypto_hash_sha512_BYTES> wide;
    crypto_hash_sha512_state hash;
    crypto_hash_sha512_init(&hash);
    crypto_hash_sha512_update(&hash, signature.data(), 32);
    crypto_hash_sha512_update(&hash, key.data(), key.size());
    crypto_hash_sha512_update(&hash, text.data(), text.size());
    crypto_hash_sha512_final(&hash, wide.data());
    crypto_core_ed25519_scalar_reduce(claim.hash.data(), wide.data());
    return claim;
}

KeyTable::KeyTable(const Extended& minus_a) : multiples_(odd_multiples(pieces_of(minus_a), odd)) {}

void verify(std::span<KeyRun> runs) {
    Equations equations;
    // Keys with too few signatures for a table: their few multiples are made together.
    std::vector<KeyRun*> short_runs;
    std::vector<Extended> points;
    for (KeyRun& run : runs) {
        run.right.assign(run.claims.size(), false);
        if (run.table == nullptr && !run.claims.empty()) {
            auto point = minus_point(run.key);
            if (!point) continue;
            if (run.claims.size() < claims_for_table) {
                short_runs.push_back(&run);
                points.push_back(*point);
                continue;
            }
            run.table = std::make_shared<const KeyTable>(*point);
        }
        if (run.table != nullptr) equations.add<piece_bits>(run, run.table->multiples());
    }
    std::vector<Affine> multiples = odd_multiples(points, KeyTable::odd);
    for (std::size_t i = 0; i < short_runs.size(); ++i) {
        equations.add<256>(*short_runs[i], multiples.data() + i * KeyTable::odd);
    }
    equations.finish();
}

}  // namespace sbot::message::ed25519
