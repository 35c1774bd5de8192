#include "sbot/stream_options.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <initializer_list>
#include <limits>

#include "base/letters.h"
#include "message/refs.h"

namespace sbot::app {
namespace {

using muxrpc::RemoteError;

constexpr double infinity = std::numeric_limits<double>::infinity();

/// In the order in which the reference keeps its keys null and booleans come before all numbers,
/// texts and lists behind them. (An object has no place in it, and ends the connection there.)
std::optional<double> bound(json::Value given) {
    if (!given.exists()) return std::nullopt;
    if (given.is_number()) return given.number();
    return given.is_null() || given.is_boolean() ? -infinity : infinity;
}

/// The first of these that is given.
json::Value first_of(json::Value given, std::initializer_list<std::string_view> names) {
    for (std::string_view name : names) {
        if (given[name].exists()) return given[name];
    }
    return {};
}

/// Bounds as ltgt reads them. Where a strict one is given and a loose one too, the reference hands
/// the latter to LevelDB as it is, and that is below all keys: a reading that would begin there
/// ends at once, the other one does not notice.
void set_bounds(StreamOptions& options, json::Value given) {
    const json::Value low = first_lower(given), high = first_upper(given);
    (given["gt"].exists() ? options.gt : options.gte) = bound(low);
    (given["lt"].exists() ? options.lt : options.lte) = bound(high);
    const char* strict = options.reverse ? "lt" : "gt";
    const char* loose = options.reverse ? "lte" : "gte";
    if (given[strict].exists() && given[loose].exists()) options.gt = infinity;
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

/// What a call of createHistoryStream says of where it begins.
json::Value history_start(json::Value given) {
    return given["sequence"].truthy() ? given["sequence"] : given["seq"];
}

}  // namespace

RemoteError param_required() { return {"Param 0 is required", "UsageError"}; }
RemoteError param_type(std::string_view type) {
    return {"Param 0 must by of type " + std::string(type), "TypeError"};
}
RemoteError wrong_option(std::string_view option, std::string_view type) {
    return {".0 of param " + std::string(option) + " must be of type \"" + std::string(type) + "\"",
            "UsageError"};
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
    set_bounds(options, given);
    return options;
}

json::Value first_lower(json::Value given) {
    return first_of(given, {"gt", "gte", "min", given["reverse"].truthy() ? "end" : "start"});
}

json::Value first_upper(json::Value given) {
    return first_of(given, {"lt", "lte", "max", given["reverse"].truthy() ? "start" : "end"});
}

void set_log_bounds(StreamOptions& options, json::Value given) {
    // Null is replaced by 0 over there, as nothing is.
    const auto gt = given["gt"].is_null() ? std::nullopt : bound(given["gt"]);
    const auto gte = bound(given["gte"]), lt = bound(given["lt"]), lte = bound(given["lte"]);
    const auto start = bound(given["start"]), end = bound(given["end"]);
    options.gt = gt;
    options.lt = lt;
    bool nothing = false;
    if (options.reverse) {
        options.gte = end;
        options.lte = !lt && !lte ? start : lte;
        nothing = lt && lte && *lte >= *lt && *lt < infinity;
    } else {
        options.gte = gte;
        options.lte = lt ? end : lte;
        if (end && options.lte) options.lte = std::min(*end, *options.lte);
        if (!options.lte) options.lte = end;
        nothing = gt && gte && *gte <= *gt && *gt > 0;
    }
    // It begins at the loose one, which the strict one refuses.
    if (nothing) options.gt = infinity;
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

double history_from(json::Value given) {
    json::Value from = history_start(given);
    if (from.is_array() && from.size() == 1) from = *from.elements().begin();
    if (from.is_boolean()) return from.is_true() ? 1 : 0;
    if (!from.is_string()) return from.is_number() ? from.number() : NAN;
    const std::string text(base::trimmed(from.string()));
    char* rest = nullptr;
    const double number = std::strtod(text.c_str(), &rest);
    return *rest == '\0' ? number : NAN;
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
    options.stream.gte = history_start(given).number();
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
