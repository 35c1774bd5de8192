#pragma once

#include <cstddef>
#include <mutex>
#include <set>

#include "base/logger.h"
#include "base/result.h"
#include "flume/log.h"

namespace sbot::app {

/// Tells whoever runs the server which entries of the log its readers pass over because something
/// has overwritten them: each of them once. Thread-safe.
class DamageNotice {
 public:
    /// `log` outlives it.
    explicit DamageNotice(base::Logger& log) : log_(log) {}

    void met(flume::Offset at);
    /// What a cursor came upon.
    void met(const flume::Damage& damage) {
        if (damage.places > 0) met(damage.first);
    }

    std::size_t count() const;

 private:
    base::Logger& log_;
    mutable std::mutex mutex_;
    std::set<flume::Offset> known_;
};

/// What a caller is told who asked for just this message. Error `corrupt`.
Error damaged_error(flume::Offset at);

/// Whether `get` did not find, at an offset that the index has, what was there.
bool is_damage(const Error& wrong);

}  // namespace sbot::app
