#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/json.h"
#include "base/random.h"
#include "message/private_box.h"

namespace sbot::message {

/// Opens private content for indexes. There are several, and each may be made anew, so the same
/// boxes come again and again, most of them not for us: which those are is remembered, of some
/// 65,536, in half a megabyte. Thread-safe.
class ContentOpener {
 public:
    /// `unboxer` outlives this. The memory is under a secret key: nobody can make another's box
    /// look like one that was met.
    ContentOpener(const Unboxer& unboxer, base::Random& random);

    /// The JSON text of what is in a message's value, if its content is a box and is for us.
    std::optional<std::string> open(json::Value message) const;

 private:
    using Sealed = std::array<std::atomic<std::uint64_t>, 65536>;
    const Unboxer& unboxer_;
    std::array<std::uint8_t, 16> key_{};
    std::unique_ptr<Sealed> sealed_;  // hashes of boxes, each in its place; 0: none
};

}  // namespace sbot::message
