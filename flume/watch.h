#pragma once

#include <string>

namespace sbot::flume {

/// Waits for a log or its journal to change, as somebody else writes them: woken by the system
/// where it tells, and by the clock where it does not (network file systems). One thread at a time.
class LogWatch {
 public:
    explicit LogWatch(const std::string& log_path);
    ~LogWatch();
    LogWatch(const LogWatch&) = delete;
    LogWatch& operator=(const LogWatch&) = delete;

    /// True if one of the two may have changed since the last call; false when the time is up.
    bool wait(int timeout_ms);

 private:
    bool read_events();

    std::string log_name_;
    int notify_ = -1;
};

}  // namespace sbot::flume
