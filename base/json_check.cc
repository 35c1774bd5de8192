#include <cstring>
#include <vector>

#include "base/byte_scan.h"
#include "base/json.h"
#include "base/letters.h"

namespace sbot::json {
namespace {

namespace scan = base::scan;
using base::is_digit;

/// Which of the brackets that are open are those of objects.
class Brackets {
 public:
    std::size_t depth() const { return depth_; }
    bool innermost_is_object() const { return (last_ & 1) != 0; }
    void open(bool object) {
        if (depth_++ % 64 == 63) outer_.push_back(last_);
        last_ = last_ << 1 | (object ? 1 : 0);
    }
    void close() {
        last_ >>= 1;
        if (--depth_ % 64 != 63) return;
        last_ = outer_.back();
        outer_.pop_back();
    }

 private:
    std::size_t depth_ = 0;
    std::uint64_t last_ = 0;            // a bit for each, the innermost is the lowest
    std::vector<std::uint64_t> outer_;  // of whom `last_` forgets
};

/// Walks over a text as `Document` does, and makes nothing of it.
class Checker {
 public:
    explicit Checker(std::string_view text) : at_(text.data()), end_(at_ + text.size()) {}

    bool whole_text();

 private:
    bool ended() const { return at_ == end_; }
    bool take(char c) {
        bool there = !ended() && *at_ == c;
        at_ += there;
        return there;
    }
    void skip_space() {
        while (!ended() && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
    }
    bool skip_digits() {
        const char* from = at_;
        while (!ended() && is_digit(*at_)) ++at_;
        return at_ != from;
    }
    bool skip_word(std::string_view word) {
        bool there = std::string_view(at_, end_).starts_with(word);
        if (there) at_ += word.size();
        return there;
    }
    bool skip_name();
    bool skip_string();
    bool skip_escape();
    bool skip_number();
    bool skip_scalar();

    const char* at_;
    const char* end_;
};

bool Checker::whole_text() {
    Brackets open;
    skip_space();
    for (;;) {
        if (ended()) return false;
        if (*at_ == '{' || *at_ == '[') {
            if (open.depth() >= limits::json_depth_max) return false;
            open.open(*at_++ == '{');
            skip_space();
            if (!take(open.innermost_is_object() ? '}' : ']')) {
                if (open.innermost_is_object() && !skip_name()) return false;
                continue;
            }
            open.close();
        } else if (!skip_scalar()) {
            return false;
        }
        for (skip_space(); open.depth() > 0; skip_space()) {
            if (take(',')) {
                skip_space();
                if (open.innermost_is_object() && !skip_name()) return false;
                break;
            }
            if (!take(open.innermost_is_object() ? '}' : ']')) return false;
            open.close();
        }
        if (open.depth() == 0) return ended();
    }
}

bool Checker::skip_name() {
    if (!skip_string()) return false;
    skip_space();
    if (!take(':')) return false;
    skip_space();
    return true;
}

bool Checker::skip_scalar() {
    switch (*at_) {
        case '"': return skip_string();
        case 't': return skip_word("true");
        case 'f': return skip_word("false");
        case 'n': return skip_word("null");
        default: return skip_number();
    }
}

bool Checker::skip_string() {
    if (!take('"')) return false;
    for (;;) {
        while (end_ - at_ >= 8) {
            std::uint64_t word;
            std::memcpy(&word, at_, 8);
            std::uint64_t special = scan::escaped_in_json(word);
            if (special != 0) {
                at_ += scan::first(special);
                break;
            }
            at_ += 8;
        }
        if (ended()) return false;
        const auto c = static_cast<std::uint8_t>(*at_++);
        if (c == '"') return true;
        if (c < 0x20 || (c == '\\' && !skip_escape())) return false;
        // Malformed UTF-8 is mended by whoever reads it, and no quote is part of it.
    }
}

bool Checker::skip_escape() {
    if (ended()) return false;
    const char c = *at_++;
    if (c != 'u') return std::string_view("\"\\/bfnrt").find(c) != std::string_view::npos;
    for (int i = 0; i < 4; ++i) {
        if (ended()) return false;
        const char digit = *at_++;
        const char lower = static_cast<char>(digit | 0x20);
        if (!is_digit(digit) && !(lower >= 'a' && lower <= 'f')) return false;
    }
    return true;
}

bool Checker::skip_number() {
    take('-');
    if (!take('0') && !skip_digits()) return false;
    if (take('.') && !skip_digits()) return false;
    if (!take('e') && !take('E')) return true;
    if (!take('+')) take('-');
    return skip_digits();
}

}  // namespace

bool well_formed(std::string_view text) { return Checker(text).whole_text(); }

}  // namespace sbot::json
