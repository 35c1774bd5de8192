#include "sbot/server_methods.h"

#include <utility>

#include "net/address.h"
#include "net/interfaces.h"
#include "sbot/remote_error.h"
#include "sbot/stream_options.h"

namespace sbot::app {
namespace {

using muxrpc::Allow;
using muxrpc::AsyncReply;
using muxrpc::Body;
using muxrpc::RemoteError;
using muxrpc::Reply;
using muxrpc::Request;

// What the call `version` answers: the ssb-db whose calls these are. Clients look at nothing else.
constexpr std::string_view database_version = "20.4.1";

AsyncReply<Body> whoami(ServerServices& services, Request) {
    json::Writer out;
    out.begin_object().member("id", services.own.text()).end_object();
    co_return Body::json(out.text());
}

AsyncReply<Body> version(ServerServices&, Request) { co_return Body::utf8(database_version); }

AsyncReply<Body> address(ServerServices& services, Request request) {
    json::Value scope = request.arg(0);
    std::string_view wanted = scope.truthy() ? scope.string() : "device";
    std::string text = address_in(services.settings, services.own, wanted);
    if (text.empty()) co_return Body::json("null");
    co_return Body::utf8(text);
}

}  // namespace

std::string address_in(const Settings& settings, const FeedId& own, std::string_view scope) {
    std::string out;
    auto add = [&out](const std::string& text) {
        if (!out.empty()) out += ';';
        out += text;
    };
    for (const ListenAt& at : settings.net) {
        if (at.scopes.count(std::string(scope)) == 0) continue;
        std::vector<std::string> hosts = {at.host};
        if (scope == "public" && !at.external.empty()) {
            hosts = at.external;
        } else if (at.host == "::") {
            hosts = net::hosts_in_scope(scope);
        }
        for (const std::string& host : hosts) add(net::net_address(host, at.port, own));
    }
    if (scope == "device" && settings.unix_socket) {
        add(net::unix_address(settings.folder + "/socket"));
    }
    return out;
}

void add_server_methods(muxrpc::Router& router, ServerServices& services) {
    auto with = [&services](auto* method) {
        return
            [&services, method](Request request) { return method(services, std::move(request)); };
    };
    router.sync("whoami", Allow::local, with(&whoami));
    router.sync("version", Allow::local, with(&version));
    router.sync("address", Allow::local, with(&address));
}

namespace {

AsyncReply<Body> manifest_of(const muxrpc::Router& router) {
    co_return Body::json(router.manifest());
}

}  // namespace

void add_manifest_method(muxrpc::Router& router) {
    router.sync("manifest", Allow::peer, [&router](Request) { return manifest_of(router); });
}

}  // namespace sbot::app
