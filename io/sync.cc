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
    if (from_.try_acquire(count_)) {
        state_ = State::taken;
        return true;
    }
    return false;
}

void Semaphore::Acquire::wait(Wakeup& who) noexcept {
    who_ = &who;
    state_ = State::waiting;
    from_.waiting_.push_back(*this);
    from_.serve();
}

bool Semaphore::Acquire::await_resume() noexcept {
    if (state_ == State::taken) return true;
    SBOT_ASSERT(state_ == State::granted || state_ == State::refused);
    --from_.on_the_way_;
    return std::exchange(state_, State::taken) == State::granted;
}

Semaphore::Acquire::~Acquire() {
    if (state_ != State::granted && state_ != State::refused) return;
    --from_.on_the_way_;
    if (state_ == State::granted) from_.release(count_);
}

bool Semaphore::try_acquire(std::size_t count) noexcept {
    if (!waiting_.empty() || on_the_way_ > 0 || free_ < count) return false;
    free_ -= count;
    return true;
}

void Semaphore::release(std::size_t count) noexcept {
    free_ += count;
    serve();
}

void Semaphore::close() noexcept {
    closed_ = true;
    serve();
}

void Semaphore::serve() noexcept {
    while (!waiting_.empty()) {
        Acquire& first = waiting_.front();
        if (free_ >= first.count_) {
            free_ -= first.count_;
            first.state_ = Acquire::State::granted;
        } else if (closed_) {
            first.state_ = Acquire::State::refused;
        } else {
            return;
        }
        ++on_the_way_;
        first.unlink();
        first.who_->wake();
    }
}

Async<void> wait_for(Event& event) {
    co_await event.wait();
    co_return {};
}

}  // namespace sbot::io
