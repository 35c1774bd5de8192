#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "flume/deletion.h"
#include "flume/log.h"
#include "io/lane.h"
#include "io/loop.h"
#include "io/sync.h"
#include "sbot/batch.h"
#include "sbot/indexer.h"

namespace sbot::app {

/// The one writer of the log (docs/durability.md). Records come from the loop thread; all that
/// arrive while a batch is being written make up the next one, so one fdatasync serves all who
/// wait. Its lane is the only place that appends: one write, fdatasync, and only then is anybody
/// told. The index takes the batch in after that. Loop thread.
class Writer {
 public:
    /// Hears of each batch when it is stored or has failed, before those that wait for it go on.
    using OnDone = std::function<void(const Batch&)>;

    Writer(io::Loop& loop, flume::Log& log, Indexer& indexer, OnDone on_done);

    enum class Origin : std::uint8_t { peer, local };
    /// Adds to the batch that will be written next. Await its `done`; order is kept.
    std::shared_ptr<Batch> write(Record record, Origin origin);

    /// Waits while much is unwritten, or the index is far behind: for those who could add without
    /// end.
    io::Task<void> room();
    /// What would be stored now could be found. Errors: why not.
    io::Async<void> index_works() { return indexer_.works(); }
    /// Returns when everything added so far is written.
    io::Task<void> flushed();

    /// See flume::erase; in its turn, whether the caller stays or not. `before` is called on the
    /// index's lane. The journal outlives this.
    io::Async<void> erase(std::vector<flume::Offset> offsets, flume::Journal& journal,
                          flume::BeforeErasing before);

 private:
    struct Erasure;

    io::Task<void> run();
    io::Task<void> store(std::shared_ptr<Batch> batch);
    io::Task<void> erase(std::shared_ptr<Erasure> erasure);
    void finish(Batch& batch);

    flume::Log& log_;
    Indexer& indexer_;
    OnDone on_done_;
    std::shared_ptr<Batch> next_;
    std::shared_ptr<Batch> writing_;
    io::Event something_;
    io::Event written_;
    std::deque<std::shared_ptr<Erasure>> erasures_;
    io::Lane lane_;
    io::Task<void> runner_;
};

}  // namespace sbot::app
