#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/random.h"
#include "base/result.h"
#include "base/secret.h"
#include "message/ids.h"

/// Key pairs, signatures, and the `secret` file that holds a pair. Nothing here touches a disk.
namespace sbot::message {

/// An Ed25519 pair; the name of its feed is its public half.
struct KeyPair {
    FeedId id;
    base::Secret<64> secret;  ///< seed, then public key (libsodium's form)

    static KeyPair from_seed(std::span<const std::uint8_t, 32> seed);
    static KeyPair generate(base::Random& random);
};

/// The text of a `secret` file, as ssb-keys writes it. It is a secret itself.
std::string secret_file_text(const KeyPair& keys);

/// Reads a `secret` file's text: JSON, with or without comments (`#` to the end of the line).
/// Errors: `invalid` says what is wrong, never what the file holds; `unsupported` for curves other
/// than ed25519. The caller adds the file's name.
Result<KeyPair> parse_secret_file(std::string_view text);

/// The key of a network of its own (`caps.sign`): with it, messages are signed over a MAC of their
/// text.
class HmacKey {
 public:
    /// No key: the main network.
    HmacKey() = default;
    /// Canonical base64 of 32 bytes; anything else makes a bad key, which refuses every message.
    static HmacKey parse(std::string_view base64);
    /// null and absent are no key; what is not text is a bad one.
    static HmacKey of(json::Value configured);

    bool bad() const { return state_ == State::bad; }

    /// What Ed25519 signs for this text: the text, or its crypto_auth in `mac`, which the result
    /// may point at. Not for bad keys.
    ByteView signed_bytes(std::string_view text, std::array<std::uint8_t, 32>& mac) const;

 private:
    enum class State { none, set, bad };
    State state_ = State::none;
    base::Secret<32> key_;
};

using Signature = std::array<std::uint8_t, 64>;

Signature sign(const KeyPair& keys, const HmacKey& hmac, std::string_view text);
/// As libsodium has it: S ≥ L, small-order and non-canonical public keys fail.
bool verify(const FeedId& author, const HmacKey& hmac, const Signature& signature,
            std::string_view text);

/// `<88 characters>.sig.ed25519`
std::string signature_text(const Signature& signature);

}  // namespace sbot::message
