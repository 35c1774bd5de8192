#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "flume/core_view.h"
#include "io/loop.h"
#include "io/sync.h"

namespace sbot::app {

/// What the commits of the index have changed, told on the loop thread soon after.
class CommitNews {
 public:
    /// How often each part was changed.
    using Counts = std::array<std::uint64_t, 16>;

    /// Has a view made with these options tell the news, which live as long as it can.
    static void follow(const std::shared_ptr<CommitNews>& news, io::Loop& loop,
                       flume::CoreView::Options& options) {
        options.committed = [news, &loop](flume::Parts parts) {
            loop.post([news, parts] { news->changed(parts); });
        };
        options.wal_stuck = [news, &loop](std::uint64_t bytes) {
            loop.post([news, bytes] {
                news->stuck_bytes_ = bytes;
                news->stuck_.set();
                news->stuck_.reset();
            });
        };
    }

    const Counts& counts() const { return counts_; }
    /// Grows whenever one of the parts is changed.
    static std::uint64_t count_of(const Counts& counts, flume::Parts parts) {
        std::uint64_t sum = 0;
        for (std::size_t i = 0; i < counts.size(); ++i) {
            if ((parts >> i & 1) != 0) sum += counts[i];
        }
        return sum;
    }
    /// Set for a moment with every commit.
    io::Event& committed() { return committed_; }

    /// Set for a moment whenever the write-ahead log has outgrown its bound, because of a reader.
    io::Event& stuck() { return stuck_; }
    std::uint64_t stuck_bytes() const { return stuck_bytes_; }

 private:
    void changed(flume::Parts parts) {
        for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += parts >> i & 1;
        committed_.set();
        committed_.reset();
    }

    Counts counts_{};
    std::uint64_t stuck_bytes_ = 0;
    io::Event committed_;
    io::Event stuck_;
};

}  // namespace sbot::app
