#pragma once

#include "base/bytes.h"

namespace sbot::io {

/// Memory to read into from a stream that may be silent for hours or bring megabytes: a little
/// while it waits, more after a read that filled it. One read at a time:
///
///     auto got = co_await stream.read(room.next());
///     use(room.taken(*got));
class ReadRoom {
 public:
    /// What the next read fills. Ends the life of what `taken` gave.
    MutableBytes next() {
        std::size_t wanted = filled_ ? large_bytes : small_bytes;
        if (memory_.size() != wanted) memory_ = Bytes(wanted);
        return memory_;
    }
    /// What that read brought; until the next `next`.
    ByteView taken(std::size_t count) {
        filled_ = count == memory_.size();
        return ByteView(memory_).first(count);
    }

 private:
    static constexpr std::size_t small_bytes = 1 << 10;
    static constexpr std::size_t large_bytes = 64 << 10;

    Bytes memory_;
    bool filled_ = false;
};

}  // namespace sbot::io
