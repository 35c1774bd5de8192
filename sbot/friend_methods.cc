#include "sbot/friend_methods.h"

#include <deque>
#include <utility>

#include "base/number.h"
#include "sbot/remote_error.h"

namespace sbot::app {
namespace {

using friends::Distance;
using friends::FeedIndex;
using friends::Graph;
using friends::Relation;
using muxrpc::Allow;
using muxrpc::AsyncReply;
using muxrpc::Body;
using muxrpc::RemoteError;
using muxrpc::Reply;
using muxrpc::Request;
using muxrpc::Source;
using Snapshot = Friends::Snapshot;

/// As ssb-friends 4 shows an edge: true, false, or null for an unfollow.
void write_relation(json::Writer& out, std::optional<Relation> relation) {
    if (relation == Relation::follow || relation == Relation::same) {
        out.value(true);
    } else if (relation == Relation::block) {
        out.value(false);
    } else {
        out.null();
    }
}

// ---- answers made in the pool: a large graph's text takes its time

std::string hops_text(const friends::Names& names, const friends::Hops& hops) {
    json::Writer out;
    out.begin_object();
    for (FeedIndex feed : hops.reached) out.member(names[feed].text(), hops.to[feed]);
    out.end_object();
    return std::move(out).text();
}

std::string own_hops_text(Snapshot now) { return hops_text(*now->graph().names, now->hops()); }

std::string asked_hops_text(Snapshot now, friends::HopsQuery query) {
    return hops_text(*now->graph().names, friends::hops(*now->graph().edges, query));
}

void write_row(json::Writer& out, const Graph& graph, FeedIndex from) {
    out.begin_object();
    for (const friends::Edge& edge : graph.edges->of(from)) {
        out.name((*graph.names)[edge.to].text());
        write_relation(out, edge.relation);
    }
    out.end_object();
}

std::string graph_text(Snapshot now) {
    const Graph& graph = now->graph();
    json::Writer out;
    out.begin_object();
    for (FeedIndex from = 0; from < graph.edges->feeds(); ++from) {
        if (graph.edges->of(from).empty()) continue;
        out.name((*graph.names)[from].text());
        write_row(out, graph, from);
    }
    out.end_object();
    return std::move(out).text();
}

std::string edges_from(Snapshot now, std::string source) {
    auto feed = FeedId::parse(source);
    auto from = feed ? now->graph().names->find(*feed) : std::nullopt;
    if (!from) return "{}";
    json::Writer out;
    write_row(out, now->graph(), *from);
    return std::move(out).text();
}

std::string edges_to(Snapshot now, std::string dest) {
    const Graph& graph = now->graph();
    auto feed = FeedId::parse(dest);
    auto to = feed ? graph.names->find(*feed) : std::nullopt;
    if (!to) return "{}";
    json::Writer out;
    out.begin_object();
    for (FeedIndex from = 0; from < graph.edges->feeds(); ++from) {
        auto relation = graph.edges->between(from, *to);
        if (!relation) continue;
        out.name((*graph.names)[from].text());
        write_relation(out, relation);
    }
    out.end_object();
    return std::move(out).text();
}

std::string edge_text(Snapshot now, std::string source, std::string dest) {
    const Graph& graph = now->graph();
    auto feed = FeedId::parse(source), other = FeedId::parse(dest);
    auto from = feed ? graph.names->find(*feed) : std::nullopt;
    // The reference says this, and not null, of those it has never heard of anybody from.
    if (!from || graph.edges->of(*from).empty()) return "{}";
    auto to = other ? graph.names->find(*other) : std::nullopt;
    json::Writer out;
    write_relation(out, to ? graph.edges->between(*from, *to) : std::nullopt);
    return std::move(out).text();
}

// ---- single answers

/// `{source, dest}`; nothing where one of them is no feed.
AsyncReply<std::optional<Relation>> edge_between(FriendServices& services, Request request) {
    json::Value given = request.arg(0);
    if (!given.truthy()) {
        co_return RemoteError{"Cannot read properties of undefined (reading 'source')",
                              "TypeError"};
    }
    auto making = services.friends.fresh();
    auto made = co_await making;
    if (!made) co_return remote(made.error());
    Snapshot now = std::move(*made);
    auto from = FeedId::parse(given["source"].string());
    auto to = FeedId::parse(given["dest"].string());
    if (!from || !to) co_return std::optional<Relation>();
    co_return now->graph().between(*from, *to);
}

AsyncReply<Body> is_following(FriendServices& services, Request request) {
    auto looking = edge_between(services, std::move(request));
    auto edge = co_await looking;
    if (!edge) co_return std::move(edge).error();
    bool follows = *edge == Relation::follow || *edge == Relation::same;
    co_return Body::json(follows ? "true" : "false");
}

AsyncReply<Body> is_blocking(FriendServices& services, Request request) {
    auto looking = edge_between(services, std::move(request));
    auto edge = co_await looking;
    if (!edge) co_return std::move(edge).error();
    co_return Body::json(*edge == Relation::block ? "true" : "false");
}

AsyncReply<Body> hops(FriendServices& services, Request request) {
    auto making = services.friends.fresh();
    auto made = co_await making;
    if (!made) co_return remote(made.error());
    Snapshot now = std::move(*made);
    json::Value options = request.arg(0);
    friends::HopsQuery query;
    query.own_max = query.max = now->hops_max();
    json::Value max = options["max"], start = options["start"];
    if (max.truthy()) query.max = max.is_string() ? base::to_number(max.string()) : max.number();
    query.reverse = options["reverse"].is_true();
    if (start.truthy()) {
        auto feed = FeedId::parse(start.string());
        auto index = feed ? now->graph().names->find(*feed) : std::nullopt;
        if (!index) {
            json::Writer out;
            out.begin_object();
            out.member(start.is_string() ? start.string() : start.source(), 0.0).end_object();
            co_return Body::json(out.text());
        }
        query.start = *index;
    }
    bool kept = query.start == query.own && query.max == query.own_max && !query.reverse;
    io::Task<std::string> writing;
    if (kept) {
        writing = services.pool.run(&own_hops_text, now);
    } else {
        writing = services.pool.run(&asked_hops_text, now, query);
    }
    std::string text = co_await writing;
    co_return Body::json(text);
}

AsyncReply<Body> get(FriendServices& services, Request request) {
    auto making = services.friends.fresh();
    auto made = co_await making;
    if (!made) co_return remote(made.error());
    Snapshot now = std::move(*made);
    json::Value source = request.arg(0)["source"], dest = request.arg(0)["dest"];
    std::string from(source.string()), to(dest.string());
    io::Task<std::string> writing;
    if (source.truthy() && dest.truthy()) {
        writing = services.pool.run(&edge_text, now, from, to);
    } else if (source.truthy()) {
        writing = services.pool.run(&edges_from, now, from);
    } else if (dest.truthy()) {
        writing = services.pool.run(&edges_to, now, to);
    } else {
        writing = services.pool.run(&graph_text, now);
    }
    std::string text = co_await writing;
    co_return Body::json(text);
}

/// It takes a function, which nobody can send; the reference's process ends of it.
AsyncReply<Body> on_edge(FriendServices&, Request) { co_return nothing(); }

// ---- follow, block

AsyncReply<Body> say(FriendServices& services, Request request, std::string_view method,
                     std::string_view member) {
    co_await services.reading.ready().wait();
    json::Value given = request.arg(0), options = request.arg(1);
    auto feed = FeedId::parse(given.string());
    if (!feed) {
        std::string got =
            given.is_string() ? std::string(given.string()) : std::string(given.source());
        if (!given.exists()) got = "undefined";
        co_return RemoteError{std::string(method) + "() requires a feedId, got " + got};
    }
    json::Writer out;
    out.begin_object().member("type", "contact").member("contact", feed->text());
    json::Value state = options["state"];
    bool given_state = state.exists() && !state.is_null();
    out.name(member).raw(given_state ? state.source() : "true");
    for (std::string_view more : {"reason", "recps"}) {
        if (more == "reason" && member != "blocking") continue;
        if (options[more].exists()) out.member(more, options[more]);
    }
    out.end_object();
    auto content = json::Document::parse(out.text());
    if (!content) co_return remote(content.error());
    auto publishing = services.feeds.publish(content->root());
    auto record = co_await publishing;
    if (!record) co_return std::move(record).error();
    co_return Body::json(*record);
}

AsyncReply<Body> follow(FriendServices& services, Request request) {
    return say(services, std::move(request), "follow", "following");
}

AsyncReply<Body> block(FriendServices& services, Request request) {
    return say(services, std::move(request), "block", "blocking");
}

// ---- streams

/// How hops are given: a map at a time, or feed by feed.
enum class Form { map, ids, ids_and_hops };

void add_items(std::deque<Body>& items, Form form, std::span<const friends::HopsChange> changes) {
    if (form == Form::map) {
        json::Writer out;
        out.begin_object();
        for (const auto& each : changes) out.member(each.feed.text(), each.hops);
        out.end_object();
        items.push_back(Body::json(out.text()));
        return;
    }
    for (const auto& each : changes) {
        std::string id = each.feed.text();
        if (form == Form::ids) {
            items.push_back(Body::utf8(id));
            continue;
        }
        json::Writer out;
        out.begin_object().member("id", id).member("hops", each.hops).end_object();
        items.push_back(Body::json(out.text()));
    }
}

/// Everything, to begin with. Feed by feed, those with negative hops are left out.
std::deque<Body> first_items(Snapshot now, Form form) {
    std::vector<friends::HopsChange> all;
    const friends::Hops& hops = now->hops();
    for (FeedIndex feed : hops.reached) {
        if (form != Form::map && hops.to[feed] < 0) continue;
        all.push_back({(*now->graph().names)[feed], hops.to[feed]});
    }
    std::deque<Body> items;
    add_items(items, form, all);
    return items;
}

class HopStream final : public Source {
 public:
    HopStream(FriendServices& services, json::Value options, Form form)
        : services_(services),
          form_(form),
          live_(options["live"].is_true()),
          old_(!live_ || !options["old"].is_false()) {}

