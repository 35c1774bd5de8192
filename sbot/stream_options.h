#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "flume/core_reader.h"
#include "muxrpc/stream.h"

/// What the reading calls are asked for, checked as the reference checks it. Protocol source:
/// ssb-db 20.4 `lib/validators.js` and `util.js`; the odd grammar of the errors is theirs.
namespace sbot::app {

struct StreamOptions {
    bool keys = true, values = true;
    bool live = false;
    bool old = true;
    bool sync = true;  ///< mark the end of the old part of a live stream
    bool reverse = false;
    bool unboxed = false;  ///< `private: true`
    std::optional<std::uint64_t> limit;
    /// Those that are no numbers are infinite: below or above all that there is.
    std::optional<double> gt, gte, lt, lte;

    flume::Bounds bounds() const { return {gt, gte, lt, lte}; }
};

/// Without any check: what a stream makes of an object, or of nothing.
StreamOptions lenient_options(json::Value given);

/// What bounds a stream below and above, in ltgt's order of its names; strict where it is `gt` or
/// `lt`.
json::Value first_lower(json::Value given);
json::Value first_upper(json::Value given);

/// Those of `createLogStream`, which leaves it to LevelDB: all of them count, but `min` and `max`,
/// `start` forwards, and the loose one of two where reading does not begin there.
void set_log_bounds(StreamOptions& options, json::Value given);

/// `readStreamOpts?`: nothing, or an object with good options.
muxrpc::Reply<StreamOptions> standard_options(json::Value given);

struct UserOptions {
    StreamOptions stream;
    std::string id;  ///< of a feed by the reference's loose rule
};
/// `createUserStreamOpts`
muxrpc::Reply<UserOptions> user_options(json::Value given);
/// Where a call of createHistoryStream begins, as the reference compares it with a number; not a
/// number where it says nothing.
double history_from(json::Value given);
/// `createHistoryStreamOpts`; an empty id where the reference gives an empty stream.
muxrpc::Reply<UserOptions> history_options(json::Value given);

struct TypeOptions {
    StreamOptions stream;
    std::string type;
};
/// `string|messagesByTypeOpts`
muxrpc::Reply<TypeOptions> type_options(json::Value given);

/// The reference's complaints about arguments.
muxrpc::RemoteError param_required();
muxrpc::RemoteError param_type(std::string_view type);
muxrpc::RemoteError wrong_option(std::string_view option, std::string_view type);

}  // namespace sbot::app
