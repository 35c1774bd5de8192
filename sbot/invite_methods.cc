#include "sbot/invite_methods.h"

#include <cmath>
#include <optional>
#include <utility>

#include "base/base64.h"
#include "base/letters.h"
#include "base/number.h"
#include "io/net.h"
#include "muxrpc/session.h"
#include "net/address.h"
#include "net/address_rules.h"
#include "net/interfaces.h"
#include "net/secure_stream.h"
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

constexpr int dial_tries = 3;
constexpr std::uint64_t between_tries_ms = 500;
constexpr std::uint64_t use_ms_max = 30000;

std::span<const std::uint8_t, 32> bytes_of(const base::Secret<32>& seed) {
    return std::span<const std::uint8_t, 32>(seed.data(), 32);
}

// ---- invite.create

struct Creation {
    std::uint32_t uses = 1;
    std::string note;      // JSON
    std::string external;  // a host
    bool modern = false;
};

/// `+uses || 1`; a number of times that cannot be is refused.
Reply<std::uint32_t> uses_of(json::Value given) {
    double uses = 1;
    if (given.is_number()) uses = given.number();
    if (given.is_string()) uses = base::to_number(given.string());
    if (std::isnan(uses) || uses == 0) return std::uint32_t{1};
    if (!(uses >= 1 && uses <= limits::invite_uses_max) || uses != std::floor(uses)) {
        return RemoteError{"uses must be a whole number, 1 to " +
                           std::to_string(limits::invite_uses_max)};
    }
    return static_cast<std::uint32_t>(uses);
}

/// The reference takes what looks like a number for one, whatever it is.
Reply<Creation> creation_of(json::Value given) {
    if (!given.truthy()) return param_required();
    Creation creation;
    bool is_number = given.is_number() || given.is_true() ||
                     (given.is_string() && !std::isnan(base::to_number(given.string())));
    if (!is_number && !given.is_object() && !given.is_array()) return param_type("object");
    auto uses = uses_of(is_number ? given : given["uses"]);
    if (!uses) return std::move(uses).error();
    creation.uses = *uses;
    if (is_number || given.is_array()) return creation;
    if (json::Value note = given["note"]; note.truthy()) creation.note = json::compact(note);
    if (creation.note.size() > limits::invite_note_bytes_max) {
        return RemoteError{"the note is too long"};
    }
    json::Value external = given["external"];
    creation.external = external.string();
    if (external.truthy() && (creation.external.empty() || !net::is_host(creation.external))) {
        return RemoteError{"external must be a host"};
    }
    creation.modern = given["modern"].truthy();
    if (creation.modern) creation.uses = 1;
    return creation;
}

std::string invite_address(const InviteServices& services) {
    std::string text = address_in(services.settings, services.own, "public");
    if (services.settings.all["allowPrivate"].truthy()) {
        for (const char* scope : {"local", "private"}) {
            if (text.empty()) text = address_in(services.settings, services.own, scope);
        }
    }
    return text.substr(0, text.find(';'));
}

/// Nobody far away can dial it.
bool is_private(const std::string& host) {
    std::string_view scope = net::scope_of(host);
    return host.empty() || host == "localhost" || scope == "device" || scope == "link" ||
           scope == "local";
}

/// Where the guest is to dial, or why nobody could.
Reply<net::RefAddress> place_of(const InviteServices& services, const Creation& creation) {
    std::string text = invite_address(services);
    if (text.empty()) {
        return RemoteError{
            "no address available for creating an invite,configuration needed for server.\n"
            "see: https://github.com/ssbc/ssb-config/#connections"};
    }
    auto address = net::parse_address(text);
    if (!address) return RemoteError{"Could not parse host portion from server address:" + text};
    if (!creation.external.empty()) address->host = creation.external;
    if (!services.settings.all["allowPrivate"].truthy() && is_private(address->host)) {
        return RemoteError{"Server has no public ip address, cannot create useable invitation"};
    }
    if (creation.modern) return RemoteError{"not a ws address:" + text};  // we have none
    return std::move(*address);
}

AsyncReply<Body> create(InviteServices& services, Request request) {
    auto creation = creation_of(request.arg(0));
    if (!creation) co_return std::move(creation).error();
    auto place = place_of(services, *creation);
    if (!place) co_return std::move(place).error();
    base::Secret<32> seed;
    services.random.fill(MutableBytes(seed.data(), 32));
    InviteCodes::Code code;
    code.guest = message::KeyPair::from_seed(bytes_of(seed)).id;
    code.total = creation->uses;
    code.note = creation->note;
    auto adding = services.codes.add(std::move(code));
    auto added = co_await adding;
    if (!added) co_return remote(added.error());
    std::string port = std::to_string(static_cast<int>(place->port));
    co_return Body::utf8(place->host + ":" + port + ":" + place->key + "~" +
                         base::to_base64(seed.view()));
}

