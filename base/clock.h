#pragma once

#include <cstdint>
#include <functional>

namespace sbot::base {

/// Time comes in through this, never from the system directly, so that tests can set it.
class Clock {
 public:
    virtual ~Clock() = default;
    /// Milliseconds since 1970, whole, as `Date.now()`.
    virtual double wall_ms() = 0;
    /// Milliseconds from an arbitrary start; never goes back. For time-outs and intervals.
    virtual std::uint64_t steady_ms() = 0;
};

class SystemClock final : public Clock {
 public:
    double wall_ms() override;
    std::uint64_t steady_ms() override;
};

/// Timestamps for messages, claimed and received: strictly increasing, each larger than any given
/// before. The n-th call within one millisecond adds n/(n+999), as npm monotonic-timestamp does;
/// unlike there, a clock that was set back does not make the result fall.
class MonotonicTime {
 public:
    explicit MonotonicTime(Clock& clock) : clock_(clock) {}

    double next();
    /// Everything from now on will be larger than `seen` (the last timestamp in the log, say).
    void at_least(double seen);

    /// Called with how far, in milliseconds, when the clock is found to be well behind the times
    /// already given: it was set back, or had been far ahead. Once, until it has caught up.
    void on_behind(std::function<void(double)> report) { report_ = std::move(report); }

 private:
    void compare(double now);

    Clock& clock_;
    std::function<void(double)> report_;
    bool behind_ = false;
    double base_ = 0;
    double last_ = 0;
    double count_ = 0;
};

}  // namespace sbot::base
