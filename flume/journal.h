#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/files.h"
#include "base/random.h"
#include "flume/log.h"
#include "message/ids.h"

/// The change journal beside the log, `flume/log.journal`: what happened to entries that were in
/// the log already. Log and journal together are the truth. Format: docs/journal-format.md.
namespace sbot::flume {

/// An entry that was deleted, and what of its message must outlive it.
struct Deleted {
    std::optional<Offset> offset;  ///< nothing where it is not known
    bool is_message = false;       ///< what follows means something
    FeedId feed;
    Sequence sequence = 0;
    MessageId key;
    double claimed = 0;  ///< the timestamp in it

    bool operator==(const Deleted&) const = default;
};

/// One record of the journal.
struct Change {
    enum class Kind : std::uint8_t {
        generation,  ///< the log is another one from here on
        del,         ///< these entries are deleted: from here on they count as such
        done,        ///< they are zero bytes in the log now
        rewind,      ///< the log was cut off; what lies from `to` on was written later
        reindex,     ///< these entries mean something else now: a key for them has come
        other,       ///< of a later version of this program
    };
    Kind kind = Kind::other;
    std::uint64_t at = 0;    ///< where the record begins in the journal
    std::uint64_t next = 0;  ///< where the next one does
    std::uint64_t generation = 0;
    std::vector<Deleted> deleted;
    std::uint64_t done = 0;  ///< `at` of the deletion
    Offset to = 0;
    std::vector<Offset> offsets;

    bool operator==(const Change&) const = default;
};

/// Reads a journal that somebody else may be writing.
class JournalReader {
 public:
    /// `file` outlives this; `from` is the `next` of a record, or 0.
    explicit JournalReader(const base::File& file, std::uint64_t from = 0)
        : file_(file), position_(from) {}

    /// The next record; nothing at the end, and where one is being written (ask again later) or was
    /// torn by a crash. Errors: `corrupt` for a spoilt record with good ones behind it; `io`.
    Result<std::optional<Change>> next();
    /// Behind the last record given.
    std::uint64_t position() const { return position_; }

 private:
    Result<std::optional<std::string_view>> line();
    Result<bool> good_line_follows();

    const base::File& file_;
    std::uint64_t position_;
    Bytes window_;
    std::uint64_t begin_ = 0;  // of the window in the file
    bool fresh_ = false;       // the window was read since the last time the end was met
};

/// The one writer. Every record is on the disk when the call returns. Used from one thread at a
/// time; the file system outlives it.
class Journal {
 public:
    /// Opens the file, or makes it with a generation of its own. A torn record at the end is cut
    /// off. Error `corrupt` for one that is spoilt: what it held cannot be guessed.
    static Result<std::unique_ptr<Journal>> open(base::Files& files, const std::string& path,
                                                 base::Random& random);

    Journal(const Journal&) = delete;
    Journal& operator=(const Journal&) = delete;

    /// Before the entries are blanked; gives what `deletion_done` is told after that. At most
    /// `limits::journal_entries_max` at once.
    Result<std::uint64_t> intend_deletion(std::span<const Deleted> entries);
    Result<void> deletion_done(std::uint64_t at);
    Result<void> rewind(Offset to);
    Result<void> reindex(std::span<const Offset> entries);
    Result<void> new_generation(base::Random& random);

    std::uint64_t generation() const { return generation_; }
    /// Deletions that were begun, but for all we know not finished.
    const std::map<std::uint64_t, std::vector<Deleted>>& pending() const { return pending_; }
    /// For each feed of which something was deleted, the latest message of that.
    const std::unordered_map<FeedId, Deleted>& last_of_feeds() const { return last_; }
    /// Bytes cut off when it was opened.
    std::uint64_t bytes_cut() const { return bytes_cut_; }
    std::uint64_t end() const { return end_; }

 private:
    explicit Journal(std::unique_ptr<base::File> file) : file_(std::move(file)) {}

    Result<void> recover();
    Result<void> append(const std::string& text);
    void take_in(const Change& change);

    std::unique_ptr<base::File> file_;
    std::uint64_t end_ = 0;
    std::uint64_t bytes_cut_ = 0;
    std::optional<Error> lost_;  // what is on the disk is not known
    std::uint64_t generation_ = 0;
    std::map<std::uint64_t, std::vector<Deleted>> pending_;
    std::unordered_map<FeedId, Deleted> last_;
};

/// Where the journal of a log lies: `log.journal` beside `log.offset`.
std::string journal_path(const std::string& log_path);

}  // namespace sbot::flume
