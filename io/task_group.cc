#include "io/task_group.h"

#include <type_traits>
#include <utility>

namespace sbot::io {

TaskGroup::TaskGroup(OnFailure on_failure) : on_failure_(std::move(on_failure)), reaper_(reap()) {}

TaskGroup::~TaskGroup() {
    // A dying task's destructors may still add work.
    while (!running_.empty() || !finished_.empty()) cancel();
}

void TaskGroup::add(Task<void> task) { start(std::move(task)); }
void TaskGroup::add(Async<void> task) { start(std::move(task)); }

template <typename T>
void TaskGroup::start(Task<T> task) {
    none_running_.reset();
    Place place = running_.emplace(running_.end());
    // May finish at once, and then the place is in finished_ already; it is the same node.
    Task<void> watched = watch(std::move(task), place);
    *place = std::move(watched);
}

template <typename T>
Task<void> TaskGroup::watch(Task<T> task, Place place) {
    if constexpr (std::is_void_v<T>) {
        co_await task;
    } else {
        T outcome = co_await task;
        if (!outcome) failures_.push_back(std::move(outcome).error());
    }
    finished(place);
}

void TaskGroup::finished(Place place) {
    finished_.splice(finished_.end(), running_, place);
    something_finished_.set();
    if (running_.empty()) none_running_.set();
}

Task<void> TaskGroup::reap() {
    for (;;) {
        co_await something_finished_.wait();
        something_finished_.reset();
        std::list<Task<void>> dead = std::exchange(finished_, {});
        std::vector<Error> failures = std::exchange(failures_, {});
        dead.clear();
        for (Error& why : failures) {
            if (on_failure_) on_failure_(std::move(why));
        }
    }
}

Task<void> TaskGroup::idle() {
    while (!running_.empty()) co_await none_running_.wait();
}

void TaskGroup::cancel() noexcept {
    std::list<Task<void>> dropped = std::exchange(running_, {});
    dropped.splice(dropped.end(), finished_);
    dropped.clear();
    if (running_.empty()) none_running_.set();
}

}  // namespace sbot::io
