#include "sbot/shape.h"

namespace sbot::app {
namespace {

std::optional<std::string> unboxed(json::Value value, const message::Unboxer& unboxer,
                                   std::string_view read_key) {
    json::Value content = value["content"];
    if (!content.is_string() || !message::is_box1(content.string())) return std::nullopt;
    auto opened = unboxer.open(content.string());
    if (!opened && !read_key.empty()) opened = message::open_with(content.string(), read_key);
    if (!opened) return std::nullopt;
    return message::unboxed_value(value, *opened);
}

}  // namespace

std::string_view read_key_of(const ReadKeys* keys, std::string_view message) {
    if (keys == nullptr) return {};
    auto found = keys->find(message);
    return found != keys->end() ? std::string_view(found->second) : std::string_view();
}

std::optional<std::string_view> value_text(std::string_view record) {
    constexpr std::string_view head = "{\"key\":\"",
                               middle = "\",\"value\":", tail = ",\"timestamp\":";
    constexpr std::string_view value_end = ".sig.ed25519\"}";
    constexpr std::size_t key_bytes = 52;
    std::size_t begin = head.size() + key_bytes + middle.size();
    if (!record.starts_with(head) || record.size() < begin || record.back() != '}') return {};
    if (record.substr(begin - middle.size(), middle.size()) != middle) return {};
    std::size_t end = record.rfind(tail);
    if (end == std::string_view::npos || end < begin) return {};
    std::string_view time = record.substr(end + tail.size());
    time.remove_suffix(1);
    if (time.empty() || time.find_first_not_of("0123456789.e+") != std::string_view::npos)
        return {};
    std::string_view value = record.substr(begin, end - begin);
    if (!value.starts_with('{') || !value.ends_with(value_end)) return {};
    return value;
}

std::string unboxed_or_stored(json::Value value, const message::Unboxer& unboxer,
                              std::string_view read_key) {
    if (auto plain = unboxed(value, unboxer, read_key)) return *plain;
    return std::string(value.source());
}

std::optional<muxrpc::Body> shaped(std::string_view record, const Shape& shape, double rts) {
    if (shape.keys && shape.values && !shape.rts && shape.unboxer == nullptr) {
        return muxrpc::Body::json(record);
    }
    if (!shape.keys && shape.unboxer == nullptr) {
        if (auto value = value_text(record)) return muxrpc::Body::json(*value);
    }
    json::Document document;
    if (!document.parse_borrowed(record)) return std::nullopt;
    json::Value envelope = document.root();
    json::Value key = envelope["key"], value = envelope["value"];
    if (!key.is_string() || !value.is_object()) return std::nullopt;
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
