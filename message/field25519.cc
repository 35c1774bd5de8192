#include "message/field25519.h"

#include <bit>
#include <cstring>

namespace sbot::message::ed25519 {
namespace {

using detail::limb_mask;

static_assert(std::endian::native == std::endian::little, "the first byte is the lowest");

/// One round of carries: limbs below 2^51 + 2^17 where they were below 2^64, below 2^51 + 19 the
/// second time.
void carry_round(std::array<std::uint64_t, 5>& limbs) {
    std::uint64_t over = 0;
    for (std::uint64_t& limb : limbs) {
        limb += over;
        over = limb >> 51;
        limb &= limb_mask;
    }
    limbs[0] += 19 * over;
}

/// The powers 2^250 - 1 and 11, of which the two exponents below are made.
struct Powers {
    Field all_250, eleven;
};

Powers powers(const Field& of) {
    Field two = square(of);
    Field nine = mul(square(two, 2), of);
    Field eleven = mul(nine, two);
    // all_n: of^(2^n - 1)
    Field all_5 = mul(square(eleven), nine);
    Field all_10 = mul(square(all_5, 5), all_5);
    Field all_20 = mul(square(all_10, 10), all_10);
    Field all_40 = mul(square(all_20, 20), all_20);
    Field all_50 = mul(square(all_40, 10), all_10);
    Field all_100 = mul(square(all_50, 50), all_50);
    Field all_200 = mul(square(all_100, 100), all_100);
    return {mul(square(all_200, 50), all_50), eleven};
}

}  // namespace

Field square(Field of, int times) {
    for (int i = 0; i < times; ++i) of = square(of);
    return of;
}

Field pow_p58(const Field& of) { return mul(square(powers(of).all_250, 2), of); }

Field invert(const Field& of) {
    Powers made = powers(of);
    return mul(square(made.all_250, 5), made.eleven);
}

Field decode(std::span<const std::uint8_t, 32> bytes) {
    std::array<std::uint64_t, 4> words;
    std::memcpy(words.data(), bytes.data(), bytes.size());
    return {{words[0] & limb_mask, (words[0] >> 51 | words[1] << 13) & limb_mask,
             (words[1] >> 38 | words[2] << 26) & limb_mask,
             (words[2] >> 25 | words[3] << 39) & limb_mask, words[3] >> 12 & limb_mask}};
}

std::array<std::uint8_t, 32> encode(const Field& of) {
    auto limbs = of.limbs;
    carry_round(limbs);
    carry_round(limbs);
    // Below 2p now. Not below p is what reaches 2^255 when 19 is added; 2^255 itself falls away.
    std::uint64_t over = 19;
    for (std::uint64_t limb : limbs) over = (limb + over) >> 51;
    over *= 19;
    for (std::uint64_t& limb : limbs) {
        limb += over;
        over = limb >> 51;
        limb &= limb_mask;
    }
    std::array<std::uint64_t, 4> words{limbs[0] | limbs[1] << 51, limbs[1] >> 13 | limbs[2] << 38,
                                       limbs[2] >> 26 | limbs[3] << 25,
                                       limbs[3] >> 39 | limbs[4] << 12};
    std::array<std::uint8_t, 32> bytes;
    std::memcpy(bytes.data(), words.data(), bytes.size());
    return bytes;
}

}  // namespace sbot::message::ed25519
