#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/assert.h"
#include "base/result.h"
#include "io/loop.h"
#include "io/task.h"

/// What coroutines of one loop use to wait for each other. None of it is thread-safe (from another
/// thread: Loop::post). Each must outlive the tasks that wait on it.
namespace sbot::io {

/// A flag to wait for. `set` wakes all that wait; they go on later, when the flag may already be
/// reset again: check the condition, in a loop, if that matters.
class Event {
 public:
    class Wait : public Link {
     public:
        explicit Wait(Event& event) : event_(event) {}
        bool await_ready() const noexcept { return event_.set_; }
        template <TaskPromise P>
        void await_suspend(std::coroutine_handle<P> awaiting) noexcept {
            who_ = &awaiting.promise().wakeup();
            event_.waiting_.push_back(*this);
        }
        void await_resume() const noexcept {}

     private:
        friend class Event;
        Event& event_;
        Wakeup* who_ = nullptr;
    };

    Event() = default;
    ~Event() { SBOT_ASSERT(waiting_.empty()); }
    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;

    bool is_set() const noexcept { return set_; }
    void set() noexcept;
    void reset() noexcept { set_ = false; }
    /// `co_await event.wait()` does not suspend if the flag is set.
    Wait wait() noexcept { return Wait(*this); }

 private:
    Ring<Wait> waiting_;
    bool set_ = false;
};

/// The same as a task of its own, for `timeout`.
Async<void> wait_for(Event& event);

/// Counted permits, given out strictly in the order of the calls. A caller that is dropped after
/// it was given one and before it went on gives it back.
class Semaphore {
 public:
    class Acquire : public Link {
     public:
        explicit Acquire(Semaphore& from) : from_(from) {}
        ~Acquire();
        bool await_ready() noexcept;
        template <TaskPromise P>
        void await_suspend(std::coroutine_handle<P> awaiting) noexcept {
            wait(awaiting.promise().wakeup());
        }
        void await_resume() noexcept;

     private:
        friend class Semaphore;
        enum class State { asked, granted, taken };
        void wait(Wakeup& who) noexcept;

        Semaphore& from_;
        Wakeup* who_ = nullptr;
        State state_ = State::asked;
    };

    explicit Semaphore(std::size_t permits) : free_(permits) {}
    ~Semaphore() { SBOT_ASSERT(waiting_.empty() && on_the_way_ == 0); }
    Semaphore(const Semaphore&) = delete;
    Semaphore& operator=(const Semaphore&) = delete;

    /// `co_await permits.acquire()`
    Acquire acquire() noexcept { return Acquire(*this); }
    void release() noexcept;

    std::size_t available() const noexcept { return free_; }

 private:
    void serve() noexcept;

    Ring<Acquire> waiting_;
    std::size_t free_;
    std::size_t on_the_way_ = 0;  // granted, not yet resumed: newcomers stay behind them
};

namespace detail {

/// Wakes when the task is finished or the time is over, whatever comes first.
template <typename T>
class TaskOrTime {
 public:
    TaskOrTime(const Task<T>& task, Loop& loop, std::uint64_t limit_ms)
        : task_(task.operator co_await()), time_(loop, limit_ms) {}
    bool await_ready() const noexcept { return task_.await_ready(); }
    template <TaskPromise P>
    void await_suspend(std::coroutine_handle<P> awaiting) {
        task_.hook(awaiting.promise().wakeup());
        time_.hook(awaiting.promise().wakeup());
    }
    void await_resume() const noexcept {}

 private:
    typename Task<T>::Awaiter task_;
    Loop::Sleep time_;
};

/// False if the time was over first.
template <typename T>
Task<bool> finished_in_time(const Task<T>& task, Loop& loop, std::uint64_t limit_ms) {
    TaskOrTime<T> either(task, loop, limit_ms);
    co_await either;
    co_return task.done();
}

}  // namespace detail

/// The task's result, or Errc::timeout after `limit_ms`, and then the task is cancelled.
template <typename T>
Async<T> timeout(Loop& loop, std::uint64_t limit_ms, Async<T> task) {
    bool in_time = co_await detail::finished_in_time(task, loop, limit_ms);
    if (in_time) co_return task.take();
    task.drop();
    co_return base::error(Errc::timeout, "not done in " + std::to_string(limit_ms) + " ms");
}

}  // namespace sbot::io
