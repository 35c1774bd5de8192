#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "io/loop.h"
#include "io/stream.h"

namespace sbot::app {

/// What went over a connection so far.
struct Meter {
    std::uint64_t bytes_in = 0;
    std::uint64_t bytes_out = 0;
    std::uint64_t last_ms = 0;  ///< of the loop, when something last moved
};

/// Counts what goes through a stream. The meter outlives it.
class MeteredStream final : public io::ByteStream {
 public:
    MeteredStream(io::Loop& loop, std::unique_ptr<io::ByteStream> inner, Meter& meter)
        : loop_(loop), inner_(std::move(inner)), meter_(meter) {
        meter_.last_ms = loop_.now_ms();
    }

    io::Async<std::size_t> read(MutableBytes into) override {
        auto reading = inner_->read(into);
        auto got = co_await reading;
        if (got) {
            meter_.bytes_in += *got;
            meter_.last_ms = loop_.now_ms();
        }
        co_return got;
    }
    io::Async<void> write(Bytes data) override {
        std::size_t size = data.size();
        auto writing = inner_->write(std::move(data));
        auto wrote = co_await writing;
        if (wrote) {
            meter_.bytes_out += size;
            meter_.last_ms = loop_.now_ms();
        }
        co_return wrote;
    }
    io::Async<void> shutdown() override { return inner_->shutdown(); }
    void close() noexcept override { inner_->close(); }

 private:
    io::Loop& loop_;
    std::unique_ptr<io::ByteStream> inner_;
    Meter& meter_;
};

}  // namespace sbot::app
