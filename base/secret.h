#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/bytes.h"

namespace sbot::base {

/// Key material of `N` bytes. Wiped when it goes out of scope or is moved from; has no printing, no
/// comparison (use a constant-time one) and no implicit copy into longer-lived memory.
template <std::size_t N>
class Secret {
 public:
    static constexpr std::size_t size = N;

    Secret() = default;
    explicit Secret(std::span<const std::uint8_t, N> from) {
        std::memcpy(bytes_.data(), from.data(), N);
    }
    Secret(const Secret&) = default;
    Secret& operator=(const Secret&) = default;
    Secret(Secret&& other) noexcept : bytes_(other.bytes_) { other.wipe(); }
    Secret& operator=(Secret&& other) noexcept {
        if (this != &other) {
            bytes_ = other.bytes_;
            other.wipe();
        }
        return *this;
    }
    ~Secret() { wipe(); }

    const std::uint8_t* data() const { return bytes_.data(); }
    std::uint8_t* data() { return bytes_.data(); }
    ByteView view() const { return bytes_; }

    void wipe() noexcept { explicit_bzero(bytes_.data(), N); }

 private:
    std::array<std::uint8_t, N> bytes_{};
};

}  // namespace sbot::base
