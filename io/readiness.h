#pragma once

#include "io/loop.h"
#include "io/task.h"

namespace sbot::io {

/// Waits until a descriptor of somebody else's (a listening or UDP socket, another library's epoll
/// descriptor) has something to read. Watches only while somebody waits. Must be destroyed, or
/// closed, before the descriptor is closed.
class Readiness {
 public:
    Readiness(Loop& loop, int fd);
    ~Readiness();
    Readiness(const Readiness&) = delete;
    Readiness& operator=(const Readiness&) = delete;

    /// True when a read will not block (or will tell an error); false once closed. One at a time.
    Task<bool> readable();
    void close() noexcept;

 private:
    struct Handle;
    Handle* handle_;
    bool waiting_ = false;
};

}  // namespace sbot::io
