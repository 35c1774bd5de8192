#include "base/checked_line.h"

#include <array>

#include "base/assert.h"

namespace sbot::base {
namespace {

constexpr std::size_t digits = 8;

constexpr std::array<std::uint32_t, 256> crc_table = [] {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t value = byte;
        for (int bit = 0; bit < 8; ++bit) value = value >> 1 ^ ((value & 1) != 0 ? 0xedb88320 : 0);
        table[byte] = value;
    }
    return table;
}();

std::array<char, digits> digits_of(std::uint32_t sum) {
    constexpr std::string_view letters = "0123456789abcdef";
    std::array<char, digits> text{};
    for (std::size_t i = 0; i < digits; ++i) text[i] = letters[sum >> (28 - 4 * i) & 15];
    return text;
}

}  // namespace

std::uint32_t crc32(ByteView data) {
    std::uint32_t value = 0xffffffff;
    for (std::uint8_t byte : data) value = value >> 8 ^ crc_table[(value ^ byte) & 255];
    return ~value;
}

void append_checked_line(std::string& out, std::string_view text) {
    SBOT_ASSERT(text.find('\n') == text.npos);
    auto sum = digits_of(crc32(bytes_of(text)));
    out.append(sum.data(), sum.size());
    out += ' ';
    out += text;
    out += '\n';
}

std::optional<std::string_view> checked_text(std::string_view line) {
    if (line.size() < digits + 1 || line[digits] != ' ') return std::nullopt;
    std::string_view text = line.substr(digits + 1);
    auto sum = digits_of(crc32(bytes_of(text)));
    if (line.substr(0, digits) != std::string_view(sum.data(), sum.size())) return std::nullopt;
    return text;
}

}  // namespace sbot::base
