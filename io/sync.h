#pragma once

#include <algorithm>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>

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
/// it was given some and before it went on gives them back.
class Semaphore {
 public:
    class Acquire : public Link {
     public:
        Acquire(Semaphore& from, std::size_t count) : from_(from), count_(count) {}
        ~Acquire();
        bool await_ready() noexcept;
        template <TaskPromise P>
        void await_suspend(std::coroutine_handle<P> awaiting) noexcept {
            wait(awaiting.promise().wakeup());
        }
        /// True with the permits, false if the semaphore was closed.
        bool await_resume() noexcept;

     private:
        friend class Semaphore;
        enum class State { idle, waiting, granted, refused, taken };
        void wait(Wakeup& who) noexcept;

        Semaphore& from_;
        std::size_t count_;
        Wakeup* who_ = nullptr;
        State state_ = State::idle;
    };

    explicit Semaphore(std::size_t permits) : free_(permits) {}
    ~Semaphore() { SBOT_ASSERT(waiting_.empty() && on_the_way_ == 0); }
    Semaphore(const Semaphore&) = delete;
    Semaphore& operator=(const Semaphore&) = delete;

    /// `if (!co_await permits.acquire()) …closed…`
    Acquire acquire(std::size_t count = 1) noexcept { return Acquire(*this, count); }
    bool try_acquire(std::size_t count = 1) noexcept;
    void release(std::size_t count = 1) noexcept;
    /// Those that wait are refused; so is who comes later and would have to wait.
    void close() noexcept;

    std::size_t available() const noexcept { return free_; }

 private:
    void serve() noexcept;

    Ring<Acquire> waiting_;
    std::size_t free_;
    std::size_t on_the_way_ = 0;  // granted or refused, not yet resumed: newcomers stay behind them
    bool closed_ = false;
};

/// A bounded queue, strictly in the order of the push calls. Items have a weight (1, or their
/// bytes); one heavier than the whole queue is accepted when the queue is empty.
template <typename T>
class Queue {
 public:
    explicit Queue(std::size_t weight_max) : weight_max_(weight_max), room_(weight_max), ready_(0) {
        SBOT_ASSERT(weight_max > 0);
    }

    /// Waits while the queue is full. After close() it gives the error and the item is dropped.
    Async<void> push(T item, std::size_t weight = 1) {
        weight = std::clamp<std::size_t>(weight, 1, weight_max_);
        bool room = co_await room_.acquire(weight);
        if (closed_) co_return *closed_;
        SBOT_ASSERT(room);
        put(std::move(item), weight);
        co_return Result<void>();
    }
    /// Takes the item only if there is room now (and the queue is open).
    bool try_push(T& item, std::size_t weight = 1) {
        weight = std::clamp<std::size_t>(weight, 1, weight_max_);
        if (closed_ || !room_.try_acquire(weight)) return false;
        put(std::move(item), weight);
        return true;
    }
    /// Waits while the queue is empty. After close(): first what is still in it, then the error.
    Async<T> pop() {
        bool some = co_await ready_.acquire();
        if (!some) co_return *closed_;
        co_return take();
    }
    std::optional<T> try_pop() {
        if (!ready_.try_acquire()) return std::nullopt;
        return take();
    }
    /// No more pushes, now or later. The first reason stays.
    void close(Error why) {
        if (closed_) return;
        closed_ = std::move(why);
        room_.close();
        ready_.close();
    }

    bool closed() const noexcept { return closed_.has_value(); }
    bool empty() const noexcept { return items_.empty(); }
    std::size_t size() const noexcept { return items_.size(); }
    std::size_t weight() const noexcept { return weight_; }

 private:
    struct Item {
        T value;
        std::size_t weight;
    };

    void put(T item, std::size_t weight) {
        items_.push_back(Item{std::move(item), weight});
        weight_ += weight;
        ready_.release();
    }
    T take() {
        SBOT_ASSERT(!items_.empty());
        Item item = std::move(items_.front());
        items_.pop_front();
        weight_ -= item.weight;
        room_.release(item.weight);
        return std::move(item.value);
    }

    std::size_t weight_max_;
    std::size_t weight_ = 0;
    std::deque<Item> items_;
    std::optional<Error> closed_;
    Semaphore room_;
    Semaphore ready_;
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
