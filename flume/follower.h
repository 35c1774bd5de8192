#pragma once

#include <map>
#include <memory>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "flume/journal.h"
#include "flume/record_reader.h"

/// Following a log and its journal from outside, in any process, while somebody else writes them:
/// for indexes of one's own. Nothing is ever written. Also for a log without a journal, as the
/// JavaScript server writes it; what is deleted there is not told.
namespace sbot::flume {

/// How far a follower has come. Whoever follows keeps it with what it made of the news, in one
/// transaction. The text is for storing; nobody needs to understand it.
struct Position {
    /// An entry that was given, by which the log is known again.
    struct Mark {
        Offset offset = 0;
        Offset end = 0;
        std::uint32_t sum = 0;  ///< CRC-32 of its data
        bool operator==(const Mark&) const = default;
    };

    std::uint64_t generation = 0;  ///< of the log, by its journal
    std::uint64_t journal = 0;     ///< so much of the journal was read
    Offset next = 0;               ///< so much of the log was read
    std::vector<Mark> marks;       ///< oldest first, the denser the newer

    std::string text() const;
    /// An empty text is the beginning. Error `invalid` for what `text` never gave.
    static Result<Position> parse(std::string_view text);

    bool operator==(const Position&) const = default;
};

/// Something to do for an index of the log.
struct News {
    enum class Kind : std::uint8_t {
        entry,    ///< a new one
        deleted,  ///< an entry is no more (perhaps it was never given)
        reindex,  ///< an entry means something else now; look at it again
        rewound,  ///< the log was cut off: entries from `offset` on are no more, others may come
                  ///< there
    };
    Kind kind = Kind::entry;
    Offset offset = 0;
    ByteView data;    ///< of an entry; valid until the next call
    Deleted deleted;  ///< of a deleted one, what is known of it
};

/// Gives each entry once and in order, and what happens to entries that were given, across restarts
/// of either side, cut tails and deletions. Blocking; one thread at a time. The file system
/// outlives it.
class Follower {
 public:
    struct Options {
        Position position = {};  ///< where to go on
        Mode mode = Mode::bits32;
    };
    /// The log need not be there yet.
    Follower(base::Files& files, std::string log_path, Options options);

    Follower(const Follower&) = delete;
    Follower& operator=(const Follower&) = delete;

    /// The next news, some `count_max` of them (a deletion is never split); none where there are no
    /// more for now, or while the log has no file. Errors: `corrupt` for a spoilt journal, `io`,
    /// `denied`.
    Result<std::span<const News>> next(std::size_t count_max);

    /// Whether an entry by which the log was known is there, or was deleted: else it is another.
    Result<bool> knows_the_log();

    /// Behind all news given so far.
    const Position& position() const { return position_; }
    /// What was passed over because no whole entry was there.
    const Damage& damage() const { return damage_; }
    /// Length of the log when it was last looked at.
    Offset log_end() const { return log_end_; }

 private:
    Result<bool> look();
    Result<bool> reopen(const std::string& path, std::unique_ptr<base::File>& file,
                        base::FileInfo& known);
    Result<void> load_gone();
    Result<void> read_journal(std::size_t count_max);
    void take_in(const Change& change);
    bool is_gone(Offset at, ByteView data);
    Result<bool> is_there(const Position::Mark& mark) const;
    Result<bool> agree();
    Result<bool> read_log(std::size_t count_max);
    Result<bool> step_over(RecordReader& reader);
    void rewind_to(Offset to);
    void begin_anew(std::uint64_t generation);
    void add_mark(const Position::Mark& mark);

    base::Files& files_;
    std::string log_path_;
    Options options_;
    Position position_;
    std::unique_ptr<base::File> log_, journal_;
    base::FileInfo log_info_, journal_info_;
    bool gone_is_known_ = false;
    std::map<Offset, Deleted> gone_;              // deleted, and not reached yet
    Offset searched_from_ = 0, searched_to_ = 0;  // no whole entry lies there
    Offset log_end_ = 0;
    Damage damage_;
    mutable std::shared_mutex never_held_;  // who erases is another process
    std::vector<News> news_;
    std::unique_ptr<RecordReader> reader_;  // what it read, `news_` borrows
};

}  // namespace sbot::flume
