#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "io/job.h"
#include "io/loop.h"
#include "io/sync.h"
#include "io/task.h"

namespace sbot::io {

/// A thread of its own for something with state that blocks: the log's writer, a database, the blob
/// store. One job at a time, strictly in the order of the calls.
///
///     auto at = co_await lane.run(&append_batch, std::ref(log), std::move(batch));
///
/// A job may take a reference (`std::ref`) to state that the lane's user owns: while any job with
/// it can be running, only jobs of this lane touch that state, and it is destroyed after the lane.
///
/// A dropped task's job is not run if it has not begun; a job that runs goes on to its end unheard,
/// and what was given to it is freed on the loop thread. All tasks of a lane are finished or
/// dropped before the lane is destroyed; the destructor then waits for the job that runs.
class Lane {
 public:
    struct Options {
        /// With so many given and not done, run() waits.
        std::size_t jobs_max = 64;
        /// Added to the thread's nice value, 0 to 19: who is to let the others go first.
        int nice = 0;
    };

    /// `name` shows in a debugger (15 letters).
    Lane(Loop& loop, const std::string& name, Options options);
    Lane(Loop& loop, const std::string& name) : Lane(loop, name, Options{}) {}
    ~Lane();
    Lane(const Lane&) = delete;
    Lane& operator=(const Lane&) = delete;

    template <typename Fn, typename... Args>
    Task<JobResult<Fn, Args...>> run(Fn fn, Args... args) {
        using R = JobResult<Fn, Args...>;
        std::unique_ptr<JobOf<R>> job =
            std::make_unique<Call<Fn, Args...>>(std::move(fn), std::move(args)...);
        return submit(std::move(job));
    }

 private:
    struct Worker;
    struct Order;

    /// A job in the lane's hands; taken out again if the task is dropped before it has begun.
    class LaneRun : public JobRun {
     public:
        LaneRun(Lane& lane, std::unique_ptr<Job> job);
        ~LaneRun();

     private:
        Lane& lane_;
        Order* order_;
    };
    /// A place in the lane, given back when the job is done or its task dropped.
    class Place {
     public:
        explicit Place(Semaphore& places) : places_(places) {}
        ~Place() { places_.release(); }
        Place(const Place&) = delete;
        Place& operator=(const Place&) = delete;

     private:
        Semaphore& places_;
    };

    template <typename R>
    Task<R> submit(std::unique_ptr<JobOf<R>> job) {
        co_await places_.acquire();
        Place place(places_);
        JobOf<R>& done = *job;
        LaneRun running(*this, std::move(job));
        co_await running;
        co_return done.take();
    }

    const std::size_t jobs_max_;
    Semaphore places_;
    Worker* worker_;
};

}  // namespace sbot::io
