#include "flume/offset_log.h"

#include <algorithm>
#include <mutex>

#include "flume/log_cursor.h"
#include "flume/record_reader.h"

namespace sbot::flume {
namespace {

// Most records are shorter, so that one read of this much gets them.
constexpr std::size_t first_read_bytes = 2048;
// The name is the JavaScript's, clients compare it.
constexpr std::string_view deleted_text = "item has been deleted";

Error nothing_at(Offset at) {
    return error(Errc::not_found, "no log entry begins at " + std::to_string(at));
}

}  // namespace

Error deleted_error() { return error(Errc::not_found, std::string(deleted_text)); }
bool is_deleted(const Error& wrong) {
    return wrong.code == Errc::not_found && wrong.what.ends_with(deleted_text);
}

Result<std::unique_ptr<OffsetLog>> OffsetLog::open(base::Files& files, const std::string& path,
                                                   Options options) {
    base::OpenFile as_it_is;
    as_it_is.write = !options.read_only;
    auto file = files.open(path, as_it_is);
    if (!file && !options.read_only && file.error().code == Errc::not_found) {
        base::OpenFile how;
        how.create = true;
        file = files.open(path, how);
        if (!file) return std::move(file).error();
        if (auto ok = files.sync_folder(base::folder_of(path)); !ok) return std::move(ok).error();
    }
    if (!file) return std::move(file).error();
    std::unique_ptr<OffsetLog> log(new OffsetLog(files, std::move(*file), options));
    if (!options.read_only) {
        auto place = FilePlace::of(files, path);
        if (!place) return std::move(place).error();
        log->place_ = std::move(*place);
    }
    if (auto ok = log->recover(); !ok) return std::move(ok).error().in(path);
    return log;
}

/// Looks back from the end for the last whole record and cuts off what follows it: the rest of a
/// write that was not finished, or rubbish.
Result<void> OffsetLog::recover() {
    while (true) {
        auto size = file_->size();
        if (!size) return std::move(size).error();
        auto done = recover(*size);
        if (done || !options_.read_only) return done;
        // The one that writes may just have cut off a torn end.
        auto now = file_->size();
        if (!now || *now >= *size) return done;
    }
}

Result<void> OffsetLog::recover(std::uint64_t size) {
    RecordReader reader(*file_, options_.mode, erasing_);
    auto end = reader.last_before(size);
    if (!end) return std::move(end).error();
    if (!*end) {
        if (auto ok = refuse_other_modes(size); !ok) return ok;
    }
    const Offset kept = end->value_or(0);
    recovery_ = {size, size - kept};
    if (kept < size && !options_.read_only) {
        if (auto ok = file_->truncate(kept); !ok) return ok;
    }
    // Views are built on what is read here: a predecessor that was killed may have left it
    // unsynced.
    if (!options_.read_only) {
        if (auto ok = file_->sync(); !ok) return ok;
    }
    if (kept > 0) {
        auto data = reader.before(kept);
        if (!data) return std::move(data).error();
        SBOT_ASSERT(data->has_value());
        latest_ = kept - (*data)->size() - overhead(options_.mode);
    }
    end_ = kept;
    synced_end_ = kept;
    return {};
}

/// Without a single whole record, a file is emptied only if it can be the torn first record.
Result<void> OffsetLog::refuse_other_modes(std::uint64_t size) const {
    if (size > limits::record_bytes_max + overhead(options_.mode)) {
        return error(Errc::corrupt, "not a log: no whole record in it");
    }
    for (Mode other : {Mode::bits32, Mode::bits48, Mode::bits53}) {
        RecordReader reader(*file_, other, erasing_);
        auto record = reader.at(0, size);
        if (!record) return std::move(record).error();
        if (*record) return error(Errc::corrupt, "a log with offsets of another width");
    }
    Bytes all(size);
    auto got = file_->read_at(0, all);
    if (!got) return std::move(got).error();
    all.resize(*got);
    if (all.size() < 4 || all_zero(all)) return {};
    std::size_t length = load_length(all.data());
    bool torn = is_length(length) && all.size() < length + overhead(options_.mode);
    if (!torn) return error(Errc::corrupt, "not a log: no whole record in it");
    return {};
}

/// Nobody else may have written since: what we are about to write goes where we believe the end is.
Result<void> OffsetLog::check_size() {
    auto size = file_->size();
    if (!size) return std::move(size).error();
    const Offset ours = end_.load(std::memory_order_relaxed);
    if (*size > ours && tail_is_dirty_) return file_->truncate(ours);
    if (*size > ours) {
        return error(Errc::denied, "another program has appended to the log: it has " +
                                       std::to_string(*size) + " bytes, not " +
                                       std::to_string(ours));
    }
    if (*size < ours) return error(Errc::corrupt, "the log is shorter than it was");
    return {};
}

Result<void> OffsetLog::in_place() const {
    auto found = place_ ? place_->check(files_) : Result<void>();
    if (found) return {};
    return error(Errc::corrupt, found.error().what +
                                    ": nothing is written until it is back. Stop the server, put "
                                    "the log back, and start it again");
}

Result<std::vector<Offset>> OffsetLog::append(std::span<const ByteView> batch) {
    SBOT_ASSERT(!batch.empty());
    if (options_.read_only) return error(Errc::denied, "the log is open for reading only");
    if (lost_) return *lost_;
    const Offset start = end_.load(std::memory_order_relaxed);
    Offset end = start;
    std::vector<Offset> offsets;
    offsets.reserve(batch.size());
    for (ByteView data : batch) {
        if (!is_length(data.size())) return error(Errc::invalid, "log entry of a bad length");
        if (counts_as_deleted(data))
            return error(Errc::invalid, "a log entry that would count as deleted");
        offsets.push_back(end);
        end += data.size() + overhead(options_.mode);
    }
    if (end > end_max(options_.mode)) {
        return error(Errc::limit, "the log is full: its offsets cannot go beyond " +
                                      std::to_string(end_max(options_.mode)));
    }
    if (auto ok = in_place(); !ok) return std::move(ok).error();
    if (auto ok = check_size(); !ok) return std::move(ok).error();
    tail_is_dirty_ = false;
    frames_.clear();
    frames_.reserve(end - start);
    for (std::size_t i = 0; i < batch.size(); ++i) {
        append_record(frames_, batch[i], offsets[i], options_.mode);
    }
    if (auto ok = file_->write_at(start, frames_); !ok) {
        tail_is_dirty_ = !file_->truncate(start);
        return std::move(ok).error();
    }
    end_.store(end, std::memory_order_release);
    latest_.store(offsets.back(), std::memory_order_release);
    return offsets;
}

Result<void> OffsetLog::sync() {
    if (lost_) return *lost_;
    const Offset end = end_.load(std::memory_order_relaxed);
    auto done = file_->sync();
    if (done) {
        synced_end_.store(end, std::memory_order_release);
    } else {
        lost_ = done.error();
    }
    return done;
}

/// All bytes of the whole record at `at`, or `not_found`.
Result<Bytes> OffsetLog::read_record(Offset at) const {
    const Offset log_end = end();
    if (at >= log_end) return nothing_at(at);
    Bytes record(std::min<Offset>(log_end - at, first_read_bytes));
    std::shared_lock lock(erasing_);
    for (;;) {
        auto got = file_->read_at(at, record);
        if (!got) return std::move(got).error();
        if (*got < record.size()) return error(Errc::corrupt, "the log is shorter than it was");
        if (auto data = whole_record(record, at, options_.mode)) {
            record.resize(data->size() + overhead(options_.mode));
            return record;
        }
        if (record.size() < 4) return nothing_at(at);
        std::size_t length = load_length(record.data());
        std::size_t whole = length + overhead(options_.mode);
        if (!is_length(length) || whole <= record.size() || whole > log_end - at) {
            return nothing_at(at);
        }
        record.resize(whole);
    }
}

Result<Bytes> OffsetLog::get(Offset at) const {
    auto record = read_record(at);
    if (!record) return record;
    record->erase(record->begin(), record->begin() + 4);
    record->resize(record->size() - (overhead(options_.mode) - 4));
    if (counts_as_deleted(*record)) return deleted_error();
    return record;
}

std::optional<Offset> OffsetLog::latest() const {
    Offset at = latest_.load(std::memory_order_acquire);
    if (at == none) return std::nullopt;
    return at;
}

Result<std::unique_ptr<Cursor>> OffsetLog::scan(Range range) const {
    std::size_t block = range.block_bytes == 0 ? limits::log_block_bytes
                                               : std::clamp(range.block_bytes, std::size_t{4096},
                                                            limits::log_block_bytes_max);
    return make_cursor(*this, RecordReader(*file_, options_.mode, erasing_, block), options_.mode,
                       range);
}

Result<void> OffsetLog::del(std::span<const Offset> entries) {
    if (auto ok = in_place(); !ok) return ok;
    std::vector<std::size_t> lengths;
    lengths.reserve(entries.size());
    for (Offset at : entries) {
        auto record = read_record(at);
        if (!record) return std::move(record).error();
        lengths.push_back(record->size() - overhead(options_.mode));
    }
    for (std::size_t i = 0; i < entries.size(); ++i) {
        const Bytes zeros(lengths[i]);
        std::unique_lock lock(erasing_);
        if (auto ok = file_->write_at(entries[i] + 4, zeros); !ok) return ok;
    }
    return {};
}

Result<void> OffsetLog::put_stand_in(Offset at, std::string text) {
    auto record = read_record(at);
    if (!record) return std::move(record).error();
    const std::size_t length = record->size() - overhead(options_.mode);
    if (text.size() >= length) return error(Errc::limit, "no room for what stands in");
    text.resize(length, ' ');
    SBOT_ASSERT(is_stand_in(base::bytes_of(text)));
    std::unique_lock lock(erasing_);
    return file_->write_at(at + 4, base::bytes_of(text));
}

Result<bool> OffsetLog::has_stand_in(Offset at) const {
    auto record = read_record(at);
    if (!record && record.error().code == Errc::not_found) return false;
    if (!record) return std::move(record).error();
    const std::size_t length = record->size() - overhead(options_.mode);
    return is_stand_in(ByteView(*record).subspan(4, length));
}

}  // namespace sbot::flume
