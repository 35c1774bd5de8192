#pragma once

#include <atomic>
#include <shared_mutex>
#include <string>

#include "base/files.h"
#include "flume/file_place.h"
#include "flume/frame.h"
#include "flume/log.h"

namespace sbot::flume {

/// `flume/log.offset`, byte for byte as npm flumelog-offset keeps it (flume/frame.h). On
/// base::MemoryFiles it is a log in memory.
class OffsetLog final : public Log {
 public:
    struct Options {
        Mode mode = Mode::bits32;
        std::uint64_t generation = 0;  ///< what `generation()` answers
        /// For a log that somebody else may be writing: nothing is made or cut off, and writing is
        /// `denied`. It ends where it ended when it was opened.
        bool read_only = false;
    };
    /// What opening found.
    struct Recovery {
        std::uint64_t bytes_found = 0;
        std::uint64_t bytes_cut = 0;  ///< behind the last whole record, now gone unless read only
    };

    /// Opens the file, or makes it. What follows the last whole record is cut off, what lies before
    /// is not looked at. Everything that is left is on the disk when this returns. The file system
    /// outlives the log. Errors: `corrupt` for a file that is no log of this mode (it is left
    /// alone); `io`, `denied`.
    static Result<std::unique_ptr<OffsetLog>> open(base::Files& files, const std::string& path,
                                                   Options options);

    OffsetLog(const OffsetLog&) = delete;
    OffsetLog& operator=(const OffsetLog&) = delete;

    Result<std::vector<Offset>> append(std::span<const ByteView> batch) override;
    Result<void> sync() override;
    Result<Bytes> get(Offset at) const override;
    std::optional<Offset> latest() const override;
    Offset end() const override { return end_.load(std::memory_order_acquire); }
    Offset synced_end() const override { return synced_end_.load(std::memory_order_acquire); }
    Result<std::unique_ptr<Cursor>> scan(Range range) const override;
    Result<void> del(std::span<const Offset> entries) override;
    Result<void> in_place() const override;
    std::uint64_t generation() const override { return options_.generation; }

    /// A text that counts as deleted (see frame.h), and spaces, in the place of a deleted entry,
    /// and whether one is there; `del` blanks it again. Errors: `limit` if it is too long for the
    /// place.
    Result<void> put_stand_in(Offset at, std::string text);
    Result<bool> has_stand_in(Offset at) const;

    const Recovery& recovery() const { return recovery_; }

 private:
    static constexpr Offset none = UINT64_MAX;

    OffsetLog(base::Files& files, std::unique_ptr<base::File> file, Options options)
        : files_(files), file_(std::move(file)), options_(options) {}

    Result<void> recover();
    Result<void> recover(std::uint64_t size);
    Result<void> refuse_other_modes(std::uint64_t size) const;
    Result<void> check_size();
    Result<Bytes> read_record(Offset at) const;

    base::Files& files_;
    std::unique_ptr<base::File> file_;
    std::optional<FilePlace> place_;  // where we write
    Options options_;
    Recovery recovery_;
    Bytes frames_;                // the batch being written
    bool tail_is_dirty_ = false;  // a failed write could not be cut back
    std::optional<Error> lost_;   // a sync failed
    mutable std::shared_mutex erasing_;
    // The end moves first: who sees a new latest entry can read it.
    std::atomic<Offset> end_ = 0;
    std::atomic<Offset> latest_ = none;
    std::atomic<Offset> synced_end_ = 0;
};

}  // namespace sbot::flume
