#pragma once

#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include "base/assert.h"
#include "io/completion.h"

/// What Pool and Lane have in common: a function call packed up, done by another thread.
namespace sbot::io {

class Job {
 public:
    virtual ~Job() = default;
    virtual void work() noexcept = 0;
};

template <typename R>
class JobOf : public Job {
 public:
    R take() {
        SBOT_ASSERT(result_.has_value());
        if constexpr (!std::is_void_v<R>) return std::move(*result_);
    }

 protected:
    std::optional<std::conditional_t<std::is_void_v<R>, std::monostate, R>> result_;
};

template <typename Fn, typename... Args>
using JobResult = std::invoke_result_t<Fn, Args...>;

/// `fn(args...)`, the arguments moved in; `std::ref(x)` passes a reference.
template <typename Fn, typename... Args>
class Call final : public JobOf<JobResult<Fn, Args...>> {
 public:
    Call(Fn fn, Args... args) : fn_(std::move(fn)), args_(std::move(args)...) {}
    void work() noexcept override {
        if constexpr (std::is_void_v<JobResult<Fn, Args...>>) {
            std::apply(std::move(fn_), std::move(args_));
            this->result_.emplace();
        } else {
            this->result_.emplace(std::apply(std::move(fn_), std::move(args_)));
        }
    }

 private:
    Fn fn_;
    std::tuple<Args...> args_;
};

/// Awaited by the one who gave the job; owns it again once it is done.
struct JobRun : Completion {
    std::unique_ptr<Job> job;
};

}  // namespace sbot::io
