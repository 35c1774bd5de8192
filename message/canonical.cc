#include "message/canonical.h"

#include <cstdint>
#include <cstring>

#include "base/assert.h"
#include "base/limits.h"
#include "base/utf.h"
#include "message/sha256.h"

namespace sbot::message {
namespace {

// A unit takes at most three bytes of UTF-8 (the four bytes beyond U+FFFF are two units).
static_assert(limits::oversize_text_bytes_max > 3 * limits::message_units_max);

constexpr std::string_view before_signature = ",\n  \"signature\": \"";
constexpr std::string_view after_signature = "\"\n}";
constexpr std::string_view closing = "\n}";

bool is_ascii(std::string_view text) {
    constexpr std::uint64_t highs = 0x8080808080808080u;
    std::uint64_t seen = 0;
    std::size_t i = 0;
    for (; i + 8 <= text.size(); i += 8) {
        std::uint64_t word;
        std::memcpy(&word, text.data() + i, 8);
        seen |= word;
    }
    for (; i < text.size(); ++i) seen |= static_cast<std::uint8_t>(text[i]);
    return (seen & highs) == 0;
}

}  // namespace

Canonical canonical(json::Value message) {
    Canonical made;
    // Indentation makes a text a little longer than its source.
    made.text.reserve(message.source().size() + 256);
    // Given up, it is longer than any message still.
    json::append_pretty(made.text, message, limits::oversize_text_bytes_max);
    made.units = units_of(made.text);
    return made;
}

std::size_t units_of(std::string_view text) {
    return is_ascii(text) ? text.size() : base::utf16_length(text);
}

MessageId key_of(std::string_view canonical_text) {
    MessageId key;
    if (is_ascii(canonical_text)) {
        key.bytes = Sha256::of(base::bytes_of(canonical_text));
    } else {
        key.bytes = Sha256::of(base::latin1_truncated(canonical_text));
    }
    return key;
}

std::string without_signature(std::string text, std::string_view signature) {
    std::size_t tail = before_signature.size() + signature.size() + after_signature.size();
    SBOT_ASSERT(text.size() > tail);
    std::size_t cut = text.size() - tail;
    SBOT_ASSERT(std::string_view(text).substr(cut, before_signature.size()) == before_signature);
    text.resize(cut);
    text += closing;
    return text;
}

std::string with_signature(std::string_view unsigned_text, std::string_view signature) {
    SBOT_ASSERT(unsigned_text.ends_with(closing));
    std::string out(unsigned_text.substr(0, unsigned_text.size() - closing.size()));
    out.append(before_signature).append(signature).append(after_signature);
    return out;
}

}  // namespace sbot::message
