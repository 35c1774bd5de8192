#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "io/loop.h"
#include "io/task.h"
#include "muxrpc/session.h"

/// `sbot peers`: who is connected, what is coming from whom and how fast, and what is left.
namespace sbot::app {

/// What two looks at a server make of each other.
class PeersView {
 public:
    /// The picture, some lines of at most `width` characters. `status` and `progress` are the
    /// answers of these calls; times are milliseconds since 1970. Rates are those since the last
    /// look.
    std::string look(json::Value status, json::Value progress, double now, std::size_t width);

 private:
    struct Seen {
        double received = 0, sent = 0;
    };

    std::vector<std::string> left(json::Value status, json::Value progress, double seconds);

    double last_ = 0;
    std::map<std::string, Seen> seen_;    // by connection
    std::map<std::string, double> left_;  // by kind of work
};

/// Prints the picture once, or, live, again every second until the server ends or somebody
/// interrupts. The exit status.
io::Task<int> show_peers(io::Loop& loop, muxrpc::Session& session, bool live);

}  // namespace sbot::app
