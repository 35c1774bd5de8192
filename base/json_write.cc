#include <charconv>
#include <cmath>
#include <cstring>
#include <variant>

#include "base/byte_scan.h"
#include "base/json.h"

namespace sbot::json {
namespace {

namespace scan = base::scan;

constexpr std::size_t indent_step = 2;

/// Index of the first character from `i` on that cannot be written as it is.
std::size_t plain_run(std::string_view text, std::size_t i) {
    for (; i < text.size(); ++i) {
        for (std::uint64_t word; text.size() - i >= sizeof word; i += sizeof word) {
            std::memcpy(&word, text.data() + i, sizeof word);
            std::uint64_t special = scan::escaped_in_json(word) | scan::equal_to(word, 0xed);
            if (special != 0) {
                i += scan::first(special);
                break;
            }
        }
        if (i == text.size()) break;
        auto c = static_cast<std::uint8_t>(text[i]);
        if (c < 0x20 || c == '"' || c == '\\') return i;
        // ED A0..BF is a surrogate, which UTF-8 does not have.
        if (c == 0xed && i + 2 < text.size() && static_cast<std::uint8_t>(text[i + 1]) >= 0xa0) {
            return i;
        }
    }
    return i;
}

void append_unit(std::string& out, unsigned unit) {
    constexpr std::string_view hex = "0123456789abcdef";
    out +=
        {'\\', 'u', hex[unit >> 12 & 15], hex[unit >> 8 & 15], hex[unit >> 4 & 15], hex[unit & 15]};
}

/// Walks a value without recursion and prints it; `indented` as `JSON.stringify(x, null, 2)`.
class Printer {
 public:
    Printer(std::string& out, bool indented, std::size_t bytes_max)
        : out_(out), indented_(indented), start_(out.size()), bytes_max_(bytes_max) {}

    bool print(Value value) {
        enter(value);
        while (!open_.empty()) {
            if (out_.size() - start_ > bytes_max_) return false;
            if (auto* object = std::get_if<ObjectWalk>(&open_.back())) {
                if (!(object->at != object->end)) {
                    leave('}');
                    continue;
                }
                Member member = *object->at;
                ++object->at;
                before_child(object->first);
                object->first = false;
                append_string(out_, member.name);
                out_ += indented_ ? ": " : ":";
                enter(member.value);
            } else {
                auto& array = std::get<ArrayWalk>(open_.back());
                if (!(array.at != array.end)) {
                    leave(']');
                    continue;
                }
                Value element = *array.at;
                ++array.at;
                before_child(array.first);
                array.first = false;
                enter(element);
            }
        }
        return out_.size() - start_ <= bytes_max_;
    }

 private:
    template <typename Range>
    struct Walk {
        typename Range::Iterator at, end;
        bool first;
    };
    using ObjectWalk = Walk<Members>;
    using ArrayWalk = Walk<Elements>;

    void enter(Value value) {
        switch (value.kind()) {
            case Kind::absent:
            case Kind::null: out_ += "null"; return;
            case Kind::boolean: out_ += value.is_true() ? "true" : "false"; return;
            case Kind::number: append_number(out_, value.number()); return;
            case Kind::string: append_string(out_, value.string()); return;
            case Kind::array:
                if (value.size() == 0) {
                    out_ += "[]";
                    return;
                }
                out_ += '[';
                open_.emplace_back(
                    ArrayWalk{value.elements().begin(), value.elements().end(), true});
                return;
            case Kind::object:
                if (value.size() == 0) {
                    out_ += "{}";
                    return;
                }
                out_ += '{';
                open_.emplace_back(
                    ObjectWalk{value.members().begin(), value.members().end(), true});
                return;
        }
    }
    void before_child(bool first) {
        if (!first) out_ += ',';
        new_line();
    }
    void leave(char bracket) {
        open_.pop_back();
        new_line();
        out_ += bracket;
    }
    void new_line() {
        if (!indented_) return;
        out_ += '\n';
        out_.append(open_.size() * indent_step, ' ');
    }

