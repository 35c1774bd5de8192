#pragma once

#include "base/assert.h"

namespace sbot::io {

/// For calls of which only one may be in flight: lives in the coroutine, from its first line until
/// it ends or is dropped. The owner of the flag asserts on destruction that it is clear: whatever
/// the coroutine would touch when it goes on is still there.
class InFlight {
 public:
    explicit InFlight(bool& flag) : flag_(flag) {
        SBOT_ASSERT(!flag_);
        flag_ = true;
    }
    ~InFlight() { flag_ = false; }
    InFlight(const InFlight&) = delete;
    InFlight& operator=(const InFlight&) = delete;

 private:
    bool& flag_;
};

}  // namespace sbot::io
