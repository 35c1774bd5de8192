#pragma once

#include <string>
#include <vector>

#include "io/task.h"
#include "message/ids.h"

namespace sbot::replication {

/// Messages of one feed (JSON text: bare values or envelopes), in order.
struct FeedRun {
    FeedId feed;
    std::vector<Bytes> messages;
};

/// What became of a run. A message that does not follow yet is passed over; what comes behind a bad
/// one is not looked at.
struct Taken {
    enum class End {
        all,  ///< every message is known by now
        gap,  ///< one did not follow on what we had by then: nobody's fault
        bad,  ///< one is no message of this feed, or of another branch of it
    };
    std::size_t count = 0;  ///< new ones, valid and on their way to the log
    End end = End::all;
    std::string why = {};  ///< the validator's words, where the end is `bad`
};

/// Where replicated messages go. Whoever owns log and feed states is behind it.
class Intake {
 public:
    virtual ~Intake() = default;

    /// The last sequence that is stored or on its way there; 0 for an unknown feed.
    virtual Sequence latest(const FeedId& feed) const = 0;
    /// The last one that is stored.
    virtual Sequence stored_sequence(const FeedId& feed) const = 0;

    /// Takes runs of several feeds, checked as one job; what is known already is passed over. One
    /// answer for each run, when the good ones are on their way to the log; waits where much is on
    /// that way already.
    virtual io::Task<std::vector<Taken>> take(std::vector<FeedRun> runs) = 0;
};

}  // namespace sbot::replication
