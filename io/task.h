#pragma once

#include <concepts>
#include <coroutine>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/assert.h"
#include "base/result.h"
#include "io/link.h"

/// Coroutines of the loop thread.
///
/// A function that returns `Task<T>` runs at once, up to its first real wait. `co_await` of a
/// finished task does not suspend; otherwise the awaiting coroutine goes on from the loop's ready
/// queue, never from inside another coroutine, so the stack stays flat however long a chain is.
///
/// Whoever holds a Task owns the work: dropping it cancels it (its locals are destroyed, what it
/// waits for is unhooked). A coroutine must not drop itself, nor a task that is waiting for it.
/// Parameters that are references or spans must outlive the task. Nothing here is thread-safe.
namespace sbot::io {

/// A suspended coroutine's place in the ready queue of its thread's Loop. Leaf awaitables keep a
/// pointer to it from `await_suspend` on and call `wake()` when what they wait for has happened.
class Wakeup : public Link {
 public:
    Wakeup() = default;
    ~Wakeup();

    /// Resume soon, from the loop, behind all that are ready already. A second call changes
    /// nothing.
    void wake() noexcept;
    /// Resume after the loop has looked at its sockets and timers once more.
    void wake_later() noexcept;

 private:
    template <typename T>
    friend class Task;
    friend class Loop;

    std::coroutine_handle<> coroutine_;
};

/// What every promise of this module derives from.
class PromiseBase {
 public:
    Wakeup& wakeup() noexcept { return wakeup_; }

    std::suspend_never initial_suspend() const noexcept { return {}; }
    /// Nothing of ours throws; what a library let through is fatal.
    [[noreturn]] void unhandled_exception() const noexcept;

 protected:
    struct FinalWait {
        bool await_ready() const noexcept { return false; }
        template <typename Promise>
        void await_suspend(std::coroutine_handle<Promise> finished) const noexcept {
            if (Wakeup* next = finished.promise().continuation_) next->wake();
        }
        void await_resume() const noexcept {}
    };

    template <typename T>
    friend class Task;

    Wakeup wakeup_;
    Wakeup* continuation_ = nullptr;  // the coroutine that awaits this one
};

template <typename P>
concept TaskPromise = std::derived_from<P, PromiseBase>;

namespace detail {

template <typename T>
class Promise : public PromiseBase {
 public:
    template <typename U = T>
    void return_value(U&& value) {
        result_.emplace(std::forward<U>(value));
    }
    T take() {
        SBOT_ASSERT(result_.has_value());
        T value = std::move(*result_);
        result_.reset();
        return value;
    }

 private:
    std::optional<T> result_;
};

template <>
class Promise<void> : public PromiseBase {
 public:
    void return_void() const noexcept {}
    void take() const noexcept {}
};

}  // namespace detail

template <typename T>
class [[nodiscard]] Task {
 public:
    using value_type = T;

    class promise_type final : public detail::Promise<T> {
     public:
        Task get_return_object() {
            auto handle = Handle::from_promise(*this);
            this->wakeup_.coroutine_ = handle;
            return Task(handle);
        }
        PromiseBase::FinalWait final_suspend() const noexcept { return {}; }
    };

    /// Empty: nothing to await, nothing to cancel.
    Task() = default;
    Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
    Task& operator=(Task&& other) noexcept {
        if (this != &other) {
            drop();
            handle_ = std::exchange(other.handle_, {});
        }
        return *this;
    }
    ~Task() { drop(); }

    bool valid() const noexcept { return static_cast<bool>(handle_); }
    /// Finished: its result is there to be awaited or taken without waiting.
    bool done() const noexcept { return handle_ && handle_.done(); }
    /// The result of a finished task; once.
    T take() {
        SBOT_ASSERT(done());
        return handle_.promise().take();
    }
    /// Cancels what still runs and frees everything; the task is empty afterwards.
    void drop() noexcept {
        if (auto handle = std::exchange(handle_, {})) handle.destroy();
    }

    class Awaiter {
     public:
        explicit Awaiter(promise_type& promise) noexcept : promise_(promise) {}
        Awaiter(const Awaiter&) = delete;
        Awaiter& operator=(const Awaiter&) = delete;
        ~Awaiter() {
            if (hooked_) promise_.continuation_ = nullptr;
        }

        bool await_ready() const noexcept { return Handle::from_promise(promise_).done(); }
        template <TaskPromise P>
        void await_suspend(std::coroutine_handle<P> awaiting) noexcept {
            hook(awaiting.promise().wakeup());
        }
        T await_resume() { return promise_.take(); }

        void hook(Wakeup& who) noexcept {
            SBOT_ASSERT(promise_.continuation_ == nullptr);  // one task, one waiter
            promise_.continuation_ = &who;
            hooked_ = true;
        }

     private:
        promise_type& promise_;
        bool hooked_ = false;
    };

    /// The task stays where it is until the end of the whole expression. Await a task once.
    Awaiter operator co_await() const noexcept {
        SBOT_ASSERT(handle_);
        return Awaiter(handle_.promise());
    }

 private:
    using Handle = std::coroutine_handle<promise_type>;

    explicit Task(Handle handle) noexcept : handle_(handle) {}

    Handle handle_;
};

/// May wait, may fail: the usual signature.
template <typename T>
using Async = Task<Result<T>>;

}  // namespace sbot::io
