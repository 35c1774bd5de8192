#include "io/loop.h"

#include <csignal>
#include <limits>
#include <utility>

#include "base/assert.h"
#include "io/uv_internal.h"

namespace sbot::io {

namespace {

// The one thread-local of the project: how a finished task finds the ready queue. See Loop.
thread_local Loop* current_loop = nullptr;

// Coroutines resumed between two looks at the sockets: enough to make the system call cheap, little
// enough that tasks which keep waking each other cannot shut out the network.
constexpr int resumes_per_turn_max = 1024;

}  // namespace

struct Loop::Uv {
    uv_loop_t loop;
    uv_async_t doorbell;  // rung by post()
    uv_timer_t timer;     // runs out with the earliest sleeper
};

Loop::Loop() : uv_(std::make_unique<Uv>()) {
    SBOT_ASSERT(current_loop == nullptr);
    current_loop = this;
    // A write to a closed socket must give an error, not end the process.
    std::signal(SIGPIPE, SIG_IGN);
    // Fails without memory or files only; programs see to it that there are some left.
    int failed = uv_loop_init(&uv_->loop);
    SBOT_ASSERT(failed == 0);
    failed = uv_async_init(&uv_->loop, &uv_->doorbell, [](uv_async_t* doorbell) {
        static_cast<Loop*>(doorbell->data)->run_posted();
    });
    SBOT_ASSERT(failed == 0);
    uv_timer_init(&uv_->loop, &uv_->timer);
    uv_->doorbell.data = this;
    uv_->timer.data = this;
}

Loop::~Loop() {
    SBOT_ASSERT(current_loop == this);
    SBOT_ASSERT(ready_.empty() && later_.empty() && sleepers_.empty());
    uv_close(reinterpret_cast<uv_handle_t*>(&uv_->doorbell), nullptr);
    uv_close(reinterpret_cast<uv_handle_t*>(&uv_->timer), nullptr);
    uv_walk(
        &uv_->loop, [](uv_handle_t* handle, void*) { SBOT_ASSERT(uv_is_closing(handle)); },
        nullptr);
    // Close callbacks, and the requests that dropped tasks left behind.
    uv_run(&uv_->loop, UV_RUN_DEFAULT);
    int busy = uv_loop_close(&uv_->loop);
    SBOT_ASSERT(busy == 0);
    current_loop = nullptr;
}

Loop* Loop::current() noexcept { return current_loop; }
uv_loop_s* Loop::uv() noexcept { return &uv_->loop; }

void Loop::run() {
    run_while([] { return true; });
}

void Loop::make_ready(Wakeup& coroutine) noexcept {
    ready_.push_back(coroutine);
    // libuv runs timers before it polls: without this it would then block with work at hand.
    if (polling_) uv_stop(&uv_->loop);
}

void Loop::resume_ready() {
    SBOT_ASSERT(running_ == nullptr && !polling_);
    while (!later_.empty()) ready_.push_back(later_.front());
    for (int left = resumes_per_turn_max; left > 0 && !ready_.empty(); --left) {
        Wakeup& next = ready_.front();
        next.unlink();
        running_ = &next;
        next.coroutine_.resume();
        running_ = nullptr;
    }
}

void Loop::poll() {
    polling_ = true;
    uv_run(&uv_->loop, ready_.empty() && later_.empty() ? UV_RUN_ONCE : UV_RUN_NOWAIT);
    polling_ = false;
}

void Loop::post(std::function<void()> work) {
    {
        std::lock_guard guard(posted_lock_);
        posted_.push_back(std::move(work));
    }
    uv_async_send(&uv_->doorbell);
}

void Loop::run_posted() {
    std::vector<std::function<void()>> posted;
    {
        std::lock_guard guard(posted_lock_);
        posted.swap(posted_);
    }
    for (auto& work : posted) work();
}

std::uint64_t Loop::now_ms() noexcept {
    uv_update_time(&uv_->loop);
    return uv_now(&uv_->loop);
}

void Loop::arm_timer() {
    if (sleepers_.empty()) return;  // a timer that runs out for nobody does no harm
    std::uint64_t now = now_ms();
    std::uint64_t first = sleepers_.begin()->first;
    uv_timer_start(
        &uv_->timer, [](uv_timer_t* timer) { static_cast<Loop*>(timer->data)->fire_timers(); },
        first > now ? first - now : 0, 0);
}

void Loop::fire_timers() {
    std::uint64_t now = uv_now(&uv_->loop);
    while (!sleepers_.empty() && sleepers_.begin()->first <= now) {
        Sleep* sleeper = sleepers_.begin()->second;
        sleepers_.erase(sleepers_.begin());
        std::exchange(sleeper->who_, nullptr)->wake();
    }
    arm_timer();
}

void Loop::Sleep::hook(Wakeup& who) {
    std::uint64_t now = loop_.now_ms();
    std::uint64_t at = delay_ms_ < std::numeric_limits<std::uint64_t>::max() - now
                           ? now + delay_ms_
                           : std::numeric_limits<std::uint64_t>::max();
    who_ = &who;
    place_ = loop_.sleepers_.emplace(at, this);
    if (place_ == loop_.sleepers_.begin()) loop_.arm_timer();
}

Loop::Sleep::~Sleep() {
    if (who_ != nullptr) loop_.sleepers_.erase(place_);
}

}  // namespace sbot::io
