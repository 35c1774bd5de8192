#include "flume/view.h"

#include <algorithm>

namespace sbot::flume {

std::string_view key_of(ByteView data) {
    constexpr std::string_view start = "{\"key\":\"";
    std::string_view text = base::text_of(data);
    if (!text.starts_with(start)) return {};
    text.remove_prefix(start.size());
    std::size_t quote = text.substr(0, 100).find('"');
    return quote == text.npos ? std::string_view() : text.substr(0, quote);
}

Result<bool> settle(View& view, const Log& log) {
    const Coverage covered = view.covered();
    bool fits = covered.generation == log.generation();
    if (fits && covered.upto) {
        auto data = log.get(*covered.upto);
        if (data) {
            fits = key_of(*data) == covered.key;
        } else if (data.error().code == Errc::not_found) {
            // Deleted since: an entry begins there all the same.
            fits = is_deleted(data.error());
        } else {
            return std::move(data).error();
        }
    }
    if (fits) return false;
    if (auto ok = view.clear(log.generation()); !ok) return std::move(ok).error();
    return true;
}

Result<Progress> catch_up(View& view, const Log& log, std::size_t entries_max) {
    return process(view, log, entries_max, std::chrono::steady_clock::time_point::max());
}

Result<Progress> process(View& view, const Log& log, std::size_t entries_max,
                         std::chrono::steady_clock::time_point until) {
    Progress progress;
    Range range;
    range.gt = view.covered().upto;
    range.lt = log.synced_end();
    range.with_deleted = true;  // the last one too is seen
    // A batch is a transaction; at about 1 KiB an entry this reads what will be used.
    range.block_bytes = std::clamp(entries_max, std::size_t{256}, std::size_t{4096}) * 1024;
    auto cursor = log.scan(range);
    if (!cursor) return std::move(cursor).error();
    while (progress.applied < entries_max) {
        auto batch = (*cursor)->next_batch(entries_max - progress.applied);
        if (!batch) return std::move(batch).error();
        if (batch->empty()) {
            progress.level = true;
            break;
        }
        if (auto ok = view.apply(*batch, Place::next); !ok) return std::move(ok).error();
        progress.applied += batch->size();
        if (std::chrono::steady_clock::now() >= until) break;
    }
    progress.damage = (*cursor)->damage();
    return progress;
}

}  // namespace sbot::flume
