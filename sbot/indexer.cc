#include "sbot/indexer.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/limits.h"

namespace sbot::app {
namespace {

// Records after which it is looked for something to tidy in the full text.
constexpr std::size_t untidy_records = 500;
// A damaged index is replaced by an empty one as soon as those who read it are done: whoever
// publishes waits for that so long.
constexpr std::uint64_t replacing_ms_max = 5000;

}  // namespace

Indexer::Indexer(io::Loop& loop, flume::Log& log, flume::CoreView& view, OnMovedOn on_moved_on,
                 std::size_t lag_records_max)
    : loop_(loop),
      log_(log),
      view_(view),
      on_moved_on_(std::move(on_moved_on)),
      lag_records_max_(lag_records_max),
      stored_(log.latest()),
      indexed_(view.covered().upto),
      lane_(loop, "indexer", {.nice = limits::index_nice}),
      building_lane_(loop, "index builder", {.nice = limits::index_nice}) {
    runner_ = run();
}

Indexer::~Indexer() {
    if (builder_) builder_->stop();
}

// --- what comes in

void Indexer::stored(std::shared_ptr<const Batch> batch) {
    const std::size_t records = batch->records.size();
    stored_ = batch->offsets.back();
    stored_received_ = batch->records.back().received;
    stored_ms_ = loop_.now_ms();
    behind_ += records;
    if (batch->local) {
        ++local_stored_;
        local_.push_back(batch);
        local_ms_ = stored_ms_;
        wanted_ = true;
        urgent_ |= waiting_records_ + working_records_ >= limits::index_urgent_records;
    }
    waiting_records_ += records;
    waiting_.push_back(std::move(batch));
    something_.set();
}

io::Task<void> Indexer::run() {
    bool went_ahead = false;
    while (true) {
        auto tidying = write_back();
        co_await tidying;
        auto resting = until_due();
        co_await resting;
        if (failed_) {
            auto clearing = lane_.run(&flume::CoreView::make_room, std::ref(view_));
            co_await clearing;
        }
        const std::uint64_t began_ms = loop_.now_ms();
        const bool overdue =
            texts_behind_ && began_ms >= texts_since_ms_ + limits::texts_wait_ms_max;
        if (!urgent_ && (overdue || (waiting_.empty() && !failed_))) {
            auto searching = take_in_texts();
            co_await searching;
            continue;
        }
        // By turns, or one who publishes on and on would keep out all others.
        went_ahead = urgent_ && !went_ahead;
        auto working = went_ahead ? take_in_ahead() : take_in_order();
        co_await working;
        resting_since_ms_ = loop_.now_ms();
        rest_ms_ = std::clamp((resting_since_ms_ - began_ms) * 10, limits::index_rest_ms_min,
                              limits::index_rest_ms_max);
        moved_on_.set();
        moved_on_.reset();
    }
}

/// After those who wait have heard. An error comes back with whatever is to be indexed next.
io::Task<void> Indexer::write_back() {
    if (urgent_ || !view_.log_is_long()) co_return;
    auto working = lane_.run(&flume::CoreView::checkpoint, std::ref(view_));
    auto done = co_await working;
    (void)done.has_value();
}

io::Task<void> Indexer::until_due() {
    while (true) {
        something_.reset();
        if (urgent_ || waiting_records_ >= job_records()) co_return;
        const bool any = !waiting_.empty() || failed_;
        if (hurried_ && any) co_return;
        const std::uint64_t rest_ms = failed_           ? limits::index_retry_ms
                                      : !local_.empty() ? limits::index_rest_ms_min
                                                        : rest_ms_;
        std::optional<std::uint64_t> due_ms;
        if (any) due_ms = resting_since_ms_ + rest_ms;
        if (texts_behind_ && !catching_up_) {
            const auto texts_ms = std::min(stored_ms_ + limits::texts_quiet_ms,
                                           texts_since_ms_ + limits::texts_wait_ms_max);
            due_ms = std::min(due_ms.value_or(texts_ms), texts_ms);
        }
        if (!due_ms) {
            co_await something_.wait();
            continue;
        }
        const std::uint64_t now_ms = loop_.now_ms();
        if (now_ms >= *due_ms) co_return;
        auto resting = io::timeout(loop_, *due_ms - now_ms, io::wait_for(something_));
        auto rested = co_await resting;
        (void)rested.has_value();
    }
}

/// What somebody has just written here may be followed by more, which shall not wait for a long
/// job's commit. And whoever waits for room shall not wait for the index to have rested.
std::size_t Indexer::job_records() const {
    const bool watched = local_stored_ > 0 && loop_.now_ms() < local_ms_ + limits::index_watched_ms;
    const auto most =
        watched ? limits::index_watched_job_records_max : limits::index_job_records_max;
    return std::clamp<std::size_t>(lag_records_max_ / 2, 1, most);
}

io::Task<void> Indexer::take_in_order() {
    const std::size_t records_max = job_records();
    std::size_t count = 0;
    while (count < waiting_.size() && working_records_ < records_max) {
        working_records_ += waiting_[count++]->records.size();
    }
    const auto end = waiting_.begin() + static_cast<std::ptrdiff_t>(count);
    working_on_.assign(waiting_.begin(), end);
    waiting_.erase(waiting_.begin(), end);
    waiting_records_ -= working_records_;
    hurried_ = false;
    std::vector<SideView> sides;
    for (const auto& side : sides_) {
        if (side->level) sides.push_back(side->what);
    }
    auto working = lane_.run(&index_jobs::take_in, std::cref(log_), std::ref(view_),
                             std::move(sides), working_on_, catching_up_, std::ref(wanted_));
    index_jobs::Outcome outcome = co_await working;
    put_back(outcome.batches);
    working_records_ = 0;
    const Batches taken = std::exchange(working_on_, {});
    settle(taken, std::move(outcome));
}

/// What a job that ended early left over.
void Indexer::put_back(std::size_t taken) {
    const auto rest = working_on_.begin() + static_cast<std::ptrdiff_t>(taken);
    for (auto each = rest; each != working_on_.end(); ++each) {
        waiting_records_ += (*each)->records.size();
    }
    waiting_.insert(waiting_.begin(), rest, working_on_.end());
    working_on_.erase(rest, working_on_.end());
}

void Indexer::settle(const Batches& taken, index_jobs::Outcome outcome) {
    for (const auto& then : outcome.then) {
        if (then) then();
    }
    failed_.reset();
    if (!outcome.done) {
        failed_ = std::move(outcome.done).error().in("the index cannot be written");
        ++failures_;
    }
    taken_in_ += taken.size();
    for (const auto& batch : taken) untidy_ += batch->records.size();
    texts_are(outcome.texts_level && untidy_ < untidy_records);
    covers(outcome.indexed);
    MovedOn moved_on;
    moved_on.upto = indexed_;
    for (const auto& batch : taken) {
        if (batch->local && std::erase(local_, batch) > 0) ++local_found_;
        if (!indexed_ || batch->offsets.back() > *indexed_) continue;
        behind_ -= std::min(behind_, batch->records.size());
        moved_on.received = batch->records.back().received;
    }
    // What failed before was read from the log.
    if (indexed_ && indexed_ >= stored_) moved_on.received = stored_received_;
    moved_on.failed = failed_;
    on_moved_on_(moved_on);
}

/// So that what was written here is found at once, while thousands of others wait.
io::Task<void> Indexer::take_in_ahead() {
    urgent_ = false;
    Batches batches = std::exchange(local_, {});
    const std::size_t found = batches.size();
    std::erase_if(batches, [this](const auto& each) { return indexed_ >= each->offsets.back(); });
    auto working = lane_.run(&index_jobs::take_in_ahead, std::ref(view_), std::move(batches),
                             std::ref(wanted_));
    auto done = co_await working;
    // Once more in its turn, and then an error is told.
    (void)done.has_value();
    local_found_ += found;
}

void Indexer::texts_are(bool level) {
    if (!texts_behind_) texts_since_ms_ = loop_.now_ms();
    texts_behind_ = !level;
}

io::Task<void> Indexer::take_in_texts() {
    searching_ = true;
    auto working = lane_.run(&index_jobs::index_texts, std::ref(view_), std::ref(wanted_));
    auto level = co_await working;
    searching_ = false;
    texts_since_ms_ = loop_.now_ms();
    // An error comes back with whatever is to be indexed next.
    if (!level || *level) untidy_ = 0;
    texts_are(!level || *level);
}

// --- views that catch up

io::Async<flume::Damage> Indexer::catch_up() {
    catching_up_ = true;
    flume::Damage damage;
    while (true) {
        auto indexing = lane_.run(&index_jobs::index_slices, std::cref(log_), std::ref(view_),
                                  job_records(), std::ref(wanted_));
        auto indexed = co_await indexing;
        if (!indexed) co_return std::move(indexed).error().in("index");
        covers(indexed->upto);
        damage.add(indexed->progress.damage);
        auto tidying = write_back();
        co_await tidying;
        if (!indexed->progress.level) continue;
        catching_up_ = false;
        // Some may have been stored since the start, and gone in as single entries.
        MovedOn moved_on;
        moved_on.upto = indexed_;
        if (indexed_ >= stored_) moved_on.received = stored_received_;
        on_moved_on_(moved_on);
        co_return damage;
    }
}

io::Async<void> Indexer::feed(SideView side) {
    sides_.push_back(std::make_unique<Side>(Side{std::move(side)}));
    auto leading = lead(*sides_.back());
    co_return co_await leading;
}

io::Async<void> Indexer::lead(Side& side) {
    while (true) {
        auto leading = lane_.run(&index_jobs::lead_on, std::cref(log_), side.what);
        index_jobs::Step step = co_await leading;
        if (step.then) step.then();
        if (!step.level) co_return std::move(step.level).error().in(side.what.view->name());
        side.level = *step.level;
        if (side.level) co_return {};
    }
}

io::Async<void> Indexer::rebuild_side_views() {
    for (std::size_t i = 0; i < sides_.size(); ++i) {
        Side& side = *sides_[i];
        side.level = false;
        auto clearing = lane_.run(&index_jobs::clear, std::cref(log_), side.what.view);
        auto cleared = co_await clearing;
        if (!cleared) co_return std::move(cleared).error();
        auto leading = lead(side);
        auto led = co_await leading;
        if (!led) co_return std::move(led).error();
    }
    co_return {};
}

io::Async<void> Indexer::renew() {
    // Whatever is stored from here on goes in as single entries.
    catching_up_ = true;
    auto renewing = lane_.run(&index_jobs::renew_index, std::cref(log_), std::ref(view_));
    auto renewed = co_await renewing;
    if (!renewed) co_return std::move(renewed).error().in("index");
    failed_.reset();
    covers(std::nullopt);
    co_return {};
}

bool Indexer::wants_build() const {
    return !view_.covered().upto && log_.end() > limits::core_build_bytes_min;
}

std::optional<flume::Offset> Indexer::building() const {
    if (!builder_) return std::nullopt;
    return builder_->reached();
}

io::Async<flume::Damage> Indexer::build() {
    SBOT_ASSERT(!builder_);
    auto starting = lane_.run(&flume::CoreView::start_building, std::ref(view_));
    co_await starting;
    flume::CoreBuilder::Options options{view_.building_path(), view_.options().unbox,
                                        view_.options().kept};
    builder_ = std::make_unique<flume::CoreBuilder>(std::move(options));
    auto building =
        building_lane_.run(&flume::CoreBuilder::build, std::ref(*builder_), std::cref(log_));
    auto built = co_await building;
    if (built) co_return built->damage;
    builder_ = nullptr;
    auto stopping = lane_.run(&flume::CoreView::stop_building, std::ref(view_));
    co_await stopping;
    co_return std::move(built).error().in("index");
}

io::Async<void> Indexer::adopt() {
    auto adopting = lane_.run(&index_jobs::adopt_index, std::cref(log_), std::ref(view_));
    auto adopted = co_await adopting;
    builder_ = nullptr;
    if (!adopted) co_return std::move(adopted).error().in("index");
    covers(*adopted);
    co_return {};
}

io::Async<void> Indexer::catch_up_texts() {
    while (true) {
        auto indexing = lane_.run(&index_jobs::index_texts, std::ref(view_), std::ref(wanted_));
        auto level = co_await indexing;
        if (!level) co_return std::move(level).error().in("full text");
        if (*level) co_return {};
    }
}

io::Async<void> Indexer::with_index(std::function<Result<void>(flume::CoreView&)> what) {
    auto doing = lane_.run(std::move(what), std::ref(view_));
    co_return co_await doing;
}

// --- deletion

io::Async<void> Indexer::erase(std::vector<flume::Offset> offsets, flume::Journal& journal,
                               flume::BeforeErasing before) {
    auto draining = drained();
    co_await draining;
    std::vector<Side> sides;
    for (const auto& side : sides_) sides.push_back(*side);
    auto erasing = lane_.run(&index_jobs::erase, std::ref(log_), std::ref(view_), std::move(sides),
                             std::ref(journal), std::move(offsets), std::move(before));
    index_jobs::Outcome outcome = co_await erasing;
    for (const auto& then : outcome.then) {
        if (then) then();
    }
    covers(outcome.indexed);
    if (outcome.index_gone) {
        MovedOn moved_on;
        moved_on.upto = indexed_;
        moved_on.failed = outcome.done.error();
        on_moved_on_(moved_on);
    }
    co_return std::move(outcome.done);
}

/// Nothing is on its way into the views; what could not be taken in is in the log.
io::Task<void> Indexer::drained() {
    while (!waiting_.empty() || !working_on_.empty()) {
        hurry();
        co_await moved_on_.wait();
    }
}

// --- who waits

void Indexer::hurry() {
    hurried_ = true;
    if (searching_) wanted_ = true;
    something_.set();
}

/// The index has moved, perhaps to the log's end.
void Indexer::covers(std::optional<flume::Offset> upto) {
    indexed_ = upto;
    if (indexed_ >= stored_) behind_ = 0;
    moved_on_.set();
    moved_on_.reset();
}

std::optional<Sequence> Indexer::first_waiting(const FeedId& feed) const {
    for (const Batches* batches : {&working_on_, &waiting_}) {
        for (const auto& batch : *batches) {
            for (const Record& record : batch->records) {
                if (record.author == feed) return record.state.sequence;
            }
        }
    }
    return std::nullopt;
}

io::Task<void> Indexer::level() {
    const auto wanted = taken_in_ + working_on_.size() + waiting_.size();
    const auto failures = failures_;
    while ((taken_in_ < wanted || failed_) && failures_ == failures) {
        hurry();
        co_await moved_on_.wait();
    }
}

io::Task<void> Indexer::local_level() {
    const auto wanted = local_stored_;
    const auto failures = failures_;
    while ((local_found_ < wanted || failed_) && failures_ == failures) {
        hurry();
        co_await moved_on_.wait();
    }
}

io::Async<void> Indexer::works() {
    if (!failed_) co_return {};
    auto trying = level();
    co_await trying;
    if (failed_ && failed_->code == Errc::corrupt) {
        auto replaced = until_written();
        auto waiting = io::timeout(loop_, replacing_ms_max, std::move(replaced));
        auto ignored = co_await waiting;
        (void)ignored.has_value();
    }
    if (failed_) co_return *failed_;
    co_return {};
}

io::Async<void> Indexer::until_written() {
    while (failed_) co_await moved_on_.wait();
    co_return {};
}

io::Async<void> Indexer::until_covered(flume::Offset upto) {
    while (indexed_ < upto) {
        hurry();
        co_await moved_on_.wait();
    }
    co_return {};
}

io::Async<void> Indexer::synchronized(flume::Offset upto, std::uint64_t timeout_ms) {
    auto there = log_.get(upto);
    if (!there) co_return std::move(there).error();
    auto covered = until_covered(upto);
    auto waiting = io::timeout(loop_, timeout_ms, std::move(covered));
    co_return co_await waiting;
}

io::Task<void> Indexer::room() {
    while (behind_ > lag_records_max_ || failed_) co_await moved_on_.wait();
}

}  // namespace sbot::app
