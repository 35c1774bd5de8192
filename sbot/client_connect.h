#pragma once

#include <memory>

#include "io/loop.h"
#include "io/stream.h"
#include "io/task.h"
#include "sbot/arguments.h"
#include "sbot/settings.h"

namespace sbot::app {

/// A connection to the server that the settings name, ready for packets: over the folder's unix
/// socket, or over net~shs with the folder's key. With a server named behind `--` (`host`, `port`
/// or `key`) only the latter. References outlive the task.
io::Async<std::unique_ptr<io::ByteStream>> dial_server(io::Loop& loop, const Settings& settings,
                                                       const CommandLine& line);

}  // namespace sbot::app
