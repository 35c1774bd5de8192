#pragma once

#include <cstddef>
#include <memory>

#include "io/stream.h"

namespace sbot::io {

/// How a pipe in memory behaves: 1 for `read_bytes_max` shows whether a decoder minds fragments.
struct PipeOptions {
    PipeOptions() = default;
    std::size_t held_bytes_max = std::size_t{64} << 10;  ///< above it a write waits for the reader
    std::size_t read_bytes_max = SIZE_MAX;               ///< what one read gives at most
};

struct Pipe {
    std::unique_ptr<ByteStream> near;
    std::unique_ptr<ByteStream> far;
};

/// Two ends joined in memory: what one writes the other reads. Closing or destroying one end is the
/// end of the stream for the other, after what was written before. For tests and simulations.
Pipe make_pipe(PipeOptions options = {});

}  // namespace sbot::io
