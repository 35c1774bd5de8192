// Messages from strangers. Whatever comes in is refused in bounded words or is a message whose
// parts agree with each other. And the properties of one that we make out of the same input.

#include "message/validate.h"

#include "base/assert.h"
#include "base/limits.h"
#include "message/canonical.h"
#include "message/create.h"

using namespace sbot;

namespace {

constexpr std::size_t words_max = limits::error_quote_bytes_max + 1024;

message::KeyPair own_keys() { return message::KeyPair::from_seed(std::array<std::uint8_t, 32>{}); }

void check_words(const message::Refusal& why) {
    SBOT_ASSERT(!why.text.empty() && why.text.size() <= words_max);
}

/// What `check` lets through has a text that says the same again.
void check_one(json::Value value, const message::FeedState* state) {
    auto argument = message::check_add_argument(value);
    if (!argument) check_words(argument.refusal());
    auto alone = message::check_alone(value, {});
    if (!alone) check_words(alone.refusal());
    auto checked = message::check(value, state, {});
    if (!checked) {
        check_words(checked.refusal());
        return;
    }
    std::string text = message::canonical(value).text;
    SBOT_ASSERT(checked->key == message::key_of(text));
    SBOT_ASSERT(message::units_of(text) <= limits::message_units_max);
    SBOT_ASSERT(message::with_signature(checked->signed_text, value["signature"].string()) == text);
    SBOT_ASSERT(checked->sequence == (state != nullptr ? state->sequence + 1 : 1));
    auto again = json::Document::parse(json::compact(value));
    auto verdict = message::check(again->root(), state, {});
    // An infinite first timestamp is null from then on; nothing else changes by being sent on.
    SBOT_ASSERT(verdict ? verdict->key == checked->key : value["timestamp"].is_number());
}

/// The input as the content of a message of our own.
void make_one(json::Value content, const message::FeedState* state) {
    static const message::KeyPair keys = own_keys();
    auto made = message::publish(content, state, keys, {}, 1491901740000);
    if (!made) {
        check_words(made.refusal());
        return;
    }
    auto document = json::Document::parse(made->json);
    auto verdict = message::validate(document->root(), state, {});
    SBOT_ASSERT(verdict.good());
    SBOT_ASSERT(verdict->key == made->state.id);
    SBOT_ASSERT(verdict->sequence == made->state.sequence);
    made->json[made->json.size() / 2] ^= 1;
    document = json::Document::parse(made->json);
    // A late digit of a number may not count.
    bool changed = document && message::canonical(document->root()).text != made->text;
    if (changed) SBOT_ASSERT(!message::validate(document->root(), state, {}));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    auto document = json::Document::parse(ByteView(data, size));
    if (!document) return 0;
    json::Value root = document->root();
    message::FeedState state{{}, 1, 0};
    if (auto id = MessageId::parse(root["previous"].string())) state.id = *id;
    check_one(root, nullptr);
    check_one(root, &state);
    make_one(root, nullptr);
    make_one(root["content"], &state);
    return 0;
}
