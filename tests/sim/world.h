#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <random>
#include <string>
#include <vector>

#include "replication/ebt.h"

/// Hundreds of nodes in one process, on a virtual clock and a virtual network, from one seed.
namespace sbot::sim {

using Millis = std::uint64_t;
using NodeNumber = std::uint32_t;
using replication::Ebt;
using replication::FeedNote;
using replication::Slot;

/// How a node behaves.
enum class Kind : std::uint8_t {
    honest,    ///< by the rules
    staller,   ///< promises and sends nothing
    liar,      ///< says that it has more than anybody, and sends what does not follow
    forger,    ///< sends messages that no validator takes
    forker,    ///< has another branch of its own feed for every other peer
    slow,      ///< honest, behind a line of seconds
    trickler,  ///< promises all, has news of its own all the time, and sends nothing else that fits
    loser,     ///< honest, and loses its newest messages now and then (a restored backup)
};

/// A message: which of the author's branches it continues is all that matters of its content.
struct Message {
    NodeNumber author = 0;
    Sequence sequence = 0;
    std::uint32_t branch = 0;
    bool forged = false;
};

struct Packet {
    enum class Kind : std::uint8_t {
        notes,
        message,  ///< on the stream of notes
        request,  ///< of a run: `message` is the first one wanted
        part,     ///< of a run
        end,      ///< of a run of `message.author`
    };
    Kind kind = Kind::message;
    std::vector<FeedNote> notes;
    Message message;
};

struct Options {
    std::size_t nodes = 40;
    Millis chaos_ms = 60000;  ///< publishing, cuts and new links
    Millis calm_ms = 120000;  ///< time to converge
};

struct Outcome {
    bool converged = true;
    std::string why;           ///< of the first node that is not level
    std::uint64_t sent = 0;    ///< messages that crossed a link
    std::uint64_t needed = 0;  ///< of these, those that were new at the other end
    std::uint64_t notes_items = 0;
};

/// Runs one world to its end.
Outcome run(std::uint64_t seed, const Options& options);

}  // namespace sbot::sim
