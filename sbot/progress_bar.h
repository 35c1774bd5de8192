#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace sbot::app {

/// One line on a terminal that shows how far something is, and nothing anywhere else: on standard
/// error, so that what is printed can be used by others.
class ProgressBar {
 public:
    explicit ProgressBar(std::string what);
    ~ProgressBar();
    ProgressBar(const ProgressBar&) = delete;
    ProgressBar& operator=(const ProgressBar&) = delete;

    /// Drawn a few times a second at most; never goes backwards.
    void show(std::uint64_t done, std::uint64_t total);

 private:
    using Clock = std::chrono::steady_clock;

    std::string what_;
    bool terminal_;
    bool drawn_ = false;
    std::uint64_t done_ = 0;
    Clock::time_point begun_ = Clock::now();
    Clock::time_point next_ = begun_;
};

}  // namespace sbot::app
