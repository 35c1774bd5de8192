#include "message/content_opener.h"

#include <sodium.h>

#include <cstring>

namespace sbot::message {

static_assert(crypto_shorthash_KEYBYTES == 16 && crypto_shorthash_BYTES == 8);

ContentOpener::ContentOpener(const Unboxer& unboxer, base::Random& random)
    : unboxer_(unboxer), sealed_(std::make_unique<Sealed>()) {
    random.fill(key_);
}

std::optional<std::string> ContentOpener::open(json::Value message) const {
    const std::string_view content = message["content"].string();
    if (!is_box1(content)) return std::nullopt;
    std::uint8_t hashed[crypto_shorthash_BYTES];
    crypto_shorthash(hashed, base::bytes_of(content).data(), content.size(), key_.data());
    std::uint64_t hash = 0;
    std::memcpy(&hash, hashed, sizeof hash);
    auto& place = (*sealed_)[hash % sealed_->size()];
    if (hash != 0 && place.load(std::memory_order_relaxed) == hash) return std::nullopt;
    if (auto opened = unboxer_.open(content)) return json::compact(opened->plain.root());
    place.store(hash, std::memory_order_relaxed);
    return std::nullopt;
}

}  // namespace sbot::message
