#include "flume/envelope.h"

#include <cmath>

#include "base/number.h"
#include "base/utf.h"

namespace sbot::flume {
namespace {

constexpr std::size_t type_units_max = 32;

Error unreadable(const char* what) { return error(Errc::invalid, what); }

/// The first `units` UTF-16 units of a well-formed text; half a pair at the end stays as half.
void cut_to_units(std::string_view text, std::size_t units, std::string& out) {
    out.clear();
    std::size_t at = 0;
    while (at < text.size() && units > 0) {
        auto lead = static_cast<std::uint8_t>(text[at]);
        std::size_t length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
        std::string_view character = text.substr(at, length);
        if (length == 4 && units == 1) {
            char32_t code = static_cast<char32_t>(lead & 7) << 18;
            for (std::size_t i = 1; i < character.size(); ++i) {
                code |= static_cast<char32_t>(character[i] & 0x3f) << (6 * (3 - i));
            }
            base::append_code_point(out, 0xd800 + ((code - 0x10000) >> 10));
            return;
        }
        out += character;
        units -= length == 4 ? 2 : 1;
        at += length;
    }
}

}  // namespace

Result<Envelope> read_envelope(json::Document& document, ByteView data) {
    if (auto ok = document.parse_borrowed(base::text_of(data)); !ok) return std::move(ok).error();
    json::Value root = document.root();
    Envelope envelope;
    auto key = MessageId::parse(root["key"].string());
    if (!key) return unreadable("no message key");
    envelope.key = *key;
    json::Value received = root["timestamp"];
    if (!received.is_number() || !std::isfinite(received.number())) {
        return unreadable("no time of receipt");
    }
    envelope.received = received.number();
    envelope.value = root["value"];
    auto author = FeedId::parse(envelope.value["author"].string());
    if (!author) return unreadable("no author");
    envelope.author = *author;
    envelope.sequence = base::whole(envelope.value["sequence"].number()).value_or(0);
    if (envelope.sequence == 0) return unreadable("no sequence");
    envelope.claimed = envelope.value["timestamp"].number();
    envelope.content = envelope.value["content"];
    return envelope;
}

std::optional<std::string_view> type_of(json::Value content, std::string& cut) {
    json::Value type = content["type"];
    if (!type.is_string()) return std::nullopt;
    // Bytes are never fewer than units.
    if (type.string().size() <= type_units_max) return type.string();
    cut_to_units(type.string(), type_units_max, cut);
    return cut;
}

}  // namespace sbot::flume
