#pragma once

#include <cstddef>

namespace sbot::muxrpc {

/// What all strangers together make us hold, against one bound for the process. Each session
/// reports its own share; loop thread only.
class Budget {
 public:
    /// A share of `granted_bytes` or less is never what is too much.
    explicit Budget(std::size_t bytes_max, std::size_t granted_bytes = 0)
        : bytes_max_(bytes_max), granted_bytes_(granted_bytes) {}

    /// A share changed. False: the bound is passed, and who reported must give up.
    bool update(std::size_t& share, std::size_t now) {
        held_ = held_ - share + now;
        share = now;
        return held_ <= bytes_max_ || now <= granted_bytes_;
    }
    std::size_t held_bytes() const { return held_; }

 private:
    std::size_t bytes_max_;
    std::size_t granted_bytes_;
    std::size_t held_ = 0;
};

}  // namespace sbot::muxrpc
