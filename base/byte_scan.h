#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

/// Eight characters of a text at a time. A mask has the top bit of each byte set that answers the
/// question, and of bytes behind the first such byte perhaps more: ask for the first only.
namespace sbot::base::scan {

static_assert(std::endian::native == std::endian::little, "the first byte is the lowest");

inline constexpr std::uint64_t ones = 0x0101010101010101u;
inline constexpr std::uint64_t highs = 0x8080808080808080u;

constexpr std::uint64_t equal_to(std::uint64_t word, std::uint8_t c) {
    std::uint64_t w = word ^ ones * c;
    return (w - ones) & ~w & highs;
}
/// What JSON cannot hold in a string as it is: control characters, quote, backslash.
constexpr std::uint64_t escaped_in_json(std::uint64_t word) {
    std::uint64_t below_space = (word - ones * 0x20) & ~word & highs;
    return below_space | equal_to(word, '"') | equal_to(word, '\\');
}
constexpr std::uint64_t not_ascii(std::uint64_t word) { return word & highs; }

/// The index of the first byte in a mask that is not 0.
constexpr std::size_t first(std::uint64_t mask) {
    return static_cast<std::size_t>(std::countr_zero(mask)) / 8;
}

}  // namespace sbot::base::scan
