#include "sbot/own_guard.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "replication/puller.h"

namespace sbot::app {
namespace {

using replication::OwnFeed;

constexpr std::uint64_t step_ms = 100;
constexpr std::size_t run_messages_max = 64;
// A peer that did not have what we lack may have got it by then.
constexpr std::uint64_t question_again_ms = 10000;

}  // namespace

OwnGuard::OwnGuard(io::Loop& loop, Friends& friends, const replication::Replicator& replicator,
                   Feeds& feeds, base::Logger& log, Doubt doubt, OnSettled on_settled)
    : loop_(loop),
      friends_(friends),
      replicator_(replicator),
      feeds_(feeds),
      log_(log),
      on_settled_(std::move(on_settled)),
      own_(doubt),
      settled_(doubt == Doubt::none) {
    if (!settled_) watching_ = watch();
}

bool OwnGuard::follows(const FeedId& peer) const {
    return friends_.now()->graph().between(feeds_.own(), peer) == friends::Relation::follow;
}

bool OwnGuard::follows_some() const {
    const friends::Graph graph = friends_.now()->graph();
    auto own = graph.names->find(feeds_.own());
    if (!own) return false;
    const auto edges = graph.edges->of(*own);
    return std::any_of(edges.begin(), edges.end(), [&](const friends::Edge& edge) {
        return edge.to != *own && edge.relation == friends::Relation::follow;
    });
}

/// What peers have told since they connected; what they had when they were here last is no answer.
OwnFeed::Known OwnGuard::known() const {
    OwnFeed::Known known;
    known.have = feeds_.latest(feeds_.own());
    known.signed_beyond = feeds_.own_beyond();
    known.forked = feeds_.own_fork();
    known.follow_some = !friends_known_ || follows_some();
    auto hear = [&](const FeedId& peer, std::int64_t has) {
        if (has < 0 || !follows(peer)) return;
        known.said = std::max(known.said.value_or(0), static_cast<Sequence>(has));
    };
    const replication::Ebt& ebt = replicator_.ebt();
    for (replication::Slot slot : ebt.slots()) {
        auto relation = ebt.relation(feeds_.own(), slot);
        if (relation && relation->open && relation->sent >= 0) {
            hear(ebt.peer_of(slot), relation->has);
        }
    }
    for (const auto& [peer, has] : shown_) hear(peer, static_cast<std::int64_t>(has));
    return known;
}

io::Task<void> OwnGuard::clear_to_publish() {
    if (!settled_ && !friends_known_) {
        auto loading = friends_.fresh();
        auto loaded = co_await loading;
        friends_known_ = loaded.has_value();
    }
    own_.begin(loop_.now_ms());
    while (true) {
        auto verdict = own_.ask(known(), loop_.now_ms());
        conclude();
        if (verdict != OwnFeed::Verdict::wait) co_return;
        auto nap = loop_.sleep(step_ms);
        co_await nap;
    }
}

/// Whom we follow is known late; before, nobody's word would count.
io::Task<void> OwnGuard::watch() {
    auto loading = friends_.fresh();
    auto loaded = co_await loading;
    graph_known_ = loaded.has_value();
    tell();
    while (!settled_) {
        auto nap = loop_.sleep(step_ms);
        co_await nap;
        own_.look(known());
        conclude();
    }
}

std::string OwnGuard::waits_until() const {
    OwnFeed::Known now = known();
    if (graph_known_) now.follow_some = follows_some();
    return own_.waits_until(now);
}

void OwnGuard::tell() {
    std::string until = waits_until();
    if (until.empty()) return;
    told_ = true;
    log_.warning("own feed", "publishing waits " + until);
}

void OwnGuard::conclude() {
    auto warning = own_.take_warning();
    if (!warning.empty()) log_.warning("own feed", warning);
    if (settled_ || own_.doubt() != Doubt::none) return;
    settled_ = true;
    if (told_ && warning.empty()) log_.notice("own feed", "publishing waits no more");
    shown_.clear();
    on_settled_();
}

void OwnGuard::shown(const FeedId& peer, Sequence has) {
    if (settled_) return;
    // Those who left an answer go on counting, so this grows with strangers who come and go.
    if (shown_.size() >= limits::peers_max && !shown_.contains(peer)) {
        std::erase_if(shown_, [this](const auto& each) { return !follows(each.first); });
        if (shown_.size() >= limits::peers_max) return;
    }
    shown_[peer] = has;
}

io::Task<void> OwnGuard::question(muxrpc::Session& session, FeedId peer) {
    co_await feeds_.own_known().wait();
    co_await loop_.yield();  // until the session runs
    while (session.is_open()) {
        if (!may_lack()) {
            co_await doubted_.wait();
            continue;
        }
        auto fetching = fetch(session);
        auto knows_us = co_await fetching;
        if (!knows_us) co_return;
        if (*knows_us) shown(peer, feeds_.latest(feeds_.own()));
        auto nap = loop_.sleep(question_again_ms);
        co_await nap;
    }
}

bool OwnGuard::may_lack() const {
    return !settled_ || feeds_.own_beyond() > feeds_.latest(feeds_.own());
}

void OwnGuard::seen_beyond() {
    if (!told_) tell();
    doubted_.set();
    doubted_.reset();
}

void OwnGuard::seen_fork() { log_.error("own feed", feeds_.fork_text()); }

/// All that the peer has behind our last message but one. True if it has that one: of a feed that a
/// peer does not know it gives nothing, which says nothing.
io::Async<bool> OwnGuard::fetch(muxrpc::Session& session) {
    const FeedId& own = feeds_.own();
    Sequence from = std::max<Sequence>(feeds_.latest(own), 1);
    auto stream =
        session.source("createHistoryStream", replication::history_arguments(own, from, false));
    bool any = false;
    while (true) {
        auto batch = co_await stream->next_batch(run_messages_max);
        if (!batch) co_return error(Errc::closed, batch.error().message);
        if (batch->empty()) co_return any;
        std::vector<replication::FeedRun> runs(1);
        runs[0].feed = own;
        for (muxrpc::Body& item : *batch) runs[0].messages.push_back(std::move(item.data));
        auto taking = feeds_.take(std::move(runs));
        auto taken = co_await taking;
        if (taken[0].end != replication::Taken::End::all) {
            co_return error(Errc::invalid, taken[0].why);
        }
        any = true;
    }
}

}  // namespace sbot::app
