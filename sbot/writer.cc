#include "sbot/writer.h"

#include <utility>

#include "base/limits.h"
#include "flume/deletion.h"

namespace sbot::app {
namespace {

// Entries indexed in one job of the lane: some 10 ms.
constexpr std::size_t catch_up_entries = 1000;

struct Outcome {
    bool stored = false;
    std::optional<Error> failed;
    std::optional<flume::Offset> indexed;
};

struct Indexed {
    std::optional<flume::Offset> upto;
    flume::Progress progress;
};

Result<Indexed> index_some(const flume::Log& log, flume::CoreView& view) {
    auto progress = flume::catch_up(view, log, catch_up_entries);
    if (!progress) return std::move(progress).error();
    return Indexed{view.covered().upto, *progress};
}

Result<void> index_all(const flume::Log& log, flume::CoreView& view) {
    while (true) {
        auto indexed = index_some(log, view);
        if (!indexed) return std::move(indexed).error();
        if (indexed->progress.level) return {};
    }
}

Outcome store(flume::Log& log, flume::CoreView& view, std::shared_ptr<const Batch> batch,
              bool index_behind) {
    Outcome outcome;
    std::vector<ByteView> texts;
    texts.reserve(batch->records.size());
    for (const Record& record : batch->records) texts.push_back(base::bytes_of(record.text));
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
    Result<void> indexed;
    if (index_behind) {
        indexed = index_all(log, view);
    } else {
        std::vector<flume::Entry> entries;
        entries.reserve(texts.size());
        for (std::size_t i = 0; i < texts.size(); ++i) entries.push_back({(*offsets)[i], texts[i]});
        indexed = view.apply(entries, flume::Place::next);
    }
    if (!indexed) {
        outcome.failed = std::move(indexed).error().in("stored, but the index cannot be written");
    }
    outcome.indexed = view.covered().upto;
    return outcome;
}

Result<void> clear(const flume::Log& log, flume::CoreView& view) {
    return view.clear(log.generation());
}

}  // namespace

Writer::Writer(io::Loop& loop, flume::Log& log, flume::CoreView& view, OnDone on_done)
    : loop_(loop), log_(log), view_(view), on_done_(std::move(on_done)), lane_(loop, "log writer") {
    runner_ = run();
}

io::Async<flume::Damage> Writer::catch_up() {
    flume::Damage damage;
    while (true) {
        auto indexing = lane_.run(&index_some, std::cref(log_), std::ref(view_));
        auto indexed = co_await indexing;
        if (!indexed) co_return std::move(indexed).error().in("index");
        indexed_ = indexed->upto;
        const flume::Damage& more = indexed->progress.damage;
        if (damage.places == 0) damage.first = more.first;
        damage.places += more.places;
        damage.bytes += more.bytes;
        if (indexed->progress.level) co_return damage;
    }
}

io::Async<void> Writer::rebuild() {
    rebuilding_ = true;  // whatever is stored from here on brings the index up by itself
    auto clearing = lane_.run(&clear, std::cref(log_), std::ref(view_));
    auto cleared = co_await clearing;
    if (!cleared) co_return std::move(cleared).error().in("index");
    indexed_.reset();
    auto indexing = catch_up();
    auto done = co_await indexing;
    if (!done) co_return std::move(done).error();
    rebuilding_ = false;
    co_return {};
}

io::Async<void> Writer::erase(std::vector<flume::Offset> offsets, flume::Journal& journal,
                              flume::BeforeErasing before) {
    auto erasing = lane_.run(&flume::erase, std::ref(log_), std::ref(view_), std::ref(journal),
                             std::move(offsets), std::move(before));
    co_return co_await erasing;
}

std::shared_ptr<Batch> Writer::write(Record record) {
    if (!next_) next_ = std::make_shared<Batch>();
    next_->bytes += record.text.size();
    next_->records.push_back(std::move(record));
    something_.set();
    return next_;
}

io::Task<void> Writer::room() {
    while (next_ && next_->bytes > limits::unwritten_bytes_max) {
        written_.reset();
        co_await written_.wait();
    }
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
        auto storing =
            lane_.run(&store, std::ref(log_), std::ref(view_),
                      std::shared_ptr<const Batch>(writing_), index_behind_ || rebuilding_);
        Outcome outcome = co_await storing;
        if (outcome.indexed) indexed_ = outcome.indexed;
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
