#include "base/clock.h"

#include <chrono>
#include <cmath>

namespace sbot::base {

double SystemClock::wall_ms() {
    auto now = std::chrono::system_clock::now().time_since_epoch();
    return static_cast<double>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

std::uint64_t SystemClock::steady_ms() {
    auto now = std::chrono::steady_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

double MonotonicTime::next() {
    double now = clock_.wall_ms();
    if (now > last_) {
        base_ = now;
        count_ = 0;
        return last_ = now;
    }
    // Steps shrink towards base + 1; once they can no longer move a double, take the next
    // millisecond instead.
    double candidate = last_;
    while (candidate <= last_) {
        count_ += 1;
        if (count_ > 9999) {
            base_ = std::floor(last_) + 1;
            count_ = 0;
            candidate = base_;
        } else {
            candidate = base_ + count_ / (count_ + 999);
        }
    }
    return last_ = candidate;
}

void MonotonicTime::at_least(double seen) {
    if (!(seen > last_)) return;
    last_ = seen;
    base_ = std::floor(seen);
    count_ = 0;
}

}  // namespace sbot::base
