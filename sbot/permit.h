#pragma once

#include "io/sync.h"

namespace sbot::app {

/// A permit of a semaphore that was acquired, given back when this goes. The semaphore outlives it.
class Permit {
 public:
    explicit Permit(io::Semaphore& from) : from_(from) {}
    ~Permit() { from_.release(); }
    Permit(const Permit&) = delete;
    Permit& operator=(const Permit&) = delete;

 private:
    io::Semaphore& from_;
};

}  // namespace sbot::app