    std::string& out_;
    bool indented_;
    std::size_t start_;
    std::size_t bytes_max_;
    std::vector<std::variant<ObjectWalk, ArrayWalk>> open_;
};

}  // namespace

void append_string(std::string& out, std::string_view text) {
    out += '"';
    for (std::size_t i = 0; i < text.size();) {
        std::size_t stop = plain_run(text, i);
        out.append(text, i, stop - i);
        i = stop;
        if (i == text.size()) break;
        auto c = static_cast<std::uint8_t>(text[i]);
        switch (c) {
            case '"': out += "\\\""; break;
            case '\\': out += "\\\\"; break;
            case '\b': out += "\\b"; break;
            case '\f': out += "\\f"; break;
            case '\n': out += "\\n"; break;
            case '\r': out += "\\r"; break;
            case '\t': out += "\\t"; break;
            case 0xed:
                append_unit(out, 0xd000u | (static_cast<unsigned>(text[i + 1]) & 0x3f) << 6 |
                                     (static_cast<unsigned>(text[i + 2]) & 0x3f));
                i += 2;
                break;
            default: append_unit(out, c);
        }
        ++i;
    }
    out += '"';
}

void append_number(std::string& out, double number) {
    if (!std::isfinite(number)) {
        out += "null";
        return;
    }
    if (number == 0) {
        out += '0';
        return;
    }
    // Shortest digits that read back as the same double, as "d.ddde±xx".
    char text[40];
    constexpr double exact_integers = 9007199254740992.0;
    if (std::fabs(number) < exact_integers && number == std::trunc(number)) {
        auto end = std::to_chars(text, text + sizeof text, static_cast<long long>(number)).ptr;
        out.append(text, end);
        return;
    }
    const char* end =
        std::to_chars(text, text + sizeof text, number, std::chars_format::scientific).ptr;
    const char* at = text;
    if (*at == '-') out += *at++;
    std::string digits(1, *at++);
    if (*at == '.') {
        ++at;
        while (*at != 'e') digits += *at++;
    }
    ++at;
    if (*at == '+') ++at;
    int exponent = 0;
    std::from_chars(at, end, exponent);
    int point = exponent + 1;  // value = 0.digits × 10^point
    int count = static_cast<int>(digits.size());
    if (count <= point && point <= 21) {
        out += digits;
        out.append(static_cast<std::size_t>(point - count), '0');
    } else if (0 < point && point <= 21) {
        out.append(digits, 0, static_cast<std::size_t>(point));
        out += '.';
        out.append(digits, static_cast<std::size_t>(point));
    } else if (-6 < point && point <= 0) {
        out += "0.";
        out.append(static_cast<std::size_t>(-point), '0');
        out += digits;
    } else {
        out += digits[0];
        if (count > 1) {
            out += '.';
            out.append(digits, 1);
        }
        out += exponent < 0 ? "e-" : "e+";
        out += std::to_string(std::abs(exponent));
    }
}

void append_compact(std::string& out, Value value) { Printer(out, false, SIZE_MAX).print(value); }

std::string compact(Value value) {
    std::string out;
    append_compact(out, value);
    return out;
}

bool append_pretty(std::string& out, Value value, std::size_t bytes_max) {
    return Printer(out, true, bytes_max).print(value);
}

void Writer::separate() {
    if (comma_) out_ += ',';
    comma_ = true;
}
Writer& Writer::open(char bracket) {
    separate();
    out_ += bracket;
    comma_ = false;
    return *this;
}
Writer& Writer::close(char bracket) {
    out_ += bracket;
    comma_ = true;
    return *this;
}
Writer& Writer::name(std::string_view name) {
    separate();
    append_string(out_, name);
    out_ += ':';
    comma_ = false;
    return *this;
}
Writer& Writer::value(std::string_view text) {
    separate();
    append_string(out_, text);
    return *this;
}
Writer& Writer::value(double number) {
    separate();
    append_number(out_, number);
    return *this;
}
Writer& Writer::value(bool truth) { return raw(truth ? "true" : "false"); }
Writer& Writer::value(Value copied) {
    separate();
    append_compact(out_, copied);
    return *this;
}
Writer& Writer::null() { return raw("null"); }
Writer& Writer::raw(std::string_view json) {
    separate();
    out_ += json;
    return *this;
}

}  // namespace sbot::json
