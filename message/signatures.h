#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "message/ed25519.h"
#include "message/validate.h"

/// The signatures of many messages at once, as they come in replication. See docs/signatures.md.
namespace sbot::message {

/// Messages of one feed that `check` found right, in order.
struct SignedRun {
    /// Given: what an earlier run of this feed left here, or null. After: what may be kept for the
    /// next one, or null.
    std::shared_ptr<const ed25519::KeyTable> key_table = {};
    std::vector<Checked> messages = {};
    /// The answer: so many, from the first on, have a right signature; the one behind has not.
    std::size_t good = 0;
};

/// Fills in all `good`: what `verify` says to each message, sooner. A signature is only refused
/// when libsodium has refused it too. Safe on any thread.
void verify(std::span<SignedRun* const> runs, const HmacKey& hmac);

}  // namespace sbot::message
