#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "message/ids.h"
#include "message/keys.h"
#include "message/refusal.h"
#include "message/validate.h"

/// New messages of our own.
namespace sbot::message {

struct Created {
    std::string text;  ///< canonical, with signature: what `key` is the hash of
    std::string json;  ///< the same message as compact JSON: what is stored and sent
    FeedState state;   ///< of the feed from now on; its `id` is the message's key
};

/// What `publish` asks of its argument before anything else.
std::optional<Refusal> check_publish_argument(json::Value content);

/// The next message of a feed (`state` null: its first), signed, as ssb-validate's `create`.
/// `timestamp` in milliseconds since 1970. A message that fits unsigned may be too long with its
/// signature; `publish` sees to that.
Verdict<Created> create(json::Value content, const FeedState* state, const KeyPair& keys,
                        const HmacKey& hmac, double timestamp);

/// `create`, and the rules that its result could still break. `content` is boxed already if it is
/// to be (`private_box.h`).
Verdict<Created> publish(json::Value content, const FeedState* state, const KeyPair& keys,
                         const HmacKey& hmac, double timestamp);

/// What the log holds: `{"key":…,"value":…,"timestamp":…}`, compact. `value` is compact JSON;
/// `received` the time of reception.
std::string envelope(const MessageId& key, std::string_view value, double received);
std::string envelope(const MessageId& key, json::Value value, double received);

}  // namespace sbot::message
