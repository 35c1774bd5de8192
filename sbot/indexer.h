#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/limits.h"
#include "flume/core_builder.h"
#include "io/lane.h"
#include "io/loop.h"
#include "io/sync.h"
#include "sbot/index_jobs.h"

namespace sbot::app {

/// Keeps the core view and the side views level with the log, on a lane of their own: nobody who
/// publishes waits for an index. What comes in quick succession goes in together, after a short
/// rest, unless somebody who reads wants to see it. Loop thread.
class Indexer {
 public:
    struct MovedOn {
        std::optional<flume::Offset> upto;  ///< the last entry that the index covers
        double received = 0;                ///< the time of reception of the latest one taken in
        std::optional<Error> failed;        ///< a later attempt makes up for it
    };
    using OnMovedOn = std::function<void(const MovedOn&)>;

    /// The log is only read here, but for `erase`. All outlive this. `lag_records_max`: see `room`.
    Indexer(io::Loop& loop, flume::Log& log, flume::CoreView& view, OnMovedOn on_moved_on,
            std::size_t lag_records_max = limits::index_lag_records_max_default);
    ~Indexer();

    /// Brings the index up to the log's end, in chunks. Gives what had to be passed over in the
    /// part that was read.
    io::Async<flume::Damage> catch_up();

    /// Brings one more view up to the log's end, in chunks between the batches, and feeds it from
    /// then on. A failing index stops nothing here, nor the other way round. Both outlive this.
    io::Async<void> feed(SideView side);
    /// Empties those views and makes them again from the log.
    io::Async<void> rebuild_side_views();

    /// The index is damaged: an empty one takes its place. Then `build` and `adopt`, or `catch_up`
    /// alone. No reader has it open.
    io::Async<void> renew();
    /// True where `build` pays: the index is empty and the log is not small.
    bool wants_build() const;
    /// Makes a new index beside the old one, which stays in use; what is stored goes into the old
    /// one, if only as single entries. Then `adopt`. Gives the damage met.
    io::Async<flume::Damage> build();
    /// Puts the new index in the old one's place, level with the log. No reader has it open.
    io::Async<void> adopt();
    /// How far `build` has come, while it is at work.
    std::optional<flume::Offset> building() const;
    /// Brings the full text up to date, in chunks between which all else has its turn.
    io::Async<void> catch_up_texts();

    /// Whether the files of the index are those that are open here: `CoreView::in_place`.
    Result<void> in_place() const { return view_.in_place(); }
    /// The same of the log that it is made from.
    Result<void> log_in_place() const { return log_.in_place(); }
    /// Does something with the index on the lane, between jobs.
    io::Async<void> with_index(std::function<Result<void>(flume::CoreView&)> what);

    /// From the writer: this is in the log and on the disk.
    void stored(std::shared_ptr<const Batch> batch);
    /// From the writer, which appends nothing meanwhile.
    io::Async<void> erase(std::vector<flume::Offset> offsets, flume::Journal& journal,
                          flume::BeforeErasing before);

    /// The last entry that the index covers: all up to here can be read, and is on the disk.
    std::optional<flume::Offset> indexed() const { return indexed_; }
    /// The log's last entry, and when it came (0: before the start): the index may not have it yet.
    std::optional<flume::Offset> stored() const { return stored_; }
    double stored_received() const { return stored_received_; }
    /// Messages that were stored while older ones were still to be indexed, or just now.
    std::size_t behind() const { return behind_; }
    /// The sequence of the first message of this feed that is stored and not taken in yet.
    std::optional<Sequence> first_waiting(const FeedId& feed) const;

    /// Waits until the index has all that is stored now, or an attempt at that has failed. While it
    /// catches up, only what was stored since it began.
    io::Task<void> level();
    /// Waits until what was written here by now can be found, or an attempt at that has failed;
    /// never for thousands of others.
    io::Task<void> local_level();
    /// An error, after one more attempt, if what is stored cannot be indexed. Waits for a damaged
    /// index to be replaced.
    io::Async<void> works();
    /// Waits until the index covers the entry at `upto`. Errors: `not_found` where the log has no
    /// such entry (yet), or a deleted one; `timeout`.
    io::Async<void> synchronized(flume::Offset upto, std::uint64_t timeout_ms);
    /// Waits while the index is more than so many records behind, or cannot be written.
    io::Task<void> room();

 private:
    using Side = index_jobs::Side;
    using Batches = index_jobs::Batches;

    io::Task<void> run();
    io::Task<void> until_due();
    std::size_t job_records() const;
    io::Task<void> take_in_order();
    io::Task<void> take_in_ahead();
    io::Task<void> take_in_texts();
    io::Task<void> write_back();
    io::Task<void> drained();
    void texts_are(bool level);
    void put_back(std::size_t taken);
    void settle(const Batches& taken, index_jobs::Outcome outcome);
    io::Async<void> lead(Side& side);
    void covers(std::optional<flume::Offset> upto);
    io::Async<void> until_covered(flume::Offset upto);
    io::Async<void> until_written();
    void hurry();

    io::Loop& loop_;
    flume::Log& log_;
    flume::CoreView& view_;
    OnMovedOn on_moved_on_;
    std::size_t lag_records_max_;
    Batches waiting_;  // in the order of the log
    Batches local_;    // those among them that were written here and cannot be found yet
    Batches working_on_;
    std::size_t waiting_records_ = 0, working_records_ = 0;
    bool urgent_ = false;               // a local one would wait too long
    std::uint64_t local_stored_ = 0;    // local batches
    std::uint64_t local_found_ = 0;     // so many of them can be found
    std::uint64_t local_ms_ = 0;        // when the last one was stored, on the loop's clock
    index_jobs::Wanted wanted_{false};  // by a local one: a long job ends early
    bool texts_behind_ = false, searching_ = false;
    std::size_t untidy_ = 0;            // records since the full text was tidied
    std::uint64_t texts_since_ms_ = 0;  // when they had their turn, or fell behind
    bool hurried_ = false;
    std::uint64_t resting_since_ms_ = 0, rest_ms_ = 0;
    bool catching_up_ = true;      // from the log, or about to
    std::uint64_t taken_in_ = 0;   // batches, in order or, while catching up, as single entries
    std::optional<Error> failed_;  // what is stored could not be taken in
    std::uint64_t failures_ = 0;   // how often
    std::optional<flume::Offset> stored_;  // the last one we were told of
    double stored_received_ = 0;           // when that came; 0: none since the start
    std::uint64_t stored_ms_ = 0;          // when it was stored, on the loop's clock
    std::optional<flume::Offset> indexed_;
    std::size_t behind_ = 0;
    std::unique_ptr<flume::CoreBuilder> builder_;  // while there is something to adopt
    std::vector<std::unique_ptr<Side>> sides_;     // the list is the loop's
    io::Event something_;
    io::Event moved_on_;  // set for a moment after each job
    io::Lane lane_;
    io::Lane building_lane_;
    io::Task<void> runner_;
};

}  // namespace sbot::app
