#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "message/ids.h"

/// Whom to dial and whom to hang up on: a pure function of what is known and the time. Protocol
/// source: the groups of ssb-gossip 1.1, the rotation of ssb-conn 6 (docs/peers.md).
namespace sbot::replication {

/// Why a server is of interest; each kind has connections of its own.
enum class PeerKind : std::uint8_t {
    lan,         ///< announces itself on this network
    friend_own,  ///< its owner is followed
    seed,        ///< configured, or an accepted invite
    pub,         ///< all others
};
inline constexpr std::size_t peer_kinds = 4;

/// A server that could be dialled, or is. Times are milliseconds since 1970.
struct Candidate {
    FeedId key;
    PeerKind kind = PeerKind::pub;
    bool connected = false;
    bool connecting = false;
    bool dialled = false;     ///< the connection is one that we made
    bool reached = false;     ///< it has worked before
    double state_change = 0;  ///< when it last came, went or failed; 0: never tried
    double failures = 0;      ///< since it worked last
};

/// Which kinds are dialled at all; all are counted.
struct SchedulerOptions {
    bool dials[peer_kinds] = {true, true, true, true};
    /// Messages of others are coming in: enough to do, no more pubs for now.
    bool downloading = false;
};

struct Decision {
    std::vector<FeedId> dial;
    std::vector<FeedId> hang_up;
};

/// How long to wait after the last failure (or loss): grows with the failures, spread by a quarter
/// either way so that those who lost a server together do not come back together.
double back_off_ms(const Candidate& candidate);

Decision schedule(std::span<const Candidate> candidates, double now,
                  const SchedulerOptions& options);

}  // namespace sbot::replication
