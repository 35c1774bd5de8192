#include "replication/puller.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/json.h"

namespace sbot::replication {
namespace {

// A run of messages that is verified as one job: some milliseconds.
constexpr std::size_t run_messages_max = 64;
// What came does not follow on what we have (a write failed, say): asked for again after that.
constexpr std::uint64_t gap_wait_ms = 1000;

}  // namespace

std::string history_arguments(const FeedId& feed, Sequence first, bool live) {
    json::Writer out;
    out.begin_array().begin_object();
    out.member("id", feed.text()).member("seq", static_cast<double>(first));
    out.member("live", live).member("keys", false).end_object().end_array();
    return std::move(out).text();
}

Puller::Puller(io::Loop& loop, muxrpc::Session& session, Intake& intake, OnTrouble on_trouble)
    : loop_(loop), session_(session), intake_(intake), on_trouble_(std::move(on_trouble)) {}

void Puller::update(const Wants& wants, const Rank& rank) {
    for (auto at = running_.begin(); at != running_.end();) {
        bool wanted = wants.feeds().count(at->first) > 0;
        at = wanted ? std::next(at) : running_.erase(at);
    }
    std::vector<std::pair<std::size_t, FeedId>> missing;
    for (const FeedId& feed : wants.feeds()) {
        if (running_.count(feed) == 0) missing.emplace_back(rank(feed), feed);
    }
    std::stable_sort(missing.begin(), missing.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    for (const auto& [its_rank, feed] : missing) update(feed, true);
}

void Puller::update(const FeedId& feed, bool wanted) {
    if (!wanted) {
        running_.erase(feed);
    } else if (running_.count(feed) == 0) {
        running_.emplace(feed, pull(feed));
    }
}

io::Task<void> Puller::pull(FeedId feed) {
    while (true) {
        auto pulling = pull_until_end(feed);
        auto ended = co_await pulling;
        if (ended) co_return;
        if (ended.error().code == Errc::invalid) on_trouble_(feed, ended.error());
        if (ended.error().code != Errc::not_found) co_return;
        auto nap = loop_.sleep(gap_wait_ms);
        co_await nap;
    }
}

io::Async<void> Puller::pull_until_end(FeedId feed) {
    auto stream = session_.source("createHistoryStream",
                                  history_arguments(feed, intake_.latest(feed) + 1, true));
    while (true) {
        auto batch = co_await stream->next_batch(run_messages_max);
        if (!batch) co_return error(Errc::closed, batch.error().message);
        if (batch->empty()) co_return {};
        std::vector<Bytes> messages;
        messages.reserve(batch->size());
        for (muxrpc::Body& item : *batch) messages.push_back(std::move(item.data));
        std::vector<FeedRun> runs(1);
        runs[0] = {feed, std::move(messages)};
        auto taking = intake_.take(std::move(runs));
        std::vector<Taken> taken = co_await taking;
        if (taken[0].end == Taken::End::bad) co_return error(Errc::invalid, taken[0].why);
        if (taken[0].end == Taken::End::gap) co_return error(Errc::not_found, "a gap");
    }
}

}  // namespace sbot::replication
