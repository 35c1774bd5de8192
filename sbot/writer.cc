#include "sbot/writer.h"

#include <utility>

#include "base/limits.h"

namespace sbot::app {

struct Writer::Erasure {
    std::vector<flume::Offset> offsets;
    flume::Journal& journal;
    flume::BeforeErasing before;
    io::Event done = {};
    Result<void> result = {};
};

namespace {

struct Stored {
    std::optional<flume::Offset> behind;
    std::vector<flume::Offset> offsets;
    std::optional<Error> failed;
};

Stored append(flume::Log& log, std::shared_ptr<const Batch> batch) {
    Stored stored;
    std::vector<ByteView> texts;
    texts.reserve(batch->records.size());
    for (const Record& record : batch->records) texts.push_back(base::bytes_of(record.text));
    stored.behind = log.latest();
    auto offsets = log.append(texts);
    if (!offsets) {
        stored.failed = std::move(offsets).error().in("the log could not be written");
        return stored;
    }
    stored.offsets = std::move(*offsets);
    if (auto synced = log.sync(); !synced) {
        stored.failed = std::move(synced).error().in("the log could not be synced");
    }
    return stored;
}

}  // namespace

Writer::Writer(io::Loop& loop, flume::Log& log, Indexer& indexer, OnDone on_done)
    : log_(log), indexer_(indexer), on_done_(std::move(on_done)), lane_(loop, "log writer") {
    runner_ = run();
}

std::shared_ptr<Batch> Writer::write(Record record, Origin origin) {
    if (!next_) next_ = std::make_shared<Batch>();
    next_->bytes += record.text.size();
    record.local = origin == Origin::local;
    next_->local |= record.local;
    next_->records.push_back(std::move(record));
    something_.set();
    return next_;
}

io::Task<void> Writer::room() {
    auto indexing = indexer_.room();
    co_await indexing;
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

io::Async<void> Writer::erase(std::vector<flume::Offset> offsets, flume::Journal& journal,
                              flume::BeforeErasing before) {
    std::shared_ptr<Erasure> erasure(new Erasure{std::move(offsets), journal, std::move(before)});
    erasures_.push_back(erasure);
    something_.set();
    co_await erasure->done.wait();
    co_return erasure->result;
}

io::Task<void> Writer::run() {
    while (true) {
        while (!next_ && erasures_.empty()) {
            something_.reset();
            co_await something_.wait();
        }
        if (!erasures_.empty()) {
            auto erasing = erase(erasures_.front());
            co_await erasing;
            erasures_.pop_front();
            continue;
        }
        auto batch = std::exchange(next_, nullptr);
        auto storing = store(batch);
        co_await storing;
        // What followed messages that are not in the log cannot go in either.
        if (batch->failed && next_) {
            auto lost = std::exchange(next_, nullptr);
            lost->failed = batch->failed;
            finish(*lost);
        }
    }
}

io::Task<void> Writer::erase(std::shared_ptr<Erasure> erasure) {
    auto erasing =
        indexer_.erase(std::move(erasure->offsets), erasure->journal, std::move(erasure->before));
    erasure->result = co_await erasing;
    erasure->done.set();
}

io::Task<void> Writer::store(std::shared_ptr<Batch> batch) {
    writing_ = batch;
    auto appending = lane_.run(&append, std::ref(log_), std::shared_ptr<const Batch>(batch));
    Stored stored = co_await appending;
    batch->behind = stored.behind;
    batch->offsets = std::move(stored.offsets);
    batch->failed = std::move(stored.failed);
    if (!batch->failed) indexer_.stored(batch);
    writing_ = nullptr;
    finish(*batch);
}

void Writer::finish(Batch& batch) {
    on_done_(batch);
    batch.done.set();
    written_.set();
}

}  // namespace sbot::app
