#include "flume/core_builder.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "base/files.h"
#include "base/limits.h"
#include "flume/boot_mark.h"
#include "flume/core_loader.h"
#include "flume/sqlite.h"

namespace sbot::flume {
namespace {

/// Some of the log, and what it comes to.
struct Load {
    Bytes text;
    RowBatch rows;
    Coverage covered;  // `upto` and `key` of its last entry
};

}  // namespace

/// From the parser to the writer: a few loads that go round.
struct CoreBuilder::Line {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<std::unique_ptr<Load>> empty, full;
    bool ended = false;    // the parser gives no more
    bool hung_up = false;  // the writer takes no more
    std::optional<Error> failed;
    Damage damage;

    Line() {
        for (std::size_t i = 0; i < limits::core_builder_loads; ++i) {
            empty.push_back(std::make_unique<Load>());
        }
    }
    /// Waits for one of `from`; null when there will be none.
    std::unique_ptr<Load> take(std::deque<std::unique_ptr<Load>>& from) {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return !from.empty() || ended || hung_up; });
        if (from.empty() || hung_up) return nullptr;
        auto load = std::move(from.front());
        from.pop_front();
        return load;
    }
    void put(std::deque<std::unique_ptr<Load>>& to, std::unique_ptr<Load> load) {
        std::lock_guard lock(mutex);
        to.push_back(std::move(load));
        changed.notify_all();
    }
    template <typename Change>
    void set(Change change) {
        std::lock_guard lock(mutex);
        change();
        changed.notify_all();
    }

    void parse(const Log& log, RowMaker& maker);
    Result<bool> fill(Cursor& cursor, RowMaker& maker, Load& load);
};

/// False at the log's end.
Result<bool> CoreBuilder::Line::fill(Cursor& cursor, RowMaker& maker, Load& load) {
    auto batch = cursor.next_batch(SIZE_MAX);
    if (!batch) return std::move(batch).error();
    if (batch->empty()) return false;
    // The cursor's memory is for one batch; rows borrow from the copy.
    std::size_t bytes = 0;
    for (const Entry& entry : *batch) bytes += entry.data.size();
    load.text.clear();
    load.text.reserve(bytes);
    load.rows.clear();
    for (const Entry& entry : *batch) {
        const std::size_t at = load.text.size();
        base::append(load.text, entry.data);
        maker.add(load.rows, {entry.offset, ByteView(load.text).subspan(at)});
    }
    load.covered.upto = batch->back().offset;
    load.covered.key = std::string(key_of(batch->back().data));
    return true;
}

void CoreBuilder::Line::parse(const Log& log, RowMaker& maker) {
    Range all;
    all.lt = log.synced_end();
    all.block_bytes = limits::core_builder_block_bytes;
    auto cursor = log.scan(all);
    if (!cursor) return set([&] { failed = cursor.error(); });
    while (auto load = take(empty)) {
        auto filled = fill(**cursor, maker, *load);
        if (!filled) return set([&] { failed = filled.error(); });
        if (!*filled) break;
        put(full, std::move(load));
    }
    set([&] { damage = (*cursor)->damage(); });
}

Result<CoreBuilder::Built> CoreBuilder::fill(const Log& log, CoreLoader& loader, RowMaker& maker) {
    Line line;
    std::jthread parser([&] {
        line.parse(log, maker);
        line.set([&] { line.ended = true; });
    });
    Built built;
    built.covered.generation = log.generation();
    Result<void> done;
    while (auto load = line.take(line.full)) {
        if (stopped_) done = error(Errc::cancelled, "core view: building was stopped");
        if (done) done = loader.add(load->rows);
        if (!done) break;
        built.covered.upto = load->covered.upto;
        built.covered.key = load->covered.key;
        reached_ = *load->covered.upto;
        line.put(line.empty, std::move(load));
    }
    line.set([&] { line.hung_up = true; });
    parser.join();
    if (done && line.failed) done = *line.failed;
    if (done) done = loader.finish(built.covered);
    if (!done) return std::move(done).error();
    built.count = loader.count();
    built.damage = line.damage;
    return built;
}

Result<CoreBuilder::Built> CoreBuilder::build(const Log& log) {
    base::PosixFiles files;
    auto removed = sqlite::remove_database(files, options_.path);
    if (removed) removed = BootMark(files, options_.path).clear();
    if (!removed) return std::move(removed).error();
    CoreLoader::Options how{options_.path, RowMaker::Secret::random(), log.generation(), {}};
    if (options_.kept) how.kept = options_.kept();
    RowMaker maker(options_.unbox, how.secret);
    auto loader = CoreLoader::make(std::move(how));
    Result<Built> built = loader ? fill(log, **loader, maker) : Result<Built>(loader.error());
    if (built) return built;
    // Where the disk is full, others need the room.
    if (loader) loader->reset();
    removed = sqlite::remove_database(files, options_.path);
    (void)removed.has_value();
    return built;
}

}  // namespace sbot::flume
