#include "io/pipe.h"

#include <algorithm>
#include <cstdint>
#include <deque>

#include "base/assert.h"
#include "io/in_flight.h"
#include "io/sync.h"

namespace sbot::io {

namespace {

class PipeEnd final : public ByteStream {
 public:
    explicit PipeEnd(PipeOptions options) : options_(options) {}
    ~PipeEnd() override {
        SBOT_ASSERT(!reading_ && !writing_);
        close();
        if (peer_ != nullptr) peer_->peer_ = nullptr;
    }

    void join(PipeEnd& peer) { peer_ = &peer; }

    Async<std::size_t> read(MutableBytes into) override {
        SBOT_ASSERT(!into.empty());
        InFlight in_flight(reading_);
        while (held_.empty() && !ended_ && !closed_) {
            arrived_.reset();
            co_await arrived_.wait();
        }
        if (closed_) co_return base::error(Errc::closed, "read: the pipe was closed");
        std::size_t count = std::min({into.size(), held_.size(), options_.read_bytes_max});
        std::copy_n(held_.begin(), count, into.begin());
        held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(count));
        if (peer_ != nullptr) peer_->room_.set();
        co_return count;
    }

    Async<void> write(Bytes data) override {
        InFlight in_flight(writing_);
        if (!writable()) co_return no_reader();
        peer_->held_.insert(peer_->held_.end(), data.begin(), data.end());
        peer_->arrived_.set();
        while (writable() && peer_->held_.size() > options_.held_bytes_max) {
            room_.reset();
            co_await room_.wait();
        }
        // What was accepted before the reader went away is accepted.
        if (closed_) co_return no_reader();
        co_return Result<void>();
    }

    Async<void> shutdown() override {
        if (!writable()) co_return no_reader();
        end_output();
        co_return Result<void>();
    }

    void close() noexcept override {
        if (closed_) return;
        closed_ = true;
        held_.clear();
        end_output();
        if (peer_ != nullptr) peer_->room_.set();
        arrived_.set();
        room_.set();
    }

 private:
    static Error no_reader() { return base::error(Errc::closed, "write: the pipe was closed"); }

    bool writable() const {
        return !closed_ && !output_ended_ && peer_ != nullptr && !peer_->closed_;
    }
    void end_output() noexcept {
        output_ended_ = true;
        if (peer_ == nullptr) return;
        peer_->ended_ = true;
        peer_->arrived_.set();
    }

    PipeOptions options_;
    PipeEnd* peer_ = nullptr;
    std::deque<std::uint8_t> held_;  // written by the peer, not yet read here
    bool ended_ = false;             // no more will come
    bool output_ended_ = false;
    bool closed_ = false;
    bool reading_ = false;
    bool writing_ = false;
    Event arrived_;
    Event room_;
};

}  // namespace

Pipe make_pipe(PipeOptions options) {
    auto near = std::make_unique<PipeEnd>(options);
    auto far = std::make_unique<PipeEnd>(options);
    near->join(*far);
    far->join(*near);
    return Pipe{std::move(near), std::move(far)};
}

}  // namespace sbot::io
