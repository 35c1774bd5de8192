#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "muxrpc/permissions.h"
#include "muxrpc/stream.h"

namespace sbot::muxrpc {

enum class MethodKind : std::uint8_t { sync, async, source, sink, duplex };
std::string_view name_of(MethodKind kind);

class Session;

/// One call as a handler gets it. `args` is never null; a missing argument is an absent value.
struct Request {
    Caller caller;
    std::shared_ptr<const json::Document> body;
    json::Value args;
    Session* session = nullptr;  ///< over which it came; outlives what the handler starts

    json::Value arg(std::size_t index) const { return args.at(index); }
};

using AsyncHandler = std::function<AsyncReply<Body>(Request)>;
using SourceHandler = std::function<Reply<std::unique_ptr<Source>>(Request)>;
/// Takes what the caller sends; its return ends the call.
using SinkHandler = std::function<AsyncReply<void>(Request, std::unique_ptr<Source> in)>;
using DuplexHandler =
    std::function<AsyncReply<void>(Request, std::unique_ptr<Source> in, std::unique_ptr<Sink> out)>;

struct Method {
    MethodKind kind;
    Allow allow;
    AsyncHandler async;  // also sync
    SourceHandler source;
    SinkHandler sink;
    DuplexHandler duplex;
};

/// The methods of a server by their whole path ("blobs.get"), with who may call each. Filled once
/// at start; manifest and permissions follow from it. Handlers run on the loop thread.
class Router {
 public:
    void sync(std::string path, Allow allow, AsyncHandler handler);
    void async(std::string path, Allow allow, AsyncHandler handler);
    void source(std::string path, Allow allow, SourceHandler handler);
    void sink(std::string path, Allow allow, SinkHandler handler);
    void duplex(std::string path, Allow allow, DuplexHandler handler);

    /// Has a method that answers once see its calls as `change` leaves them.
    void adapt(std::string_view path, std::function<void(Request&)> change);

    /// What to run for a call, or the reference's words for why not. `type` is the request's own
    /// word for what it is ("async", "source", …; async where a plain request has none).
    Reply<const Method*> find(const std::vector<std::string>& path, std::string_view type,
                              Rights rights) const;

    /// All methods by their path.
    const std::map<std::string, Method, std::less<>>& methods() const { return methods_; }

    /// `{"whoami":"sync","gossip":{"connect":"async"},…}`, in the order of registration.
    std::string manifest() const;

 private:
    void add(std::string path, Method method);

    std::map<std::string, Method, std::less<>> methods_;
    std::vector<std::string> order_;
};

}  // namespace sbot::muxrpc
