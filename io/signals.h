#pragma once

#include <initializer_list>
#include <vector>

#include "io/loop.h"
#include "io/sync.h"

namespace sbot::io {

/// Catches signals while it lives, instead of their usual effect. Loop thread.
class Signals {
 public:
    /// For instance `Signals stop_signals(loop, {SIGTERM, SIGINT});`
    Signals(Loop& loop, std::initializer_list<int> numbers);
    ~Signals();
    Signals(const Signals&) = delete;
    Signals& operator=(const Signals&) = delete;

    /// The number of the next one, in the order they came; one caller at a time. Those that
    /// come while nobody waits are kept, each number once.
    Task<int> next();

 private:
    struct Handle;
    std::vector<Handle*> handles_;
    std::vector<int> caught_;
    Event something_caught_;
};

}  // namespace sbot::io