// ---- invite.use

/// What a use that comes to its end by itself and the guest who waits for that share.
struct Use {
    io::Event done;
    std::optional<Reply<Body>> answer;
};

std::string follow_of_guest(const FeedId& feed, const std::string& note) {
    json::Writer out;
    out.begin_object().member("type", "contact").member("contact", feed.text());
    out.name("following").value(true).name("pub").value(true);
    if (!note.empty()) out.name("note").raw(note);
    out.end_object();
    return std::move(out).text();
}

AsyncReply<std::string> publish(Feeds& feeds, std::string content) {
    auto document = json::Document::parse(content);
    auto publishing = feeds.publish(document->root());
    co_return co_await publishing;
}

/// In the reference's order.
AsyncReply<Body> carry_out(InviteServices& services, FeedId guest, std::string text) {
    co_await services.reading.ready().wait();
    auto feed = FeedId::parse(text);
    if (feed) {
        auto asking = services.relation(*feed);
        auto relation = co_await asking;
        if (relation == friends::Relation::follow) co_return RemoteError{"already following"};
        // The reference follows it, which takes the block back.
        if (relation == friends::Relation::block) co_return RemoteError{"this server blocks you"};
    }
    if (!feed || *feed == services.own) co_return RemoteError{"feed to follow is missing"};
    auto counting = services.codes.count_use(guest);
    auto counted = co_await counting;
    if (!counted) co_return remote(counted.error());
    const InviteCodes::Code* code = services.codes.find(guest);
    std::string content = follow_of_guest(*feed, code != nullptr ? code->note : std::string());
    auto publishing = publish(services.feeds, std::move(content));
    auto published = co_await publishing;
    if (!published) co_return std::move(published).error();
    co_return Body::json(*published);
}

io::Task<void> finish(InviteServices& services, std::shared_ptr<Use> use, FeedId guest,
                      std::string feed) {
    auto carrying = carry_out(services, guest, std::move(feed));
    use->answer = co_await carrying;
    use->done.set();
}

AsyncReply<Body> use(InviteServices& services, Request request) {
    json::Value given = request.arg(0);
    if (!given.truthy()) co_return param_required();
    if (!given.is_object() && !given.is_array()) co_return param_type("object");
    auto guest = FeedId::parse(request.caller.id);
    if (!guest || services.codes.find(*guest) == nullptr) {
        co_return RemoteError{"Key not found in database [" + request.caller.id + "]",
                              "NotFoundError"};
    }
    auto ours = std::make_shared<Use>();
    std::string feed(given["feed"].string());
    services.uses.add(finish(services, ours, *guest, std::move(feed)));
    co_await ours->done.wait();
    co_return std::move(*ours->answer);
}

// ---- invite.accept

struct Invite {
    net::NetTarget pub;
    std::string remote;       // the pub's address
    net::RefAddress address;  // the same as messages have it
};

/// Says no more of the text than its address: the rest may be a seed.
RemoteError unparsable(std::string_view text) {
    return RemoteError{"ssb-invite failed to parse invite " +
                       std::string(text.substr(0, text.find('~')))};
}

RemoteError undialable(std::string_view remote) {
    return RemoteError{"this server dials net addresses only, and the invite has none: " +
                       std::string(remote.substr(0, remote.find('~')))};
}

/// Both forms of a code, in quotes or not. One that was copied may come with blanks around it.
Reply<Invite> invite_of(json::Value given) {
    if (!given.truthy()) return param_required();
    if (given.is_object() || given.is_array()) given = given["invite"];
    if (!given.exists() || given.is_null()) {
        return RemoteError{"Cannot read properties of undefined (reading 'charAt')", "TypeError"};
    }
    if (!given.is_string()) return RemoteError{"invite.charAt is not a function", "TypeError"};
    std::string_view text = given.string();
    if (text.size() > limits::invite_bytes_max) return RemoteError{"the invite is too long"};
    text = base::trimmed(text);
    if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
        text = base::trimmed(text.substr(1, text.size() - 2));
    }
    auto parsed = net::parse_invite(text);
    if (!parsed) return unparsable(text);
    auto address = net::parse_address(parsed->remote);
    auto target = net::dial_target(parsed->invite);
    if (!target && target.error().code == Errc::unsupported) return undialable(parsed->remote);
    auto* pub = target ? std::get_if<net::NetTarget>(&*target) : nullptr;
    if (!address || pub == nullptr || !pub->seed) return unparsable(parsed->remote);
    return Invite{std::move(*pub), parsed->remote, std::move(*address)};
}

using Connected = std::unique_ptr<net::SecureStream>;

