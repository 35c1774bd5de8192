#include "message/ids.h"

#include <algorithm>

#include "base/base64.h"

namespace sbot::message {
namespace {

constexpr std::size_t digits = 44;

constexpr std::string_view suffix_of(char sigil) { return sigil == '@' ? ".ed25519" : ".sha256"; }

}  // namespace

template <char Sigil>
std::optional<Id<Sigil>> Id<Sigil>::parse(std::string_view text) {
    constexpr std::string_view suffix = suffix_of(Sigil);
    static_assert(text_bytes == 1 + digits + suffix.size());
    if (text.size() != text_bytes || text[0] != Sigil) return std::nullopt;
    if (text.substr(1 + digits) != suffix) return std::nullopt;
    auto decoded = base::from_base64(text.substr(1, digits));
    if (!decoded || decoded->size() != 32) return std::nullopt;
    Id id;
    std::copy(decoded->begin(), decoded->end(), id.bytes.begin());
    return id;
}

template <char Sigil>
std::string Id<Sigil>::text() const {
    std::string out(1, Sigil);
    out += base::to_base64(bytes);
    out += suffix_of(Sigil);
    return out;
}

template struct Id<'@'>;
template struct Id<'%'>;
template struct Id<'&'>;

}  // namespace sbot::message
