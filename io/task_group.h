#pragma once

#include <cstddef>
#include <functional>
#include <list>
#include <vector>

#include "io/sync.h"
#include "io/task.h"

namespace sbot::io {

/// The owner of background work. Its destructor cancels all that has not finished; nobody may call
/// that destructor from inside one of the group's own tasks (or from `on_failure`).
class TaskGroup {
 public:
    using OnFailure = std::function<void(Error)>;

    /// `on_failure` hears of each Async<void> that ended with an error: on the loop thread, on a
    /// later turn, never from inside add(). Failures of the moment in which the group is destroyed
    /// are not reported.
    explicit TaskGroup(OnFailure on_failure = {});
    ~TaskGroup();
    TaskGroup(const TaskGroup&) = delete;
    TaskGroup& operator=(const TaskGroup&) = delete;

    void add(Task<void> task);
    void add(Async<void> task);

    /// Tasks that have not finished.
    std::size_t count() const noexcept { return running_.size(); }
    /// Returns when no task is left. One caller at a time or several; the group outlives them.
    Task<void> idle();
    /// Cancels all. Not from inside one of the group's tasks.
    void cancel() noexcept;

 private:
    using Place = std::list<Task<void>>::iterator;

    template <typename T>
    Task<void> watch(Task<T> task, Place place);
    template <typename T>
    void start(Task<T> task);
    void finished(Place place);
    Task<void> reap();

    OnFailure on_failure_;
    std::list<Task<void>> running_;
    std::list<Task<void>> finished_;  // their frames go on a later turn
    std::vector<Error> failures_;
    Event something_finished_;
    Event none_running_;
    Task<void> reaper_;
};

}  // namespace sbot::io
