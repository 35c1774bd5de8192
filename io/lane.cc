#include "io/lane.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <tuple>
#include <vector>

#include "base/assert.h"
#include "io/uv_internal.h"

namespace sbot::io {

/// A job on its way. `waiting` is the loop thread's alone.
struct Lane::Order {
    std::unique_ptr<Job> job;
    Completion* waiting = nullptr;
};

/// The thread and what it shares with the loop. Freed by libuv's close callback, after the join.
struct Lane::Worker {
    uv_async_t doorbell{};
    std::mutex lock;
    std::condition_variable changed;
    std::deque<Order*> queue;  // under the lock
    std::vector<Order*> done;  // under the lock
    bool stopping = false;     // under the lock
    std::thread thread;

    void work();
    void deliver();
};

void Lane::Worker::work() {
    std::unique_lock guard(lock);
    for (;;) {
        changed.wait(guard, [this] { return stopping || !queue.empty(); });
        if (stopping) return;
        Order* order = queue.front();
        queue.pop_front();
        guard.unlock();
        order->job->work();
        guard.lock();
        done.push_back(order);
        uv_async_send(&doorbell);
    }
}

void Lane::Worker::deliver() {
    std::vector<Order*> finished;
    {
        std::lock_guard guard(lock);
        finished.swap(done);
    }
    for (Order* order : finished) {
        if (order->waiting != nullptr) {
            auto* run = static_cast<JobRun*>(order->waiting);
            run->job = std::move(order->job);
            run->finish(0);
        }
        delete order;
    }
}

Lane::Lane(Loop& loop, const std::string& name, Options options)
    : jobs_max_(options.jobs_max), places_(options.jobs_max), worker_(new Worker) {
    SBOT_ASSERT(options.jobs_max > 0);
    int failed = uv_async_init(loop.uv(), &worker_->doorbell, [](uv_async_t* doorbell) {
        static_cast<Worker*>(doorbell->data)->deliver();
    });
    SBOT_ASSERT(failed == 0);
    worker_->doorbell.data = worker_;
    worker_->thread = std::thread([worker = worker_, more = options.nice] {
        // Of this thread alone, on Linux. Where it is refused, the work is the same.
        if (more > 0) std::ignore = nice(more);
        worker->work();
    });
    pthread_setname_np(worker_->thread.native_handle(), name.substr(0, 15).c_str());
}

Lane::~Lane() {
    SBOT_ASSERT(places_.available() == jobs_max_);  // every task is finished or dropped
    {
        std::lock_guard guard(worker_->lock);
        worker_->stopping = true;
    }
    worker_->changed.notify_one();
    worker_->thread.join();
    worker_->deliver();  // frees the last job
    uv_close(reinterpret_cast<uv_handle_t*>(&worker_->doorbell),
             [](uv_handle_t* closed) { delete static_cast<Worker*>(closed->data); });
}

Lane::LaneRun::LaneRun(Lane& lane, std::unique_ptr<Job> given) : lane_(lane), order_(new Order) {
    order_->job = std::move(given);
    attach(order_->waiting);
    {
        std::lock_guard guard(lane_.worker_->lock);
        lane_.worker_->queue.push_back(order_);
    }
    lane_.worker_->changed.notify_one();
}

Lane::LaneRun::~LaneRun() {
    if (done()) return;
    detach();
    std::unique_lock guard(lane_.worker_->lock);
    std::deque<Order*>& queue = lane_.worker_->queue;
    auto place = std::find(queue.begin(), queue.end(), order_);
    if (place == queue.end()) return;  // it runs, or has run: deliver() frees it
    queue.erase(place);
    guard.unlock();
    delete order_;
}

}  // namespace sbot::io
