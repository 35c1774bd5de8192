#include "io/task.h"

#include <cstdio>
#include <cstdlib>
#include <exception>

#include "io/loop.h"

namespace sbot::io {

Wakeup::~Wakeup() {
    // A coroutine that destroys its own frame would go on running in freed memory.
    if (const Loop* loop = Loop::current()) SBOT_ASSERT(loop->running_ != this);
}

void Wakeup::wake() noexcept {
    if (linked()) return;
    Loop* loop = Loop::current();
    SBOT_ASSERT(loop != nullptr);
    loop->make_ready(*this);
}

void Wakeup::wake_later() noexcept {
    Loop* loop = Loop::current();
    SBOT_ASSERT(loop != nullptr && !linked());
    loop->later_.push_back(*this);
}

void PromiseBase::unhandled_exception() const noexcept {
    try {
        throw;
    } catch (const std::exception& thrown) {
        std::fprintf(stderr, "exception in a task: %s\n", thrown.what());
    } catch (...) {
        std::fputs("exception in a task\n", stderr);
    }
    std::abort();
}

}  // namespace sbot::io
