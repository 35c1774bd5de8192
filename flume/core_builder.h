#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "flume/core_view.h"
#include "flume/log.h"

namespace sbot::flume {

class CoreLoader;

/// Makes a whole core database from a log, into a file of its own: some ten times as fast as the
/// view, which has to leave a good file behind after every step. One thread reads and parses, one
/// writes; nothing is journalled, ids come from memory, indexes are made last.
class CoreBuilder {
 public:
    struct Options {
        std::string path;  ///< of the file to make; one that is there is removed
        Unbox unbox;
        std::function<std::vector<FeedState>()> kept;  ///< as in CoreView::Options
    };
    struct Built {
        Coverage covered;
        std::int64_t count = 0;
        Damage damage;
    };

    explicit CoreBuilder(Options options) : options_(std::move(options)) {}

    /// Takes in what the log holds, without full text; CoreView can open the file after that, which
    /// is on the disk. Blocks for seconds. Errors: `io`; `cancelled` after `stop`; then there is no
    /// file.
    Result<Built> build(const Log& log);

    /// From any thread.
    void stop() { stopped_ = true; }
    /// Up to here entries have been read.
    Offset reached() const { return reached_; }

 private:
    struct Line;

    Result<Built> fill(const Log& log, CoreLoader& loader, RowMaker& maker);

    Options options_;
    std::atomic<bool> stopped_ = false;
    std::atomic<Offset> reached_ = 0;
};

}  // namespace sbot::flume
