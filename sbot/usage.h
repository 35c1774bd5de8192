#pragma once

#include <string>
#include <vector>

#include "base/json.h"

/// What a server's `help` says, as text for people. Protocol source: npm muxrpc-usage 2.1.
namespace sbot::app {

using Path = std::vector<std::string>;

/// What a manifest or an object says at a path; absent where there is nothing.
json::Value at_path(json::Value object, const Path& path);

/// The method or group that a path leads to; absent if there is none.
json::Value find_help(json::Value help, const Path& path);
bool is_command(json::Value help);

/// One line: a method's options (`--id|seq`) or a group's methods (`add|get`).
std::string quick_usage(json::Value help, const Path& path);

/// A method with its options, a line each; for a group all its methods. Ends with a newline for
/// each method. `before` is the path that the help itself belongs to.
std::string deep_usage(json::Value help, const Path& path, const Path& before);

/// "blobs.get"
std::string dotted(const Path& path);

}  // namespace sbot::app
