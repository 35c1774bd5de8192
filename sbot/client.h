#pragma once

#include "io/loop.h"
#include "sbot/arguments.h"
#include "sbot/settings.h"

namespace sbot::app {

/// Runs one command against a running server and prints what comes, as the reference's command line
/// does. Gives the exit status. Protocol source: muxrpcli 3.1, ssb-server 16 `bin.js`.
int run_command(io::Loop& loop, const Settings& settings, const CommandLine& line);

/// The merged configuration with the keys of the folder, as `config` prints it.
int print_config(const Settings& settings);

/// How to start a server and ask it; what there is to say without one.
void print_short_help();

}  // namespace sbot::app
