#include "message/keys.h"

#include <sodium.h>

#include "base/base64.h"
#include "base/limits.h"

namespace sbot::message {
namespace {

constexpr std::string_view curve = "ed25519";

/// A text that is wiped when it goes.
class SecretText {
 public:
    explicit SecretText(std::size_t capacity) { text_.reserve(capacity); }
    ~SecretText() { sodium_memzero(text_.data(), text_.size()); }
    SecretText(const SecretText&) = delete;
    SecretText& operator=(const SecretText&) = delete;
    std::string& operator*() { return text_; }

 private:
    std::string text_;
};

Error wrong(const char* what) { return base::error(Errc::invalid, what); }

/// The bytes of `[@]<base64>[.suffix]`; nothing if they are not `N`.
template <std::size_t N>
std::optional<base::Secret<N>> decode_key(std::string_view text) {
    if (text.starts_with('@')) text.remove_prefix(1);
    auto bytes = base::from_base64(text.substr(0, text.find('.')));
    if (!bytes) return std::nullopt;
    std::optional<base::Secret<N>> key;
    if (bytes->size() == N) key.emplace(std::span<const std::uint8_t, N>(bytes->data(), N));
    sodium_memzero(bytes->data(), bytes->size());
    return key;
}

/// Drops comments, with the white space before them. ssb-keys joins the lines as well; JSON does
/// not mind line ends.
void strip_comments(std::string_view text, std::string& out) {
    constexpr std::string_view space = " \t\n\v\f\r";
    while (!text.empty()) {
        std::size_t hash = text.find('#');
        out += text.substr(0, hash);
        if (hash == std::string_view::npos) return;
        out.resize(out.find_last_not_of(space) + 1);
        std::size_t line_end = text.find('\n', hash);
        text = line_end == std::string_view::npos ? "" : text.substr(line_end);
    }
}

Result<void> check_curve(json::Value named) {
    if (!named.exists() || named.is(curve)) return {};
    if (named.is("k256")) {
        return base::error(Errc::unsupported, "k256 curves are no longer supported, please delete");
    }
    return base::error(Errc::unsupported, "the curve is not ed25519");
}

Result<KeyPair> keys_of(json::Value file) {
    if (!file.is_object()) return wrong("no JSON object");
    if (auto ok = check_curve(file["curve"]); !ok) return std::move(ok).error();
    if (!file["private"].is_string()) return wrong("no private key");
    auto secret = decode_key<64>(file["private"].string());
    if (!secret) return wrong("the private key is not base64 of 64 bytes");
    if (!file["public"].is_string()) return wrong("no public key");
    auto shown = decode_key<32>(file["public"].string());
    if (!shown) return wrong("the public key is not base64 of 32 bytes");

    KeyPair keys = KeyPair::from_seed(std::span<const std::uint8_t, 32>(secret->data(), 32));
    if (sodium_memcmp(keys.secret.data(), secret->data(), 64) != 0) {
        return wrong("the two halves of the private key do not fit");
    }
    if (sodium_memcmp(keys.id.bytes.data(), shown->data(), 32) != 0) {
        return wrong("the public key does not fit the private key");
    }
    json::Value id = file["id"];
    if (id.is_string() && id.string().starts_with('@') && id.string() != keys.id.text()) {
        return wrong("the id does not fit the private key");
    }
    return keys;
}

}  // namespace

KeyPair KeyPair::from_seed(std::span<const std::uint8_t, 32> seed) {
    KeyPair keys;
    crypto_sign_seed_keypair(keys.id.bytes.data(), keys.secret.data(), seed.data());
    return keys;
}

KeyPair KeyPair::generate(base::Random& random) {
    base::Secret<32> seed;
    random.fill({seed.data(), seed.size});
    return from_seed(std::span<const std::uint8_t, 32>(seed.data(), 32));
}

std::string secret_file_text(const KeyPair& keys) {
    std::string id = keys.id.text();
    std::string secret = base::to_base64(keys.secret.view());
    std::string text =
        "# WARNING: Never show this to anyone.\n"
        "# WARNING: Never edit it or use it on multiple devices at once.\n"
        "#\n"
        "# This is your SECRET, it gives you magical powers. With your secret you can\n"
        "# sign your messages so that your friends can verify that the messages came\n"
        "# from you. If anyone learns your secret, they can use it to impersonate you.\n"
        "#\n"
        "# If you use this secret on more than one device you will create a fork and\n"
        "# your friends will stop replicating your content.\n"
        "#\n"
        "{\n"
        "  \"curve\": \"ed25519\",\n"
        "  \"public\": \"" +
        id.substr(1) +
        "\",\n"
        "  \"private\": \"" +
        secret +
        ".ed25519\",\n"
        "  \"id\": \"" +
        id +
        "\"\n"
        "}\n"
        "#\n"
        "# The only part of this file that's safe to share is your public name:\n"
        "#\n"
        "#   " +
        id;
    sodium_memzero(secret.data(), secret.size());
    return text;
}

Result<KeyPair> parse_secret_file(std::string_view text) {
    if (text.size() > limits::secret_file_bytes_max) return wrong("too long for a secret file");
    SecretText bare(text.size());
    strip_comments(text, *bare);
    json::Document document;
    // The parser's errors name a position, never the text.
    if (auto ok = document.parse_borrowed(*bare); !ok) return std::move(ok).error();
    return keys_of(document.root());
}

HmacKey HmacKey::parse(std::string_view base64) {
    HmacKey key;
    key.state_ = State::bad;
    if (auto decoded = decode_key<32>(base64); decoded && base::is_canonical_base64(base64)) {
        key.state_ = State::set;
        key.key_ = std::move(*decoded);
    }
    return key;
}

HmacKey HmacKey::of(json::Value configured) {
    if (!configured.exists() || configured.is_null()) return {};
    // No base64 is a bad key, as is everything that is no text.
    return parse(configured.is_string() ? configured.string() : "?");
}

ByteView HmacKey::signed_bytes(std::string_view text, std::array<std::uint8_t, 32>& mac) const {
    SBOT_ASSERT(state_ != State::bad);
    ByteView bytes = base::bytes_of(text);
    if (state_ == State::none) return bytes;
    crypto_auth(mac.data(), bytes.data(), bytes.size(), key_.data());
    return mac;
}

Signature sign(const KeyPair& keys, const HmacKey& hmac, std::string_view text) {
    std::array<std::uint8_t, 32> mac;
    ByteView bytes = hmac.signed_bytes(text, mac);
    Signature signature;
    crypto_sign_detached(signature.data(), nullptr, bytes.data(), bytes.size(), keys.secret.data());
    return signature;
}

bool verify(const FeedId& author, const HmacKey& hmac, const Signature& signature,
            std::string_view text) {
    std::array<std::uint8_t, 32> mac;
    ByteView bytes = hmac.signed_bytes(text, mac);
    return crypto_sign_verify_detached(signature.data(), bytes.data(), bytes.size(),
                                       author.bytes.data()) == 0;
}

std::string signature_text(const Signature& signature) {
    return base::to_base64(signature) + ".sig.ed25519";
}

}  // namespace sbot::message
