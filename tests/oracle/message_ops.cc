#include <algorithm>

#include "base/base64.h"
#include "message/create.h"
#include "message/private_box.h"
#include "message/validate.h"
#include "tests/oracle/ops.h"

namespace sbot::oracle {
namespace {

std::string decoded(json::Value base64) {
    return base::to_text(base::from_base64_lenient(base64.string()));
}

Result<json::Document> document(json::Value base64) {
    return json::Document::parse(decoded(base64));
}

std::optional<message::FeedState> state_of(json::Value given) {
    if (!given.is_object()) return std::nullopt;
    message::FeedState state;
    // Some questions have a text for an id that no message can name as its predecessor.
    state.id.bytes.fill(0xff);
    if (auto id = MessageId::parse(given["id"].string())) state.id = *id;
    state.sequence = static_cast<Sequence>(given["sequence"].number());
    state.timestamp = given["timestamp"].number();
    return state;
}

std::optional<message::KeyPair> keys_of(json::Value given) {
    json::Writer file;
    file.value(given);
    auto keys = message::parse_secret_file(file.text());
    if (!keys) return std::nullopt;
    return std::move(*keys);
}

void write_keys(json::Writer& answer, const message::KeyPair& keys) {
    std::string id = keys.id.text();
    answer.member("id", id).member("public", id.substr(1));
    answer.member("private", base::to_base64(keys.secret.view()) + ".ed25519");
    answer.member("curve", "ed25519");
}

void write_refusal(json::Writer& answer, const message::Refusal& why) {
    answer.member("ok", false).member("error", why.text).member("error_name", why.name);
    answer.member("fatal", why.fatal);
}

bool msgid(json::Value request, json::Writer& answer) {
    auto message = document(request["json"]);
    if (!message) return false;
    std::string text;
    json::append_pretty(text, message->root());
    answer.member("key", message::key_of(text).text());
    return true;
}

message::Verdict<message::Checked> judge(json::Value message, json::Value request) {
    if (request["mode"].is("add")) {
        auto argument = message::check_add_argument(message);
        if (!argument) return std::move(argument).refusal();
    }
    auto state = state_of(request["prev"]);
    return message::validate(message, state ? &*state : nullptr,
                             message::HmacKey::of(request["hmac"]));
}

bool validate(json::Value request, json::Writer& answer) {
    auto message = document(request["json"]);
    if (!message) {
        answer.member("ok", false).member("error", message.error().what);
        return true;
    }
    auto verdict = judge(message->root(), request);
    if (verdict) {
        answer.member("ok", true).member("key", verdict->key.text());
    } else {
        write_refusal(answer, verdict.refusal());
    }
    return true;
}

bool create(json::Value request, json::Writer& answer) {
    auto content = document(request["content"]);
    auto keys = keys_of(request["keys"]);
    if (!content || !keys) return false;
    auto state = state_of(request["prev"]);
    auto made =
        message::create(content->root(), state ? &*state : nullptr, *keys,
                        message::HmacKey::of(request["hmac"]), request["timestamp"].number());
    if (made) {
        answer.member("ok", true).member("msg", base::to_base64(base::bytes_of(made->text)));
        answer.member("key", made->state.id.text());
    } else {
        write_refusal(answer, made.refusal());
    }
    return true;
}

bool generate(json::Value request, json::Writer& answer) {
    Bytes seed = base::from_base64_lenient(request["seed"].string());
    if (seed.size() != 32) return false;
    write_keys(answer, message::KeyPair::from_seed(std::span<const std::uint8_t, 32>(seed)));
    return true;
}

bool load_secret(json::Value request, json::Writer& answer) {
    auto keys = message::parse_secret_file(decoded(request["file"]));
    if (!keys) return false;
    write_keys(answer, *keys);
    return true;
}

bool unbox_key(json::Value request, json::Writer& answer) {
    auto keys = keys_of(request["keys"]);
    if (!keys) return false;
    auto key = message::Unboxer(*keys).read_key(request["boxed"].string());
    if (key) {
        answer.member("key", base::to_base64(*key));
    } else {
        answer.member("none", true);
    }
    return true;
}

bool unbox(json::Value request, json::Writer& answer) {
    auto keys = keys_of(request["keys"]);
    if (!keys) return false;
    std::string_view boxed = request["boxed"].string();
    auto key = message::Unboxer(*keys).read_key(boxed);
    auto plain = key ? message::open_body(boxed, *key) : std::nullopt;
    if (plain) {
        std::string text = json::compact(plain->root());
        answer.member("json", base::to_base64(base::bytes_of(text)));
    } else {
        answer.member("none", true);
    }
    return true;
}

bool box(json::Value request, json::Writer& answer) {
    auto plain = document(request["json"]);
    std::vector<FeedId> recipients;
    for (json::Value recipient : request["recps"].elements()) {
        auto id = FeedId::parse(recipient.string());
        if (!id) return false;
        recipients.push_back(*id);
    }
    if (!plain || recipients.empty() || recipients.size() > limits::private_recipients_max) {
        return false;
    }
    base::SystemRandom random;
    auto boxed = message::box(json::compact(plain->root()), recipients, random);
    if (!boxed) return false;
    answer.member("boxed", *boxed);
    return true;
}

constexpr NamedOp ops[] = {
    {"msgid", msgid},
    {"validate", validate},
    {"create", create},
    {"keys.generate", generate},
    {"secret.load", load_secret},
    {"box1.unbox", unbox},
    {"box1.unboxKey", unbox_key},
    {"box1.box", box},
};

}  // namespace

std::span<const NamedOp> message_ops() { return ops; }

}  // namespace sbot::oracle
