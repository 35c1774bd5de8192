#include "sbot/index_jobs.h"

#include <chrono>
#include <span>
#include <utility>

#include "base/limits.h"

namespace sbot::app::index_jobs {
namespace {

// How long one job tidies up in the full text.
constexpr std::chrono::milliseconds tidying_time{20};

// A long job must not pay for the full text as it goes.
static_assert(limits::index_slice_records > limits::texts_at_once_max);

Result<Indexed> index_some(const flume::Log& log, flume::View& view) {
    auto progress = flume::catch_up(view, log, limits::index_job_records_max);
    if (!progress) return std::move(progress).error();
    return Indexed{view.covered().upto, *progress};
}

Result<void> index_all(const flume::Log& log, flume::View& view) {
    while (true) {
        auto indexed = index_some(log, view);
        if (!indexed) return std::move(indexed).error();
        if (indexed->progress.level) return {};
    }
}

std::vector<flume::Entry> entries_of(std::span<const std::shared_ptr<const Batch>> batches) {
    std::vector<flume::Entry> entries;
    for (const auto& batch : batches) {
        for (std::size_t i = 0; i < batch->records.size(); ++i) {
            entries.push_back({batch->offsets[i], base::bytes_of(batch->records[i].text)});
        }
    }
    return entries;
}

/// Those that a view at `upto` has not seen: others it may have read from the log meanwhile.
std::span<const std::shared_ptr<const Batch>> unseen(
    std::span<const std::shared_ptr<const Batch>> batches, std::optional<flume::Offset> upto) {
    while (!batches.empty() && upto >= batches.front()->offsets.back()) {
        batches = batches.subspan(1);
    }
    return batches;
}

/// Whatever the view has seen of these batches meanwhile; they may follow what it could not take
/// in.
Result<void> bring_in(const flume::Log& log, flume::View& view,
                      std::span<const std::shared_ptr<const Batch>> batches) {
    const auto upto = view.covered().upto;
    batches = unseen(batches, upto);
    if (batches.empty() || upto != batches.front()->behind) return index_all(log, view);
    return view.apply(entries_of(batches), flume::Place::next);
}

/// The same for the core view, in one transaction, which ends early when something is wanted
/// sooner. While it catches up elsewhere they go in as single entries. Gives how many batches are
/// in.
Result<std::size_t> bring_in_slices(const flume::Log& log, flume::CoreView& view,
                                    std::span<const std::shared_ptr<const Batch>> batches,
                                    bool catching_up, Wanted& wanted) {
    wanted = false;
    const auto upto = view.covered().upto;
    std::size_t begin = batches.size() - unseen(batches, upto).size();
    const bool next = begin < batches.size() && upto == batches[begin]->behind;
    if (!next && !catching_up) {
        if (auto ok = index_all(log, view); !ok) return std::move(ok).error();
        return batches.size();
    }
    if (begin == batches.size()) return begin;
    if (auto ok = view.hold(); !ok) return std::move(ok).error();
    while (begin < batches.size()) {
        std::size_t end = begin, records = 0;
        while (end < batches.size() && records < limits::index_slice_records) {
            records += batches[end++]->records.size();
        }
        const auto entries = entries_of(batches.subspan(begin, end - begin));
        auto applied = view.apply(entries, next ? flume::Place::next : flume::Place::ahead);
        if (!applied) return std::move(applied).error();
        begin = end;
        if (wanted) break;
    }
    if (auto ok = view.commit(); !ok) return std::move(ok).error();
    return begin;
}

Result<bool> index_some_texts(flume::CoreView& view, Wanted& wanted) {
    if (auto ok = view.hold(); !ok) return std::move(ok).error();
    bool level = false;
    for (std::size_t posts = 0; !level && posts < limits::texts_job_posts_max;) {
        auto some = view.catch_up_texts(limits::texts_slice_posts);
        if (!some) return std::move(some).error();
        level = *some;
        posts += limits::texts_slice_posts;
        if (wanted) break;
    }
    if (auto ok = view.commit(); !ok) return std::move(ok).error();
    return level;
}

}  // namespace

Result<Indexed> index_slices(const flume::Log& log, flume::CoreView& view, std::size_t records_max,
                             Wanted& wanted) {
    if (auto ok = view.hold(); !ok) return std::move(ok).error();
    Indexed indexed;
    while (!indexed.progress.level && indexed.progress.applied < records_max) {
        auto some = flume::catch_up(view, log, limits::index_slice_records);
        if (!some) return std::move(some).error();
        indexed.progress.applied += some->applied;
        indexed.progress.level = some->level;
        indexed.progress.damage.add(some->damage);
        if (wanted) break;
    }
    if (auto ok = view.commit(); !ok) return std::move(ok).error();
    indexed.upto = view.covered().upto;
    return indexed;
}

Outcome take_in(const flume::Log& log, flume::CoreView& view, std::vector<SideView> others,
                Batches batches, bool catching_up, Wanted& wanted) {
    Outcome outcome;
    auto taken = bring_in_slices(log, view, batches, catching_up, wanted);
    outcome.batches = taken ? *taken : batches.size();
    if (!taken) outcome.done = std::move(taken).error();
    const auto theirs = std::span(batches).first(outcome.batches);
    for (const SideView& each : others) {
        auto fed = bring_in(log, *each.view, theirs);
        outcome.then.push_back(each.fed(std::move(fed), true));
    }
    outcome.indexed = view.covered().upto;
    outcome.texts_level = view.texts_level();
    return outcome;
}

Result<void> take_in_ahead(flume::CoreView& view, Batches batches, Wanted& wanted) {
    wanted = false;
    std::vector<flume::Entry> entries;
    for (const auto& batch : batches) {
        for (std::size_t i = 0; i < batch->records.size(); ++i) {
            const Record& record = batch->records[i];
            if (record.local) entries.push_back({batch->offsets[i], base::bytes_of(record.text)});
        }
    }
    return view.apply(entries, flume::Place::ahead);
}

Result<bool> index_texts(flume::CoreView& view, Wanted& wanted) {
    if (!view.texts_level()) return index_some_texts(view, wanted);
    const auto until = std::chrono::steady_clock::now() + tidying_time;
    do {
        auto tidy = view.merge_texts();
        if (!tidy || *tidy) return tidy;
    } while (!wanted && std::chrono::steady_clock::now() < until);
    return false;
}

Step lead_on(const flume::Log& log, SideView side) {
    auto indexed = index_some(log, *side.view);
    if (!indexed && indexed.error().code == Errc::corrupt) {
        auto cleared = side.view->clear(log.generation());
        indexed =
            cleared ? index_some(log, *side.view) : Result<Indexed>(std::move(cleared).error());
    }
    if (!indexed) return {std::move(indexed).error(), {}};
    return {indexed->progress.level, side.fed({}, indexed->progress.level)};
}

Result<void> clear(const flume::Log& log, flume::View* view) {
    return view->clear(log.generation());
}

Result<void> renew_index(const flume::Log& log, flume::CoreView& view) {
    return view.renew(log.generation());
}

Result<std::optional<flume::Offset>> adopt_index(const flume::Log& log, flume::CoreView& view) {
    if (auto ok = view.adopt(log); !ok) return std::move(ok).error();
    return view.covered().upto;
}

Outcome erase(flume::Log& log, flume::CoreView& view, std::vector<Side> others,
              flume::Journal& journal, std::vector<flume::Offset> entries,
              flume::BeforeErasing before) {
    Outcome outcome;
    auto retract = [&](std::span<const flume::Entry> gone) {
        for (Side& each : others) {
            auto retracted = each.what.view->retract(gone);
            outcome.then.push_back(each.what.fed(std::move(retracted), each.level));
        }
    };
    outcome.done = log.in_place();
    auto there = view.in_place();
    outcome.index_gone = !there;
    if (outcome.done) outcome.done = std::move(there);
    if (outcome.done) {
        outcome.done =
            flume::erase(log, view, journal, std::move(entries), std::move(before), retract);
    }
    outcome.indexed = view.covered().upto;
    return outcome;
}

}  // namespace sbot::app::index_jobs
