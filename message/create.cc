#include "message/create.h"

#include <cmath>

#include "base/limits.h"
#include "message/canonical.h"

namespace sbot::message {
namespace {

bool may_be_content(json::Value content) {
    return content.is_object() || content.is_array() ||
           (content.is_string() && is_encrypted(content.string()));
}

std::string unsigned_json(json::Value content, const FeedState* state, const FeedId& author,
                          double timestamp) {
    json::Writer message;
    message.begin_object().name("previous");
    if (state != nullptr) {
        message.value(state->id.text());
    } else {
        message.null();
    }
    message.member("sequence", state != nullptr ? static_cast<double>(state->sequence) + 1 : 1.0);
    message.member("author", author.text());
    message.member("timestamp", timestamp);
    message.member("hash", "sha256");
    message.member("content", content).end_object();
    return std::move(message).text();
}

}  // namespace

std::optional<Refusal> check_publish_argument(json::Value content) {
    if (!content.truthy()) return Refusal{.text = "Param 0 is required", .name = "UsageError"};
    if (content.is_boolean()) {
        return Refusal{.text = "Param 0 must by of type msgContent", .name = "TypeError"};
    }
    return std::nullopt;
}

Verdict<Created> create(json::Value content, const FeedState* state, const KeyPair& keys,
                        const HmacKey& hmac, double timestamp) {
    if (std::isnan(timestamp)) return Refusal{.text = "timestamp must be provided"};
    if (!may_be_content(content)) {
        return Refusal{.text = "invalid message content, must be object or encrypted string"};
    }
    std::string bare = unsigned_json(content, state, keys.id, timestamp);
    json::Document message;
    // One level deeper than the content was when it was read.
    if (auto ok = message.parse_borrowed(bare, limits::json_depth_max + 1); !ok) {
        return Refusal{.text = std::move(ok).error().what};
    }
    Canonical text = canonical(message.root());
    if (auto wrong = check_shape(message.root(), text)) return std::move(*wrong);
    if (hmac.bad()) return Refusal{.text = "invalid HMAC key", .fatal = true};

    std::string signature = signature_text(sign(keys, hmac, text.text));
    Created created;
    created.text = with_signature(text.text, signature);
    bare.pop_back();
    created.json = std::move(bare);
    created.json.append(",\"signature\":\"").append(signature).append("\"}");
    created.state = {key_of(created.text), state != nullptr ? state->sequence + 1 : 1, timestamp};
    return created;
}

Verdict<Created> publish(json::Value content, const FeedState* state, const KeyPair& keys,
                         const HmacKey& hmac, double timestamp) {
    auto created = create(content, state, keys, hmac, timestamp);
    if (!created) return created;
    if (auto wrong = check_size(units_of(created->text))) return std::move(*wrong);
    return created;
}

std::string envelope(const MessageId& key, std::string_view value, double received) {
    json::Writer kvt;
    kvt.begin_object().member("key", key.text()).name("value").raw(value);
    kvt.member("timestamp", received).end_object();
    return std::move(kvt).text();
}

std::string envelope(const MessageId& key, json::Value value, double received) {
    return envelope(key, json::compact(value), received);
}

}  // namespace sbot::message
