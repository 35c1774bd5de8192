#include "base/base64.h"

#include <array>

namespace sbot::base {
namespace {

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t not_a_digit = 0xff;

constexpr std::array<std::uint8_t, 256> digit_values = [] {
    std::array<std::uint8_t, 256> values{};
    values.fill(not_a_digit);
    for (std::size_t i = 0; i < alphabet.size(); ++i) {
        values[static_cast<std::uint8_t>(alphabet[i])] = static_cast<std::uint8_t>(i);
    }
    return values;
}();

std::uint8_t digit(char c) { return digit_values[static_cast<std::uint8_t>(c)]; }

/// How many `=` end the text, two at most.
std::size_t padding_of(std::string_view text) {
    if (!text.ends_with('=')) return 0;
    return text.ends_with("==") ? 2 : 1;
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

}  // namespace

std::string to_base64(ByteView data) {
    std::string out((data.size() + 2) / 3 * 4, '=');
    char* to = out.data();
    std::size_t i = 0;
    for (; i + 3 <= data.size(); i += 3, to += 4) {
        std::uint8_t a = data[i], b = data[i + 1], c = data[i + 2];
        to[0] = alphabet[a >> 2];
        to[1] = alphabet[(a << 4 | b >> 4) & 63];
        to[2] = alphabet[(b << 2 | c >> 6) & 63];
        to[3] = alphabet[c & 63];
    }
    std::size_t rest = data.size() - i;
    if (rest > 0) {
        std::uint8_t a = data[i], b = rest == 2 ? data[i + 1] : 0;
        to[0] = alphabet[a >> 2];
        to[1] = alphabet[(a << 4 | b >> 4) & 63];
        if (rest == 2) to[2] = alphabet[b << 2 & 63];
    }
    return out;
}

std::optional<Bytes> from_base64(std::string_view text) {
    if (text.size() % 4 != 0) return std::nullopt;
    std::size_t padding = padding_of(text);
    std::size_t whole = (text.size() - (padding > 0 ? 4 : 0)) / 4;
    Bytes out(text.size() / 4 * 3 - padding);
    std::uint8_t* to = out.data();
    std::uint8_t bad = 0;  // the top bits of a digit are set only in `not_a_digit`
    for (const char* from = text.data(); whole > 0; --whole, from += 4, to += 3) {
        std::uint8_t a = digit(from[0]), b = digit(from[1]), c = digit(from[2]), d = digit(from[3]);
        bad |= static_cast<std::uint8_t>(a | b | c | d);
        to[0] = static_cast<std::uint8_t>(a << 2 | b >> 4);
        to[1] = static_cast<std::uint8_t>(b << 4 | c >> 2);
        to[2] = static_cast<std::uint8_t>(c << 6 | d);
    }
    if (padding > 0) {
        std::string_view last = text.substr(text.size() - 4);
        std::uint8_t a = digit(last[0]), b = digit(last[1]);
        std::uint8_t c = padding == 1 ? digit(last[2]) : 0;
        bad |= static_cast<std::uint8_t>(a | b | c);
        to[0] = static_cast<std::uint8_t>(a << 2 | b >> 4);
        if (padding == 1) to[1] = static_cast<std::uint8_t>(b << 4 | c >> 2);
        if ((padding == 1 ? c & 3 : b & 15) != 0) return std::nullopt;
    }
    if ((bad & 0xc0) != 0) return std::nullopt;
    return out;
}

bool is_canonical_base64(std::string_view text) {
    if (text.size() % 4 != 0) return false;
    std::size_t padding = padding_of(text);
    std::string_view digits = text.substr(0, text.size() - padding);
    for (char c : digits) {
        if (digit(c) == not_a_digit) return false;
    }
    if (padding == 0) return true;
    return (digit(digits.back()) & (padding == 1 ? 3 : 15)) == 0;
}

Bytes from_base64_lenient(std::string_view text) {
    Bytes out;
    out.reserve(text.size() / 4 * 3 + 3);
    std::uint32_t bits = 0;
    unsigned held = 0;
    for (char c : text) {
        if (c == '=') break;
        if (c == '-') c = '+';
        if (c == '_') c = '/';
        std::uint8_t value = digit(c);
        if (value == not_a_digit) continue;
        bits = bits << 6 | value;
        held += 6;
        if (held >= 8) {
            held -= 8;
            out.push_back(static_cast<std::uint8_t>(bits >> held));
        }
    }
    return out;
}

std::string to_hex(ByteView data) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    out.reserve(data.size() * 2);
    for (std::uint8_t byte : data) out += {digits[byte >> 4], digits[byte & 15]};
    return out;
}

std::optional<Bytes> from_hex(std::string_view text) {
    if (text.size() % 2 != 0) return std::nullopt;
    Bytes out;
    out.reserve(text.size() / 2);
    for (std::size_t i = 0; i < text.size(); i += 2) {
        int high = hex_digit(text[i]);
        int low = hex_digit(text[i + 1]);
        if (high < 0 || low < 0) return std::nullopt;
        out.push_back(static_cast<std::uint8_t>(high << 4 | low));
    }
    return out;
}

}  // namespace sbot::base
