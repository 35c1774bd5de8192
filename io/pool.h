#pragma once

#include <memory>
#include <utility>

#include "io/job.h"
#include "io/loop.h"
#include "io/task.h"

namespace sbot::io {

/// Pure functions on values, on libuv's worker threads: signature batches, hashing, parsing.
///
///     auto ok = co_await pool.run(&verify_batch, std::move(batch));
///
/// Arguments are moved in, the result is moved out; nothing may be shared while it runs. Jobs of
/// one pool have no order. Keep a job near 10 ms; who submits many limits them with a Semaphore.
/// The number of threads is libuv's (UV_THREADPOOL_SIZE, read once before the first job).
///
/// A dropped task's job is not run if it has not begun; otherwise it ends unheard, and its
/// arguments and result are freed on the loop thread.
class Pool {
 public:
    explicit Pool(Loop& loop) : loop_(loop) {}

    /// `fn`: a function pointer or an object without captured references; must not throw.
    template <typename Fn, typename... Args>
    Task<JobResult<Fn, Args...>> run(Fn fn, Args... args) {
        using R = JobResult<Fn, Args...>;
        std::unique_ptr<JobOf<R>> job =
            std::make_unique<Call<Fn, Args...>>(std::move(fn), std::move(args)...);
        return submit(loop_, std::move(job));
    }

 private:
    struct Order;

    /// A job in the pool's hands; not begun any more if the task is dropped before.
    class PoolRun : public JobRun {
     public:
        PoolRun(Loop& loop, std::unique_ptr<Job> job);
        ~PoolRun();

     private:
        Order* order_;
    };

    template <typename R>
    static Task<R> submit(Loop& loop, std::unique_ptr<JobOf<R>> job) {
        JobOf<R>& done = *job;
        PoolRun running(loop, std::move(job));
        co_await running;
        co_return done.take();
    }

    Loop& loop_;
};

}  // namespace sbot::io