io::Async<Connected> dial_once(io::Loop& loop, const net::Identity& guest,
                               const net::NetTarget& pub, std::uint64_t limit_ms) {
    auto dialling = io::dial_tcp(loop, pub.host, pub.port, limit_ms);
    auto socket = co_await dialling;
    if (!socket) co_return std::move(socket).error();
    auto greeting = net::greet(loop, guest, std::move(*socket), pub.remote, limit_ms);
    co_return co_await greeting;
}

/// A pub that has just come up may need a moment.
io::Async<Connected> dial(io::Loop& loop, const net::Identity& guest, const net::NetTarget& pub,
                          std::uint64_t limit_ms) {
    for (int tries = 1;; ++tries) {
        std::uint64_t began_ms = loop.now_ms();
        auto dialling = dial_once(loop, guest, pub, limit_ms);
        auto stream = co_await dialling;
        if (stream || tries == dial_tries) co_return stream;
        auto pause = loop.sleep(between_tries_ms +
                                (loop.now_ms() - began_ms) * static_cast<std::uint64_t>(tries));
        co_await pause;
    }
}

io::Async<Reply<Body>> call_use(muxrpc::Session& session, std::string arguments) {
    auto calling = session.async("invite.use", std::move(arguments));
    auto answer = co_await calling;
    co_return Reply<Body>(std::move(answer));
}

/// A pub has no more to say to those whose code it does not know, or not any more.
std::string in_plain_words(const std::string& answer) {
    if (!answer.ends_with(" is not in list of allowed methods")) return answer;
    return "the code was used up, or that server does not know it: " + answer;
}

/// As the guest whose key the code holds.
AsyncReply<Body> ask_pub(InviteServices& services, const net::NetTarget& pub) {
    auto pair = message::KeyPair::from_seed(bytes_of(*pub.seed));
    net::Identity guest{services.settings.network, {pair.id.bytes, shs::SecretKey(pair.secret)}};
    auto dialling = dial(services.loop, guest, pub, services.settings.handshake_ms);
    auto stream = co_await dialling;
    if (!stream) co_return RemoteError{"could not connect to server: " + stream.error().what};
    muxrpc::Router nothing;
    muxrpc::Caller caller{muxrpc::Rights::peer, pub.remote.text()};
    muxrpc::SessionOptions options;
    muxrpc::Session session(services.loop, std::move(*stream), nothing, caller, options);
    auto running = session.run();
    json::Writer arguments;
    arguments.begin_array().begin_object().member("feed", services.own.text());
    arguments.end_object().end_array();
    auto calling = call_use(session, std::move(arguments).text());
    auto answer = co_await io::timeout(services.loop, use_ms_max, std::move(calling));
    session.close();
    auto ended = co_await running;
    (void)ended;  // the answer is here, or it never comes
    if (!answer) co_return RemoteError{"invite not accepted: " + answer.error().what};
    if (!*answer)
        co_return RemoteError{"invite not accepted: " + in_plain_words(answer->error().message)};
    co_return std::move(**answer);
}

std::string follow_of_pub(const Invite& invite) {
    json::Writer out;
    out.begin_object().member("type", "contact").name("following").value(true);
    out.name("autofollow").value(true).member("contact", invite.address.key).end_object();
    return std::move(out).text();
}

std::string announcement(const Invite& invite) {
    json::Writer out;
    out.begin_object().member("type", "pub").name("address").begin_object();
    out.member("host", invite.address.host).member("port", invite.address.port);
    out.member("key", invite.address.key).end_object().end_object();
    return std::move(out).text();
}

AsyncReply<Body> accept(InviteServices& services, Request request) {
    auto invite = invite_of(request.arg(0));
    if (!invite) co_return std::move(invite).error();
    co_await services.reading.ready().wait();
    auto asking = ask_pub(services, invite->pub);
    auto asked = co_await asking;
    if (!asked) co_return std::move(asked).error();
    auto following = publish(services.feeds, follow_of_pub(*invite));
    auto followed = co_await following;
    if (!followed) co_return std::move(followed).error();
    auto announcing = publish(services.feeds, announcement(*invite));
    auto announced = co_await announcing;
    if (!announced) co_return std::move(announced).error();
    services.accepted(invite->remote);
    co_return Body::json("[" + *followed + "," + *announced + "]");
}

}  // namespace

void add_invite_methods(muxrpc::Router& router, InviteServices& services) {
    auto with = [&services](auto* method) {
        return
            [&services, method](Request request) { return method(services, std::move(request)); };
    };
    router.async("invite.create", Allow::local, with(&create));
    router.async("invite.use", Allow::invite, with(&use));
    router.async("invite.accept", Allow::local, with(&accept));
}

}  // namespace sbot::app
