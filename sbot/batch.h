#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "flume/log.h"
#include "io/sync.h"
#include "message/validate.h"

namespace sbot::app {

/// A message on its way into the log: valid, and signed or verified.
struct Record {
    FeedId author;
    message::FeedState state;  ///< of the feed once this is in
    double received = 0;       ///< when it came here
    std::string text;    ///< the envelope `{"key":…,"value":…,"timestamp":…}`, as stored
    bool local = false;  ///< written here, not brought by a peer
};

/// What is written together, shared by all that wait for it.
struct Batch {
    std::vector<Record> records;
    std::size_t bytes = 0;
    bool local = false;                   ///< some of it is
    std::optional<flume::Offset> behind;  ///< the entry before the first, once they are stored
    std::vector<flume::Offset> offsets;   ///< of the records, once they are stored
    io::Event done;                       ///< in the log and on the disk, or failed
    std::optional<Error> failed;          ///< set before `done`
};

}  // namespace sbot::app
