#include "flume/log_cursor.h"

#include <algorithm>
#include <limits>

namespace sbot::flume {
namespace {

constexpr Offset no_bound = std::numeric_limits<Offset>::max();

/// First offset a range allows, and the one behind its last.
Offset lower_of(const Range& range) {
    Offset lower = range.gte.value_or(0);
    if (range.gt) lower = std::max(lower, *range.gt == no_bound ? no_bound : *range.gt + 1);
    return lower;
}
Offset upper_of(const Range& range) {
    Offset upper = range.lt.value_or(no_bound);
    if (range.lte && *range.lte != no_bound) upper = std::min(upper, *range.lte + 1);
    return upper;
}

/// What both directions share. `Derived` has `held(Entry&)`, which takes the next entry out of the
/// reader's window, and `fetch()`, which reads on; it answers false at the end.
template <typename Derived>
class LogCursor : public Cursor {
 public:
    LogCursor(const Log& log, RecordReader reader, Mode mode, Range range)
        : log_(log),
          reader_(std::move(reader)),
          mode_(mode),
          lower_(lower_of(range)),
          upper_(upper_of(range)),
          with_deleted_(range.with_deleted) {}

    Result<std::optional<Entry>> next() final {
        Entry entry;
        while (!derived().held(entry)) {
            auto more = derived().fetch();
            if (!more) return std::move(more).error();
            if (!*more) return std::optional<Entry>();
        }
        return std::optional<Entry>(entry);
    }

    Result<std::span<const Entry>> next_batch(std::size_t count_max) final {
        batch_.clear();
        auto first = next();
        if (!first) return std::move(first).error();
        if (*first) {
            batch_.push_back(**first);
            Entry entry;
            while (batch_.size() < count_max && derived().held(entry)) batch_.push_back(entry);
        }
        return std::span<const Entry>(batch_);
    }

    const Damage& damage() const final { return damage_; }

 protected:
    void note_damage(Offset from, Offset to) {
        if (damage_.places++ == 0) damage_.first = from;
        damage_.bytes += to - from;
    }
    /// Fills in `entry` unless it is a deleted one that nobody wants.
    bool wanted(Entry& entry, Offset at, ByteView data) const {
        bool deleted = counts_as_deleted(data);
        entry = {at, deleted ? ByteView() : data};
        return !deleted || with_deleted_;
    }

    /// Where the first record at or after `bound` begins.
    Result<Offset> place(Offset bound, Offset log_end) {
        if (bound == 0 || bound >= log_end) return std::min(bound, log_end);
        // Bounds are offsets of records, or one more than such: no search then.
        for (Offset guess : {bound - 1, bound}) {
            auto record = reader_.at(guess, log_end);
            if (!record) return std::move(record).error();
            if (*record) return guess < bound ? guess + (*record)->size() + overhead(mode_) : guess;
        }
        auto first = reader_.first_from(bound, log_end);
        if (!first) return std::move(first).error();
        return first->value_or(log_end);
    }

    const Log& log_;
    RecordReader reader_;
    Mode mode_;
    Offset lower_;
    Offset upper_;

 private:
    Derived& derived() { return static_cast<Derived&>(*this); }

    bool with_deleted_;
    Damage damage_;
    std::vector<Entry> batch_;
};

class Forward final : public LogCursor<Forward> {
 public:
    using LogCursor::LogCursor;

    bool held(Entry& entry) {
        while (at_ < stop_) {
            auto data = reader_.held_at(at_);
            if (!data) return false;
            Offset here = at_;
            at_ += data->size() + overhead(mode_);
            if (wanted(entry, here, *data)) return true;
        }
        return false;
    }

    Result<bool> fetch() {
        const Offset log_end = log_.end();
        stop_ = 0;
        if (!placed_) {
            if (lower_ >= log_end) return false;
            auto first = place(lower_, log_end);
            if (!first) return std::move(first).error();
            at_ = *first;
            placed_ = true;
        }
        stop_ = std::min(upper_, log_end);
        if (at_ >= stop_) return false;
        auto record = reader_.at(at_, log_end);
        if (!record) return std::move(record).error();
        if (*record) return true;
        auto whole = reader_.first_from(at_ + 1, log_end);
        if (!whole) return std::move(whole).error();
        Offset found = whole->value_or(log_end);
        note_damage(at_, found);
        at_ = found;
        return true;
    }

 private:
    Offset at_ = 0;    // where the next record should begin
    Offset stop_ = 0;  // no record from here on; the log may have grown since
    bool placed_ = false;
};

class Backward final : public LogCursor<Backward> {
 public:
    using LogCursor::LogCursor;

    bool held(Entry& entry) {
        while (at_ > lower_) {
            auto data = reader_.held_before(at_);
            if (!data) return false;
            Offset here = at_ - data->size() - overhead(mode_);
            if (here < lower_) break;
            at_ = here;
            if (wanted(entry, here, *data)) return true;
        }
        if (placed_) at_ = 0;
        return false;
    }

    Result<bool> fetch() {
        if (!placed_) {
            auto behind = place(upper_, log_.end());
            if (!behind) return std::move(behind).error();
            at_ = *behind;
            placed_ = true;
        }
        if (at_ <= lower_) return false;
        auto record = reader_.before(at_);
        if (!record) return std::move(record).error();
        if (*record) return true;
        auto whole = reader_.last_before(at_ - 1);
        if (!whole) return std::move(whole).error();
        Offset found = whole->value_or(0);
        note_damage(found, at_);
        at_ = found;
        return true;
    }

 private:
    Offset at_ = 0;  // where the next record should end
    bool placed_ = false;
};

}  // namespace

std::unique_ptr<Cursor> make_cursor(const Log& log, RecordReader reader, Mode mode, Range range) {
    if (range.reverse) return std::make_unique<Backward>(log, std::move(reader), mode, range);
    return std::make_unique<Forward>(log, std::move(reader), mode, range);
}

}  // namespace sbot::flume