    AsyncReply<std::optional<Body>> next() override {
        if (!given_) {
            auto making = services_.friends.fresh();
            auto made = co_await making;
            if (!made) co_return remote(made.error());
            given_ = std::move(*made);
            if (old_) {
                auto writing = services_.pool.run(&first_items, given_, form_);
                items_ = co_await writing;
            }
        }
        while (items_.empty()) {
            if (!live_) co_return std::optional<Body>();
            while (services_.friends.now() == given_) {
                co_await services_.friends.changed().wait();
            }
            Snapshot now = services_.friends.now();
            auto changes = now->changes_since(*given_);
            given_ = std::move(now);
            // The reference says nothing of feeds that drop out.
            std::erase_if(changes, [](const auto& each) { return each.hops == friends::nowhere; });
            if (!changes.empty()) add_items(items_, form_, changes);
        }
        Body item = std::move(items_.front());
        items_.pop_front();
        co_return std::optional(std::move(item));
    }

 private:
    FriendServices& services_;
    Form form_;
    bool live_, old_;
    Snapshot given_;  // what the stream has told of
    std::deque<Body> items_;
};

/// The whole graph, then every contact message.
class EdgeStream final : public Source {
 public:
    explicit EdgeStream(FriendServices& services) : services_(services) {}

    AsyncReply<std::optional<Body>> next() override {
        if (!edges_) {
            auto making = services_.friends.fresh();
            auto made = co_await making;
            if (!made) co_return remote(made.error());
            Snapshot now = services_.friends.now();
            edges_ = std::make_unique<Friends::Edges>(services_.friends);
            auto writing = services_.pool.run(&graph_text, now);
            std::string text = co_await writing;
            co_return std::optional(Body::json(text));
        }
        while (edges_->waiting.empty()) {
            if (edges_->lost) co_return RemoteError{"the stream was not read for too long"};
            co_await services_.friends.changed().wait();
        }
        Friends::Edges::Told edge = edges_->waiting.front();
        edges_->waiting.pop_front();
        json::Writer out;
        out.begin_object().member("from", edge.from.text());
        out.member("to", edge.to.text()).name("value");
        write_relation(out, edge.relation);
        out.end_object();
        co_return std::optional(Body::json(out.text()));
    }

