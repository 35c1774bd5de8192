#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

/// The log, the one thing under `flume/` that is not derived from anything.
///
/// Threads: appending, syncing and deleting from one thread at a time (a lane); reading from any,
/// at any time, without waiting for the writer.
namespace sbot::flume {

/// Where an entry begins in the log; its name there (`seq` and `since` of the JavaScript).
using Offset = std::uint64_t;

struct Entry {
    Offset offset = 0;
    ByteView data;  ///< borrowed from whoever handed the entry out; empty: a deleted one
};

/// Which entries to read, by offset. A bound need not be the offset of an entry.
struct Range {
    std::optional<Offset> gt = {}, gte = {}, lt = {}, lte = {};
    bool reverse = false;
    bool with_deleted = false;  ///< hand deleted entries out too, with empty data
    /// Read this much at a time; 0 for the usual amount. More makes longer batches.
    std::size_t block_bytes = 0;
};

/// Bytes in the middle of a log that belong to no whole entry.
struct Damage {
    std::size_t places = 0;
    std::uint64_t bytes = 0;
    Offset first = 0;  ///< where the first place met begins; means nothing without places

    /// What was met after this.
    void add(const Damage& more) {
        if (places == 0) first = more.first;
        places += more.places;
        bytes += more.bytes;
    }
};

/// Reads entries one after another. The log must outlive it; one thread at a time.
class Cursor {
 public:
    virtual ~Cursor() = default;

    /// The next entry, or nothing at the end. A forward cursor may be asked again after something
    /// was appended, and goes on. Data stays valid until the next call. Errors: `io`.
    virtual Result<std::optional<Entry>> next() = 0;

    /// As many of the next entries as come with one read of the log, at most `count_max` and at
    /// least one unless at the end. Valid until the next call.
    virtual Result<std::span<const Entry>> next_batch(std::size_t count_max) = 0;

    /// What was passed over so far because no whole entry was there.
    virtual const Damage& damage() const = 0;
};

class Log {
 public:
    virtual ~Log() = default;

    /// Appends all of the batch, or nothing, in one write; gives the offset of each entry.
    /// Readers see the entries when this returns, the disk has them after `sync`. The batch is not
    /// empty. Errors: `invalid` for an entry that is empty, too long or would count as deleted;
    /// `limit` if the log would outgrow its format; `denied` if somebody else has appended;
    /// `corrupt` if it is not `in_place`; `io`.
    virtual Result<std::vector<Offset>> append(std::span<const ByteView> batch) = 0;

    /// Everything appended is on the disk when this returns. Once it failed, so do all later calls
    /// and appends, until the log is opened again: what is on the disk is not known any more.
    virtual Result<void> sync() = 0;

    /// One entry's data. Errors: `not_found` if no entry begins there, or it was deleted (see
    /// `is_deleted`); `io`.
    virtual Result<Bytes> get(Offset at) const = 0;

    /// Offset of the last entry, deleted or not; nothing for an empty log.
    virtual std::optional<Offset> latest() const = 0;

    /// Length of the log in bytes; the next entry's offset.
    virtual Offset end() const = 0;

    /// Everything before here is on the disk. Of a log that is open for reading only: `end`.
    virtual Offset synced_end() const = 0;

    virtual Result<std::unique_ptr<Cursor>> scan(Range range) const = 0;

    /// Overwrites the data of these entries with zero bytes. Nothing moves; deleting twice is no
    /// error. All offsets are checked before any is touched. Errors: `not_found`, `io`; `corrupt`
    /// if it is not `in_place`.
    virtual Result<void> del(std::span<const Offset> entries) = 0;

    /// Says which log this is: another number than last time means another log, whatever the
    /// offsets look like.
    virtual std::uint64_t generation() const = 0;

    /// Whether what is written here can be found later: somebody may have removed the log's file,
    /// or put another in its place, while it is open. Any thread. Error `corrupt`, with words for
    /// what happened and what to do.
    virtual Result<void> in_place() const { return {}; }
};

/// The error of `get` for a deleted entry; its text is the JavaScript's.
Error deleted_error();
bool is_deleted(const Error& wrong);

}  // namespace sbot::flume
