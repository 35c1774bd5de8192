#include "message/refs.h"

#include <algorithm>
#include <initializer_list>

#include "base/base64.h"
#include "base/letters.h"
#include "base/utf.h"

namespace sbot::message {
namespace {

constexpr std::size_t digits = 44;
constexpr std::size_t channel_units_max = 30;
/// Node reads that many pieces of a query and no more.
constexpr std::size_t query_items_max = 1000;

bool is_letter_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}
bool is_word_character(char c) { return is_letter_or_digit(c) || c == '_'; }

/// Length in bytes of the character that `.` in a JavaScript expression (without the flag `u`)
/// takes at the start of `text`: one UTF-16 unit that ends no line. 0 if there is none.
std::size_t any_unit(std::string_view text) {
    if (text.empty()) return 0;
    std::size_t length = 0;
    char32_t code = base::next_code_point(text, length);
    return code > 0xffff || base::is_line_end(code) ? 0 : length;
}

bool is_ref(std::string_view text, char sigil, std::initializer_list<std::string_view> suffixes) {
    if (text.size() < 1 + digits || text[0] != sigil) return false;
    std::string_view key = text.substr(1, digits);
    if (!key.ends_with('=') || key.ends_with("==") || !base::is_canonical_base64(key)) return false;
    text.remove_prefix(1 + digits);
    std::size_t unit = any_unit(text);
    if (unit == 0) return false;
    text.remove_prefix(unit);
    return std::find(suffixes.begin(), suffixes.end(), text) != suffixes.end();
}

bool is_any_format(std::string_view text, char sigil) {
    std::size_t dot = text.find('.');
    if (dot == std::string_view::npos || text[0] != sigil) return false;
    std::string_view suffix = text.substr(dot + 1);
    return base::is_canonical_base64(text.substr(1, dot - 1)) && !suffix.empty() &&
           std::all_of(suffix.begin(), suffix.end(),
                       [](char c) { return is_letter_or_digit(c) || c == '-'; });
}

/// Length of `[@%&][A-Za-z0-9/+]{43}=\.\w+` at the start of `text`, or 0.
std::size_t rough_ref_length(std::string_view text) {
    constexpr std::size_t head = 1 + digits + 1;
    if (text.size() <= head) return 0;
    if (text[0] != '@' && text[0] != '%' && text[0] != '&') return 0;
    if (text.substr(digits, 2) != "=.") return 0;
    bool key = std::all_of(text.begin() + 1, text.begin() + digits,
                           [](char c) { return is_letter_or_digit(c) || c == '/' || c == '+'; });
    if (!key) return 0;
    std::size_t end = head;
    while (end < text.size() && is_word_character(text[end])) ++end;
    return end > head ? end : 0;
}

std::optional<std::string> first_rough_ref(std::string_view text) {
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (std::size_t length = rough_ref_length(text.substr(at))) {
            return std::string(text.substr(at, length));
        }
    }
    return std::nullopt;
}

/// The byte that `%XX` at the start of `text` stands for.
std::optional<char> escaped_byte(std::string_view text) {
    if (text.size() < 3 || text[0] != '%') return std::nullopt;
    auto byte = base::from_hex(text.substr(1, 2));
    if (!byte) return std::nullopt;
    return static_cast<char>(byte->front());
}

/// `decodeURIComponent`: nothing if a `%` starts no escape or escapes are no UTF-8.
std::optional<std::string> decode_uri_component(std::string_view text) {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        if (text[at] != '%') {
            out += text[at++];
            continue;
        }
        std::string escaped;  // a whole run: a character's bytes are all escaped, or none
        while (at < text.size() && text[at] == '%') {
            auto byte = escaped_byte(text.substr(at));
            if (!byte) return std::nullopt;
            escaped += *byte;
            at += 3;
        }
        if (!base::is_utf8(escaped)) return std::nullopt;
        out += escaped;
    }
    return out;
}

/// Node's `querystring.unescape`: where strict decoding fails, byte by byte from latin1.
std::string unescape_query(std::string_view text) {
    bool any = false;
    for (std::size_t at = text.find('%'); at != std::string_view::npos && !any;
         at = text.find('%', at + 1)) {
        any = escaped_byte(text.substr(at)).has_value();
    }
    if (!any) return std::string(text);
    if (auto strict = decode_uri_component(text)) return *std::move(strict);
    Bytes raw = base::latin1_truncated(text);
    std::string_view left = base::text_of(raw);
    std::string bytes;
    while (!left.empty()) {
        auto byte = escaped_byte(left);
        bytes += byte.value_or(left[0]);
        left.remove_prefix(byte ? 3 : 1);
    }
    return base::to_utf8(base::bytes_of(bytes));
}