 private:
    FriendServices& services_;
    std::unique_ptr<Friends::Edges> edges_;
};

}  // namespace

void add_friend_methods(muxrpc::Router& router, FriendServices& services) {
    auto with = [&services](auto* method) {
        return
            [&services, method](Request request) { return method(services, std::move(request)); };
    };
    using SourceReply = Reply<std::unique_ptr<Source>>;
    router.source("friends.hopStream", Allow::local, [&services](const Request& request) {
        return SourceReply(std::make_unique<HopStream>(services, request.arg(0), Form::map));
    });
    router.sync("friends.onEdge", Allow::local, with(&on_edge));
    router.async("friends.isFollowing", Allow::local, with(&is_following));
    router.async("friends.isBlocking", Allow::local, with(&is_blocking));
    router.async("friends.hops", Allow::local, with(&hops));
    router.async("friends.get", Allow::local, with(&get));
    router.source("friends.createFriendStream", Allow::local, [&services](const Request& request) {
        Form form = request.arg(0)["meta"].truthy() ? Form::ids_and_hops : Form::ids;
        return SourceReply(std::make_unique<HopStream>(services, request.arg(0), form));
    });
    router.source("friends.stream", Allow::local, [&services](const Request&) {
        return SourceReply(std::make_unique<EdgeStream>(services));
    });
    router.async("friends.follow", Allow::local, with(&follow));
    router.async("friends.block", Allow::local, with(&block));
}

}  // namespace sbot::app
