#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/limits.h"
#include "flume/boot_mark.h"
#include "flume/core_parts.h"
#include "flume/file_place.h"
#include "flume/json_indexes.h"
#include "flume/message_rows.h"
#include "flume/sqlite.h"
#include "flume/view.h"

namespace sbot::flume {

/// Where a feed stands in the log: what the JavaScript's `last` view holds.
struct FeedState {
    FeedId feed;
    MessageId key;          ///< of its last message
    Sequence sequence = 0;  ///< of its last message
    double claimed = 0;     ///< the timestamp in it
    Offset offset = 0;      ///< where it lies

    bool operator==(const FeedState&) const = default;
};

class CoreTables;

/// The general index over the log, `flume/core.sqlite`: by key, by feed and sequence, by time of
/// receipt, by resolved time, by type, by what it links to, and the state of each feed. Readers:
/// flume/core_reader.h.
///
/// Deleting a message leaves its feed's state as it is: a chain that has grown does not shrink, or
/// the next own message would fork it, and a peer would send the deleted one again.
class CoreView final : public View {
 public:
    struct Options {
        std::string path;
        Unbox unbox;  ///< may be empty: then all private content stays sealed
        /// States of feeds whose last message is no longer in the log, asked for whenever the view
        /// starts from nothing. May be empty.
        std::function<std::vector<FeedState>()> kept = {};
        /// Hears after each commit what has changed, on the thread that made it. May be empty.
        std::function<void(Parts)> committed = {};
        /// Where the write-ahead log grows beyond this (0: it may) because some reader goes on and
        /// on, `wal_stuck` hears of it, and again when it has grown by an eighth more. `adopt`
        /// helps: such a reader keeps the old file, and its log grows no more.
        std::uint64_t wal_bytes_max = 0;
        std::function<void(std::uint64_t bytes)> wal_stuck = {};
    };

    /// Opens the file, makes it where it is missing, and begins anew where it is damaged, of
    /// another version or was left by a machine that stopped; call `settle` and `catch_up` next.
    static Result<std::unique_ptr<CoreView>> open(Options options);
    /// Whether `open` found a file of no use, other than of another version.
    bool was_spoilt() const { return was_spoilt_; }
    /// As `close`.
    ~CoreView() override;
    /// It is on the disk when this returns, and of no more use here. (Until then nothing is synced:
    /// after a power cut the view begins anew.)
    Result<void> close();

    CoreView(const CoreView&) = delete;
    CoreView& operator=(const CoreView&) = delete;

    std::string_view name() const override { return "core"; }
    int version() const override;
    Coverage covered() const override { return covered_; }
    Result<void> apply(std::span<const Entry> batch, Place place) override;
    Result<void> retract(std::span<const Entry> entries) override;
    Result<void> clear(std::uint64_t generation) override;
    /// The same with a new file in place of a damaged one, which whoever reads it keeps.
    Result<void> renew(std::uint64_t generation);
    /// Reads all of the file. Error `corrupt` where SQLite finds it damaged, or it is not
    /// `in_place`.
    Result<void> check();
    /// Whether the file and what SQLite keeps beside it are the ones that are open here: somebody
    /// may have removed one of them, and what is written goes nowhere then. Any thread. Error
    /// `corrupt`.
    Result<void> in_place() const;

    /// All that is applied from `hold` to `commit` is one transaction: a page that is written again
    /// and again is written once, and `covered` is ahead of what others see. Whatever fails in
    /// between takes all of it back.
    /// What is not `in_place` is not committed.
    Result<void> hold();
    Result<void> commit();

    /// Brings the write-ahead log into the file once it is long: a part of a second, which a commit
    /// does not take, so that what is new can be told of first. To be called after commits; where
    /// it is not, they do it themselves, late. `log_is_long`: any thread.
    bool log_is_long() const { return log_pages_ >= limits::core_view_log_pages; }
    Result<void> checkpoint();
    /// After a write that failed, perhaps on a full disk: the write-ahead log has a page as often
    /// as it was written, so bringing it into the file and cutting it gives room. Does what it can.
    void make_room();

    /// Around `retract` and what it is about: whoever opens the view between the two finds it of
    /// no use, so a crash there leaves no difference between log and view.
    Result<void> distrust();
    Result<void> trust();

    /// Making it anew while it goes on being of use: a CoreBuilder makes `building_path()` with
    /// these options in another thread, between the two calls. What is retracted meanwhile is
    /// remembered.
    void start_building();
    void stop_building();
    std::string building_path() const { return options_.path + ".new"; }
    const Options& options() const { return options_; }
    /// Puts the file that was built in this one's place, once it has all of the log, which is
    /// synced. Readers must open it again: the old one says `superseded` in its `progress`. After
    /// an error the old one is still there, or else `clear` helps.
    Result<void> adopt(const Log& log);

    /// Indexes on members of the content: what is noted, also for files made later, and making or
    /// dropping one. Making one of 750,000 messages takes seconds. Errors: `invalid` for a bad
    /// definition, or another one of this name; `not_found`; `limit` for too many.
    Result<std::vector<JsonIndex>> json_indexes() const;
    Result<void> make_index(const JsonIndex& index);
    Result<void> drop_index(const std::string& name);

    /// Adds some posts to the full text; true when there are no more. A full build leaves it to
    /// this.
    Result<bool> catch_up_texts(std::size_t posts_max);
    bool texts_level() const;
    /// Tidies the full text: a little work on what many small transactions have left behind. True
    /// when there is nothing to do. To be called now and then while nobody waits.
    Result<bool> merge_texts();

    const std::string& path() const { return options_.path; }

 private:
    explicit CoreView(Options options);

    Result<void> start();
    Result<void> prepare();
    Result<void> create(std::uint64_t generation);
    Result<void> take_in(Place place, const Coverage& after);
    Result<void> in_transaction(const std::function<Result<void>()>& what);
    void let_go();
    Result<void> finish_built(const Log& log);
    void leave_file();
    void note_places();
    void after_commit();
    void watch_wal();

    Options options_;
    mutable base::PosixFiles files_;
    BootMark mark_;
    bool was_spoilt_ = false;
    RowMaker maker_;
    std::optional<sqlite::Database> database_;
    std::atomic<int> log_pages_ = 0;
    mutable std::mutex places_mutex_;
    std::vector<FilePlace> places_;  // of what is open
    std::unique_ptr<CoreTables> tables_;
    Coverage covered_;
    struct Held;
    std::unique_ptr<Held> held_;  // the open transaction
    RowBatch rows_;
    Parts changed_ = 0;              // since the last commit that was told
    std::uint64_t wal_look_at_ = 0;  // its size from which on something must be done
    bool building_ = false;
    std::vector<std::pair<Offset, Bytes>> retracted_;  // since the building began
};

}  // namespace sbot::flume
