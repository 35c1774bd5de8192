#pragma once

#include "io/net.h"
#include "io/uv_internal.h"

/// For the sources of io/ only: what libuv holds of a Socket.
namespace sbot::io {

class ReadWait;

struct Socket::Handle {
    /// `is_unix` decides which of libuv's two stream types it is.
    Handle(Loop& loop, bool is_unix);

    uv_stream_t* stream() { return reinterpret_cast<uv_stream_t*>(&uv); }
    uv_handle_t* any() { return reinterpret_cast<uv_handle_t*>(&uv); }
    int fd();

    /// Takes over a connected descriptor (closes it if libuv does not want it).
    Result<void> open(int descriptor);
    /// No Nagle, and the addresses of both ends.
    void connected();
    void acknowledge_now();
    /// What comes stays in the kernel until the next read.
    void hold_back();
    /// Whether small pieces come, and come, and next to nothing goes back.
    bool is_streaming() const;
    void count_read(std::uint64_t waited_ms);
    void count_write();
    void close() noexcept;

    Loop& loop;

    union {
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv{};
    bool is_unix;
    Endpoint remote{};
    Endpoint local{};

    bool reading = false;  // calls in flight
    bool writing = false;

    ReadWait* reader = nullptr;
    bool flowing = false;     // libuv reads
    bool maybe_more = false;  // the last read may have left something in the kernel
    int eager_reads = 0;      // since the last one that waited
    int hasty_reads = 0;      // waited a millisecond at most; our writes take from it
    int read_end = 0;         // sticky: UV_EOF or an error

    Completion* writer = nullptr;  // waits until less is unsent
    int write_error = 0;           // sticky
    bool output_ended = false;

    bool closed = false;  // by us
    bool owned = true;    // a Socket points here
    bool freed = false;   // libuv has let go
};

}  // namespace sbot::io
