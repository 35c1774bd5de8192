#include "flume/journal.h"

#include "base/assert.h"
#include "base/checked_line.h"
#include "base/limits.h"
#include "flume/journal_text.h"

namespace sbot::flume {
namespace {

constexpr std::size_t first_read_bytes = 64 << 10;

/// Any number that a double holds, but 0, which stands for a log without a journal.
std::uint64_t random_generation(base::Random& random) {
    std::uint8_t bytes[8];
    random.fill(bytes);
    return (base::load_be(bytes, 8) & ((std::uint64_t{1} << 53) - 1)) | 1;
}

/// A good record at the end of a bad line, whose line feed was spoilt.
bool ends_with_a_record(std::string_view line) {
    for (std::size_t at = line.find(" {"); at != line.npos; at = line.find(" {", at + 1)) {
        if (at > 8 && base::checked_text(line.substr(at - 8))) return true;
    }
    return false;
}

}  // namespace

std::string journal_path(const std::string& log_path) {
    return base::folder_of(log_path) + "/log.journal";
}

/// The line at the position, without its end; nothing if it has none (yet).
Result<std::optional<std::string_view>> JournalReader::line() {
    std::size_t wanted = first_read_bytes;
    for (;;) {
        if (fresh_ && position_ >= begin_ && position_ <= begin_ + window_.size()) {
            auto held = base::text_of(ByteView(window_).subspan(position_ - begin_));
            if (auto end = held.find('\n'); end != held.npos) {
                return std::optional<std::string_view>(held.substr(0, end));
            }
        }
        window_.resize(wanted);
        begin_ = position_;
        auto got = file_.read_at(begin_, window_);
        fresh_ = got.has_value();
        if (!got) return std::move(got).error();
        window_.resize(*got);
        auto held = base::text_of(window_);
        if (held.find('\n') != held.npos) continue;
        if (*got < wanted) {
            fresh_ = false;  // what is missing may come
            return std::optional<std::string_view>();
        }
        if (wanted > limits::journal_record_bytes_max) {
            return error(Errc::corrupt,
                         "journal: no end of the record at " + std::to_string(position_));
        }
        wanted *= 2;
    }
}

/// A crash can only have spoilt the last record: each is on the disk before the next is written.
Result<bool> JournalReader::good_line_follows() {
    JournalReader ahead(file_, position_);
    for (;;) {
        auto line = ahead.line();
        if (!line) return std::move(line).error();
        if (!*line) return false;
        if (base::checked_text(**line) || ends_with_a_record(**line)) return true;
        ahead.position_ += (*line)->size() + 1;
    }
}

Result<std::optional<Change>> JournalReader::next() {
    auto line = this->line();
    if (!line) return std::move(line).error();
    if (!*line) return std::optional<Change>();
    auto text = base::checked_text(**line);
    auto change = text ? change_of(*text) : error(Errc::invalid, "a wrong checksum");
    if (!text) {
        auto follows = good_line_follows();
        if (!follows) return std::move(follows).error();
        fresh_ = false;
        if (!*follows) return std::optional<Change>();
    }
    if (!change) {
        return error(Errc::corrupt, "journal: record at " + std::to_string(position_) + ": " +
                                        change.error().what);
    }
    change->at = position_;
    position_ += (*line)->size() + 1;
    change->next = position_;
    return std::optional<Change>(std::move(*change));
}

Result<std::unique_ptr<Journal>> Journal::open(base::Files& files, const std::string& path,
                                               base::Random& random) {
    base::OpenFile how;
    how.create = true;
    auto file = files.open(path, how);
    if (!file) return std::move(file).error();
    std::unique_ptr<Journal> journal(new Journal(std::move(*file)));
    if (auto ok = journal->recover(); !ok) return std::move(ok).error().in(path);
    if (journal->generation_ == 0) {
        // The name of the file is on the disk before its first record.
        if (auto ok = files.sync_folder(base::folder_of(path)); !ok) return std::move(ok).error();
        if (auto ok = journal->new_generation(random); !ok) return std::move(ok).error();
    }
    return journal;
}

Result<void> Journal::recover() {
    JournalReader reader(*file_);
    for (;;) {
        auto change = reader.next();
        if (!change) return std::move(change).error();
        if (!*change) break;
        take_in(**change);
    }
    end_ = reader.position();
    auto size = file_->size();
    if (!size) return std::move(size).error();
    bytes_cut_ = *size - end_;
    if (bytes_cut_ > 0) {
        if (auto ok = file_->truncate(end_); !ok) return ok;
    }
    // What is acted upon is on the disk, whatever a predecessor left unsynced.
    return file_->sync();
}

void Journal::take_in(const Change& change) {
    switch (change.kind) {
        case Change::Kind::generation: generation_ = change.generation; break;
        case Change::Kind::del:
            pending_[change.at] = change.deleted;
            for (const Deleted& entry : change.deleted) {
                if (!entry.is_message) continue;
                Deleted& last = last_[entry.feed];
                if (last.sequence <= entry.sequence) last = entry;
            }
            break;
        case Change::Kind::done: pending_.erase(change.done); break;
        case Change::Kind::rewind:
            // Others lie there now.
            for (auto& [at, entries] : pending_) {
                std::erase_if(entries, [&](const Deleted& entry) {
                    return entry.offset && *entry.offset >= change.to;
                });
            }
            break;
        case Change::Kind::reindex:
        case Change::Kind::other: break;
    }
}

/// One write, then one sync. After a failure the record may be there in part, or whole and not on
/// the disk: it is taken back, or nothing more is written.
Result<void> Journal::append(const std::string& text) {
    if (lost_) return *lost_;
    std::string line;
    base::append_checked_line(line, text);
    if (line.size() > limits::journal_record_bytes_max) {
        return error(Errc::limit, "journal: record too long");
    }
    auto done = file_->write_at(end_, base::bytes_of(line));
    bool wrote = done.has_value();
    if (done) done = file_->sync();
    if (!done) {
        lost_ = done.error();
        if (!wrote && file_->truncate(end_)) lost_.reset();
        return done;
    }
    end_ += line.size();
    return {};
}

Result<std::uint64_t> Journal::intend_deletion(std::span<const Deleted> entries) {
    SBOT_ASSERT(!entries.empty() && entries.size() <= limits::journal_entries_max);
    Change change;
    change.kind = Change::Kind::del;
    change.at = end_;
    change.deleted.assign(entries.begin(), entries.end());
    if (auto ok = append(text_of(change)); !ok) return std::move(ok).error();
    take_in(change);
    return change.at;
}

Result<void> Journal::deletion_done(std::uint64_t at) {
    Change change;
    change.kind = Change::Kind::done;
    change.done = at;
    if (auto ok = append(text_of(change)); !ok) return ok;
    take_in(change);
    return {};
}

Result<void> Journal::rewind(Offset to) {
    Change change;
    change.kind = Change::Kind::rewind;
    change.to = to;
    if (auto ok = append(text_of(change)); !ok) return ok;
    take_in(change);
    return {};
}

Result<void> Journal::reindex(std::span<const Offset> entries) {
    SBOT_ASSERT(!entries.empty() && entries.size() <= limits::journal_entries_max);
    Change change;
    change.kind = Change::Kind::reindex;
    change.offsets.assign(entries.begin(), entries.end());
    return append(text_of(change));
}

Result<void> Journal::new_generation(base::Random& random) {
    Change change;
    change.kind = Change::Kind::generation;
    change.generation = random_generation(random);
    if (auto ok = append(text_of(change)); !ok) return ok;
    take_in(change);
    return {};
}

}  // namespace sbot::flume
