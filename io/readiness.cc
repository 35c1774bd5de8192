#include "io/readiness.h"

#include <utility>

#include "base/assert.h"
#include "io/completion.h"
#include "io/in_flight.h"
#include "io/uv_internal.h"

namespace sbot::io {

struct Readiness::Handle {
    uv_poll_t poll{};
    Completion* waiting = nullptr;
};

Readiness::Readiness(Loop& loop, int fd) : handle_(new Handle) {
    int failed = uv_poll_init(loop.uv(), &handle_->poll, fd);
    SBOT_ASSERT(failed == 0);
    handle_->poll.data = handle_;
}

Readiness::~Readiness() {
    SBOT_ASSERT(!waiting_);
    close();
}

Task<bool> Readiness::readable() {
    InFlight in_flight(waiting_);
    if (handle_ == nullptr) co_return false;
    Completion seen;
    seen.attach(handle_->waiting);
    int failed = uv_poll_start(&handle_->poll, UV_READABLE, [](uv_poll_t* poll, int, int) {
        auto* handle = static_cast<Handle*>(poll->data);
        uv_poll_stop(poll);
        if (handle->waiting != nullptr) handle->waiting->finish(0);
    });
    SBOT_ASSERT(failed == 0);
    int status = co_await seen;
    co_return status == 0;
}

void Readiness::close() noexcept {
    Handle* handle = std::exchange(handle_, nullptr);
    if (handle == nullptr) return;
    if (handle->waiting != nullptr) handle->waiting->finish(UV_ECANCELED);
    uv_close(reinterpret_cast<uv_handle_t*>(&handle->poll),
             [](uv_handle_t* closed) { delete static_cast<Handle*>(closed->data); });
}

}  // namespace sbot::io
