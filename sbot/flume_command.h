#pragma once

#include "sbot/arguments.h"
#include "sbot/settings.h"

namespace sbot::app {

/// `sbot flume …`: the tools that work on a folder's files instead of talking to a server
/// (docs/flume-tools.md). Gives the exit status: 0 all is well, 1 there is something wrong with the
/// files, 2 it could not be done.
int run_flume_command(const Settings& settings, const Arguments& command);

}  // namespace sbot::app
