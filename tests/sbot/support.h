#pragma once

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "base/memory_files.h"
#include "flume/core_view.h"
#include "flume/offset_log.h"
#include "io/loop.h"
#include "io/pool.h"
#include "message/create.h"
#include "sbot/commit_news.h"
#include "sbot/feeds.h"
#include "sbot/reading.h"
#include "sbot/writer.h"

/// What the tests of the server share.
namespace sbot::app {

/// A folder of its own for one test, removed at its end.
class TemporaryFolder {
 public:
    TemporaryFolder() {
        std::string name = (std::filesystem::temp_directory_path() / "sbot-XXXXXX").string();
        path_ = ::mkdtemp(name.data());
    }
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    std::string path() const { return path_; }
    std::string operator/(const std::string& name) const { return path_ + "/" + name; }
    void put(const std::string& name, std::string_view text) const {
        std::filesystem::create_directories(std::filesystem::path(*this / name).parent_path());
        std::ofstream(*this / name) << text;
    }

 private:
    std::string path_;
};

inline message::KeyPair pair_of(std::uint8_t number) {
    std::array<std::uint8_t, 32> seed{};
    seed[0] = number;
    return message::KeyPair::from_seed(seed);
}

inline io::Task<void> turns(io::Loop& loop, int count) {
    for (int i = 0; i < count; ++i) co_await loop.yield();
}

/// A feed written elsewhere: its messages as compact JSON, `count` of them.
inline std::vector<std::string> feed_of(const message::KeyPair& keys, int count,
                                        std::string_view type = "post") {
    std::vector<std::string> out;
    std::optional<message::FeedState> state;
    for (int i = 1; i <= count; ++i) {
        json::Writer content;
        content.begin_object().member("type", type).member("n", static_cast<double>(i));
        auto document = json::Document::parse(content.end_object().text());
        auto made = message::create(document->root(), state ? &*state : nullptr, keys, {},
                                    1500000000000.0 + i);
        out.push_back(made->json);
        state = made->state;
    }
    return out;
}

inline std::vector<Bytes> as_bytes(const std::vector<std::string>& texts) {
    std::vector<Bytes> out;
    for (const std::string& text : texts) out.push_back(base::to_bytes(text));
    return out;
}

/// Log, index, writer, feeds and reading, as the server has them, on a disk in memory (the index is
/// a file). Can be closed and opened again.
class Store {
 public:
    explicit Store(io::Loop& its_loop) : loop(its_loop), pool(its_loop) { open(); }
    ~Store() { close(); }

    void open(base::Files* over = nullptr) {
        auto opened = flume::OffsetLog::open(over != nullptr ? *over : disk, "log.offset", {});
        must(opened.has_value());
        // A page that is being read when all is over keeps its log, and that its disk.
        log.reset(opened->release(), [disk = memory](flume::OffsetLog* gone) { delete gone; });
        flume::CoreView::Options options;
        options.path = folder / "core.sqlite";
        options.unbox = [this](json::Value value) -> std::optional<std::string> {
            auto plain = message::Unboxer(own).open(value["content"].string());
            if (!plain) return std::nullopt;
            return json::compact(plain->plain.root());
        };
        CommitNews::follow(news, loop, options);
        auto index = flume::CoreView::open(std::move(options));
        must(index.has_value());
        view = std::move(*index);
        must(flume::settle(*view, *log).has_value());
        auto on_moved_on = [this](const Indexer::MovedOn& moved_on) {
            ++index_jobs;
            if (moved_on.failed) index_error = moved_on.failed->what;
            reading->grown(moved_on);
        };
        indexer = std::make_unique<Indexer>(loop, *log, *view, on_moved_on, lag_records_max);
        writer = std::make_unique<Writer>(loop, *log, *indexer,
                                          [this](const Batch& batch) { batch_done(batch); });
        feeds = std::make_unique<Feeds>(pool, *writer, own, hmac, time, random);
        damage = std::make_shared<DamageNotice>(logger);
        std::shared_ptr<const Entries> entries(new Entries{log, message::Unboxer(own), damage});
        readable = entries;
        reading =
            std::make_unique<Reading>(pool, std::move(entries), *feeds, *indexer, view->path());
        must(loop.run(indexer->catch_up()).has_value());
        load();
    }
    void close() {
        reading.reset();
        feeds.reset();
        writer.reset();
        indexer.reset();
        view.reset();
        log.reset();
    }

    /// The envelope, or the error's text.
    std::string publish(std::string_view content) {
        auto document = json::Document::parse(content);
        auto done = loop.run(feeds->publish(document->root()));
        return done ? *done : done.error().message;
    }
    /// `take`, and then until it is written.
    replication::Taken take(const FeedId& feed, std::vector<Bytes> messages) {
        std::vector<replication::FeedRun> runs(1);
        runs[0] = {feed, std::move(messages)};
        auto taken = loop.run(feeds->take(std::move(runs)));
        loop.run(writer->flushed());
        return taken.at(0);
    }

    io::Loop& loop;
    TemporaryFolder folder;
    std::shared_ptr<base::MemoryFiles> memory = std::make_shared<base::MemoryFiles>();
    base::MemoryFiles& disk = *memory;
    base::SystemClock clock;
    base::MonotonicTime time{clock};
    base::SystemRandom random;
    message::KeyPair own = pair_of(1);
    message::HmacKey hmac;
    io::Pool pool;
    std::shared_ptr<CommitNews> news = std::make_shared<CommitNews>();
    std::shared_ptr<flume::OffsetLog> log;
    base::Logger logger{base::LogLevel::error};
    std::shared_ptr<DamageNotice> damage;
    std::shared_ptr<const Entries> readable;
    std::unique_ptr<flume::CoreView> view;
    std::unique_ptr<Indexer> indexer;
    std::unique_ptr<Writer> writer;
    std::unique_ptr<Feeds> feeds;
    std::unique_ptr<Reading> reading;
    std::size_t lag_records_max = limits::index_lag_records_max_default;  // from `open` on
    int batches = 0;
    int index_jobs = 0;
    std::string index_error;

 private:
    static void must(bool truth) { SBOT_ASSERT(truth); }

    void batch_done(const Batch& batch) {
        ++batches;
        feeds->batch_done(batch);
    }
    void load() {
        auto reader = flume::CoreReader::open(view->path());
        std::vector<std::pair<FeedId, message::FeedState>> states;
        auto known = (*reader)->all_states();
        for (const auto& each : *known) {
            states.push_back({each.feed, {each.key, each.sequence, each.claimed}});
        }
        flume::PageOf last;
        last.reverse = true;
        last.limit = 1;
        auto rows = (*reader)->by_received(last);
        double received = rows->empty() ? 0 : rows->front().at;
        feeds->load(std::move(states), received);
        reading->open(received);
    }
};

}  // namespace sbot::app
