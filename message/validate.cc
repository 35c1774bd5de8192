#include "message/validate.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/base64.h"
#include "base/limits.h"
#include "base/utf.h"
#include "message/canonical.h"
#include "message/loose.h"
#include "message/refs.h"

namespace sbot::message {
namespace {

constexpr std::size_t signature_digits = 88;  // base64 of 64 to 66 bytes
constexpr std::string_view signature_infix = ".sig.";
constexpr std::size_t type_units_min = 3;
constexpr std::size_t type_units_max = 52;

enum Field : std::size_t { previous, sequence, author, timestamp, hash, content, signature };
constexpr std::array<std::string_view, 7> names = {"previous", "sequence", "author",   "timestamp",
                                                   "hash",     "content",  "signature"};

/// The seven members of a message, found in one pass.
struct Fields {
    std::array<json::Value, names.size()> values;
    bool in_order = false;  ///< exactly the seven, in one of the two allowed orders

    explicit Fields(json::Value message) {
        std::size_t place = 0;
        in_order = message.size() == names.size();
        for (json::Member member : message.members()) {
            std::size_t which = field_named(member.name, place);
            if (which < names.size()) values[which] = member.value;
            if (which != place && !may_be_swapped(which, place)) in_order = false;
            ++place;
        }
    }
    /// The field of that name, most likely the one at `place`; `names.size()` for a strange one.
    static std::size_t field_named(std::string_view name, std::size_t place) {
        if (place < names.size() && name == names[place]) return place;
        auto found = std::find(names.begin(), names.end(), name);
        return static_cast<std::size_t>(found - names.begin());
    }
    static bool may_be_swapped(std::size_t which, std::size_t place) {
        return (which == sequence && place == author) || (which == author && place == sequence);
    }
    json::Value operator[](Field which) const { return values[which]; }
};

Refusal refuse(std::string text) { return {.text = std::move(text)}; }
Refusal refuse_fatally(std::string text) { return {.text = std::move(text), .fatal = true}; }

Refusal usage_error(std::string text) { return {.text = std::move(text), .name = "UsageError"}; }
Refusal wants(std::string_view member, std::string_view type) {
    return usage_error("Param 0 must have a ." + std::string(member) + " of type \"" +
                       std::string(type) + '"');
}

std::string quoted(json::Value value) { return loose::text(value, limits::error_quote_bytes_max); }

bool is_int32(json::Value value) {
    if (!value.is_number()) return false;
    double number = value.number();
    return number == std::trunc(number) && number >= std::numeric_limits<std::int32_t>::min() &&
           number <= std::numeric_limits<std::int32_t>::max();
}

/// The word after the dot of a feed id; empty where there is no dot.
std::string_view curve_of(std::string_view feed) {
    std::size_t dot = feed.find('.');
    return dot == std::string_view::npos ? "" : feed.substr(dot + 1);
}

/// The 64 bytes that count of a signature of the right form; nothing for another form.
std::optional<Signature> decode_signature(std::string_view text, std::string_view curve) {
    if (curve.empty() || text.size() != signature_digits + signature_infix.size() + curve.size()) {
        return std::nullopt;
    }
    if (text.substr(signature_digits, signature_infix.size()) != signature_infix ||
        !text.ends_with(curve)) {
        return std::nullopt;
    }
    auto bytes = base::from_base64(text.substr(0, signature_digits));
    if (!bytes) return std::nullopt;
    Signature signature;
    std::copy_n(bytes->begin(), signature.size(), signature.begin());
    return signature;
}

Refusal unexpected_sequence(const Fields& fields, const FeedState& state) {
    json::Writer known;
    known.begin_object().member("id", state.id.text());
    known.member("sequence", static_cast<double>(state.sequence));
    known.member("timestamp", state.timestamp);
    known.name("queue").begin_array().end_array().end_object();
    return refuse("invalid message: expected sequence " + std::to_string(state.sequence + 1) +
                  " but got:" + quoted(fields[sequence]) + "in state:" + known.text() +
                  ", on feed:" + std::string(fields[author].string()));
}

/// `previous != id`, where a list of one id is as good as the id.
bool is_link_to(json::Value given, const MessageId& id) {
    if (given.is_string()) return MessageId::parse(given.string()) == id;
    return loose::equal(given, id.text());
}

/// Checks 3 to 7: the place in the feed.
std::optional<Refusal> check_place(const Fields& fields, const FeedState* state) {
    auto on_feed = [&](std::string_view what) {
        return refuse_fatally(std::string(what) +
                              ", on feed:" + std::string(fields[author].string()));
    };
    if (state != nullptr) {
        if (!loose::equal(fields[sequence], static_cast<double>(state->sequence) + 1)) {
            return unexpected_sequence(fields, *state);
        }
        if (!is_link_to(fields[previous], state->id)) {
            return on_feed("invalid message: expected different previous message");
        }
        return std::nullopt;
    }
    if (!fields[previous].is_null()) return on_feed("initial message must have previous: null");
    if (!fields[sequence].is_number() || fields[sequence].number() != 1) {
        return on_feed("initial message must have sequence: 1");
    }
    if (!fields[timestamp].is_number()) return on_feed("initial message must have timestamp");
    return std::nullopt;
}

/// Check 9, without the author, who is known to be one.
bool has_valid_properties(const Fields& fields) {
    json::Value body = fields[content];
    bool body_fits =
        body.is_object() || body.is_array() || (body.is_string() && is_encrypted(body.string()));
    return is_int32(fields[sequence]) && body_fits && fields[hash].is("sha256");
}

/// Check 11.
std::optional<Refusal> check_type(json::Value body) {
    if (body.is_string()) return std::nullopt;
    json::Value type = body["type"];
    if (type.is_string()) {
        std::size_t units = base::utf16_length(type.string());
        if (units >= type_units_min && units <= type_units_max) return std::nullopt;
    }
    return refuse("type must be a string3 <= type.length < 52, was:" + quoted(type));
}

std::optional<Refusal> check_fields(const Fields& fields, const Canonical& text) {
    if (!has_valid_properties(fields)) {
        return refuse("message has invalid properties:" +
                      std::string(loose::cut(text.text, limits::error_quote_bytes_max)));
    }
    if (auto wrong = check_size(text.units)) return wrong;
    return check_type(fields[content]);
}

/// Checks 1 and 2, which also read the two.
struct Signer {
    std::optional<FeedId> id;  ///< none: of a curve that nobody has
    std::string_view curve;
    Signature signature{};
};
Verdict<Signer> check_signer(json::Value message, const Fields& fields) {
    if (message.is_null() || !message.exists()) {
        return Refusal{
            .text = "Cannot read properties of " + quoted(message) + " (reading 'author')",
            .name = "TypeError"};
    }
    std::string_view name = fields[author].string();
    Signer signer{.id = FeedId::parse(name), .curve = curve_of(name)};
    if (!signer.id && !is_feed(name)) return refuse("invalid message: must have author");
    auto decoded = decode_signature(fields[signature].string(), signer.curve);
    if (!decoded) return refuse("invalid message: signature type must match author type");
    signer.signature = *decoded;
    return signer;
}

/// Checks 12 and the part of 13 that comes before any computing; then all is known.
Verdict<Checked> finish(const Fields& fields, const Signer& signer, const HmacKey& hmac,
                        Canonical text) {
    if (hmac.bad()) return refuse_fatally("invalid HMAC key");
    if (!signer.id) {
        return refuse("unknown curve:" + std::string(signer.curve) + " expected: ed25519");
    }
    // `check_alone` takes any 32 bit integer; what is stored is a place in a feed, though.
    double place = std::max(0.0, fields[sequence].number());
    Checked checked;
    checked.key = key_of(text.text);
    checked.author = *signer.id;
    checked.sequence = static_cast<Sequence>(place);
    checked.timestamp = fields[timestamp].number(std::numeric_limits<double>::quiet_NaN());
    checked.signature = signer.signature;
    checked.signed_text = without_signature(std::move(text.text), fields[signature].string());
    return checked;
}

}  // namespace

bool is_encrypted(std::string_view text) {
    std::size_t dot = text.find('.');
    if (dot == std::string_view::npos || !text.substr(dot).starts_with(".box")) return false;
    if (!base::is_canonical_base64(text.substr(0, dot))) return false;
    std::string_view rest = text.substr(dot);
    return rest.find_first_of("\n\r") == std::string_view::npos &&
           rest.find("\u2028") == std::string_view::npos &&
           rest.find("\u2029") == std::string_view::npos;
}

std::optional<Refusal> check_size(std::size_t units) {
    if (units <= limits::message_units_max) return std::nullopt;
    return refuse("Encoded message must not be larger than " +
                  std::to_string(limits::message_units_max) + " bytes. Current size is " +
                  std::to_string(units));
}

std::optional<Refusal> check_shape(json::Value message, const Canonical& text) {
    return check_fields(Fields(message), text);
}

Verdict<json::Value> check_add_argument(json::Value message) {
    if (!message.truthy()) return usage_error("Param 0 is required");
    if (!message.is_object() && !message.is_array()) {
        return Refusal{.text = "Param 0 must by of type msg", .name = "TypeError"};
    }
    Fields fields(message);
    json::Value body = fields[content];
    if (!body.truthy() || !(body.is_string() || body.is_object() || body.is_array())) {
        return wants("content", "object|string");
    }
    if (!body.is_string() && !(body["type"].is_string() && body["type"].truthy())) {
        return wants("content.type", "string");
    }
    if (!is_feed(fields[author].string())) return wants("author", "feedId");
    if (!fields[sequence].is_number()) return wants("sequence", "number");
    double place = fields[sequence].number();
    json::Value link = fields[previous];
    if (place > 1 && !is_msg(link.string())) return wants("previous", "msgId");
    if (place == 1 && link.exists() && !link.is_null()) return wants("previous", "null");
    if (!fields[timestamp].is_number()) return wants("timestamp", "number");
    if (!loose::equal(fields[hash], "sha256")) {
        return usage_error("Param 0 must have .hash set to \"sha256\"");
    }
    if (!fields[signature].is_string()) return wants("signature", "string");
    return message;
}

Verdict<Checked> check(json::Value message, const FeedState* state, const HmacKey& hmac) {
    Fields fields(message);
    auto signer = check_signer(message, fields);
    if (!signer) return std::move(signer).refusal();
    if (auto wrong = check_place(fields, state)) return std::move(*wrong);
    if (!fields.in_order) return refuse_fatally("message must have keys in allowed order");
    Canonical text = canonical(message);
    if (auto wrong = check_fields(fields, text)) return std::move(*wrong);
    return finish(fields, *signer, hmac, std::move(text));
}

Verdict<Checked> check_alone(json::Value message, const HmacKey& hmac) {
    Fields fields(message);
    auto signer = check_signer(message, fields);
    if (!signer) return std::move(signer).refusal();
    if (!fields[timestamp].is_number()) {
        return refuse_fatally("message must have timestamp, on feed:" +
                              std::string(fields[author].string()));
    }
    if (!fields.in_order) return refuse_fatally("message must have keys in allowed order");
    Canonical text = canonical(message);
    if (check_fields(fields, text)) return refuse_fatally("message has invalid shape");
    return finish(fields, *signer, hmac, std::move(text));
}

bool verify(const Checked& message, const HmacKey& hmac) {
    return verify(message.author, hmac, message.signature, message.signed_text);
}

Refusal bad_signature() { return refuse_fatally("invalid signature"); }

Verdict<Checked> validate(json::Value message, const FeedState* state, const HmacKey& hmac) {
    auto checked = check(message, state, hmac);
    if (checked && !verify(*checked, hmac)) return bad_signature();
    return checked;
}

}  // namespace sbot::message
