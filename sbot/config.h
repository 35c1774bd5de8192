#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/tree.h"
#include "net/interfaces.h"
#include "sbot/arguments.h"

/// What the server is told, merged as ssb-config 3.4 does, before anybody asks what it means.
namespace sbot::app {

/// Where the process stands; handed in so that tests can choose.
struct Surroundings {
    std::string home;  ///< $HOME
    std::string working_folder;
    std::vector<std::string> environment;  ///< NAME=value
    std::vector<net::InterfaceAddress> interfaces;

    static Surroundings of_process();
};

struct Config {
    std::string app = "ssb";  ///< $ssb_appname
    /// Everything, with ssb-config's defaults, in its order: what the command `config` prints,
    /// without the keys. Keys that nobody knows are in it too.
    base::Tree all;
    /// The same as it was said: before host, port, ws and the listeners were made to agree.
    base::Tree merged;
    bool incoming_given = false;  ///< `connections.incoming` was set, not made up from the rest

    /// An error about the value of `key` (dots between names): who set it, what it is, what it
    /// must be.
    Error wrong(std::string_view key, std::string_view expected) const;
    /// The same about a part of it that has no path: `name` says which, `value` is what is there.
    Error wrong_in(std::string_view key, std::string_view name, const base::Tree& value,
                   std::string_view expected) const;

    /// What was merged, the strongest last.
    struct Layer {
        std::string from;  ///< a file, "the environment", "the command line"
        base::Tree tree;
        bool is_file = false;
    };
    std::vector<Layer> layers;
};

/// Files in the reference's order, but `--path DIR` makes DIR/config take the place of
/// ~/.ssb/config. Errors name the file, or the key and who set it, and what was expected.
Result<Config> read_config(const CommandLine& line, const Surroundings& surroundings);

/// Relative paths begin at the working folder; no slash at the end.
std::string absolute_path(const std::string& path, const Surroundings& surroundings);

}  // namespace sbot::app
