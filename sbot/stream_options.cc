#include "sbot/stream_options.h"

#include <cmath>

#include "message/refs.h"

namespace sbot::app {
namespace {

using muxrpc::RemoteError;

// More than any log can hold; larger limits are none.
constexpr double limit_max = 9007199254740992.0;

RemoteError wrong_option(std::string_view option, std::string_view type) {
    return {".0 of param " + std::string(option) + " must be of type \"" + std::string(type) + "\"",
            "UsageError"};
}

std::optional<double> bound(json::Value given) {
    if (!given.is_number()) return std::nullopt;
    return given.number();
}

std::optional<RemoteError> check(json::Value given, std::string_view option,
                                 std::string_view type) {
    json::Value value = given[option];
    bool good = value.is_number() || (type == "boolean" && value.is_boolean());
    if (!value.truthy() || good) return std::nullopt;
    return wrong_option(option, type);
}

std::optional<RemoteError> check_standard(json::Value given) {
    for (std::string_view option : {"live", "reverse", "keys", "values"}) {
        if (auto wrong = check(given, option, "boolean")) return wrong;
    }
    if (auto wrong = check(given, "limit", "number")) return wrong;
    return check(given, "fillCache", "boolean");
}

bool is_object(json::Value value) { return value.is_object() || value.is_array(); }

}  // namespace

RemoteError param_required() { return {"Param 0 is required", "UsageError"}; }
RemoteError param_type(std::string_view type) {
    return {"Param 0 must by of type " + std::string(type), "TypeError"};
}

StreamOptions lenient_options(json::Value given) {
    StreamOptions options;
    options.keys = !given["keys"].is_false();
    options.values = !given["values"].is_false();
    options.live = given["live"].is_true();
    options.old = !given["old"].is_false();
    options.sync = !given["sync"].is_false();
    options.reverse = given["reverse"].truthy();
    options.unboxed = given["private"].is_true();
    if (json::Value limit = given["limit"]; limit.is_number()) {
        double count = std::ceil(limit.number());
        if (count >= 0 && count < limit_max) options.limit = static_cast<std::uint64_t>(count);
    }
    options.gt = bound(given["gt"]);
    options.gte = bound(given["gte"]);
    options.lt = bound(given["lt"]);
    options.lte = bound(given["lte"]);
    return options;
}

muxrpc::Reply<StreamOptions> standard_options(json::Value given) {
    if (!given.truthy()) return StreamOptions{};
    if (!is_object(given)) return param_type("readStreamOpts");
    if (auto wrong = check_standard(given)) return *wrong;
    return lenient_options(given);
}

muxrpc::Reply<UserOptions> user_options(json::Value given) {
    if (!given.truthy()) return param_required();
    if (!is_object(given)) return param_type("createUserStreamOpts");
    if (auto wrong = check_standard(given)) return *wrong;
    if (!message::is_feed(given["id"].string())) {
        return RemoteError{"Param 0 must have a .id of type \"feedId\"", "UsageError"};
    }
    return UserOptions{lenient_options(given), std::string(given["id"].string())};
}

muxrpc::Reply<UserOptions> history_options(json::Value given) {
    UserOptions options;
    if (!is_object(given) || !message::is_feed(given["id"].string())) return options;
    for (std::string_view option : {"seq", "sequence", "limit"}) {
        if (check(given, option, "number")) return param_type("feedId");
    }
    for (std::string_view option : {"live", "keys", "values"}) {
        if (check(given, option, "boolean")) return param_type("feedId");
    }
    options.id = given["id"].string();
    options.stream = lenient_options(given);
    // Neither direction, other bounds nor unboxing: this is for replication.
    options.stream.reverse = options.stream.unboxed = false;
    options.stream.gt = options.stream.lt = options.stream.lte = std::nullopt;
    json::Value from = given["sequence"].truthy() ? given["sequence"] : given["seq"];
    options.stream.gte = from.number();
    // The reference has the marker the wrong way round.
    options.stream.sync = given["sync"].is_false();
    return options;
}

muxrpc::Reply<TypeOptions> type_options(json::Value given) {
    if (!given.truthy()) return param_required();
    if (given.is_string()) return TypeOptions{StreamOptions{}, std::string(given.string())};
    if (!is_object(given)) return param_type("messagesByTypeOpts");
    return TypeOptions{lenient_options(given), std::string(given["type"].string())};
}

}  // namespace sbot::app
