#include "sbot/stream_options.h"

#include <cmath>
#include <limits>

#include "message/refs.h"

namespace sbot::app {
namespace {

using muxrpc::RemoteError;

RemoteError wrong_option(std::string_view option, std::string_view type) {
    return {".0 of param " + std::string(option) + " must be of type \"" + std::string(type) + "\"",
            "UsageError"};
}

/// In the order in which the reference keeps its keys null and booleans come before all numbers,
/// texts and lists behind them. (An object has no place in it, and ends the connection there.)
std::optional<double> bound(json::Value given) {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    if (!given.exists()) return std::nullopt;
    if (given.is_number()) return given.number();
    return given.is_null() || given.is_boolean() ? -infinity : infinity;
}

/// LevelDB takes the lowest 32 bits of what is in front of the point, as a signed number; below
/// zero there is no limit.
std::optional<std::uint64_t> limit_of(json::Value given) {
    if (!given.is_number()) return std::nullopt;
    constexpr double numbers = 4294967296.0;
    double count = std::fmod(std::trunc(given.number()), numbers);
    if (std::isnan(count)) count = 0;  // an infinite one
    if (count >= numbers / 2) count -= numbers;
    if (count < -numbers / 2) count += numbers;
    if (count < 0) return std::nullopt;
    return static_cast<std::uint64_t>(count);
}

std::optional<RemoteError> check(json::Value given, std::string_view option,
                                 std::string_view type) {
    // Lists have a function of that name.
    if (given.is_array() && option == "reverse") return wrong_option(option, type);
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
    options.limit = limit_of(given["limit"]);
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
