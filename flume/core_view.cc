#include "flume/core_view.h"

#include "base/assert.h"
#include "base/files.h"
#include "base/limits.h"
#include "flume/check.h"
#include "flume/core_schema.h"
#include "flume/core_tables.h"

namespace sbot::flume {
namespace {

// The longest that the writer waits for readers before it says that the log cannot be cut.
constexpr int truncate_busy_ms = 100;

}  // namespace

/// An open transaction, and what it takes back when it fails.
struct CoreView::Held {
    std::unique_ptr<sqlite::Transaction> transaction;
    Coverage covered;
    CoreTables::Mark mark;
};

CoreView::CoreView(Options options)
    : options_(std::move(options)),
      mark_(files_, options_.path),
      maker_(options_.unbox, RowMaker::Secret::random()) {}

CoreView::~CoreView() {
    // If it fails, the mark stays, and a machine that goes on running makes nothing of it.
    auto closed = close();
    (void)closed.has_value();
}

Result<void> CoreView::close() {
    held_.reset();
    tables_.reset();
    database_.reset();
    if (!mark_.is_set()) return {};
    for (const char* suffix : {"-wal", ""}) {
        auto file = files_.open(path() + suffix, {});
        if (!file && file.error().code == Errc::not_found) continue;
        if (!file) return std::move(file).error();
        if (auto ok = (*file)->sync(); !ok) return ok;
    }
    return mark_.clear();
}

int CoreView::version() const { return core_version; }

Result<std::unique_ptr<CoreView>> CoreView::open(Options options) {
    std::unique_ptr<CoreView> view(new CoreView(std::move(options)));
    Result<void> started = error(Errc::corrupt, "left by a machine that stopped");
    if (view->mark_.intact()) started = view->start();
    if (!started && started.error().code == Errc::corrupt) {
        // Nobody reads it yet: away with it.
        view->was_spoilt_ = true;
        view->tables_.reset();
        view->database_.reset();
        auto removed = sqlite::remove_database(view->files_, view->path());
        if (!removed) return std::move(removed).error();
        started = view->start();
    }
    if (!started) return std::move(started).error();
    return view;
}

Result<void> CoreView::start() {
    sqlite::Database::Options how;
    how.cache_bytes = limits::core_view_cache_bytes;
    how.unsynced = true;
    auto database = sqlite::Database::open(options_.path, how);
    if (!database) return std::move(database).error();
    database_ = std::move(*database);
    database_->before_commit([this] { return mark_.set(); });
    auto found = database_->number("PRAGMA user_version");
    if (!found) return std::move(found).error();
    if (*found != version()) {
        // A new file has no tables; an old one has those of its version.
        if (auto ok = database_->reset(); !ok) return ok;
        if (auto ok = create(0); !ok) return ok;
    }
    database_->on_row([this](std::string_view table, bool updated) {
        changed_ |= parts_changed(table, updated);
    });
    log_pages_ = 0;
    database_->on_commit([this](int log_pages) { log_pages_ = log_pages; });
    wal_look_at_ = options_.wal_bytes_max;
    return prepare();
}

Result<void> CoreView::prepare() {
    auto tables = CoreTables::open(*database_);
    if (!tables) return std::move(tables).error();
    tables_ = std::move(*tables);
    auto covered = tables_->read_progress();
    if (!covered) return std::move(covered).error();
    covered_ = std::move(*covered);
    note_places();
    // A spoilt list costs these indexes, nothing else; whoever asks for them is told.
    if (auto indexes = json_indexes()) return make_json_indexes(*database_, *indexes);
    return {};
}

/// Tables for an empty file, with what must be known before the first entry.
Result<void> CoreView::create(std::uint64_t generation) {
    auto transaction = sqlite::Transaction::begin(*database_);
    if (!transaction) return std::move(transaction).error();
    std::vector<FeedState> kept;
    if (options_.kept) kept = options_.kept();
    if (auto ok = CoreTables::create(*database_, generation, kept); !ok) return ok;
    if (auto ok = CoreTables::make_indexes(*database_); !ok) return ok;
    return (*transaction)->commit();
}

Result<void> CoreView::clear(std::uint64_t generation) {
    if (!database_) return error(Errc::corrupt, "core view: could not be opened anew");
    // The statements are of no use while the tables are away, and would keep them.
    tables_.reset();
    if (auto ok = database_->reset(); !ok) return ok;
    if (auto ok = create(generation); !ok) return ok;
    if (auto ok = prepare(); !ok) return ok;
    changed_ = part_all;
    after_commit();
    return {};
}

Result<void> CoreView::renew(std::uint64_t generation) {
    SBOT_ASSERT(!held_);
    leave_file();
    if (auto ok = sqlite::remove_database(files_, path()); !ok) return ok;
    if (auto ok = start(); !ok) return ok;
    return clear(generation);
}

void CoreView::leave_file() {
    tables_.reset();
    if (database_) CoreTables::supersede(*database_);
    database_.reset();
    std::lock_guard lock(places_mutex_);
    places_.clear();
}

/// Once something was read, SQLite has them all.
void CoreView::note_places() {
    std::lock_guard lock(places_mutex_);
    places_.clear();
    for (const char* suffix : {"", "-wal", "-shm"}) {
        auto place = FilePlace::of(files_, path() + suffix);
        if (place) places_.push_back(std::move(*place));
    }
}

Result<void> CoreView::in_place() const {
    std::lock_guard lock(places_mutex_);
    for (const FilePlace& place : places_) {
        if (auto ok = place.check(files_); !ok) return ok;
    }
    return {};
}

Result<void> CoreView::check() {
    if (!database_) return error(Errc::corrupt, "core view: could not be opened anew");
    if (auto ok = in_place(); !ok) return ok;
    return check_pages(*database_);
}

/// Others hear what has changed; and so that one that reads for ever does not fill the disk, the
/// write-ahead log is looked at.
void CoreView::after_commit() {
    if (options_.committed && changed_ != 0) options_.committed(changed_);
    changed_ = 0;
    if (log_pages_ >= limits::core_view_log_pages_max) {
        // Done when there is time again, if not now.
        auto done = checkpoint();
        (void)done.has_value();
    }
    if (options_.wal_bytes_max > 0) watch_wal();
}

Result<void> CoreView::checkpoint() {
    if (!database_ || held_) return {};
    log_pages_ = 0;
    return database_->checkpoint();
}

void CoreView::make_room() {
    if (!database_ || held_) return;
    auto cut = database_->truncate_log(truncate_busy_ms);
    (void)cut.has_value();
}

void CoreView::watch_wal() {
    auto log = files_.info(path() + "-wal");
    if (!log || log->bytes < wal_look_at_) return;
    auto cut = database_->truncate_log(truncate_busy_ms);
    if (cut && *cut) {
        wal_look_at_ = options_.wal_bytes_max;
        return;
    }
    wal_look_at_ = log->bytes + options_.wal_bytes_max / 8;
    if (options_.wal_stuck) options_.wal_stuck(log->bytes);
}

Result<void> CoreView::apply(std::span<const Entry> batch, Place place) {
    if (batch.empty()) return {};
    if (!tables_) return error(Errc::corrupt, "core view: could not be cleared");
    Coverage after = covered_;
    if (place == Place::next && (!after.upto || *after.upto < batch.back().offset)) {
        after.upto = batch.back().offset;
        after.key = std::string(key_of(batch.back().data));
    }
    rows_.clear();
    for (const Entry& entry : batch) maker_.add(rows_, entry);
    return in_transaction([&] { return take_in(place, after); });
}

/// In the one that is held, or in one of its own. Whatever fails takes all of it back.
Result<void> CoreView::in_transaction(const std::function<Result<void>()>& what) {
    const bool alone = !held_;
    if (alone) {
        if (auto ok = hold(); !ok) return ok;
    }
    auto done = what();
    if (!done) let_go();
    return done && alone ? commit() : std::move(done);
}

Result<void> CoreView::take_in(Place place, const Coverage& after) {
    // What is new is found at once; the rest of a long run can wait.
    const bool few = rows_.messages().size() <= limits::texts_at_once_max;
    const bool level = place == Place::next && texts_level() && few;
    const auto texts = level ? CoreTables::Texts::next
                       : few ? CoreTables::Texts::ahead
                             : CoreTables::Texts::later;
    if (auto ok = tables_->insert(rows_, texts); !ok) return ok;
    if (level) tables_->texts_reach(after.upto);
    covered_ = after;
    return {};
}

Result<void> CoreView::hold() {
    if (!tables_) return error(Errc::corrupt, "core view: could not be cleared");
    auto transaction = sqlite::Transaction::begin(*database_);
    if (!transaction) return std::move(transaction).error();
    held_.reset(new Held{std::move(*transaction), covered_, tables_->mark()});
    return {};
}

Result<void> CoreView::commit() {
    SBOT_ASSERT(held_);
    auto done = in_place();
    if (done) done = tables_->write_states();
    if (done) done = tables_->write_progress(covered_);
    if (done) done = held_->transaction->commit();
    if (done) {
        held_.reset();
        after_commit();
    } else {
        let_go();
    }
    return done;
}

void CoreView::let_go() {
    covered_ = std::move(held_->covered);
    const CoreTables::Mark mark = held_->mark;
    held_.reset();
    tables_->forget(mark);
}

Result<void> CoreView::retract(std::span<const Entry> entries) {
    if (!tables_) return error(Errc::corrupt, "core view: could not be cleared");
    rows_.clear();
    for (const Entry& entry : entries) maker_.add(rows_, entry);
    auto done = in_transaction([&] { return tables_->remove(rows_); });
    if (building_) {
        for (const Entry& entry : entries) {
            retracted_.emplace_back(entry.offset, base::to_bytes(entry.data));
        }
    }
    return done;
}

void CoreView::start_building() {
    building_ = true;
    retracted_.clear();
}

void CoreView::stop_building() {
    building_ = false;
    retracted_.clear();
}

/// Brings the file that was built up to date and leaves it closed, on the disk.
Result<void> CoreView::finish_built(const Log& log) {
    Options options = options_;
    options.path = building_path();
    options.committed = {};
    options.wal_bytes_max = 0;
    auto built = open(std::move(options));
    if (!built) return std::move(built).error();
    for (const auto& [offset, data] : retracted_) {
        // In and out again: the feed must know that it was there.
        const Entry entry[] = {{offset, data}};
        if (auto ok = (*built)->apply(entry, Place::ahead); !ok) return ok;
        if (auto ok = (*built)->retract(entry); !ok) return ok;
    }
    for (bool level = false; !level;) {
        auto progress = flume::catch_up(**built, log, limits::core_view_batch_entries);
        if (!progress) return std::move(progress).error();
        level = progress->level;
    }
    return (*built)->close();
}

Result<void> CoreView::adopt(const Log& log) {
    if (auto ok = finish_built(log); !ok) {
        stop_building();
        return ok;
    }
    leave_file();
    for (const char* suffix : {"-wal", "-shm"}) {
        // A reader that keeps the old file open has kept these too; they are not the new one's.
        if (auto ok = files_.remove(path() + suffix); !ok) return ok;
    }
    if (auto ok = files_.rename(building_path(), path()); !ok) return ok;
    if (auto ok = files_.sync_folder(path().substr(0, path().rfind('/'))); !ok) return ok;
    stop_building();
    if (auto ok = start(); !ok) return ok;
    changed_ = part_all;
    after_commit();
    return {};
}

Result<std::vector<JsonIndex>> CoreView::json_indexes() const {
    base::PosixFiles files;
    return read_json_indexes(files, json_indexes_path(path()));
}

Result<void> CoreView::make_index(const JsonIndex& index) {
    if (auto ok = in_place(); !ok) return ok;
    auto noted = json_indexes();
    if (!noted) return std::move(noted).error();
    for (const JsonIndex& each : *noted) {
        if (each.name != index.name) continue;
        if (each == index) return make_json_index(*database_, index);
        return error(Errc::invalid,
                     "there is another index called " + index.name + ", drop it first");
    }
    if (noted->size() >= limits::json_indexes_max) {
        return error(Errc::limit, "there are " + std::to_string(noted->size()) +
                                      " indexes, and no more can be made: drop one first");
    }
    if (auto ok = check_json_index(index); !ok) return ok;
    // Sorting may take more memory than there is to spare.
    if (auto ok = database_->run("PRAGMA temp_store=FILE"); !ok) return ok;
    auto made = make_json_index(*database_, index);
    auto restored = database_->run("PRAGMA temp_store=MEMORY");
    if (!made) return made;
    if (!restored) return restored;
    noted->push_back(index);
    after_commit();
    return write_json_indexes(files_, json_indexes_path(path()), *noted);
}

Result<void> CoreView::drop_index(const std::string& name) {
    auto noted = json_indexes();
    if (!noted) return std::move(noted).error();
    if (std::erase_if(*noted, [&](const JsonIndex& each) { return each.name == name; }) == 0) {
        return error(Errc::not_found, "there is no index called " + name);
    }
    auto forgotten = write_json_indexes(files_, json_indexes_path(path()), *noted);
    if (!forgotten) return forgotten;
    return drop_json_index(*database_, name);
}

Result<bool> CoreView::catch_up_texts(std::size_t posts_max) {
    if (!tables_) return error(Errc::corrupt, "core view: could not be cleared");
    if (!covered_.upto || texts_level()) return true;
    bool level = false;
    auto done = in_transaction([&]() -> Result<void> {
        auto caught_up = tables_->catch_up_texts(posts_max, *covered_.upto);
        if (!caught_up) return std::move(caught_up).error();
        level = *caught_up;
        return {};
    });
    if (!done) return std::move(done).error();
    return level;
}

bool CoreView::texts_level() const { return tables_ && tables_->texts_upto() == covered_.upto; }

Result<bool> CoreView::merge_texts() {
    if (!tables_) return error(Errc::corrupt, "core view: could not be cleared");
    return tables_->merge_texts();
}

Result<void> CoreView::distrust() { return database_->run("PRAGMA user_version=0"); }
Result<void> CoreView::trust() {
    return database_->run(("PRAGMA user_version=" + std::to_string(version())).c_str());
}

}  // namespace sbot::flume
