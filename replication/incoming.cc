#include "replication/incoming.h"

#include <utility>

#include "base/limits.h"

namespace sbot::replication {
namespace {

// What is checked as one job: some ten milliseconds, whose way there and back counts for little.
constexpr std::size_t job_messages_max = 256;
// One is checked while the next is put together; how many really run at once is the intake's.
constexpr std::size_t worker_count = 2;
// A job for one message costs several times what one of many adds to theirs, here and where they
// are stored. The first is checked at once; those that follow in a stream are collected for so
// long.
constexpr std::uint64_t collect_ms = 10;
// Every so many runs is one of the farthest feed that waits.
constexpr std::size_t far_turn = 8;

}  // namespace

Incoming::Incoming(io::Loop& loop, Intake& intake, OnEnd on_end, Rank rank)
    : loop_(loop), intake_(intake), on_end_(std::move(on_end)), rank_(std::move(rank)) {
    for (std::size_t i = 0; i < worker_count; ++i) workers_.push_back(work());
}

bool Incoming::is_full(const Share& share) const {
    return share.messages >= limits::incoming_messages_per_peer_max ||
           bytes_ >= limits::incoming_bytes_max;
}

void Incoming::add(const FeedId& feed, const FeedId& peer, Bytes message,
                   std::shared_ptr<Share> share) {
    Line& line = lines_[feed];
    if (line.items.empty() && !line.busy) ready_.push(feed, rank_(feed));
    ++share->messages;
    bytes_ += message.size();
    ++lined_up_;
    line.items.push_back({peer, std::move(message), std::move(share)});
    something_.set();
}

/// The nearest, of those the one that waits longest; now and then the farthest, so that they come
/// to an end beside a near one that never does.
FeedId Incoming::next_feed() {
    return ++turn_ % far_turn == 0 ? ready_.pop_farthest() : ready_.pop_nearest();
}

/// The messages of one peer at the head of the next feed's line.
FeedRun Incoming::next_run(std::size_t messages_max, std::vector<Origin>& origins) {
    FeedRun run;
    run.feed = next_feed();
    Line& line = lines_[run.feed];
    line.busy = true;
    Origin origin;
    origin.peer = line.items.front().peer;
    origin.share = line.items.front().share;
    while (!line.items.empty() && run.messages.size() < messages_max &&
           line.items.front().share == origin.share) {
        origin.bytes += line.items.front().message.size();
        run.messages.push_back(std::move(line.items.front().message));
        line.items.pop_front();
    }
    origin.messages = run.messages.size();
    lined_up_ -= origin.messages;
    origins.push_back(std::move(origin));
    return run;
}

/// How long a job that begins now should wait for more; nothing where it is a full one.
std::uint64_t Incoming::time_to_collect_ms() {
    const std::uint64_t now = loop_.now_ms();
    if (lined_up_ < job_messages_max && now < next_small_ms_) return next_small_ms_ - now;
    next_small_ms_ = now + collect_ms;
    return 0;
}

io::Task<void> Incoming::work() {
    while (true) {
        while (ready_.is_empty()) {
            something_.reset();
            co_await something_.wait();
        }
        if (const std::uint64_t left_ms = time_to_collect_ms(); left_ms > 0) {
            auto nap = loop_.sleep(left_ms);
            co_await nap;
            continue;
        }
        std::vector<FeedRun> runs;
        std::vector<Origin> origins;
        std::vector<FeedId> feeds;
        std::size_t messages = 0;
        while (!ready_.is_empty() && messages < job_messages_max) {
            runs.push_back(next_run(job_messages_max - messages, origins));
            feeds.push_back(runs.back().feed);
            messages += runs.back().messages.size();
        }
        auto taking = intake_.take(std::move(runs));
        std::vector<Taken> taken = co_await taking;
        for (std::size_t i = 0; i < taken.size(); ++i) finish(feeds[i], origins[i], taken[i]);
        room_.set();
        room_.reset();
    }
}

void Incoming::finish(const FeedId& feed, const Origin& origin, const Taken& how) {
    origin.share->messages -= origin.messages;
    bytes_ -= origin.bytes;
    Line& line = lines_[feed];
    line.busy = false;
    if (how.end == Taken::End::bad) drop(line, origin.peer);
    if (line.items.empty()) {
        lines_.erase(feed);
    } else {
        ready_.push(feed, rank_(feed));
        something_.set();
    }
    if (how.end != Taken::End::all) on_end_(feed, origin.peer, how);
}

/// What a peer sent behind a bad message is not looked at.
void Incoming::drop(Line& line, const FeedId& peer) {
    std::deque<Item> others;
    for (Item& item : line.items) {
        if (item.peer != peer) {
            others.push_back(std::move(item));
            continue;
        }
        --item.share->messages;
        --lined_up_;
        bytes_ -= item.message.size();
    }
    line.items = std::move(others);
}

}  // namespace sbot::replication
