#include "sbot/replication_methods.h"

#include <deque>
#include <set>
#include <utility>

#include "sbot/remote_error.h"
#include "sbot/stream_options.h"

namespace sbot::app {
namespace {

using muxrpc::Allow;
using muxrpc::AsyncReply;
using muxrpc::Body;
using muxrpc::Reply;
using muxrpc::Request;
using replication::Ebt;
using replication::Relation;
using replication::Slot;

AsyncReply<Body> request_feed(ReplicationServices& services, Request request) {
    json::Value given = request.arg(0);
    json::Value id = given.is_object() ? given["id"] : given;
    json::Value wanted = given.is_object() ? given["replicate"] : request.arg(1);
    auto feed = FeedId::parse(id.string());
    if (!feed) co_return param_type("feedId");
    services.replicator.request(*feed, !wanted.exists() || wanted.is_null() || wanted.truthy());
    co_return nothing();
}

AsyncReply<Body> block(ReplicationServices& services, Request request) {
    json::Value given = request.arg(0);
    bool whole = given.is_object();
    auto from = FeedId::parse((whole ? given["from"] : given).string());
    auto to = FeedId::parse((whole ? given["to"] : request.arg(1)).string());
    if (!from || !to) co_return param_type("feedId");
    services.replicator.block(*from, *to, (whole ? given["blocking"] : request.arg(2)).truthy());
    co_return nothing();
}

/// In words for people, why no messages of a feed come just now.
std::string why_nothing_comes(ReplicationServices& services, const FeedId& feed) {
    const Ebt& ebt = services.replicator.ebt();
    if (!services.replicator.wants(feed)) return "this feed is not replicated";
    if (feed == services.own) {
        std::string until = services.own_guard.waits_until();
        return "this is our own feed" + (until.empty() ? "" : "; publishing waits " + until);
    }
    if (ebt.slots().empty()) return "no peer is connected that replicates by EBT";
    std::string asked, ahead;
    auto have = static_cast<std::int64_t>(ebt.latest(feed).value_or(0));
    for (Slot slot : ebt.slots()) {
        auto relation = ebt.relation(feed, slot);
        if (!relation || relation->has <= have) continue;
        std::string& list = relation->rx ? asked : ahead;
        list += (list.empty() ? "" : ", ") + ebt.peer_of(slot).text();
        if (ebt.is_refused(feed, ebt.peer_of(slot)))
            list += " (sent a bad message or a fork of it)";
    }
    if (!asked.empty()) return "asked, and waiting for: " + asked;
    if (!ahead.empty()) return "not asked yet: " + ahead;
    return "no connected peer has more of it";
}

void append_relation(json::Writer& out, const Relation& relation) {
    out.begin_object();
    if (relation.has != Relation::unknown) out.member("seq", static_cast<double>(relation.has));
    if (relation.open) {
        out.name("replicating").begin_object();
        out.member("tx", relation.tx).member("rx", relation.rx).name("sent");
        if (relation.sent == Relation::unknown) {
            out.null();
        } else {
            out.value(static_cast<double>(relation.sent));
        }
        out.member("requested", static_cast<double>(relation.requested)).end_object();
    }
    out.end_object();
}

AsyncReply<Body> peer_status(ReplicationServices& services, Request request) {
    json::Value given = request.arg(0);
    auto feed = given.truthy() ? FeedId::parse(given.string()) : services.own;
    if (!feed) co_return param_type("feedId");
    const Ebt& ebt = services.replicator.ebt();
    json::Writer out;
    out.begin_object().member("id", feed->text());
    if (Sequence have = services.feeds.stored_sequence(*feed); have > 0) {
        out.member("seq", static_cast<double>(have));
    }
    out.name("peers").begin_object();
    for (Slot slot : ebt.slots()) {
        auto relation = ebt.relation(*feed, slot);
        if (!relation) continue;
        out.name(ebt.peer_of(slot).text());
        append_relation(out, *relation);
    }
    out.end_object().member("why", why_nothing_comes(services, *feed)).end_object();
    co_return Body::json(out.text());
}

Body upto_item(const FeedId& feed, double sequence) {
    json::Writer out;
    out.begin_object().member("id", feed.text()).member("sequence", sequence).end_object();
    return Body::json(out.text());
}

/// `{id, sequence}` for every wanted feed, then perhaps for changes of that list.
class Upto final : public muxrpc::Source {
 public:
    Upto(ReplicationServices& services, bool live) : services_(services), live_(live) {}

