#pragma once

#include <memory>

#include "io/loop.h"
#include "io/stream.h"
#include "io/task.h"
#include "sbot/settings.h"

namespace sbot::app {

/// A connection to the server that the settings name, ready for packets: over the folder's unix
/// socket, or over net~shs with the folder's key. Where the environment or the command line names a
/// host, a port or a network, or whoever names a key that is not the folder's, only the latter: who
/// answers at the socket would be somebody else. References outlive the task.
io::Async<std::unique_ptr<io::ByteStream>> dial_server(io::Loop& loop, const Settings& settings);

}  // namespace sbot::app
