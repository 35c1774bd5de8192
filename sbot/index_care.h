#pragma once

#include <cstdint>
#include <optional>

#include "base/logger.h"
#include "io/loop.h"
#include "io/sync.h"
#include "sbot/commit_news.h"
#include "sbot/indexer.h"
#include "sbot/reading.h"

namespace sbot::app {

/// Makes the index anew while the node is at work: because somebody asked for it, because a program
/// that never ends its transaction keeps its write-ahead log from being cut, or because it is
/// damaged. One at a time. Loop thread.
class IndexCare {
 public:
    /// All outlive this.
    IndexCare(io::Loop& loop, base::Logger& log, Indexer& indexer, Reading& reading,
              CommitNews& news);

    /// With the side views, beside the old ones, which answer meanwhile; or until what is going on
    /// already is done. It is done whether the caller stays or not.
    io::Async<void> rebuild();
    /// It could not be written, or (`suspected`) somebody could not read it: if it is damaged or
    /// not there any more, an empty one takes its place at once, and reading calls wait until that
    /// is filled. True where one does, or will.
    bool failed(const Error& why);

    /// Programs that kept the write-ahead log from being cut, so far, and its size at the last one.
    int stuck_readers() const { return stuck_readers_; }
    std::uint64_t stuck_bytes() const { return news_.stuck_bytes(); }

 private:
    enum class Why : std::uint8_t { asked, stuck_reader, damaged };

    bool is_at_it() const { return working_.valid() && !working_.done(); }
    bool begin(Why why);
    io::Task<void> make_anew(Why why);
    io::Async<void> change(bool side_views);
    io::Async<void> replace_damaged();
    io::Async<void> fill();
    io::Task<void> catch_up_texts();
    io::Task<void> leave_stuck_readers();
    io::Task<void> look_where_suspected();
    io::Task<bool> replaced(Error why);

    io::Loop& loop_;
    base::Logger& log_;
    Indexer& indexer_;
    Reading& reading_;
    CommitNews& news_;
    io::Event done_;
    std::optional<Error> failed_;
    int stuck_readers_ = 0;
    io::Task<void> working_;
    io::Task<void> texts_;  // which comes after, and nobody waits for
    io::Task<void> leaving_;
    io::Task<void> looking_;
};

}  // namespace sbot::app
