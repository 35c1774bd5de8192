#include "replication/fetcher.h"

#include <algorithm>
#include <utility>

#include "replication/puller.h"

namespace sbot::replication {
namespace {

struct PaceLimits {
    std::size_t at_once_max;
    std::size_t messages_each;  // in a second
};
constexpr PaceLimits by_runs = {64, 100};
constexpr PaceLimits by_turns = {256, 20};
constexpr std::size_t run_messages_min = 8;
constexpr std::uint64_t measure_ms = 250;
// A history stream that gives nothing for so long is given up.
constexpr std::uint64_t silent_ms_max = 3000;
constexpr std::size_t items_at_once_max = 64;

io::Async<std::vector<muxrpc::Body>> next_items(muxrpc::Channel& from) {
    auto waiting = from.next_batch(items_at_once_max);
    auto items = co_await waiting;
    if (!items) co_return error(Errc::closed, items.error().message);
    co_return std::move(*items);
}

}  // namespace

void FetchPace::begin(std::uint64_t now_ms) {
    messages_ = arrivals_ = 0;
    since_ms_ = now_ms;
}

void FetchPace::came(std::size_t messages) {
    messages_ += messages;
    ++arrivals_;
}

bool FetchPace::measure(std::uint64_t now_ms) {
    const std::uint64_t took_ms = now_ms - since_ms_;
    if (took_ms < measure_ms) return false;
    const bool runs = messages_ >= run_messages_min * arrivals_;
    const PaceLimits& limits = runs ? by_runs : by_turns;
    const std::size_t fits = messages_ * 1000 / took_ms / limits.messages_each;
    at_once_ = std::clamp(fits, at_once_min, limits.at_once_max);
    begin(now_ms);
    return true;
}

Fetcher::Fetcher(io::Loop& loop, muxrpc::Session& session, Hooks hooks)
    : loop_(loop), session_(session), hooks_(std::move(hooks)) {}

void Fetcher::add(const FeedId& feed, std::size_t rank) {
    if (fetching_ == 0 && waiting_.is_empty()) pace_.begin(loop_.now_ms());
    waiting_.push(feed, rank);
    start_more();
}

void Fetcher::start_more() {
    while (runners_.size() < pace_.at_once()) runners_.push_back(run());
    more_.set();
    more_.reset();
}

io::Task<void> Fetcher::run() {
    // Not within the call that made it.
    co_await loop_.yield();
    while (!stopped_) {
        if (waiting_.is_empty() || fetching_ >= pace_.at_once()) {
            co_await more_.wait();
            continue;
        }
        const FeedId feed = waiting_.pop_nearest();
        auto fetching = fetch(feed);
        ++fetching_;
        const bool useful = co_await fetching;
        --fetching_;
        if (stopped_) co_return;
        if (pace_.measure(loop_.now_ms())) start_more();
        hooks_.ended(feed, useful);
    }
}

io::Task<bool> Fetcher::fetch(FeedId feed) {
    auto first = hooks_.next(feed);
    if (!first) co_return true;
    auto history = session_.source("createHistoryStream", history_arguments(feed, *first, false));
    bool useful = false;
    while (true) {
        auto reading = next_items(*history);
        auto waiting = io::timeout(loop_, silent_ms_max, std::move(reading));
        auto items = co_await waiting;
        if (!items || items->empty() || stopped_) co_return useful;
        pace_.came(items->size());
        for (muxrpc::Body& item : *items) {
            if (!hooks_.next(feed)) co_return true;
            auto taking = hooks_.take(std::move(item));
            co_await taking;
            if (stopped_) co_return true;
            useful = true;
        }
    }
}

}  // namespace sbot::replication
