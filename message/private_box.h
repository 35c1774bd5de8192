#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/random.h"
#include "base/secret.h"
#include "message/ids.h"
#include "message/keys.h"
#include "message/refusal.h"

/// Private messages of the first kind, `<base64>.box` (npm private-box): XSalsa20-Poly1305 under a
/// fresh key, which each recipient finds in a slot of its own.
///
/// Opening has no errors: whatever is wrong with a box, it is simply not for us. Anybody can
/// publish any bytes as a box, so none of them may stop whoever reads the log.
namespace sbot::message {

/// What a slot holds: the number of recipients, then the body's key. Opens one message for anybody.
using ReadKey = std::array<std::uint8_t, 33>;

/// True for content that ends in exactly `.box`.
bool is_box1(std::string_view content);

/// Opens the body of a box and parses it. Nothing: damaged, another message's key, no JSON.
std::optional<json::Document> open_body(std::string_view content, const ReadKey& key);

/// What came out of a box. Plain null, false, 0 and "" count as not opened.
struct Opened {
    json::Document plain;
    std::string read_key;  ///< base64, or as a caller gave it
};

/// Opens boxes with one's own key. Costs one scalar multiplication (some 40 µs) for each box; the
/// key is converted once. Thread-safe.
class Unboxer {
 public:
    explicit Unboxer(const KeyPair& keys);

    /// The key in our slot, if there is one among the first `limits::private_slots_tried_max`.
    /// Looks at what stands before the first dot, whatever the suffix.
    std::optional<ReadKey> read_key(std::string_view content) const;

    std::optional<Opened> open(std::string_view content) const;

 private:
    base::Secret<32> secret_;  ///< X25519
};

/// Opens a box with a read key as links carry it (`?unbox=`, base64).
std::optional<Opened> open_with(std::string_view content, std::string_view read_key);

/// The message with its plain content, as compact JSON: `content` replaced; `meta`, `cyphertext`,
/// `private` and `unbox` added behind. Never to be hashed, validated or sent on as a message.
std::string unboxed_value(json::Value message, const Opened& opened);

/// Boxes `plain` to 1 to 7 feeds. Nothing where a recipient's key is no point of the curve.
std::optional<std::string> box(std::string_view plain, std::span<const FeedId> recipients,
                               base::Random& random);

/// What `publish` does with `recps`, before it looks at anything else: nothing (publish the content
/// as it is) where there are none, else the content to publish instead, a `….box` string. A refusal
/// means that privacy was asked for and cannot be had: it must not be published.
Verdict<std::optional<json::Document>> box_for_recps(json::Value content, base::Random& random);

}  // namespace sbot::message
