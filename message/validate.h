#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "message/canonical.h"
#include "message/ids.h"
#include "message/keys.h"
#include "message/refusal.h"

/// The rules of a classic feed, as ssb-validate 4.1.4 has them, and the argument check that `add`
/// and EBT run before.
///
/// All of it is pure and may run on any thread. `check` does everything but the signature, which
/// costs ten times as much: a feed's messages are checked in order, each giving the state for the
/// next, and their signatures verified in batches, in any order, elsewhere.
namespace sbot::message {

/// What is known of a feed's last message.
struct FeedState {
    MessageId id;
    Sequence sequence = 0;
    double timestamp = 0;  ///< the claimed one; not a number where the message had none
};

/// A message that is right but for its signature, which nobody has looked at yet.
struct Checked {
    MessageId key;
    FeedId author;
    Sequence sequence = 0;
    double timestamp = 0;
    Signature signature{};
    std::string signed_text;  ///< canonical text without signature, in UTF-8

    FeedState state() const { return {key, sequence, timestamp}; }
};

/// What `add` asks of its argument before the rules are looked at.
Verdict<json::Value> check_add_argument(json::Value message);

/// All rules but the signature. `state` is the author's, null for an unknown feed.
Verdict<Checked> check(json::Value message, const FeedState* state, const HmacKey& hmac);

/// The rules of `checkInvalidOOO`, for a message asked for by its key, whose predecessor need not
/// be known. The caller compares the key.
Verdict<Checked> check_alone(json::Value message, const HmacKey& hmac);

/// The signature. `hmac` must be the key given to `check`.
bool verify(const Checked& message, const HmacKey& hmac);
/// What to say where that is false.
Refusal bad_signature();

/// `check` and `verify` in one.
Verdict<Checked> validate(json::Value message, const FeedState* state, const HmacKey& hmac);

/// Properties, size and type of a message whose keys are in order, signed or not yet; `text` is its
/// canonical text. For those who make messages, as `check_size` is: its signature makes a message
/// longer.
std::optional<Refusal> check_shape(json::Value message, const Canonical& text);
std::optional<Refusal> check_size(std::size_t units);

/// `<canonical base64>.box…`: content that some box wrote, whichever version.
bool is_encrypted(std::string_view content);

}  // namespace sbot::message
