#include <cmath>
#include <limits>
#include <string>

#include "base/number.h"
#include "message/refs.h"
#include "net/address.h"
#include "net/address_rules.h"
#include "tests/oracle/ops.h"

// The functions of ssb-ref take any JavaScript value; what is no text or object is dealt with here,
// so that the functions of ours need not know.

namespace sbot::oracle {
namespace {

/// `String(value)` of what can be a text; nothing for objects and longer lists.
std::optional<std::string> js_text(json::Value value) {
    bool inside = false;  // null is empty inside a list
    while (value.is_array() && value.size() == 1) {
        value = value.at(0);
        inside = true;
    }
    switch (value.kind()) {
        case json::Kind::string: return std::string(value.string());
        case json::Kind::number:
        case json::Kind::boolean: return json::compact(value);
        case json::Kind::null: return inside ? "" : "null";
        case json::Kind::absent: return "undefined";
        case json::Kind::array: return value.size() == 0 ? std::optional("") : std::nullopt;
        case json::Kind::object: return std::nullopt;
    }
    return std::nullopt;
}

double js_number(json::Value value) {
    switch (value.kind()) {
        case json::Kind::number: return value.number();
        case json::Kind::null: return 0;
        case json::Kind::boolean: return value.is_true() ? 1 : 0;
        case json::Kind::string:
        case json::Kind::array:
            if (auto text = js_text(value)) return base::to_number(*text);
            [[fallthrough]];
        default: return std::numeric_limits<double>::quiet_NaN();
    }
}

/// An object `{host, port, key}`, if host and key are texts.
std::optional<net::RefAddress> address_object(json::Value value) {
    if (!value["host"].is_string() || !value["key"].is_string()) return std::nullopt;
    net::RefAddress address;
    address.host = value["host"].string();
    address.port = js_number(value["port"]);
    address.key = value["key"].string();
    return address;
}

using Answer = json::Writer;

template <bool (*check)(std::string_view)>
bool ask_text(json::Value arg, Answer& answer) {
    answer.member("value", arg.is_string() && check(arg.string()));
    return true;
}

/// These two look at the argument's first character before its type.
template <bool (*check)(std::string_view)>
bool ask_first(json::Value arg, Answer& answer) {
    if (!arg.exists() || arg.is_null()) return false;
    return ask_text<check>(arg, answer);
}

bool is_address(json::Value arg, Answer& answer) {
    auto object = address_object(arg);
    bool yes = object ? net::is_address(*object) : arg.is_string() && net::is_address(arg.string());
    answer.member("value", yes);
    return true;
}

bool is_legacy_address(json::Value arg, Answer& answer) {
    auto object = address_object(arg);
    answer.member("value", object && arg["port"].is_number() && net::is_address(*object));
    return true;
}

void optional_text(Answer& answer, const std::optional<std::string>& text) {
    answer.name("value");
    if (text) {
        answer.value(*text);
    } else {
        answer.null();
    }
}

bool type(json::Value arg, Answer& answer) {
    answer.name("value");
    switch (arg.is_string() ? net::type_of(arg.string()) : net::RefType::none) {
        case net::RefType::none: answer.value(false); break;
        case net::RefType::feed: answer.value("feed"); break;
        case net::RefType::msg: answer.value("msg"); break;
        case net::RefType::blob: answer.value("blob"); break;
        case net::RefType::address: answer.value("address"); break;
        case net::RefType::invite: answer.value("invite"); break;
    }
    return true;
}

bool parse_link(json::Value arg, Answer& answer) {
    auto text = js_text(arg);
    auto link = text ? message::parse_link(*text) : std::nullopt;
    answer.name("value");
    if (!link) {
        answer.null();
        return true;
    }
    answer.begin_object().member("link", link->link);
    if (link->query) {
        answer.name("query").begin_object();
        for (const auto& [name, values] : *link->query) {
            answer.name(name);
            if (values.size() == 1) {
                answer.value(values.front());
                continue;
            }
            answer.begin_array();
            for (const std::string& value : values) answer.value(value);
            answer.end_array();
        }
        answer.end_object();
    }
    answer.end_object();
    return true;
}

bool parse_address(json::Value arg, Answer& answer) {
    answer.name("value");
    if (!arg.is_string()) {
        answer.value(arg);
        return true;
    }
    auto address = net::parse_address(arg.string());
    if (!address) {
        answer.value(false);
        return true;
    }
    answer.begin_object().member("host", address->host).member("port", address->port);
    answer.member("key", address->key);
    if (address->seed) answer.member("seed", *address->seed);
    answer.end_object();
    return true;
}

bool key_from_address(json::Value arg, Answer& answer) {
    if (!arg.exists() || arg.is_null()) return false;
    if (arg["key"].truthy()) {
        answer.member("value", arg["key"]);
    } else {
        optional_text(answer, net::key_of_address(arg.string()));
    }
    return true;
}

bool parse_invite(json::Value arg, Answer& answer) {
    auto invite = arg.is_string() ? net::parse_invite(arg.string()) : std::nullopt;
    answer.name("value");
    if (!invite) {
        answer.null();
        return true;
    }
    answer.begin_object().member("invite", invite->invite).member("remote", invite->remote);
    answer.member("key", invite->key).name("redirect");
    if (invite->redirect) {
        answer.value(*invite->redirect);
    } else {
        answer.null();
    }
    answer.end_object();
    return true;
}

bool extract(json::Value arg, Answer& answer) {
    if (!arg.is_string()) {
        answer.member("value", false);
    } else {
        optional_text(answer, message::extract(arg.string()));
    }
    return true;
}

bool normalize_channel(json::Value arg, Answer& answer) {
    optional_text(answer,
                  arg.is_string() ? message::normalize_channel(arg.string()) : std::nullopt);
    return true;
}

/// Named as in ssb-ref; the argument alone instead of the whole request.
constexpr NamedOp functions[] = {
    {"isFeed", ask_text<message::is_feed>},
    {"isMsg", ask_text<message::is_msg>},
    {"isBlob", ask_text<message::is_blob>},
    {"isCloakedMsg", ask_text<message::is_cloaked_msg>},
    {"isFeedType", ask_text<message::is_feed_type>},
    {"isMsgType", ask_text<message::is_msg_type>},
    {"isBlobType", ask_text<message::is_blob_type>},
    {"isLink", ask_text<message::is_link>},
    {"isMsgLink", ask_first<message::is_msg_link>},
    {"isBlobLink", ask_first<message::is_blob_link>},
    {"type", type},
    {"parseLink", parse_link},
    {"extract", extract},
    {"normalizeChannel", normalize_channel},
    {"isAddress", is_address},
    {"isLegacyAddress", is_legacy_address},
    {"parseAddress", parse_address},
    {"getKeyFromAddress", key_from_address},
    {"isInvite", ask_text<net::is_invite>},
    {"isLegacyInvite", ask_text<net::is_legacy_invite>},
    {"isMultiServerInvite", ask_text<net::is_multiserver_invite>},
    {"parseInvite", parse_invite},
};

bool ref(json::Value request, Answer& answer) {
    for (const NamedOp& function : functions) {
        if (request["fn"].is(function.name)) return function.op(request["arg"], answer);
    }
    return false;
}

bool check(json::Value request, Answer& answer) {
    auto text = js_text(request["arg"]);
    answer.member("value", text && net::MultiserverAddress::parse(*text).has_value());
    return true;
}

bool decode(json::Value request, Answer& answer) {
    if (!request["arg"].is_string()) return false;
    auto address = net::MultiserverAddress::parse(request["arg"].string());
    if (!address) return false;
    answer.name("value").begin_array();
    for (const auto& alternative : address->alternatives) {
        answer.begin_array();
        for (const net::Protocol& protocol : alternative) {
            answer.begin_object().member("name", protocol.name).name("data").begin_array();
            for (const std::string& datum : protocol.data) answer.value(datum);
            answer.end_array().end_object();
        }
        answer.end_array();
    }
    answer.end_array();
    return true;
}

bool encode(json::Value request, Answer& answer) {
    if (!request["arg"].is_array()) return false;
    net::MultiserverAddress address;
    for (json::Value alternative : request["arg"].elements()) {
        if (!alternative.is_array()) return false;
        auto& layers = address.alternatives.emplace_back();
        for (json::Value protocol : alternative.elements()) {
            auto name = js_text(protocol["name"]);
            if (!name || !protocol["data"].is_array()) return false;
            auto& layer = layers.emplace_back(net::Protocol{*name, {}});
            for (json::Value datum : protocol["data"].elements()) {
                auto text = datum.is_null() ? "" : js_text(datum);
                if (!text) return false;
                layer.data.push_back(*std::move(text));
            }
        }
    }
    answer.member("value", address.text());
    return true;
}

constexpr NamedOp ops[] = {
    {"ref", ref}, {"address.check", check}, {"address.decode", decode}, {"address.encode", encode}};

}  // namespace

std::span<const NamedOp> refs_ops() { return ops; }

}  // namespace sbot::oracle
