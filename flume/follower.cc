#include "flume/follower.h"

#include <optional>

#include "base/checked_line.h"
#include "base/json.h"
#include "base/number.h"
#include "flume/frame.h"
#include "flume/view.h"

namespace sbot::flume {
namespace {

constexpr std::size_t marks_max = 24;

std::optional<std::uint64_t> whole(json::Value value) { return base::whole(value.number(-1)); }

}  // namespace

std::string Position::text() const {
    auto number = [](std::uint64_t value) { return static_cast<double>(value); };
    json::Writer out;
    out.begin_object().member("generation", number(generation));
    out.member("journal", number(journal)).member("next", number(next));
    out.name("marks").begin_array();
    for (const Mark& mark : marks) {
        out.begin_array().value(number(mark.offset)).value(number(mark.end));
        out.value(number(mark.sum)).end_array();
    }
    out.end_array().end_object();
    return std::move(out).text();
}

Result<Position> Position::parse(std::string_view text) {
    Position position;
    if (text.empty()) return position;
    auto bad = [] { return error(Errc::invalid, "not the position of a follower"); };
    json::Document document;
    if (!document.parse_borrowed(text)) return bad();
    json::Value root = document.root();
    auto generation = whole(root["generation"]), journal = whole(root["journal"]);
    auto next = whole(root["next"]);
    if (!generation || !journal || !next || root["marks"].size() > marks_max) return bad();
    position.generation = *generation;
    position.journal = *journal;
    position.next = *next;
    for (json::Value item : root["marks"].elements()) {
        auto offset = whole(item.at(0)), end = whole(item.at(1)), sum = whole(item.at(2));
        Offset before = position.marks.empty() ? 0 : position.marks.back().end;
        if (!offset || !end || !sum || *offset < before || *end <= *offset || *end > *next) {
            return bad();
        }
        position.marks.push_back({*offset, *end, static_cast<std::uint32_t>(*sum)});
    }
    return position;
}

Follower::Follower(base::Files& files, std::string log_path, Options options)
    : files_(files),
      log_path_(std::move(log_path)),
      options_(std::move(options)),
      position_(options_.position) {}

Result<std::span<const News>> Follower::next(std::size_t count_max) {
    news_.clear();
    auto there = look();
    if (!there) return std::move(there).error();
    if (!*there) return std::span<const News>();
    if (!gone_is_known_) {
        if (auto ok = load_gone(); !ok) return std::move(ok).error();
    }
    if (auto ok = read_journal(count_max); !ok) return std::move(ok).error();
    // The journal's news go first, and alone: the position is one place in each file.
    for (bool settled = !news_.empty(); !settled;) {
        auto read = read_log(count_max);
        if (!read) return std::move(read).error();
        settled = *read;
    }
    return std::span<const News>(news_);
}

/// Opens a file if another one has its name now, and says so; null where there is none.
Result<bool> Follower::reopen(const std::string& path, std::unique_ptr<base::File>& file,
                              base::FileInfo& known) {
    auto info = files_.info(path);
    if (!info && info.error().code != Errc::not_found) return std::move(info).error();
    if (!info) {
        bool was = file != nullptr;
        file.reset();
        known = {};
        return was;
    }
    bool same = file && info->inode == known.inode && info->device == known.device;
    known = *info;
    if (same) return false;
    base::OpenFile how;
    how.write = false;
    auto opened = files_.open(path, how);
    if (!opened) return std::move(opened).error();
    file = std::move(*opened);
    return true;
}

/// False if a log that was read has no file now. That does not say that it is empty: it may be
/// about to come back, moved aside or restored.
Result<bool> Follower::look() {
    auto log = reopen(log_path_, log_, log_info_);
    if (!log) return std::move(log).error();
    if (!log_ && position_.next > 0) return false;
    auto other = reopen(journal_path(log_path_), journal_, journal_info_);
    if (!other) return std::move(other).error();
    if (*other) gone_is_known_ = false;
    if (journal_info_.bytes < position_.journal) begin_anew(0);
    return true;
}

/// What the part of the journal that was read has deleted of the part of the log that was not. If
/// it is not the journal that was read, all begins anew.
Result<void> Follower::load_gone() {
    gone_.clear();
    gone_is_known_ = true;
    if (!journal_) return {};
    JournalReader reader(*journal_);
    std::uint64_t generation = 0;
    while (reader.position() < position_.journal) {
        auto change = reader.next();
        if (!change) return std::move(change).error();
        if (!*change) break;
        for (const Deleted& entry : (*change)->deleted) {
            if (entry.offset && *entry.offset >= position_.next) gone_[*entry.offset] = entry;
        }
        if ((*change)->kind == Change::Kind::rewind) {
            gone_.erase(gone_.lower_bound((*change)->to), gone_.end());
        }
        if ((*change)->kind == Change::Kind::generation) {
            generation = (*change)->generation;
            gone_.clear();
        }
    }
    if (reader.position() != position_.journal || generation != position_.generation) {
        begin_anew(0);
    }
    return {};
}

Result<void> Follower::read_journal(std::size_t count_max) {
    if (!journal_ || journal_info_.bytes == position_.journal) return {};
    JournalReader reader(*journal_, position_.journal);
    while (news_.size() < count_max) {
        auto change = reader.next();
        if (!change) return std::move(change).error();
        if (!*change) return {};
        if ((*change)->kind == Change::Kind::generation) {
            auto known = agree();
            if (!known) return std::move(known).error();
            // One that has begun without a journal goes on if it is the same log.
            bool first = position_.generation == 0 && *known;
            if (!first && (*change)->generation != position_.generation) {
                begin_anew((*change)->generation);
            }
            position_.generation = (*change)->generation;
        }
        take_in(**change);
        position_.journal = (*change)->next;
    }
    return {};
}

void Follower::take_in(const Change& change) {
    News news;
    for (const Deleted& entry : change.deleted) {
        if (!entry.offset) continue;
        if (*entry.offset >= position_.next) {
            gone_[*entry.offset] = entry;
            continue;
        }
        news.kind = News::Kind::deleted;
        news.offset = *entry.offset;
        news.deleted = entry;
        news_.push_back(news);
    }
    for (Offset offset : change.offsets) {
        if (offset >= position_.next) continue;
        News again;
        again.kind = News::Kind::reindex;
        again.offset = offset;
        news_.push_back(again);
    }
    if (change.kind == Change::Kind::rewind) {
        gone_.erase(gone_.lower_bound(change.to), gone_.end());
        if (change.to < position_.next) rewind_to(change.to);
    }
}

void Follower::rewind_to(Offset to) {
    News news;
    news.kind = News::Kind::rewound;
    news.offset = to;
    news_.push_back(news);
    position_.next = to;
    std::erase_if(position_.marks, [&](const Position::Mark& mark) { return mark.end > to; });
    searched_to_ = 0;
}

void Follower::begin_anew(std::uint64_t generation) {
    if (position_.next > 0) rewind_to(0);
    position_.generation = generation;
    position_.journal = 0;
    gone_.clear();
}

/// Deleted, though it can be read for a moment yet; not another one that came to lie there.
bool Follower::is_gone(Offset at, ByteView data) {
    auto found = gone_.find(at);
    if (found == gone_.end()) return false;
    const Deleted entry = found->second;
    gone_.erase(found);
    return !entry.is_message || key_of(data) == entry.key.text();
}

/// True if that entry lies there, or was one of that length and is deleted.
Result<bool> Follower::is_there(const Position::Mark& mark) const {
    if (!log_) return false;
    Bytes record(mark.end - mark.offset);
    auto got = log_->read_at(mark.offset, record);
    if (!got) return std::move(got).error();
    if (*got < record.size()) return false;
    auto data = whole_record(record, mark.offset, options_.mode);
    if (!data || data->size() + overhead(options_.mode) != record.size()) return false;
    return base::crc32(*data) == mark.sum || is_being_deleted(*data);
}

Result<bool> Follower::knows_the_log() {
    auto log = reopen(log_path_, log_, log_info_);
    if (!log) return std::move(log).error();
    for (const Position::Mark& mark : position_.marks) {
        auto there = is_there(mark);
        if (!there || *there) return there;
    }
    return false;
}

/// True if what was given last is still there; else goes back to where it is.
Result<bool> Follower::agree() {
    bool agreed = true;
    while (!position_.marks.empty()) {
        auto there = is_there(position_.marks.back());
        if (!there) return std::move(there).error();
        if (*there) break;
        position_.marks.pop_back();
        agreed = false;
    }
    if (agreed) return true;
    rewind_to(position_.marks.empty() ? 0 : position_.marks.back().end);
    gone_is_known_ = false;
    return false;
}

/// False if what was read does not count, since the log was changed meanwhile.
Result<bool> Follower::read_log(std::size_t count_max) {
    auto agreed = agree();
    if (!agreed) return std::move(agreed).error();
    if (!*agreed || !log_) return true;
    auto size = log_->size();
    if (!size) return std::move(size).error();
    log_end_ = *size;
    if (*size <= position_.next) return true;
    const Position before = position_;
    reader_ = std::make_unique<RecordReader>(*log_, options_.mode, never_held_,
                                             limits::log_block_bytes_max);
    Position::Mark last;
    ByteView last_data;
    while (news_.size() < count_max) {
        // News borrow what one read has brought.
        auto data = reader_->held_at(position_.next);
        if (!data && news_.empty()) {
            auto read = reader_->at(position_.next, *size);
            // It was cut off just now: the next look will tell.
            if (!read && read.error().code == Errc::corrupt) break;
            if (!read) return std::move(read).error();
            data = *read;
            if (!data) {
                auto stepped = step_over(*reader_);
                if (!stepped) return std::move(stepped).error();
                if (!*stepped) break;
                continue;
            }
        }
        if (!data) break;
        const Offset at = position_.next;
        position_.next += data->size() + overhead(options_.mode);
        last = {at, position_.next, 0};
        last_data = *data;
        // The sum of what is blank, or will be: any that fits its length will do then.
        if (is_gone(at, *data) || is_being_deleted(*data)) {
            last.sum = base::crc32(*data);
            last_data = {};
            continue;
        }
        news_.push_back({News::Kind::entry, at, *data, {}});
    }
    // What was read follows what was known only if that is still there.
    if (!before.marks.empty()) {
        auto there = is_there(before.marks.back());
        if (!there || !*there) {
            position_ = before;
            news_.clear();
            gone_is_known_ = false;
            if (!there) return std::move(there).error();
            return false;
        }
    }
    if (last.end == 0) return true;
    if (!last_data.empty()) last.sum = base::crc32(last_data);
    add_mark(last);
    return true;
}

/// No whole entry lies at the position: one is being written there (false), or there is damage with
/// others behind it.
Result<bool> Follower::step_over(RecordReader& reader) {
    const Offset at = position_.next;
    if (searched_from_ == at && searched_to_ == log_end_) return false;
    auto found = reader.first_from(at + 1, log_end_);
    if (!found && found.error().code == Errc::corrupt) return false;
    if (!found) return std::move(found).error();
    if (!*found) {
        searched_from_ = at;
        searched_to_ = log_end_;
        return false;
    }
    if (damage_.places++ == 0) damage_.first = at;
    damage_.bytes += **found - at;
    position_.next = **found;
    return true;
}

/// Keeps `marks_max` of them, denser towards the end: going back costs at most about as much again
/// as what was lost.
void Follower::add_mark(const Position::Mark& mark) {
    auto& marks = position_.marks;
    marks.push_back(mark);
    if (marks.size() <= marks_max) return;
    std::size_t least = 1;
    double least_gap = 2;
    for (std::size_t i = 1; i + 1 < marks.size(); ++i) {
        double gap = static_cast<double>(marks[i + 1].offset - marks[i - 1].offset) /
                     static_cast<double>(mark.end - marks[i - 1].offset);
        if (gap >= least_gap) continue;
        least_gap = gap;
        least = i;
    }
    marks.erase(marks.begin() + static_cast<std::ptrdiff_t>(least));
}

}  // namespace sbot::flume
