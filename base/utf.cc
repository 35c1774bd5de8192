#include "base/utf.h"

#include <cstring>

namespace sbot::base {
namespace {

std::uint8_t at(std::string_view text, std::size_t i) { return static_cast<std::uint8_t>(text[i]); }

/// Length of the well-formed sequence at `i`, or 0; `bad` is then the length of the maximal part to
/// replace by one U+FFFD.
std::size_t sequence_length(std::string_view text, std::size_t i, std::size_t& bad) {
    std::uint8_t lead = at(text, i);
    if (lead < 0x80) return 1;
    std::size_t need = 0;
    std::uint8_t low = 0x80, high = 0xbf;
    bad = 1;
    if (lead >= 0xc2 && lead <= 0xdf) {
        need = 1;
    } else if (lead >= 0xe0 && lead <= 0xef) {
        need = 2;
        if (lead == 0xe0) low = 0xa0;
        if (lead == 0xed) high = 0x9f;
    } else if (lead >= 0xf0 && lead <= 0xf4) {
        need = 3;
        if (lead == 0xf0) low = 0x90;
        if (lead == 0xf4) high = 0x8f;
    } else {
        return 0;
    }
    for (std::size_t k = 1; k <= need; ++k) {
        if (i + k >= text.size()) return 0;
        std::uint8_t next = at(text, i + k);
        if (next < low || next > high) return 0;
        low = 0x80;
        high = 0xbf;
        bad = k + 1;
    }
    return need + 1;
}

/// Bytes from `i` on that are plain ASCII, eight at a time.
std::size_t ascii_run(std::string_view text, std::size_t i) {
    std::size_t start = i;
    for (; i + 8 <= text.size(); i += 8) {
        std::uint64_t word;
        std::memcpy(&word, text.data() + i, 8);
        if ((word & 0x8080808080808080u) != 0) break;
    }
    while (i < text.size() && at(text, i) < 0x80) ++i;
    return i - start;
}

}  // namespace

bool is_utf8(std::string_view text) {
    std::size_t bad = 0;
    for (std::size_t i = 0; i < text.size();) {
        if (std::size_t run = ascii_run(text, i)) {
            i += run;
            continue;
        }
        std::size_t length = sequence_length(text, i, bad);
        if (length == 0) return false;
        i += length;
    }
    return true;
}

std::string to_utf8(ByteView bytes) {
    std::string_view text = text_of(bytes);
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size();) {
        std::size_t bad = 0;
        std::size_t length = ascii_run(text, i);
        if (length == 0) length = sequence_length(text, i, bad);
        if (length == 0) {
            out += "\xef\xbf\xbd";
            i += bad;
        } else {
            out.append(text, i, length);
            i += length;
        }
    }
    return out;
}

std::size_t utf16_length(std::string_view text) {
    std::size_t units = 0;
    for (char c : text) {
        auto byte = static_cast<std::uint8_t>(c);
        units += (byte & 0xc0) != 0x80;
        units += byte >= 0xf0;
    }
    return units;
}

Bytes latin1_truncated(std::string_view text) {
    Bytes out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size();) {
        std::uint8_t lead = at(text, i);
        if (lead < 0x80) {
            out.push_back(lead);
            ++i;
            continue;
        }
        std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
        char32_t code = lead & (0xff >> (length + 1));
        for (std::size_t k = 1; k < length && i + k < text.size(); ++k) {
            code = code << 6 | (at(text, i + k) & 0x3f);
        }
        if (code >= 0x10000) {
            code -= 0x10000;
            out.push_back(static_cast<std::uint8_t>(code >> 10));
        }
        out.push_back(static_cast<std::uint8_t>(code));
        i += length;
    }
    return out;
}

void append_code_point(std::string& out, char32_t code) {
    if (code < 0x80) {
        out += static_cast<char>(code);
    } else if (code < 0x800) {
        out += static_cast<char>(0xc0 | code >> 6);
        out += static_cast<char>(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        out += static_cast<char>(0xe0 | code >> 12);
        out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
        out += static_cast<char>(0x80 | (code & 0x3f));
    } else {
        out += static_cast<char>(0xf0 | code >> 18);
        out += static_cast<char>(0x80 | (code >> 12 & 0x3f));
        out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
        out += static_cast<char>(0x80 | (code & 0x3f));
    }
}

}  // namespace sbot::base
