#include "sbot/status_methods.h"

#include <utility>

#include "message/refs.h"
#include "net/address.h"
#include "sbot/remote_error.h"
#include "sbot/server_methods.h"
#include "sbot/stream_options.h"

namespace sbot::app {
namespace {

using muxrpc::Allow;
using muxrpc::AsyncReply;
using muxrpc::Body;
using muxrpc::RemoteError;
using muxrpc::Reply;
using muxrpc::Request;
using muxrpc::Source;
using replication::Ebt;

// The reference's views of the log, all of which our one index stands for.
constexpr std::string_view views[] = {"last", "keys", "clock", "time", "feed", "links"};

/// As the reference counts: the offset of an entry, -1 where there is none.
double number_of(std::optional<flume::Offset> at) { return at ? static_cast<double>(*at) : -1; }

void write_indexes(json::Writer& out, StatusServices& services) {
    auto building = services.indexer.building();
    bool from_nothing = building && !services.indexer.indexed();
    double current = number_of(from_nothing ? building : services.indexer.indexed());
    double target = number_of(services.log.latest());
    if (services.start <= 0 || current == target) services.start = current;
    out.name("indexes").begin_object();
    out.member("start", services.start).member("current", current).member("target", target);
    out.end_object();
}

/// `ebt` is there with the first peer, as in the reference.
void write_progress(json::Writer& out, StatusServices& services, const Ebt::Progress& ebt) {
    out.begin_object();
    write_indexes(out, services);
    if (ebt.target > 0) {
        out.name("ebt").begin_object().member("start", 0.0);
        out.member("current", ebt.current).member("target", ebt.target).end_object();
    }
    out.end_object();
}

AsyncReply<Body> progress(StatusServices& services, Request) {
    auto counting = services.replicator.progress();
    auto ebt = co_await counting;
    json::Writer out;
    write_progress(out, services, ebt);
    co_return Body::json(out.text());
}

/// Not among the reference's members.
void write_replication(json::Writer& out, const StatusServices& services,
                       const Ebt::Progress& ebt) {
    const auto& traffic = services.replicator.traffic();
    out.name("replication").begin_object();
    out.member("received", static_cast<double>(traffic.received));
    out.member("sent", static_cast<double>(traffic.sent));
    out.member("missing", ebt.missing);
    out.member("missingFeeds", static_cast<double>(ebt.missing_feeds));
    out.member("toSend", ebt.to_send).end_object();
    std::string until = services.own_guard.waits_until();
    if (!until.empty()) out.member("publishingWaits", until);
}

AsyncReply<Body> status(StatusServices& services, Request) {
    auto counting = services.replicator.progress();
    auto ebt = co_await counting;
    double indexed = number_of(services.indexer.indexed());
    double since = number_of(services.log.latest());
    json::Writer out;
    out.begin_object().name("progress");
    write_progress(out, services, ebt);
    out.name("sync").begin_object().member("since", since).name("plugins").begin_object();
    for (std::string_view view : views) out.member(view, indexed);
    out.end_object().member("sync", indexed == since).end_object();
    write_replication(out, services, ebt);
    services.more(out);
    out.end_object();
    co_return Body::json(out.text());
}

AsyncReply<Body> get_feed_state(StatusServices& services, Request request) {
    co_await services.reading.ready().wait();
    json::Value given = request.arg(0);
    if (!given.truthy()) co_return param_required();
    if (!message::is_feed(given.string())) co_return param_type("feedId");
    auto id = FeedId::parse(given.string());
    const message::FeedState* state = id ? services.feeds.ahead(*id) : nullptr;
    json::Writer out;
    out.begin_object().name("id");
    if (state != nullptr) {
        out.value(state->id.text()).member("sequence", static_cast<double>(state->sequence));
    } else {
        out.null().member("sequence", 0.0);
    }
    out.end_object();
    co_return Body::json(out.text());
}

/// `{id, sequence, ts}` of each feed: those that are known when it begins.
class Latest final : public Source {
 public:
    explicit Latest(StatusServices& services) : services_(services) {}

    AsyncReply<std::optional<Body>> next() override {
        co_await services_.reading.ready().wait();
        if (!begun_) {
            begun_ = true;
            services_.feeds.each_stored(
                [this](const FeedId& feed, const message::FeedState&) { feeds_.push_back(feed); });
        }
        if (at_ == feeds_.size()) co_return std::optional<Body>();
        const FeedId& feed = feeds_[at_++];
        const message::FeedState& state = *services_.feeds.stored(feed);
        json::Writer out;
        out.begin_object().member("id", feed.text());
        out.member("sequence", static_cast<double>(state.sequence));
        out.member("ts", state.timestamp).end_object();
        co_return std::optional(Body::json(out.text()));
    }

