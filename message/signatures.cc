#include "message/signatures.h"

#include <utility>

#include "base/assert.h"

namespace sbot::message {
namespace {

ed25519::KeyRun claims_of(const SignedRun& run, const HmacKey& hmac) {
    ed25519::KeyRun claims{.key = run.messages.front().author.bytes, .table = run.key_table};
    claims.claims.reserve(run.messages.size());
    std::array<std::uint8_t, 32> mac;
    for (const Checked& message : run.messages) {
        SBOT_ASSERT(message.author.bytes == claims.key);
        claims.claims.push_back(ed25519::Claim::of(claims.key, message.signature,
                                                   hmac.signed_bytes(message.signed_text, mac)));
    }
    return claims;
}

}  // namespace

void verify(std::span<SignedRun* const> runs, const HmacKey& hmac) {
    std::vector<SignedRun*> asked;
    std::vector<ed25519::KeyRun> claims;
    for (SignedRun* run : runs) {
        run->good = 0;
        if (run->messages.empty()) continue;
        asked.push_back(run);
        claims.push_back(claims_of(*run, hmac));
    }
    ed25519::verify(claims);
    for (std::size_t i = 0; i < asked.size(); ++i) {
        SignedRun& run = *asked[i];
        run.key_table = std::move(claims[i].table);
        // A fault of ours may cost time, never a message.
        while (run.good < run.messages.size() &&
               (claims[i].right[run.good] || verify(run.messages[run.good], hmac))) {
            ++run.good;
        }
    }
}

}  // namespace sbot::message
