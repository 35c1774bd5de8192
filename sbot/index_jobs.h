#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "flume/core_view.h"
#include "flume/deletion.h"
#include "flume/log.h"
#include "sbot/batch.h"

/// What the indexer has done on its lane, one at a time: each a plain call that knows nothing of
/// the loop.
namespace sbot::app {

/// A view that is fed beside the core one, and whoever works with what is in it.
struct SideView {
    /// What is to be done on the loop thread; may be empty.
    using Then = std::function<void()>;

    flume::View* view = nullptr;
    /// Called on the lane whenever the view was fed, with what came of it and whether it holds all
    /// of the log now. What it gives is done before anybody hears that the index has moved on.
    std::function<Then(Result<void> fed, bool level)> fed;
};

}  // namespace sbot::app

namespace sbot::app::index_jobs {

using Batches = std::vector<std::shared_ptr<const Batch>>;
/// Set from outside by whoever is waiting: a long job ends early.
using Wanted = std::atomic<bool>;

struct Side {
    SideView what;
    bool level = false;  ///< has caught up: takes part in jobs
};

struct Outcome {
    Result<void> done;
    std::optional<flume::Offset> indexed;  ///< what the core view covers now
    std::vector<SideView::Then> then;
    std::size_t batches = 0;  ///< so many were taken in
    bool texts_level = true;
    bool index_gone = false;
};

struct Indexed {
    std::optional<flume::Offset> upto;
    flume::Progress progress;
};

/// Reads on in the log, up to so many records, in one transaction.
Result<Indexed> index_slices(const flume::Log& log, flume::CoreView& view, std::size_t records_max,
                             Wanted& wanted);
/// Takes batches in that were stored, in the order of the log: into the core view, as many as its
/// transaction holds before somebody is waiting, and those into the others as well. While the core
/// view is `catching_up` they go into it as single entries.
Outcome take_in(const flume::Log& log, flume::CoreView& view, std::vector<SideView> others,
                Batches batches, bool catching_up, Wanted& wanted);
/// Takes what was written here, of batches whose turn has not come, into the core view.
Result<void> take_in_ahead(flume::CoreView& view, Batches batches, Wanted& wanted);
/// Brings the full text on, or tidies it up. True when all is done.
Result<bool> index_texts(flume::CoreView& view, Wanted& wanted);

/// From the last step on the view takes part in jobs.
struct Step {
    Result<bool> level;
    SideView::Then then;
};
/// Brings a view beside the core one on; one that is damaged begins anew.
Step lead_on(const flume::Log& log, SideView side);
Result<void> clear(const flume::Log& log, flume::View* view);

Result<void> renew_index(const flume::Log& log, flume::CoreView& view);
Result<std::optional<flume::Offset>> adopt_index(const flume::Log& log, flume::CoreView& view);

Outcome erase(flume::Log& log, flume::CoreView& view, std::vector<Side> others,
              flume::Journal& journal, std::vector<flume::Offset> entries,
              flume::BeforeErasing before);

}  // namespace sbot::app::index_jobs