 private:
    StatusServices& services_;
    std::vector<FeedId> feeds_;
    std::size_t at_ = 0;
    bool begun_ = false;
};

/// The offset of the last entry, now and after each write.
class Sequences final : public Source {
 public:
    explicit Sequences(StatusServices& services) : services_(services) {}

    AsyncReply<std::optional<Body>> next() override {
        if (!given_) {
            auto waiting = services_.reading.level();
            co_await waiting;
        }
        while (given_ && *given_ == now()) co_await services_.reading.grown().wait();
        given_ = now();
        std::string text;
        json::append_number(text, *given_);
        co_return std::optional(Body::json(text));
    }

 private:
    double now() const { return number_of(services_.indexer.indexed()); }

    StatusServices& services_;
    std::optional<double> given_;
};

/// What the own id and the masters may do: everything. For all others it has no opinion.
AsyncReply<Body> auth(StatusServices& services, Request request) {
    std::string_view id = request.arg(0).string();
    bool master = id == services.own.text() || services.settings.masters.count(std::string(id)) > 0;
    co_return Body::json(master ? R"({"allow":null,"deny":null})" : "false");
}

/// Strangers hear what strangers can use, and nothing of this machine and its networks.
AsyncReply<Body> address(StatusServices& services, Request request) {
    json::Value scope = request.arg(0);
    bool stranger = request.caller.rights != muxrpc::Rights::local;
    std::string wanted = stranger ? "public" : "device";
    if (scope.truthy()) wanted = scope.string();
    if (stranger && wanted != "public") co_return Body::json("null");
    std::string text = address_in(services.settings, services.own, wanted);
    if (text.empty()) co_return Body::json("null");
    co_return Body::utf8(text);
}

/// `host:port~shs:key` as multiserver's net and shs read it; null for what is no such address.
void write_parsed(json::Writer& out, std::string_view text) {
    auto target = net::dial_target(text);
    bool is_net = text.starts_with("net:");  // there are older forms too
    auto* tcp = target && is_net ? std::get_if<net::NetTarget>(&*target) : nullptr;
    if (tcp == nullptr) {
        out.null();
        return;
    }
    out.begin_array().begin_object().member("name", "net").member("host", tcp->host);
    out.member("port", static_cast<double>(tcp->port)).end_object();
    out.begin_object().name("key").begin_object().member("type", "Buffer").name("data");
    out.begin_array();
    for (std::uint8_t byte : tcp->remote.bytes) out.value(static_cast<double>(byte));
    out.end_array().end_object().end_object().end_array();
}

AsyncReply<Body> parse(StatusServices&, Request request) {
    json::Value given = request.arg(0);
    if (given.is_null()) {
        co_return RemoteError{"Cannot read properties of null (reading 'split')", "TypeError"};
    }
    if (!given.is_string()) co_return RemoteError{"str.split is not a function", "TypeError"};
    json::Writer out;
    out.begin_array();
    std::string_view rest = given.string();
    while (true) {
        std::size_t end = rest.find(';');
        write_parsed(out, rest.substr(0, end));
        if (end == rest.npos) break;
        rest.remove_prefix(end + 1);
    }
    out.end_array();
    co_return Body::json(out.text());
}

}  // namespace

void add_status_methods(muxrpc::Router& router, StatusServices& services) {
    auto with = [&services](auto* method) {
        return
            [&services, method](Request request) { return method(services, std::move(request)); };
    };
    using SourceReply = Reply<std::unique_ptr<Source>>;
    router.async("auth", Allow::local, with(&auth));
    // Holders of an invite code ask for it.
    router.async("getAddress", Allow::invite, with(&address));
    router.sync("multiserver.parse", Allow::local, with(&parse));
    router.sync("multiserver.address", Allow::local, with(&address));
    router.sync("status", Allow::local, with(&status));
    router.sync("progress", Allow::local, with(&progress));
    router.async("getFeedState", Allow::local, with(&get_feed_state));
    router.source("latest", Allow::local,
                  [&services](Request) { return SourceReply(std::make_unique<Latest>(services)); });
    router.source("createSequenceStream", Allow::local, [&services](Request) {
        return SourceReply(std::make_unique<Sequences>(services));
    });
}

}  // namespace sbot::app
