#pragma once

#include <coroutine>

#include "io/task.h"

namespace sbot::io {

/// A leaf awaitable for work that somebody else (libuv, a thread) has in hand and will report once.
/// The carrier of the work, on the heap, keeps a `Completion*`; a dropped Completion sets it to
/// null, so the carrier can finish and free itself without anybody waiting. Loop thread only.
class Completion {
 public:
    Completion() = default;
    Completion(const Completion&) = delete;
    Completion& operator=(const Completion&) = delete;
    ~Completion() { detach(); }

    /// `slot` is the carrier's pointer to whom it reports.
    void attach(Completion*& slot) noexcept {
        slot = this;
        slot_ = &slot;
    }
    void detach() noexcept {
        if (slot_ != nullptr) *slot_ = nullptr;
        slot_ = nullptr;
    }
    /// The carrier's report: libuv's status, or 0.
    void finish(int status) noexcept {
        detach();
        status_ = status;
        done_ = true;
        if (who_ != nullptr) who_->wake();
    }
    bool done() const noexcept { return done_; }

    bool await_ready() const noexcept { return done_; }
    template <TaskPromise P>
    void await_suspend(std::coroutine_handle<P> awaiting) noexcept {
        who_ = &awaiting.promise().wakeup();
    }
    int await_resume() const noexcept { return status_; }

 private:
    Completion** slot_ = nullptr;
    Wakeup* who_ = nullptr;
    int status_ = 0;
    bool done_ = false;
};

}  // namespace sbot::io
