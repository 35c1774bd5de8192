#pragma once

#include <coroutine>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "io/task.h"

struct uv_loop_s;

namespace sbot::io {

/// The event loop of one thread: libuv's loop and the queue of coroutines ready to go on.
///
/// A Loop belongs to the thread that constructed it, one at a time per thread: that is how a
/// finished task finds the queue for whoever awaits it (a thread-local pointer, set from
/// construction to destruction). Only `post` may be called from elsewhere. Everything made with a
/// loop (tasks, sockets, lanes) must be gone before the loop is; its destructor then waits until
/// libuv has let go of every handle and request. A constructor's side effect: SIGPIPE is ignored.
class Loop {
 public:
    Loop();
    ~Loop();
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    /// Runs until `stop()`.
    void run();
    /// Runs until `task` is finished (or stop() is called: then the result is not there to be
    /// taken, and that is a program error).
    template <typename T>
    T run(Task<T> task) {
        run_while([&task] { return !task.done(); });
        return task.take();
    }
    /// Makes run() return after the current turn. A stop before run() makes that run return at
    /// once.
    void stop() noexcept { stopping_ = true; }

    /// Calls `work` on the loop thread, from libuv's callback: it may set events, not wait. Any
    /// thread, at any time before the loop is destroyed; what was not called by then is dropped.
    void post(std::function<void()> work);

    /// Milliseconds from an arbitrary start; never goes back.
    std::uint64_t now_ms() noexcept;

    class Yield {
     public:
        bool await_ready() const noexcept { return false; }
        template <TaskPromise P>
        void await_suspend(std::coroutine_handle<P> awaiting) const noexcept {
            awaiting.promise().wakeup().wake_later();
        }
        void await_resume() const noexcept {}
    };
    /// Lets all others that are ready, sockets and timers have a turn. For loops that may not
    /// suspend for long: every 64 items or so.
    Yield yield() const noexcept { return {}; }

    class Sleep {
     public:
        Sleep(Loop& loop, std::uint64_t delay_ms) : loop_(loop), delay_ms_(delay_ms) {}
        Sleep(const Sleep&) = delete;
        Sleep& operator=(const Sleep&) = delete;
        ~Sleep();

        bool await_ready() const noexcept { return false; }
        template <TaskPromise P>
        void await_suspend(std::coroutine_handle<P> awaiting) {
            hook(awaiting.promise().wakeup());
        }
        void await_resume() const noexcept {}

        /// Starts the time.
        void hook(Wakeup& who);

     private:
        friend class Loop;
        Loop& loop_;
        std::uint64_t delay_ms_;
        Wakeup* who_ = nullptr;
        std::multimap<std::uint64_t, Sleep*>::iterator place_;  // valid while who_ is set
    };
    Sleep sleep(std::uint64_t delay_ms) { return Sleep(*this, delay_ms); }

    /// The loop of this thread, or null.
    static Loop* current() noexcept;
    /// For the sources of io/ only.
    uv_loop_s* uv() noexcept;

 private:
    friend class Wakeup;
    struct Uv;

    template <typename Condition>
    void run_while(Condition more) {
        while (!stopping_ && more()) {
            resume_ready();
            if (!stopping_ && more()) poll();
        }
        stopping_ = false;
    }
    void make_ready(Wakeup& coroutine) noexcept;
    void resume_ready();
    void poll();
    void run_posted();
    void fire_timers();
    void arm_timer();

    std::unique_ptr<Uv> uv_;
    Ring<Wakeup> ready_;
    Ring<Wakeup> later_;               // ready after the next poll
    const Wakeup* running_ = nullptr;  // the coroutine resumed just now
    std::multimap<std::uint64_t, Sleep*> sleepers_;
    bool polling_ = false;
    bool stopping_ = false;

    std::mutex posted_lock_;
    std::vector<std::function<void()>> posted_;
};

}  // namespace sbot::io
