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

std::string unboxed_or_stored(json::Value value, const message::Unboxer& unboxer,
                              std::string_view read_key) {
    if (auto plain = unboxed(value, unboxer, read_key)) return *plain;
    return std::string(value.source());
}

std::optional<muxrpc::Body> shaped(std::string_view record, const Shape& shape, double rts) {
    if (shape.keys && shape.values && !shape.rts && shape.unboxer == nullptr) {
        return muxrpc::Body::json(record);
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
