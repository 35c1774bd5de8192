#include "message/loose.h"

#include <cmath>
#include <cstdint>
#include <vector>

#include "base/number.h"

namespace sbot::message::loose {
namespace {

void append_scalar(std::string& out, json::Value value) {
    switch (value.kind()) {
        case json::Kind::absent: out += "undefined"; return;
        case json::Kind::null: out += "null"; return;
        case json::Kind::boolean: out += value.is_true() ? "true" : "false"; return;
        case json::Kind::string: out += value.string(); return;
        case json::Kind::object: out += "[object Object]"; return;
        case json::Kind::array: return;
        case json::Kind::number: break;
    }
    if (std::isinf(value.number())) {
        out += value.number() < 0 ? "-Infinity" : "Infinity";
    } else {
        json::append_number(out, value.number());
    }
}

/// A list within a list joins with the same comma, so one walk over all levels will do.
void append_joined(std::string& out, json::Value list, std::size_t bytes_max) {
    struct Level {
        json::Elements::Iterator at, end;
        bool first = true;
    };
    auto level = [](json::Value of) {
        json::Elements elements = of.elements();
        return Level{elements.begin(), elements.end()};
    };
    std::vector<Level> open{level(list)};
    while (!open.empty() && out.size() <= bytes_max) {
        Level& top = open.back();
        if (!(top.at != top.end)) {
            open.pop_back();
            continue;
        }
        json::Value item = *top.at;
        ++top.at;
        if (!top.first) out += ',';
        top.first = false;
        if (item.is_array()) {
            open.push_back(level(item));
        } else if (!item.is_null()) {
            append_scalar(out, item);
        }
    }
}

}  // namespace

std::string_view cut(std::string_view text, std::size_t bytes_max) {
    if (text.size() <= bytes_max) return text;
    while (bytes_max > 0 && (static_cast<std::uint8_t>(text[bytes_max]) & 0xc0) == 0x80) {
        --bytes_max;
    }
    return text.substr(0, bytes_max);
}

std::string text(json::Value value, std::size_t bytes_max) {
    std::string out;
    if (value.is_array()) {
        append_joined(out, value, bytes_max);
    } else if (value.is_string()) {
        return std::string(cut(value.string(), bytes_max));
    } else {
        append_scalar(out, value);
    }
    out.resize(cut(out, bytes_max).size());
    return out;
}

bool equal(json::Value value, std::string_view wanted) {
    if (value.is_string()) return value.string() == wanted;
    // Room for one more character, so that a longer text is not cut down to the wanted one.
    return value.is_array() && text(value, wanted.size() + 4) == wanted;
}

bool equal(json::Value value, double number) {
    // Longer than any number worth comparing.
    constexpr std::size_t number_bytes_max = 1024;
    switch (value.kind()) {
        case json::Kind::number: return value.number() == number;
        case json::Kind::boolean: return number == (value.is_true() ? 1 : 0);
        case json::Kind::string:
        case json::Kind::array: {
            std::string digits = text(value, number_bytes_max + 1);
            return digits.size() <= number_bytes_max && base::to_number(digits) == number;
        }
        default: return false;
    }
}

}  // namespace sbot::message::loose
