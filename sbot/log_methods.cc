#include "sbot/log_methods.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/number.h"
#include "message/refs.h"
#include "sbot/remote_error.h"

namespace sbot::app {
namespace {

using muxrpc::Allow;
using muxrpc::AsyncReply;
using muxrpc::Body;
using muxrpc::RemoteError;
using muxrpc::Reply;
using muxrpc::Request;

AsyncReply<Body> publish(LogServices& services, Request request) {
    co_await services.feeds.own_known().wait();
    auto publishing = services.feeds.publish(request.arg(0));
    auto stored = co_await publishing;
    if (!stored) co_return std::move(stored).error();
    co_return Body::json(*stored);
}

AsyncReply<Body> add(LogServices& services, Request request) {
    co_await services.reading.ready().wait();
    auto adding = services.feeds.add(request.arg(0));
    auto stored = co_await adding;
    if (!stored) co_return std::move(stored).error();
    co_return Body::json(*stored);
}

/// What `get` was asked for, its three spellings made one.
struct Wanted {
    std::string id;
    std::optional<double> offset;
    bool unbox = false;
    bool meta = false;
    std::string read_key;
};

RemoteError no_member(std::string_view of, std::string_view name) {
    return {
        "Cannot read properties of " + std::string(of) + " (reading '" + std::string(name) + "')",
        "TypeError"};
}

RemoteError no_key() {
    return RemoteError{"ssb-db.get: key *must* be a ssb message id or a flume offset"};
}

Reply<Wanted> wanted(json::Value given) {
    if (given.is_null()) return no_member("null", "id");
    if (!given.truthy()) return param_required();
    Wanted want;
    if (given.is_number()) {
        want.offset = given.number();
        return want;
    }
    bool is_object = given.is_object() || given.is_array();
    if (given.is_true()) return no_key();  // passes for the number 1 there, and then for nothing
    if (!is_object && !message::is_msg_link(given.string())) {
        // So do texts that are numbers.
        return std::isnan(base::to_number(given.string())) ? param_type("object") : no_key();
    }
    json::Value id = is_object ? given["id"] : given;
    if (is_object) {
        want.unbox = given["private"].is_true();
        want.meta = given["meta"].truthy();
        if (want.unbox) want.read_key = given["unbox"].string();
        if (!id.exists()) return no_member("undefined", "length");
        if (id.is_null()) return no_member("null", "length");
    }
    auto link = message::parse_link(id.string());
    if (link && id.string().find('?') != std::string_view::npos) {
        auto key = link->unbox();
        if (!key) return RemoteError{"the link holds no read key (?unbox=…)", "TypeError"};
        want.unbox = true;
        want.read_key = *key;
        want.id = link->link;
        return want;
    }
    if (id.is_number()) {
        want.offset = id.number();
        return want;
    }
    want.id = id.string();
    if (!message::is_msg(want.id)) return no_key();
    return want;
}

AsyncReply<Body> get_at(LogServices& services, double offset) {
    if (!(offset > 0) || offset != std::floor(offset)) co_return no_key();
    const auto at = static_cast<flume::Offset>(std::min(offset, 9007199254740991.0));
    auto reading = services.reading.by_offset(at);
    auto record = co_await reading;
    if (!record) co_return remote(record.error());
    if (!json::well_formed(*record)) {
        services.reading.damaged(at);
        co_return remote(damaged_error(at));
    }
    Shape shape;
    shape.unboxer = &services.unboxer;
    shape.read_keys = services.reading.read_keys();
    auto body = shaped(*record, shape, 0);
    if (!body) co_return RemoteError{"the entry at this offset is no message"};
    co_return std::move(*body);
}

AsyncReply<Body> get(LogServices& services, Request request) {
    auto want = wanted(request.arg(0));
    if (!want) co_return std::move(want).error();
    if (want->offset) {
        co_await services.reading.ready().wait();
        auto at = get_at(services, *want->offset);
        co_return co_await at;
    }
    auto key = MessageId::parse(want->id);
    if (!key)
        co_return RemoteError{"Key not found in database [" + want->id + "]", "NotFoundError"};
    auto reading = services.reading.by_key(*key);
    auto record = co_await reading;
    if (!record) co_return remote(record.error());
    json::Document document;
    if (auto ok = document.parse_borrowed(*record); !ok) co_return remote(ok.error());
    json::Value envelope = document.root();
    std::string value(envelope["value"].source());
    if (want->unbox) {
        auto learnt = services.reading.read_keys();
        std::string read_key(read_key_of(learnt.get(), want->id));
        bool given = read_key.empty() && !want->read_key.empty();
        if (given) read_key = want->read_key;
        std::string opened = unboxed_or_stored(envelope["value"], services.unboxer, read_key);
        if (given && opened != value) services.reading.learn(want->id, read_key);
        value = std::move(opened);
    }
    if (!want->meta) co_return Body::json(value);
    json::Writer out;
    out.begin_object().member("key", envelope["key"]).name("value").raw(value);
    out.member("timestamp", envelope["timestamp"]).end_object();
    co_return Body::json(out.text());
}

/// The feed a call names, by the reference's loose rule; what is loose there is unknown to us.
Reply<std::string> feed_argument(const Request& request) {
    json::Value given = request.arg(0);
    if (!given.truthy()) return param_required();
    if (!message::is_feed(given.string())) return param_type("feedId");
    return std::string(given.string());
}

AsyncReply<Body> get_latest(LogServices& services, Request request) {
    co_await services.reading.ready().wait();
    auto feed = feed_argument(request);
    if (!feed) co_return std::move(feed).error();
    auto id = FeedId::parse(*feed);
    const message::FeedState* state = id ? services.feeds.stored(*id) : nullptr;
    if (state == nullptr) co_return nothing();
    MessageId key = state->id;
    auto reading = services.reading.by_key(key);
    auto record = co_await reading;
    if (!record && record.error().code == Errc::not_found) {
        co_return RemoteError{flume::deleted_error().what};
    }
    if (!record) co_return remote(record.error());
    json::Document document;
    if (auto ok = document.parse_borrowed(*record); !ok) co_return remote(ok.error());
    json::Writer out;
    out.begin_object().member("key", key.text()).member("value", document.root()["value"]);
    out.end_object();
    co_return Body::json(out.text());
}

AsyncReply<Body> latest_sequence(LogServices& services, Request request) {
    co_await services.reading.ready().wait();
    auto feed = feed_argument(request);
    if (!feed) co_return std::move(feed).error();
    auto id = FeedId::parse(*feed);
    const message::FeedState* state = id ? services.feeds.stored(*id) : nullptr;
    if (state == nullptr) co_return RemoteError{"not found:" + *feed};
    co_return Body::json(std::to_string(state->sequence));
}

AsyncReply<Body> get_vector_clock(LogServices& services, Request) {
    co_await services.reading.ready().wait();
    json::Writer out;
    out.begin_object();
    services.feeds.each_stored([&](const FeedId& feed, const message::FeedState& state) {
        out.member(feed.text(), static_cast<double>(state.sequence));
    });
    out.end_object();
    co_return Body::json(out.text());
}

using SourceReply = Reply<std::unique_ptr<muxrpc::Source>>;

/// A stream without items.
class Empty final : public muxrpc::Source {
 public:
    AsyncReply<std::optional<Body>> next() override { co_return std::optional<Body>(); }
};

SourceReply by_standard_options(LogServices& services, const Request& request, Query::By by) {
    auto options = standard_options(request.arg(0));
    if (!options) return std::move(options).error();
    if (by == Query::By::received && request.arg(0)["raw"].truthy()) {
        return raw_stream(services.raw, request.arg(0), true);
    }
    if (by == Query::By::received) set_log_bounds(*options, request.arg(0));
    Query query;
    query.by = by;
    return services.reading.stream(std::move(query), *options);
}

SourceReply by_feed(LogServices& services, Reply<UserOptions> options, bool for_peer = false) {
    if (!options) return std::move(options).error();
    auto feed = FeedId::parse(options->id);
    if (!feed) return SourceReply(std::make_unique<Empty>());
    Query query;
    query.by = Query::By::sequence;
    query.feed = *feed;
    query.gapless = for_peer;
    return services.reading.stream(std::move(query), options->stream);
}

/// A server of the reference answers calls for a feed that it does not have, or not so far, from
/// another place, before it has looked at other options: with nothing, or live with bare messages
/// from the asked one on.
SourceReply history(LogServices& services, const Request& request, bool for_peer) {
    json::Value given = request.arg(0);
    auto feed = FeedId::parse(given["id"].string());
    const message::FeedState* state = feed ? services.feeds.stored(*feed) : nullptr;
    const double from = history_from(given);
    const bool beyond = state != nullptr ? from > static_cast<double>(state->sequence)
                                         : services.reading.ready().is_set();
    if (!feed || !beyond) return by_feed(services, history_options(given), for_peer);
    if (!given["live"].truthy()) return SourceReply(std::make_unique<Empty>());
    UserOptions options;
    options.id = feed->text();
    options.stream.live = true;
    options.stream.keys = options.stream.sync = false;
    options.stream.gte = from;
    return by_feed(services, std::move(options), for_peer);
}

/// A feed's messages for a peer, for as long as it may have them.
class ForPeer final : public muxrpc::Source {
 public:
    ForPeer(const Friends& friends, FeedId feed, FeedId peer,
            std::unique_ptr<muxrpc::Source> messages)
        : friends_(friends), feed_(feed), peer_(peer), messages_(std::move(messages)) {}

