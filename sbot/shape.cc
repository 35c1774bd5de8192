#include "sbot/shape.h"

#include <cstring>

#include "base/byte_scan.h"
#include "base/letters.h"

namespace sbot::app {
namespace {

using base::is_digit;

std::optional<std::string> unboxed(json::Value value, const message::Unboxer& unboxer,
                                   std::string_view read_key) {
    json::Value content = value["content"];
    if (!content.is_string() || !message::is_box1(content.string())) return std::nullopt;
    auto opened = unboxer.open(content.string());
    if (!opened && !read_key.empty()) opened = message::open_with(content.string(), read_key);
    if (!opened) return std::nullopt;
    return message::unboxed_value(value, *opened);
}

constexpr std::size_t signature_bytes = 88;

/// No quote, escape or control character among so many.
template <std::size_t count>
bool is_plain(const char* text) {
    using Sixteen [[gnu::vector_size(16)]] = std::uint8_t;
    static_assert(count >= sizeof(Sixteen));
    auto odd_at = [text](std::size_t at) {
        Sixteen some;
        std::memcpy(&some, text + at, sizeof some);
        return (some < 0x20) | (some == '"') | (some == '\\');
    };
    auto odd = odd_at(count - sizeof(Sixteen));
    for (std::size_t at = 0; at + sizeof(Sixteen) <= count; at += sizeof(Sixteen)) {
        odd |= odd_at(at);
    }
    std::uint64_t halves[2];
    std::memcpy(halves, &odd, sizeof halves);
    return (halves[0] | halves[1]) == 0;
}

/// Goes along a text as long as it is what it should be.
class Along {
 public:
    explicit Along(std::string_view text) : left_(text) {}

    template <std::size_t size>
    bool take(const char (&expected)[size]) {
        constexpr std::size_t count = size - 1;  // its end is no part of it
        const bool there = left_.size() >= count && std::memcmp(left_.data(), expected, count) == 0;
        if (there) left_.remove_prefix(count);
        return there;
    }
    template <std::size_t count>
    bool take_plain() {
        const bool there = left_.size() >= count && is_plain<count>(left_.data());
        if (there) left_.remove_prefix(count);
        return there;
    }
    /// As times and sequences are written; others there may be are for the parser.
    bool take_number() {
        const std::size_t whole = digits(0);
        if (whole == 0 || (left_[0] == '0' && whole > 1)) return false;
        std::size_t length = whole;
        if (length < left_.size() && left_[length] == '.') {
            const std::size_t fraction = digits(length + 1);
            if (fraction == 0) return false;
            length += 1 + fraction;
        }
        left_.remove_prefix(length);
        return true;
    }
    bool take_sequence() { return take("\"sequence\":") && take_number(); }
    bool take_author() {
        return take("\"author\":\"") && take_plain<FeedId::text_bytes>() && take("\"");
    }
    std::string_view left() const { return left_; }

 private:
    std::size_t digits(std::size_t from) const {
        std::size_t at = from;
        while (at < left_.size() && is_digit(left_[at])) ++at;
        return at - from;
    }

    std::string_view left_;
};

/// An envelope as this server and the reference write it, taken apart without parsing. Both parts
/// begin and end right; of the content nothing else is known.
struct UsualForm {
    std::string_view value, content;
};

std::optional<UsualForm> usual_form(std::string_view record) {
    constexpr char received[] = ",\"timestamp\":", signature[] = ",\"signature\":\"";
    constexpr std::string_view value_end = ".sig.ed25519\"}";
    Along head(record);
    if (!head.take("{\"key\":\"") || !head.take_plain<MessageId::text_bytes>()) return {};
    if (!head.take("\",\"value\":") || !record.ends_with('}')) return {};
    std::size_t end = record.size() - 1;
    while (is_digit(record[end - 1]) || record[end - 1] == '.') --end;
    const std::size_t after = record.size() - end + sizeof received - 1;
    if (head.left().size() < after) return {};
    UsualForm form;
    form.value = head.left().substr(0, head.left().size() - after);
    Along time(head.left().substr(form.value.size()));
    if (!time.take(received) || !time.take_number() || time.left() != "}") return {};

    Along value(form.value);
    if (!value.take("{\"previous\":")) return {};
    if (!value.take("null,")) {
        if (!value.take("\"") || !value.take_plain<MessageId::text_bytes>()) return {};
        if (!value.take("\",")) return {};
    }
    // Older messages have the author first.
    const bool sequence_first = value.take_sequence();
    if (sequence_first && !value.take(",")) return {};
    if (!value.take_author()) return {};
    if (!sequence_first && (!value.take(",") || !value.take_sequence())) return {};
    if (!value.take(received) || !value.take_number()) return {};
    if (!value.take(",\"hash\":\"sha256\",\"content\":")) return {};
    constexpr std::size_t tail = sizeof signature - 1 + signature_bytes + value_end.size();
    if (value.left().size() < tail) return {};
    form.content = value.left().substr(0, value.left().size() - tail);
    Along rest(value.left().substr(form.content.size()));
    if (!rest.take(signature) || !rest.take_plain<signature_bytes>() || rest.left() != value_end) {
        return {};
    }
    return form;
}

bool is_message(json::Value envelope) {
    json::Value value = envelope["value"];
    return envelope["key"].is_string() && value["author"].is_string() &&
           value["sequence"].is_number();
}

}  // namespace

std::string_view read_key_of(const ReadKeys* keys, std::string_view message) {
    if (keys == nullptr) return {};
    auto found = keys->find(message);
    return found != keys->end() ? std::string_view(found->second) : std::string_view();
}

std::optional<std::string_view> value_text(std::string_view record) {
    auto form = usual_form(record);
    if (!form) return std::nullopt;
    return form->value;
}

std::string unboxed_or_stored(json::Value value, const message::Unboxer& unboxer,
                              std::string_view read_key) {
    if (auto plain = unboxed(value, unboxer, read_key)) return *plain;
    return std::string(value.source());
}

bool is_envelope(std::string_view record) {
    if (auto form = usual_form(record)) return json::well_formed(form->content);
    json::Document document;
    return document.parse_borrowed(record) && is_message(document.root());
}

std::optional<muxrpc::Body> shaped(std::string_view record, const Shape& shape, double rts) {
    const bool as_stored =
        shape.unboxer == nullptr && (!shape.keys || (shape.values && !shape.rts));
    if (auto form = as_stored ? usual_form(record) : std::nullopt) {
        if (!json::well_formed(form->content)) return std::nullopt;
        return muxrpc::Body::json(shape.keys ? record : form->value);
    }
    json::Document document;
    if (!document.parse_borrowed(record)) return std::nullopt;
    json::Value envelope = document.root();
    json::Value key = envelope["key"], value = envelope["value"];
    if (!is_message(envelope)) return std::nullopt;
    if (as_stored) return muxrpc::Body::json(shape.keys ? record : value.source());
    if (shape.keys && !shape.values) return muxrpc::Body::utf8(key.string());
    std::optional<std::string> plain;
    if (shape.unboxer != nullptr) {
        plain = unboxed(value, *shape.unboxer, read_key_of(shape.read_keys.get(), key.string()));
    }
    std::string_view text = plain ? std::string_view(*plain) : value.source();
    if (!shape.keys) return muxrpc::Body::json(text);
    json::Writer out;
    out.begin_object().member("key", key).name("value").raw(text);
    out.member("timestamp", envelope["timestamp"]);
    if (shape.rts) out.member("rts", rts);
    out.end_object();
    return muxrpc::Body::json(out.text());
}

}  // namespace sbot::app
