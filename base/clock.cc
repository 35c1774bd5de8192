#include "base/clock.h"

#include <chrono>
#include <cmath>

namespace sbot::base {
namespace {

// Clocks are adjusted by less than this without anybody noticing.
constexpr double behind_ms_min = 10e3;

}  // namespace

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
    compare(now);
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
            // Where a double cannot hold milliseconds any more, the next one there is.
            candidate = base_ > last_ ? base_ : std::nextafter(last_, INFINITY);
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
    compare(clock_.wall_ms());
}

void MonotonicTime::compare(double now) {
    if (now > last_) behind_ = false;
    if (behind_ || last_ - now < behind_ms_min) return;
    behind_ = true;
    if (report_) report_(last_ - now);
}

}  // namespace sbot::base