std::string query_text(std::string_view piece) {
    std::string text(piece);
    std::replace(text.begin(), text.end(), '+', ' ');
    return unescape_query(text);
}

Query parse_query(std::string_view text) {
    Query query;
    for (std::size_t count = 0; !text.empty() && count < query_items_max; ++count) {
        std::string_view piece = text.substr(0, text.find('&'));
        text.remove_prefix(std::min(text.size(), piece.size() + 1));
        if (piece.empty()) continue;
        std::size_t equals = std::min(piece.find('='), piece.size());
        std::string name = query_text(piece.substr(0, equals));
        std::string value = query_text(piece.substr(std::min(piece.size(), equals + 1)));
        auto known = std::find_if(query.begin(), query.end(),
                                  [&](const auto& item) { return item.first == name; });
        if (known == query.end())
            known = query.emplace(known, std::move(name), std::vector<std::string>());
        known->second.push_back(std::move(value));
    }
    return query;
}

/// The first `units` UTF-16 units; half of a character beyond U+FFFF is an unpaired surrogate.
std::string first_units(std::string_view text, std::size_t units) {
    std::string out;
    for (std::size_t at = 0; at < text.size() && units > 0;) {
        std::size_t start = at;
        char32_t code = base::next_code_point(text, at);
        std::size_t size = code > 0xffff ? 2 : 1;
        if (size > units) {
            base::append_code_point(out, 0xd800 + ((code - 0x10000) >> 10));
            break;
        }
        out.append(text, start, at - start);
        units -= size;
    }
    return out;
}

}  // namespace

bool is_feed(std::string_view text) { return is_ref(text, '@', {"sha256", "ed25519"}); }
bool is_msg(std::string_view text) { return is_ref(text, '%', {"sha256"}); }
bool is_blob(std::string_view text) { return is_ref(text, '&', {"sha256"}); }
bool is_cloaked_msg(std::string_view text) { return is_ref(text, '%', {"cloaked"}); }

bool is_feed_type(std::string_view text) { return is_any_format(text, '@'); }
bool is_msg_type(std::string_view text) { return is_any_format(text, '%'); }
bool is_blob_type(std::string_view text) { return is_any_format(text, '&'); }

bool is_link(std::string_view text) {
    text = text.substr(0, text.find('?'));
    return is_feed(text) || is_msg(text) || is_blob(text);
}
bool is_msg_link(std::string_view text) { return text.starts_with('%') && is_link(text); }
bool is_blob_link(std::string_view text) { return text.starts_with('&') && is_link(text); }

std::optional<std::string> Link::unbox() const {
    if (!query) return std::nullopt;
    for (const auto& [name, values] : *query) {
        if (name == "unbox" && values.size() == 1) return values.front();
    }
    return std::nullopt;
}

std::optional<Link> parse_link(std::string_view text) {
    std::size_t length = rough_ref_length(text);
    if (length == 0) return std::nullopt;
    Link link{std::string(text.substr(0, length)), std::nullopt};
    text.remove_prefix(length);
    if (text.empty()) return link;
    if (text.size() < 2 || text[0] != '?' || base::first_line(text) != text) return std::nullopt;
    link.query = parse_query(text.substr(1));
    for (auto& [name, values] : *link.query) {
        if (name != "unbox" || values.size() != 1) continue;
        std::replace(values.front().begin(), values.front().end(), ' ', '+');
    }
    return link;
}

std::optional<std::string> extract(std::string_view text) {
    if (auto found = first_rough_ref(text)) return found;
    std::string decoded = decode_uri_component(text).value_or(std::string(text));
    constexpr std::string_view entity = "&amp;";
    std::string plain;
    for (std::size_t at = 0; at < decoded.size();) {
        std::size_t next = std::min(decoded.find(entity, at), decoded.size());
        plain.append(decoded, at, next - at);
        if (next < decoded.size()) plain += '&';
        at = next + entity.size();
    }
    return first_rough_ref(plain);
}

std::optional<std::string> normalize_channel(std::string_view text) {
    std::string lower = base::lower_case(text);
    std::string kept;
    for (std::size_t at = 0; at < lower.size();) {
        std::size_t start = at;
        char32_t code = base::next_code_point(lower, at);
        constexpr std::u32string_view dropped = U",.?!<>()[]\"#";
        if (base::is_space(code) || dropped.find(code) != std::u32string_view::npos) continue;
        kept.append(lower, start, at - start);
    }
    if (kept.empty()) return std::nullopt;
    return first_units(kept, channel_units_max);
}

}  // namespace sbot::message
