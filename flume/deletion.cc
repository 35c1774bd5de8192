#include "flume/deletion.h"

#include <algorithm>

#include "flume/envelope.h"
#include "flume/frame.h"

namespace sbot::flume {

namespace {

constexpr std::size_t entries_at_once = 1000;

Result<void> level(View& view, const Log& log) {
    for (;;) {
        auto progress = catch_up(view, log, entries_at_once);
        if (!progress) return std::move(progress).error();
        if (progress->level) return {};
    }
}

}  // namespace

Deleted deleted_of(const Entry& entry) {
    Deleted deleted;
    deleted.offset = entry.offset;
    json::Document document;
    auto envelope = read_envelope(document, entry.data);
    if (!envelope) return deleted;
    deleted.is_message = true;
    deleted.feed = envelope->author;
    deleted.sequence = envelope->sequence;
    deleted.key = envelope->key;
    deleted.claimed = envelope->claimed;
    return deleted;
}

Result<void> blank(Log& log, std::span<const Deleted> entries) {
    std::vector<Offset> offsets;
    for (const Deleted& entry : entries) {
        if (!entry.offset) continue;
        auto data = log.get(*entry.offset);
        if (!data && data.error().code == Errc::not_found) continue;
        if (!data) return std::move(data).error();
        if (is_being_deleted(*data) || deleted_of({*entry.offset, *data}) == entry)
            offsets.push_back(*entry.offset);
    }
    if (!offsets.empty()) {
        if (auto ok = log.del(offsets); !ok) return ok;
    }
    // Also where all are blank: they may not be on the disk.
    return log.sync();
}

Result<void> erase(Log& log, CoreView& view, Journal& journal, std::vector<Offset> offsets,
                   BeforeErasing before, AlsoRetract also) {
    std::vector<Bytes> texts;
    std::vector<Offset> there;
    for (Offset at : offsets) {
        auto text = log.get(at);
        if (!text && is_deleted(text.error())) continue;
        if (!text) return std::move(text).error();
        texts.push_back(std::move(*text));
        there.push_back(at);
    }
    if (there.empty()) return {};
    std::vector<Entry> entries;
    std::vector<Deleted> deleted;
    for (std::size_t i = 0; i < there.size(); ++i) {
        entries.push_back({there[i], texts[i]});
        deleted.push_back(deleted_of(entries.back()));
    }
    if (auto ok = level(view, log); !ok) return ok;
    if (before) {
        if (auto ok = before(deleted); !ok) return ok;
    }
    auto intent = journal.intend_deletion(deleted);
    if (!intent) return std::move(intent).error();
    if (auto ok = view.distrust(); !ok) return ok;
    if (auto ok = view.retract(entries); !ok) return ok;
    if (also) also(entries);
    if (auto ok = log.del(there); !ok) return ok;
    if (auto ok = log.sync(); !ok) return ok;
    if (auto ok = view.trust(); !ok) return ok;
    return journal.deletion_done(*intent);
}

Result<bool> finish_deletions(Log& log, Journal& journal) {
    const auto pending = journal.pending();
    for (const auto& [at, entries] : pending) {
        if (auto ok = blank(log, entries); !ok) return std::move(ok).error();
        if (auto ok = journal.deletion_done(at); !ok) return std::move(ok).error();
    }
    return !pending.empty();
}

Result<void> leave_stand_in(OffsetLog& log, const Journal& journal) {
    const auto last = log.latest();
    if (!last) return {};
    auto data = log.get(*last);
    if (data) return {};
    if (!is_deleted(data.error())) return std::move(data).error();
    const auto& ends = journal.last_of_feeds();
    auto found = std::find_if(ends.begin(), ends.end(),
                              [&last](const auto& each) { return each.second.offset == last; });
    if (found == ends.end()) return {};
    const Deleted& gone = found->second;
    json::Writer out;
    out.begin_object().member("key", gone.key.text()).name("value").begin_object();
    out.name("previous").null().member("author", gone.feed.text());
    out.member("sequence", static_cast<double>(gone.sequence)).member("timestamp", gone.claimed);
    out.member("hash", "sha256").name("content").begin_object().member("type", "deleted");
    out.end_object().end_object().member("timestamp", gone.claimed).end_object();
    if (auto ok = log.put_stand_in(*last, std::string(out.text())); !ok) return ok;
    return log.sync();
}

Result<void> take_stand_ins_back(OffsetLog& log, const Journal& journal) {
    std::vector<Offset> places;
    for (const auto& [feed, gone] : journal.last_of_feeds()) {
        if (!gone.offset) continue;
        auto there = log.has_stand_in(*gone.offset);
        if (!there) return std::move(there).error();
        if (*there) places.push_back(*gone.offset);
    }
    if (places.empty()) return {};
    if (auto ok = log.del(places); !ok) return ok;
    return log.sync();
}

std::vector<FeedState> kept_states(const Journal& journal) {
    std::vector<FeedState> states;
    for (const auto& [feed, entry] : journal.last_of_feeds()) {
        FeedState state;
        state.feed = feed;
        state.key = entry.key;
        state.sequence = entry.sequence;
        state.claimed = entry.claimed;
        state.offset = entry.offset.value_or(0);
        states.push_back(state);
    }
    return states;
}

}  // namespace sbot::flume
