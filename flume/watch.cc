#include "flume/watch.h"

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "base/files.h"

namespace sbot::flume {
namespace {

constexpr int poll_ms = 1000;  // where nobody tells, and in case nobody does

}  // namespace

LogWatch::LogWatch(const std::string& log_path) {
    const std::string folder = base::folder_of(log_path);
    log_name_ = log_path.substr(log_path.rfind('/') == log_path.npos ? 0 : folder.size() + 1);
    notify_ = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (notify_ >= 0) {
        inotify_add_watch(notify_, folder.c_str(), IN_MODIFY | IN_CREATE | IN_MOVED_TO);
    }
}

LogWatch::~LogWatch() {
    if (notify_ >= 0) close(notify_);
}

/// True if one of the waiting events is about the two files.
bool LogWatch::read_events() {
    bool ours = false;
    alignas(inotify_event) char buffer[16 << 10];
    for (;;) {
        ssize_t got = read(notify_, buffer, sizeof buffer);
        if (got <= 0) return ours;
        for (char* at = buffer; at < buffer + got;) {
            inotify_event event{};
            std::memcpy(&event, at, sizeof event);
            std::string_view name = event.len > 0 ? at + sizeof event : "";
            ours = ours || name == log_name_ || name == "log.journal" ||
                   (event.mask & IN_Q_OVERFLOW) != 0;
            at += sizeof event + event.len;
        }
    }
}

bool LogWatch::wait(int timeout_ms) {
    using Clock = std::chrono::steady_clock;
    const auto end = Clock::now() + std::chrono::milliseconds(timeout_ms);
    for (;;) {
        auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now());
        if (left.count() <= 0) return false;
        int most = static_cast<int>(std::min<std::int64_t>(left.count(), poll_ms));
        pollfd what{notify_, POLLIN, 0};
        int ready = poll(&what, notify_ >= 0 ? 1 : 0, most);
        if (ready < 0) return true;  // a signal: let the caller look around
        if (ready > 0 && read_events()) return true;
        if (ready == 0 && most == poll_ms) return true;
    }
}

}  // namespace sbot::flume
