#pragma once

#include <cstddef>

#include "base/bytes.h"
#include "base/result.h"
#include "io/task.h"

namespace sbot::io {

/// A two-way stream of bytes: a socket, a secure channel, a pipe in memory. At most one read and
/// one write in flight. A stream outlives the tasks it gave out: drop them first, then the stream.
struct ByteStream {
    virtual ~ByteStream() = default;

    /// Fills some of `into` (not empty; outlives the task) and says how much; 0 at the end, and
    /// again at every later call. Nothing is read from the peer while nobody waits for it here.
    /// A dropped read may have taken bytes with it: after it a stream can only be closed.
    /// Errors: closed (also a reset by the peer), io.
    virtual Async<std::size_t> read(MutableBytes into) = 0;

    /// Takes the bytes; returns at once while little is unsent, otherwise when what is unsent has
    /// fallen below the mark: awaiting it is the back-pressure. A failure to send may be told by
    /// a later write. Dropping the task does not take back the bytes.
    virtual Async<void> write(Bytes data) = 0;

    /// Ends our direction after all that was written, and returns when it has been handed on.
    /// Reading goes on. No write after it. With a peer that does not read it waits for ever: set a
    /// time limit.
    virtual Async<void> shutdown() = 0;

    /// Ends both directions now; unsent bytes may be lost. Waiting reads and writes give `closed`.
    virtual void close() noexcept = 0;
};

/// Fills `into` wholly (it outlives the task, as does the stream); `closed` if the stream ends
/// before that.
Async<void> read_exactly(ByteStream& stream, MutableBytes into);

}  // namespace sbot::io
