#include "sbot/writer.h"

#include <utility>

#include "base/assert.h"
#include "base/limits.h"
#include "flume/deletion.h"

namespace sbot::app {

/// A follower as the lane knows it; nobody else looks into it.
struct Followed {
    Follower what;
    bool level = false;   // has caught up: takes part in batches
    bool behind = false;  // missed something since

    /// Takes in a batch that has just been stored.
    Follower::Then feed(const flume::Log& log, std::span<const flume::Entry> entries);
    Follower::Then retract(std::span<const flume::Entry> entries);
};

namespace {

// Entries indexed in one job of the lane: some 10 ms.
constexpr std::size_t catch_up_entries = 1000;
// Posts put into the full text in one job: some 20 ms.
constexpr std::size_t catch_up_posts = 500;

struct Outcome {
    std::vector<flume::Offset> offsets;
    bool stored = false;
    std::optional<Error> failed;
    std::optional<flume::Offset> indexed;
    std::vector<Follower::Then> then;
};

struct Indexed {
    std::optional<flume::Offset> upto;
    flume::Progress progress;
};

Result<Indexed> index_some(const flume::Log& log, flume::View& view) {
    auto progress = flume::catch_up(view, log, catch_up_entries);
    if (!progress) return std::move(progress).error();
    return Indexed{view.covered().upto, *progress};
}

Result<void> index_all(const flume::Log& log, flume::View& view) {
    while (true) {
        auto indexed = index_some(log, view);
        if (!indexed) return std::move(indexed).error();
        if (indexed->progress.level) return {};
    }
}

}  // namespace

Follower::Then Followed::feed(const flume::Log& log, std::span<const flume::Entry> entries) {
    if (!level) return {};
    auto fed = behind ? index_all(log, *what.view) : what.view->apply(entries, flume::Place::next);
    behind = !fed;
    return what.fed(std::move(fed), true);
}

Follower::Then Followed::retract(std::span<const flume::Entry> entries) {
    return what.fed(what.view->retract(entries), level);
}

namespace {

/// `followed` is a list of the lane's own: the loop's may grow meanwhile.
Outcome store(flume::Log& log, flume::CoreView& view, std::vector<Followed*> followed,
              std::shared_ptr<const Batch> batch, bool index_behind) {
    Outcome outcome;
    std::vector<ByteView> texts;
    texts.reserve(batch->records.size());
    for (const Record& record : batch->records) texts.push_back(base::bytes_of(record.text));
    // While older entries are still to come, these go in as single ones.
    const auto place =
        view.covered().upto == log.latest() ? flume::Place::next : flume::Place::ahead;
    auto offsets = log.append(texts);
    if (!offsets) {
        outcome.failed = std::move(offsets).error().in("the log could not be written");
        return outcome;
    }
    if (auto synced = log.sync(); !synced) {
        outcome.failed = std::move(synced).error().in("the log could not be synced");
        return outcome;
    }
    outcome.stored = true;
    std::vector<flume::Entry> entries;
    entries.reserve(texts.size());
    for (std::size_t i = 0; i < texts.size(); ++i) entries.push_back({(*offsets)[i], texts[i]});
    auto indexed = index_behind ? index_all(log, view) : view.apply(entries, place);
    for (Followed* each : followed) outcome.then.push_back(each->feed(log, entries));
    if (!indexed) {
        outcome.failed = std::move(indexed).error().in("stored, but the index cannot be written");
    }
    outcome.indexed = view.covered().upto;
    outcome.offsets = std::move(*offsets);
    return outcome;
}

struct Lead {
    Result<bool> level;
    Follower::Then then;
};

/// The next step of a view that catches up; from the last one on it takes part in batches.
Lead lead_on(const flume::Log& log, Followed& followed) {
    flume::View& view = *followed.what.view;
    auto indexed = index_some(log, view);
    if (!indexed && indexed.error().code == Errc::corrupt) {
        auto cleared = view.clear(log.generation());
        indexed = cleared ? index_some(log, view) : Result<Indexed>(std::move(cleared).error());
    }
    if (!indexed) return {std::move(indexed).error(), {}};
    followed.level = indexed->progress.level;
    followed.behind = false;
    return {indexed->progress.level, followed.what.fed({}, followed.level)};
}

Result<void> clear(const flume::Log& log, std::vector<Followed*> followed) {
    for (Followed* each : followed) {
        each->level = false;
        if (auto ok = each->what.view->clear(log.generation()); !ok) return ok;
    }
    return {};
}

struct Erased {
    Result<void> done;
    std::vector<Follower::Then> then;
};

Erased erase_all(flume::Log& log, flume::CoreView& view, std::vector<Followed*> followed,
                 flume::Journal& journal, std::vector<flume::Offset> offsets,
                 flume::BeforeErasing before) {
    Erased erased;
    auto retract = [&](std::span<const flume::Entry> entries) {
        for (Followed* each : followed) erased.then.push_back(each->retract(entries));
    };
    erased.done = flume::erase(log, view, journal, std::move(offsets), std::move(before), retract);
    return erased;
}

Result<flume::CoreBuilder::Built> build_index(flume::CoreBuilder& builder, const flume::Log& log) {
    return builder.build(log);
}

void start_building(flume::CoreView& view) { view.start_building(); }
void stop_building(flume::CoreView& view) { view.stop_building(); }

Result<std::optional<flume::Offset>> adopt_index(const flume::Log& log, flume::CoreView& view) {
    if (auto ok = view.adopt(log); !ok) return std::move(ok).error();
    return view.covered().upto;
}

Result<bool> index_texts(flume::CoreView& view) { return view.catch_up_texts(catch_up_posts); }

template <typename Owned>
auto pointers(const std::vector<Owned>& owned) {
    std::vector<decltype(owned.front().get())> all;
    for (const Owned& each : owned) all.push_back(each.get());
    return all;
}

void do_all(const std::vector<Follower::Then>& then) {
    for (const Follower::Then& each : then) {
        if (each) each();
    }
}

}  // namespace

Writer::Writer(io::Loop& loop, flume::Log& log, flume::CoreView& view, OnDone on_done)
    : loop_(loop),
      log_(log),
      view_(view),
      on_done_(std::move(on_done)),
      lane_(loop, "log writer"),
      building_lane_(loop, "index builder") {
    runner_ = run();
}

Writer::~Writer() {
    if (builder_) builder_->stop();
}

io::Async<flume::Damage> Writer::catch_up() {
    flume::Damage damage;
    while (true) {
        auto indexing = lane_.run(&index_some, std::cref(log_), std::ref(view_));
        auto indexed = co_await indexing;
        if (!indexed) co_return std::move(indexed).error().in("index");
        covers(indexed->upto);
        const flume::Damage& more = indexed->progress.damage;
        if (damage.places == 0) damage.first = more.first;
        damage.places += more.places;
        damage.bytes += more.bytes;
        if (indexed->progress.level) co_return damage;
    }
}

io::Async<void> Writer::follow(Follower follower) {
    followed_.push_back(std::make_unique<Followed>(Followed{std::move(follower)}));
    auto leading = lead(*followed_.back());
    co_return co_await leading;
}

io::Async<void> Writer::lead(Followed& followed) {
    while (true) {
        auto leading = lane_.run(&lead_on, std::cref(log_), std::ref(followed));
        Lead step = co_await leading;
        if (step.then) step.then();
        if (!step.level) co_return std::move(step.level).error().in(followed.what.view->name());
        if (*step.level) co_return {};
    }
}

io::Async<void> Writer::rebuild_followers() {
    auto clearing = lane_.run(&clear, std::cref(log_), pointers(followed_));
    auto cleared = co_await clearing;
    if (!cleared) co_return std::move(cleared).error();
    for (std::size_t i = 0; i < followed_.size(); ++i) {
        auto leading = lead(*followed_[i]);
        auto led = co_await leading;
        if (!led) co_return std::move(led).error();
    }
    co_return {};
}

bool Writer::wants_build() const {
    return !view_.covered().upto && log_.end() > limits::core_build_bytes_min;
}

std::optional<flume::Offset> Writer::building() const {
    if (!builder_) return std::nullopt;
    return builder_->reached();
}

io::Async<flume::Damage> Writer::build() {
    SBOT_ASSERT(!builder_);
    auto starting = lane_.run(&start_building, std::ref(view_));
    co_await starting;
    flume::CoreBuilder::Options options{view_.building_path(), view_.options().unbox,
                                        view_.options().kept};
    builder_ = std::make_unique<flume::CoreBuilder>(std::move(options));
    auto building = building_lane_.run(&build_index, std::ref(*builder_), std::cref(log_));
    auto built = co_await building;
    if (built) co_return built->damage;
    builder_ = nullptr;
    auto stopping = lane_.run(&stop_building, std::ref(view_));
    co_await stopping;
    co_return std::move(built).error().in("index");
}

io::Async<void> Writer::adopt() {
    auto adopting = lane_.run(&adopt_index, std::cref(log_), std::ref(view_));
    auto adopted = co_await adopting;
    builder_ = nullptr;
    if (!adopted) co_return std::move(adopted).error().in("index");
    covers(*adopted);
    co_return {};
}

io::Async<void> Writer::catch_up_texts() {
    while (true) {
        auto indexing = lane_.run(&index_texts, std::ref(view_));
        auto level = co_await indexing;
        if (!level) co_return std::move(level).error().in("full text");
        if (*level) co_return {};
    }
}

io::Async<void> Writer::erase(std::vector<flume::Offset> offsets, flume::Journal& journal,
                              flume::BeforeErasing before) {
    auto erasing = lane_.run(&erase_all, std::ref(log_), std::ref(view_), pointers(followed_),
                             std::ref(journal), std::move(offsets), std::move(before));
    Erased erased = co_await erasing;
    do_all(erased.then);
    co_return std::move(erased.done);
}

std::shared_ptr<Batch> Writer::write(Record record) {
    if (!next_) next_ = std::make_shared<Batch>();
    next_->bytes += record.text.size();
    next_->records.push_back(std::move(record));
    something_.set();
    return next_;
}

io::Task<void> Writer::room() {
    while (true) {
        if (next_ && next_->bytes > limits::unwritten_bytes_max) {
            written_.reset();
            co_await written_.wait();
        } else if (behind_ > limits::index_lag_records_max) {
            co_await moved_on_.wait();
        } else {
            co_return;
        }
    }
}

/// The index has moved, perhaps to the log's end.
void Writer::covers(std::optional<flume::Offset> upto) {
    indexed_ = upto;
    if (upto == log_.latest()) behind_ = 0;
    moved_on_.set();
    moved_on_.reset();
}

io::Async<void> Writer::until_covered(flume::Offset upto) {
    while (!indexed_ || *indexed_ < upto) co_await moved_on_.wait();
    co_return {};
}

io::Async<void> Writer::synchronized(flume::Offset upto, std::uint64_t timeout_ms) {
    auto there = log_.get(upto);
    if (!there) co_return std::move(there).error();
    auto covered = until_covered(upto);
    auto waiting = io::timeout(loop_, timeout_ms, std::move(covered));
    co_return co_await waiting;
}

io::Task<void> Writer::flushed() {
    while (next_ || writing_) {
        auto waiting = next_ ? next_ : writing_;
        co_await waiting->done.wait();
    }
}

io::Task<void> Writer::run() {
    while (true) {
        while (!next_) {
            something_.reset();
            co_await something_.wait();
        }
        writing_ = std::exchange(next_, nullptr);
        auto storing = lane_.run(&store, std::ref(log_), std::ref(view_), pointers(followed_),
                                 std::shared_ptr<const Batch>(writing_), index_behind_);
        Outcome outcome = co_await storing;
        do_all(outcome.then);
        if (outcome.stored) behind_ += writing_->records.size();
        if (outcome.indexed) covers(outcome.indexed);
        writing_->offsets = std::move(outcome.offsets);
        writing_->stored = outcome.stored;
        writing_->failed = std::move(outcome.failed);
        index_behind_ = writing_->failed.has_value();
        finish(*writing_);
        // What followed messages that are not in the log cannot go in either.
        if (!writing_->stored && next_) {
            auto lost = std::exchange(next_, nullptr);
            lost->failed = writing_->failed;
            finish(*lost);
        }
        writing_ = nullptr;
    }
}

void Writer::finish(Batch& batch) {
    on_done_(batch);
    batch.done.set();
    written_.set();
}

}  // namespace sbot::app
