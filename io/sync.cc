#include "io/sync.h"

namespace sbot::io {

void Event::set() noexcept {
    set_ = true;
    while (!waiting_.empty()) {
        Wait& first = waiting_.front();
        first.unlink();
        first.who_->wake();
    }
}

bool Semaphore::Acquire::await_ready() noexcept {
    if (!from_.waiting_.empty() || from_.on_the_way_ > 0 || from_.free_ == 0) return false;
    --from_.free_;
    state_ = State::taken;
    return true;
}

void Semaphore::Acquire::wait(Wakeup& who) noexcept {
    who_ = &who;
    from_.waiting_.push_back(*this);
    from_.serve();
}

void Semaphore::Acquire::await_resume() noexcept {
    if (state_ == State::taken) return;
    SBOT_ASSERT(state_ == State::granted);
    --from_.on_the_way_;
    state_ = State::taken;
}

Semaphore::Acquire::~Acquire() {
    if (state_ != State::granted) return;
    --from_.on_the_way_;
    from_.release();
}

void Semaphore::release() noexcept {
    ++free_;
    serve();
}

void Semaphore::serve() noexcept {
    while (free_ > 0 && !waiting_.empty()) {
        Acquire& first = waiting_.front();
        --free_;
        ++on_the_way_;
        first.state_ = Acquire::State::granted;
        first.unlink();
        first.who_->wake();
    }
}

Async<void> wait_for(Event& event) {
    co_await event.wait();
    co_return {};
}

}  // namespace sbot::io
