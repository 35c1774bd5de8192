#include "base/number.h"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <string>

#include "base/letters.h"

namespace sbot::base {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

int digit_of(char c) {
    if (is_digit(c)) return c - '0';
    char lower = static_cast<char>(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : 16;
}

/// Digits of a base that is a power of two. Past 53 bits the last digit may be rounded twice.
double whole_number(std::string_view digits, int base) {
    if (digits.empty()) return nan;
    double value = 0;
    for (char c : digits) {
        int digit = digit_of(c);
        if (digit >= base) return nan;
        value = value * base + digit;
    }
    return value;
}

/// Length of `digits [. digits] [e [+-] digits]` with a digit before or after the dot, else 0.
std::size_t decimal_length(std::string_view text) {
    std::size_t at = 0;
    auto digits = [&] {
        std::size_t start = at;
        while (at < text.size() && is_digit(text[at])) ++at;
        return at - start;
    };
    std::size_t count = digits();
    if (at < text.size() && text[at] == '.') {
        ++at;
        count += digits();
    }
    if (count == 0) return 0;
    if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
        ++at;
        if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
        if (digits() == 0) return 0;
    }
    return at;
}

double decimal(std::string_view text) {
    if (text.empty() || decimal_length(text) != text.size()) return nan;
    double value = 0;
    auto read = std::from_chars(text.data(), text.data() + text.size(), value);
    // Out of range gives no value; strtod tells infinity from zero.
    if (read.ec == std::errc::result_out_of_range) {
        value = std::strtod(std::string(text).c_str(), nullptr);
    }
    return value;
}

}  // namespace

double to_number(std::string_view text) {
    text = trimmed(text);
    if (text.empty()) return 0;
    if (text.size() > 2 && text[0] == '0') {
        switch (text[1] | 0x20) {
            case 'x': return whole_number(text.substr(2), 16);
            case 'o': return whole_number(text.substr(2), 8);
            case 'b': return whole_number(text.substr(2), 2);
            default: break;
        }
    }
    bool negative = text[0] == '-';
    if (negative || text[0] == '+') text.remove_prefix(1);
    double value = text == "Infinity" ? infinity : decimal(text);
    return negative ? -value : value;
}

std::optional<std::uint64_t> whole(double number) {
    constexpr double whole_max = 9007199254740991.0;
    if (!(number >= 0 && number <= whole_max) || number != std::floor(number)) return std::nullopt;
    return static_cast<std::uint64_t>(number);
}

}  // namespace sbot::base