    AsyncReply<std::optional<Body>> next() override {
        auto reading = messages_->next();
        auto item = co_await reading;
        if (item && *item && !friends_.may_pass(feed_, peer_)) co_return std::optional<Body>();
        co_return std::move(item);
    }

 private:
    const Friends& friends_;
    FeedId feed_, peer_;
    std::unique_ptr<muxrpc::Source> messages_;
};

/// Where a peer without EBT goes on in our own feed says what it has of it.
void learn_from(LogServices& services, const FeedId& feed, const FeedId& peer, json::Value given) {
    if (feed != services.feeds.own() || !given["live"].is_true()) return;
    double from = (given["sequence"].truthy() ? given["sequence"] : given["seq"]).number();
    if (!(from >= 0 && from < 9007199254740992.0)) return;
    services.own.shown(peer, from < 1 ? 0 : static_cast<Sequence>(from) - 1);
}

/// As ssb-replicate does it, and besides: a feed that we block is not passed on to anybody.
SourceReply history_for_caller(LogServices& services, const Request& request) {
    const bool all = request.caller.rights == muxrpc::Rights::local;
    auto messages = history(services, request, !all);
    json::Value given = request.arg(0);
    auto feed = FeedId::parse(given.is_string() ? given.string() : given["id"].string());
    auto peer = FeedId::parse(request.caller.id);
    if (!messages || all || !feed || !peer) return messages;
    learn_from(services, *feed, *peer, given);
    if (!services.friends.may_pass(*feed, *peer)) return SourceReply(std::make_unique<Empty>());
    return SourceReply(
        std::make_unique<ForPeer>(services.friends, *feed, *peer, std::move(*messages)));
}

SourceReply by_type(LogServices& services, const Request& request) {
    auto options = type_options(request.arg(0));
    if (!options) return std::move(options).error();
    Query query;
    query.by = Query::By::type;
    query.type = std::move(options->type);
    return services.reading.stream(std::move(query), options->stream);
}

}  // namespace

void add_log_methods(muxrpc::Router& router, LogServices& services) {
    auto with = [&services](auto* method) {
        return
            [&services, method](Request request) { return method(services, std::move(request)); };
    };
    router.async("add", Allow::local, with(&add));
    router.source("createFeedStream", Allow::local, [&services](Request request) {
        return by_standard_options(services, request, Query::By::resolved);
    });
    router.source("createHistoryStream", Allow::peer,
                  [&services](Request request) { return history_for_caller(services, request); });
    router.source("createLogStream", Allow::local, [&services](Request request) {
        return by_standard_options(services, request, Query::By::received);
    });
    router.source("createUserStream", Allow::local, [&services](Request request) {
        return by_feed(services, user_options(request.arg(0)));
    });
    router.async("get", Allow::local, with(&get));
    router.async("getLatest", Allow::local, with(&get_latest));
    router.async("getVectorClock", Allow::local, with(&get_vector_clock));
    router.async("latestSequence", Allow::local, with(&latest_sequence));
    router.source("messagesByType", Allow::local,
                  [&services](Request request) { return by_type(services, request); });
    router.async("publish", Allow::local, with(&publish));
}

}  // namespace sbot::app
