#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "flume/core_builder.h"
#include "flume/core_view.h"
#include "flume/deletion.h"
#include "flume/log.h"
#include "io/lane.h"
#include "io/loop.h"
#include "io/sync.h"
#include "message/validate.h"

namespace sbot::app {

/// A message on its way into the log: valid, and signed or verified.
struct Record {
    FeedId author;
    message::FeedState state;  ///< of the feed once this is in
    double received = 0;       ///< when it came here
    std::string text;  ///< the envelope `{"key":…,"value":…,"timestamp":…}`, as stored
};

/// What is written together, shared by all that wait for it. One writer, so its lane is the only
/// place that appends: append (one write) → fdatasync → index, and only then is anybody told.
struct Batch {
    std::vector<Record> records;
    std::size_t bytes = 0;
    std::vector<flume::Offset> offsets;  ///< of the records, once they are stored
    io::Event done;
    std::optional<Error> failed;  ///< set before `done`
    bool stored = false;          ///< in the log and on the disk, whatever happened after that
};

/// A view that is fed behind the index, on the same lane, and whoever works with what is in it.
struct Follower {
    /// What is to be done on the loop thread; may be empty.
    using Then = std::function<void()>;

    flume::View* view = nullptr;
    /// Called on the lane whenever the view was fed, with what came of it and whether it holds all
    /// of the log now. What it gives is done before anybody hears that the batch is stored.
    std::function<Then(Result<void> fed, bool level)> fed;
};
struct Followed;

/// The one writer of log and index (docs/durability.md). Records come from the loop thread; all
/// that arrive while a batch is being written make up the next one, so one fdatasync serves all
/// who wait. Loop thread.
class Writer {
 public:
    /// Hears of each batch when it is done, before those that wait for it go on.
    using OnDone = std::function<void(const Batch&)>;

    Writer(io::Loop& loop, flume::Log& log, flume::CoreView& view, OnDone on_done);
    ~Writer();

    /// Brings the index up to the log's end, in chunks; `write` may be called after that. Gives
    /// what had to be passed over in the part that was read.
    io::Async<flume::Damage> catch_up();

    /// Brings one more view up to the log's end, in chunks between the batches, and feeds it from
    /// then on. A failing index stops nothing here, nor the other way round. Both outlive this.
    io::Async<void> follow(Follower follower);

    /// Empties those views and makes them again from the log.
    io::Async<void> rebuild_followers();

    /// True where `build` pays: the index is empty and the log is not small.
    bool wants_build() const;
    /// Makes a new index beside the old one, which stays in use; what is written goes into the old
    /// one, if only as single entries. Then `adopt`. Gives the damage met.
    io::Async<flume::Damage> build();
    /// Puts the new index in the old one's place, level with the log. No reader has it open.
    io::Async<void> adopt();
    /// How far `build` has come, while it is at work.
    std::optional<flume::Offset> building() const;
    /// Brings the full text up to date, in chunks between which all else has its turn.
    io::Async<void> catch_up_texts();

    /// See flume::erase. `before` is called on the lane.
    io::Async<void> erase(std::vector<flume::Offset> offsets, flume::Journal& journal,
                          flume::BeforeErasing before);

    /// The last entry that the index covers: all up to here can be read, and is on the disk.
    std::optional<flume::Offset> indexed() const { return indexed_; }

    /// Waits until the index covers the entry at `upto`. Errors: `not_found` where the log has no
    /// such entry (yet), or a deleted one; `timeout`.
    io::Async<void> synchronized(flume::Offset upto, std::uint64_t timeout_ms);

    /// Messages that were stored while older ones were still to be indexed.
    std::size_t behind() const { return behind_; }

    /// Adds to the batch that will be written next. Await its `done`; order is kept.
    std::shared_ptr<Batch> write(Record record);

    /// Waits while much is unwritten, or the index is far behind: for those who could add without
    /// end.
    io::Task<void> room();
    /// Returns when everything added so far is written.
    io::Task<void> flushed();

 private:
    io::Task<void> run();
    io::Async<void> lead(Followed& followed);
    void finish(Batch& batch);
    void covers(std::optional<flume::Offset> upto);
    io::Async<void> until_covered(flume::Offset upto);

    io::Loop& loop_;
    flume::Log& log_;
    flume::CoreView& view_;
    OnDone on_done_;
    std::shared_ptr<Batch> next_;
    std::shared_ptr<Batch> writing_;
    io::Event something_;
    io::Event written_;
    bool index_behind_ = false;
    std::unique_ptr<flume::CoreBuilder> builder_;  // while there is something to adopt
    std::optional<flume::Offset> indexed_;
    std::vector<std::unique_ptr<Followed>> followed_;  // the list is the loop's
    std::size_t behind_ = 0;
    io::Event moved_on_;  // set for a moment when the index covers more
    io::Lane lane_;
    io::Lane building_lane_;
    io::Task<void> runner_;
};

}  // namespace sbot::app
