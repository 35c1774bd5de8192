#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/files.h"
#include "flume/core_view.h"
#include "flume/journal.h"
#include "flume/log.h"

/// Where our own feed is, known at once at start, without any index: `flume/head` beside the log.
/// It is never believed where log and journal do not bear it out, and may be lost at any time.
namespace sbot::flume {

struct Head {
    FeedId feed;
    Sequence sequence = 0;  ///< of our last message; 0 where there is none, then the rest is empty
    MessageId key;
    double claimed = 0;
    Offset offset = 0;  ///< where it lies
    Offset end = 0;     ///< all of the log before this was looked at for messages of ours
    std::uint64_t device = 0, inode = 0, born_ns = 0;  ///< of the log file, see base::FileInfo
    bool unconfirmed = false;  ///< the folder was found copied or restored, and nobody asked since
    Sequence beyond = 0;       ///< a signed message of ours that was seen and is not in the log
    Sequence forked = 0;       ///< one that is of another branch than the log's

    bool operator==(const Head&) const = default;
};

/// What is known of our own feed at start.
struct Beginning {
    /// True if `own` is sure: it may be published at once.
    bool known = false;
    std::optional<FeedState> own;  ///< nothing for a feed without messages
    /// Not the folder that was last written here: a copy, or an older state of it. There may be
    /// newer messages of ours elsewhere; ask peers before publishing. `why` tells it a person.
    bool copied_or_restored = false;
    std::string why;
    /// A signed message of ours that somebody showed and that the log lacks: see `Head::beyond`.
    Sequence beyond = 0;
    /// Of such a one that contradicts what the log has: see `Head::forked`.
    Sequence forked = 0;
    /// The log has lost its end, or is another one, since the head was written: what was known of
    /// it by offsets from here on is void.
    std::optional<Offset> void_from;
};

/// Keeps the head file. One thread at a time; the file system outlives it.
class HeadFile {
 public:
    /// Reads the head and compares it with the log, whose end is read for messages that it does not
    /// know yet, at most `limits::head_behind_bytes_max` of it.
    static Result<Beginning> begin(base::Files& files, const std::string& log_path, const Log& log,
                                   const Journal& journal, const FeedId& own);

    HeadFile(base::Files& files, const std::string& log_path, const FeedId& own,
             const Beginning& beginning);

    /// Writes down at once that the folder was found copied or restored, if it was: what showed
    /// that may be gone at the next start.
    Result<void> doubt();
    /// What was not known at the beginning: our last message by log and journal, if there is any,
    /// all before `end` being looked at.
    Result<void> learn(const std::optional<FeedState>& own, Offset end);
    /// The log is on the disk up to `end`, with `own` as our last message if that is a new one.
    /// Writes where that is news enough: always for a message of ours, else now and then. One small
    /// write, not synced.
    Result<void> note(const std::optional<FeedState>& own, Offset end);
    /// Somebody showed a signed message of ours that is not in the log: remembered until it is.
    Result<void> saw_beyond(Sequence sequence);
    /// The same of one that is of another branch: remembered for as long as this log is here.
    Result<void> saw_fork(Sequence sequence);
    /// Peers were asked: this folder is not taken for a copy or backup any more.
    Result<void> confirm();

 private:
    Result<void> keep(Head head);
    Result<void> write(Head head);

    base::Files& files_;
    std::string log_path_;
    bool known_;  // our feed's state; before, nothing of it is written
    Head written_;
    std::unique_ptr<base::File> file_;
};

/// The head that a folder has; nothing if there is none that can be read.
std::optional<Head> read_head(base::Files& files, const std::string& log_path);

}  // namespace sbot::flume
