#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace sbot::message {

/// A 32-byte name with a sigil and a suffix in its text form: `@….ed25519`, `%….sha256`,
/// `&….sha256`. A value; compares bytewise. The text form is what goes over the wire and into the
/// log.
template <char Sigil>
struct Id {
    std::array<std::uint8_t, 32> bytes{};

    /// Length of the text: sigil, 44 characters of base64, suffix.
    static constexpr std::size_t text_bytes = 1 + 44 + (Sigil == '@' ? 8 : 7);

    /// The canonical text only.
    static std::optional<Id> parse(std::string_view text);
    std::string text() const;
    ByteView view() const { return bytes; }

    // clang-tidy 14 takes the 0 that its results are compared to for a null pointer.
    // NOLINTNEXTLINE(modernize-use-nullptr)
    auto operator<=>(const Id&) const = default;
};

using FeedId = Id<'@'>;     ///< an Ed25519 public key
using MessageId = Id<'%'>;  ///< the SHA-256 of a message's canonical text
using BlobId = Id<'&'>;     ///< the SHA-256 of a blob

/// Position in a feed, from 1.
using Sequence = std::uint64_t;

}  // namespace sbot::message

namespace sbot {
using message::BlobId;
using message::FeedId;
using message::MessageId;
using message::Sequence;
}  // namespace sbot

template <char Sigil>
struct std::hash<sbot::message::Id<Sigil>> {
    /// The bytes are a key or a hash already.
    std::size_t operator()(const sbot::message::Id<Sigil>& id) const noexcept {
        std::size_t value;
        std::memcpy(&value, id.bytes.data(), sizeof value);
        return value;
    }
};
