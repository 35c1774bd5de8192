#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "flume/core_view.h"
#include "flume/log.h"

namespace sbot::app {

/// What publishing needs to know while there is no index.
struct OwnStart {
    std::optional<flume::FeedState> state;  ///< of our feed; nothing: it has no message
    double last_received = 0;               ///< of the log's last message
};

/// Looks for our feed's last message from the end of the log on; `kept` are states of feeds of
/// which something was deleted. Blocks. Errors: `io`.
Result<OwnStart> find_own(std::shared_ptr<const flume::Log> log, FeedId own,
                          std::vector<flume::FeedState> kept);

}  // namespace sbot::app
