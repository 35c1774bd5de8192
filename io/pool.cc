#include "io/pool.h"

#include "base/assert.h"
#include "io/uv_internal.h"

namespace sbot::io {

/// What libuv's threads hold. `waiting` is the loop thread's alone.
struct Pool::Order {
    uv_work_t uv{};
    std::unique_ptr<Job> job;
    Completion* waiting = nullptr;
};

Pool::PoolRun::PoolRun(Loop& loop, std::unique_ptr<Job> given) : order_(new Order) {
    order_->uv.data = order_;
    order_->job = std::move(given);
    attach(order_->waiting);
    int failed = uv_queue_work(
        loop.uv(), &order_->uv,
        [](uv_work_t* work) { static_cast<Order*>(work->data)->job->work(); },
        [](uv_work_t* work, int) {
            auto* order = static_cast<Order*>(work->data);
            if (order->waiting != nullptr) {
                auto* run = static_cast<PoolRun*>(order->waiting);
                run->job = std::move(order->job);
                run->finish(0);
            }
            delete order;
        });
    SBOT_ASSERT(failed == 0);
}

Pool::PoolRun::~PoolRun() {
    // Fails if the job has begun; either way libuv still makes its callback, which frees the order.
    if (!done()) uv_cancel(reinterpret_cast<uv_req_t*>(&order_->uv));
}

}  // namespace sbot::io