    AsyncReply<std::optional<Body>> next() override {
        co_await services_.reading.ready().wait();
        while (items_.empty()) {
            if (begun_ && !live_) co_return std::optional<Body>();
            if (begun_ && !changed()) {
                co_await services_.replicator.wants_changed().wait();
                continue;
            }
            collect();
        }
        Body item = std::move(items_.front());
        items_.pop_front();
        co_return std::optional(std::move(item));
    }

 private:
    const std::set<FeedId>& now() const { return services_.replicator.wants().feeds(); }
    bool changed() const { return told_ != now(); }

    void collect() {
        auto tell = [this](const FeedId& feed) {
            auto have = services_.feeds.stored_sequence(feed);
            items_.push_back(upto_item(feed, static_cast<double>(have)));
        };
        if (!begun_) tell(services_.own);
        for (const FeedId& feed : now()) {
            if (told_.count(feed) == 0 && (begun_ || feed != services_.own)) tell(feed);
        }
        for (const FeedId& feed : told_) {
            if (now().count(feed) == 0) items_.push_back(upto_item(feed, -1));
        }
        if (!begun_ && live_) items_.push_back(Body::json("{\"sync\":true}"));
        told_ = now();
        begun_ = true;
    }

    ReplicationServices& services_;
    bool live_;
    bool begun_ = false;
    std::set<FeedId> told_;
    std::deque<Body> items_;
};

/// How far everything is, at most five times a second and only where it changed.
class Changes final : public muxrpc::Source {
 public:
    explicit Changes(ReplicationServices& services) : services_(services), last_(count()) {}

    AsyncReply<std::optional<Body>> next() override {
        while (true) {
            co_await services_.reading.grown().wait();
            auto nap = services_.loop.sleep(interval_ms);
            co_await nap;
            Count now = count();
            if (now.progress == last_.progress && now.feeds == last_.feeds) continue;
            double seconds = static_cast<double>(now.at_ms - last_.at_ms) / 1000;
            double rate = seconds > 0 ? (now.progress - last_.progress) / seconds : 0;
            last_ = now;
            json::Writer out;
            out.begin_object().member("id", services_.own.text()).member("rate", rate);
            out.member("feeds", now.feeds).name("pendingPeers").begin_object().end_object();
            out.member("incompleteFeeds", 0.0).member("progress", now.progress);
            out.member("total", 0.0).end_object();
            co_return std::optional(Body::json(out.text()));
        }
    }

 private:
    static constexpr std::uint64_t interval_ms = 200;
    struct Count {
        double feeds = 0, progress = 0;
        std::uint64_t at_ms = 0;
    };
    Count count() const {
        Count sum;
        services_.feeds.each_stored([&](const FeedId&, const message::FeedState& state) {
            ++sum.feeds;
            sum.progress += static_cast<double>(state.sequence);
        });
        sum.at_ms = services_.loop.now_ms();
        return sum;
    }

    ReplicationServices& services_;
    Count last_;
};

}  // namespace

void add_replication_methods(muxrpc::Router& router, ReplicationServices& services) {
    auto with = [&services](auto* method) {
        return
            [&services, method](Request request) { return method(services, std::move(request)); };
    };
    using SourceReply = Reply<std::unique_ptr<muxrpc::Source>>;
    router.duplex("ebt.replicate", Allow::peer,
                  [&services](Request request, std::unique_ptr<muxrpc::Source> in,
                              std::unique_ptr<muxrpc::Sink> out) {
                      return services.replicator.serve(std::move(request), std::move(in),
                                                       std::move(out));
                  });
    router.sync("ebt.request", Allow::local, with(&request_feed));
    router.sync("ebt.block", Allow::local, with(&block));
    router.sync("ebt.peerStatus", Allow::local, with(&peer_status));
    router.sync("replicate.request", Allow::local, with(&request_feed));
    router.sync("replicate.block", Allow::local, with(&block));
    router.source("replicate.upto", Allow::local, [&services](Request request) {
        return SourceReply(std::make_unique<Upto>(services, request.arg(0)["live"].truthy()));
    });
    router.source("replicate.changes", Allow::local, [&services](Request) {
        return SourceReply(std::make_unique<Changes>(services));
    });
}

}  // namespace sbot::app
