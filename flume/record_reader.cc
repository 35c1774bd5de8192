#include "flume/record_reader.h"

#include <algorithm>

namespace sbot::flume {
namespace {

// A record that begins in the first half of this lies in it whole.
constexpr std::size_t search_bytes = 2 * (limits::record_bytes_max + 16);
// The search looks for the first byte of a length.
static_assert(limits::record_bytes_max < (1u << 24));

std::size_t at_most(Offset available, std::size_t wanted) {
    return static_cast<std::size_t>(std::min<Offset>(available, wanted));
}

}  // namespace

bool RecordReader::follows_a_record(Offset start) const {
    const std::size_t width = end_bytes(mode_);
    if (start < begin_ + width + 4) return false;
    const std::uint8_t* here = window_.data() + (start - begin_);
    if (load_end(here - width, mode_) == start) return true;
    // The predecessor's end may be what is harmed; then its lengths speak for it.
    const std::size_t length = load_length(here - width - 4);
    const std::size_t whole = length + overhead(mode_);
    return is_length(length) && whole <= start - begin_ && load_length(here - whole) == length;
}

Result<void> RecordReader::load(Offset from, std::size_t count) {
    window_.resize(count);
    begin_ = from;
    std::shared_lock lock(erasing_);
    auto got = file_.read_at(from, window_);
    if (!got) {
        window_.clear();
        return std::move(got).error();
    }
    if (*got < count) {
        window_.clear();
        return error(Errc::corrupt, "the log is shorter than it was");
    }
    return {};
}

Result<std::optional<ByteView>> RecordReader::at(Offset at, Offset log_end) {
    if (auto held = held_at(at)) return held;
    if (at >= log_end) return std::optional<ByteView>();
    if (auto ok = load(at, at_most(log_end - at, block_bytes_)); !ok) {
        return std::move(ok).error();
    }
    if (auto held = held_at(at)) return held;
    if (window_.size() < 4) return std::optional<ByteView>();
    // It may be longer than the window.
    std::size_t length = load_length(window_.data());
    std::size_t whole = length + overhead(mode_);
    if (!is_length(length) || whole <= window_.size() || whole > log_end - at) {
        return std::optional<ByteView>();
    }
    if (auto ok = load(at, whole); !ok) return std::move(ok).error();
    return held_at(at);
}

Result<std::optional<ByteView>> RecordReader::before(Offset end) {
    if (auto held = held_before(end)) return held;
    if (end < overhead(mode_)) return std::optional<ByteView>();
    std::size_t count = at_most(end, block_bytes_);
    if (auto ok = load(end - count, count); !ok) return std::move(ok).error();
    if (auto held = held_before(end)) return held;
    std::size_t length = load_length(window_.data() + count - end_bytes(mode_) - 4);
    std::size_t whole = length + overhead(mode_);
    if (!is_length(length) || whole > end) return std::optional<ByteView>();
    // With its predecessor's lengths and end.
    std::size_t wanted = at_most(end, whole + limits::log_block_bytes);
    if (wanted <= count) return std::optional<ByteView>();
    if (auto ok = load(end - wanted, wanted); !ok) return std::move(ok).error();
    return held_before(end);
}

Result<std::optional<Offset>> RecordReader::first_from(Offset from, Offset log_end) {
    while (from < log_end) {
        // With the record before, if it is not a huge one.
        std::size_t back = at_most(from, limits::log_block_bytes);
        std::size_t count = at_most(log_end - from, search_bytes);
        if (auto ok = load(from - back, back + count); !ok) return std::move(ok).error();
        // In the last part of the file every position counts, before only the first half.
        std::size_t candidates = from + count == log_end ? count : count / 2;
        const std::uint8_t* data = window_.data() + back;
        for (std::size_t i = 0; i < candidates; ++i) {
            // Every length begins with a zero byte; text has none.
            const void* zero = std::memchr(data + i, 0, candidates - i);
            if (zero == nullptr) break;
            i = static_cast<std::size_t>(static_cast<const std::uint8_t*>(zero) - data);
            auto record = held_at(from + i);
            if (record && is_sound(from + i, *record)) return std::optional<Offset>(from + i);
        }
        from += candidates;
    }
    return std::optional<Offset>();
}

Result<std::optional<Offset>> RecordReader::last_before(Offset end) {
    // A log that was closed well ends with one, and a block shows it.
    auto last = before(end);
    if (!last) return std::move(last).error();
    if (*last) return std::optional<Offset>(end);
    while (end >= overhead(mode_)) {
        std::size_t count = at_most(end, search_bytes);
        if (auto ok = load(end - count, count); !ok) return std::move(ok).error();
        std::size_t candidates = count == end ? count : count / 2;
        const std::size_t width = end_bytes(mode_);
        for (std::size_t i = 0; i < candidates && count - i >= overhead(mode_); ++i) {
            if (load_end(window_.data() + count - i - width, mode_) != end - i) continue;
            if (held_before(end - i)) return std::optional<Offset>(end - i);
        }
        end -= candidates;
    }
    return std::optional<Offset>();
}

}  // namespace sbot::flume
