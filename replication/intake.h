#pragma once

#include <vector>

#include "io/task.h"
#include "message/ids.h"

namespace sbot::replication {

/// Where replicated messages go. Whoever owns log and feed states is behind it.
class Intake {
 public:
    virtual ~Intake() = default;

    /// The last sequence that is stored or on its way there; 0 for an unknown feed.
    virtual Sequence latest(const FeedId& feed) const = 0;

    /// Takes a run of messages (JSON text: bare values or envelopes) of one feed, in order. What is
    /// known already is passed over. Gives the number of new ones when they are valid and on their
    /// way to the log, waiting where much is on that way already. Errors: `invalid` for the first
    /// bad one (those before it are kept), with the validator's words.
    virtual io::Async<std::size_t> take(FeedId feed, std::vector<Bytes> messages) = 0;
};

}  // namespace sbot::replication
