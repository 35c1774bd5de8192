#pragma once

#include "base/bytes.h"

namespace sbot::base {

/// Where randomness comes from. Handed in, so that tests and the simulator can repeat a run.
class Random {
 public:
    virtual ~Random() = default;
    virtual void fill(MutableBytes out) = 0;
};

/// The operating system's generator (getrandom); fit for keys. Ends the process if it fails.
class SystemRandom final : public Random {
 public:
    void fill(MutableBytes out) override;
};

}  // namespace sbot::base
