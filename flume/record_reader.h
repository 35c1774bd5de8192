#pragma once

#include <shared_mutex>

#include "base/files.h"
#include "flume/frame.h"

namespace sbot::flume {

/// Finds records in a file, also where the file is spoilt, through a window of it in memory: a
/// read of the file for some hundred records, no copy for each.
///
/// Views given out are valid until the next call that may read. Errors: `io`; `corrupt` if the file
/// is shorter than the caller believes.
class RecordReader {
 public:
    /// `erasing` is held by whoever overwrites records, so that none is seen half zero.
    /// `block_bytes` are read at a time.
    RecordReader(const base::File& file, Mode mode, std::shared_mutex& erasing,
                 std::size_t block_bytes = limits::log_block_bytes)
        : file_(file), mode_(mode), erasing_(erasing), block_bytes_(block_bytes) {}

    /// Data of the whole record that begins at `at`, if it happens to be in the window. For an `at`
    /// that is known to be a boundary between records. Never reads.
    std::optional<ByteView> held_at(Offset at) const {
        if (at < begin_ || at >= begin_ + window_.size()) return std::nullopt;
        return whole_record(ByteView(window_).subspan(at - begin_), at, mode_);
    }
    /// Data of the sound record that ends at `end`, if it and what must be known of its
    /// predecessor are in the window. Never reads.
    std::optional<ByteView> held_before(Offset end) const {
        if (end <= begin_ || end > begin_ + window_.size()) return std::nullopt;
        auto data = whole_record_before(ByteView(window_).first(end - begin_), end, mode_);
        if (data && !is_sound(end - data->size() - overhead(mode_), *data)) return std::nullopt;
        return data;
    }

    /// The same, reading as needed. Nothing if there is no such record.
    Result<std::optional<ByteView>> at(Offset at, Offset log_end);
    Result<std::optional<ByteView>> before(Offset end);

    /// Start of the first sound record at or after `from`.
    Result<std::optional<Offset>> first_from(Offset from, Offset log_end);
    /// End of the last sound record that ends at or before `end`.
    Result<std::optional<Offset>> last_before(Offset end);

 private:
    /// Two lengths and an end that fit may still be parts of two neighbours (the second length of
    /// one, the rubbish behind it). Sound is a whole record whose data is what we store, or which
    /// begins where another ends.
    bool is_sound(Offset start, ByteView data) const {
        return start == 0 || looks_stored(data) || follows_a_record(start);
    }
    bool follows_a_record(Offset start) const;
    Result<void> load(Offset from, std::size_t count);

    const base::File& file_;
    Mode mode_;
    std::shared_mutex& erasing_;
    std::size_t block_bytes_;
    Bytes window_;
    Offset begin_ = 0;  // of the window in the file
};

}  // namespace sbot::flume
