#include "tests/muxrpc/support.h"

namespace sbot::muxrpc {
namespace {

AsyncReply<Body> echo(Request request) { co_return Body::json(json::compact(request.arg(0))); }
AsyncReply<Body> nothing(Request) { co_return Body::utf8(""); }
AsyncReply<Body> fail(Request) { co_return RemoteError{"nope", "TypeError", "at home"}; }

AsyncReply<Body> wait(Methods& methods, Request) {
    Alive here(methods.alive);
    co_await methods.gate.wait();
    co_return Body::json("true");
}

/// 1, 2, … up to a number, then the end or an error.
class Count final : public Source {
 public:
    Count(double upto, bool fails) : upto_(upto), fails_(fails) {}
    AsyncReply<std::optional<Body>> next() override {
        if (at_ == upto_ && fails_) co_return RemoteError{"broke off"};
        if (at_ == upto_) co_return std::optional<Body>();
        at_ += 1;
        co_return std::optional(Body::json(std::to_string(static_cast<int>(at_))));
    }

 private:
    double at_ = 0, upto_;
    bool fails_;
};

/// An item of no bytes, of the kind that is sent nevertheless or of the usual one.
class Empty final : public Source {
 public:
    explicit Empty(bool even_empty) : even_empty_(even_empty) {}
    AsyncReply<std::optional<Body>> next() override {
        if (std::exchange(given_, true)) co_return std::optional<Body>();
        Body item;
        item.even_empty = even_empty_;
        co_return std::optional(std::move(item));
    }

 private:
    bool even_empty_, given_ = false;
};

/// Nothing until the gate opens.
class Live final : public Source {
 public:
    explicit Live(Methods& methods) : methods_(methods), here_(methods.alive) {}
    AsyncReply<std::optional<Body>> next() override {
        co_await methods_.gate.wait();
        co_return std::optional<Body>();
    }

 private:
    Methods& methods_;
    Alive here_;
};

class Flood final : public Source {
 public:
    explicit Flood(Methods& methods) : methods_(methods), here_(methods.alive) {}
    AsyncReply<std::optional<Body>> next() override {
        ++methods_.given;
        co_return std::optional(Body::binary(Bytes(1024, 7)));
    }

 private:
    Methods& methods_;
    Alive here_;
};

AsyncReply<void> collect(Methods& methods, Request, std::unique_ptr<Source> in) {
    Alive here(methods.alive);
    auto items = co_await all_of(*in);
    methods.collected.insert(methods.collected.end(), items.begin(), items.end());
    if (items.back() == "end") co_return {};
    co_return RemoteError{items.back()};
}

AsyncReply<void> first(Methods& methods, Request request, std::unique_ptr<Source> in) {
    Alive here(methods.alive);
    auto item = co_await in->next();
    if (item && item->has_value()) methods.collected.emplace_back((*item)->text());
    if (request.arg(0).is_true()) co_return RemoteError{"enough"};
    co_return {};
}

AsyncReply<void> stuck(Methods& methods, Request, std::unique_ptr<Source> in) {
    Alive here(methods.alive);
    co_await methods.gate.wait();
    auto items = co_await all_of(*in);
    methods.collected.insert(methods.collected.end(), items.begin(), items.end());
    co_return {};
}

AsyncReply<void> mirror(Methods& methods, Request, std::unique_ptr<Source> in,
                        std::unique_ptr<Sink> out) {
    Alive here(methods.alive);
    while (true) {
        auto item = co_await in->next();
        if (!item) co_return RemoteError{"mirror: " + item.error().message};
        if (!item->has_value()) co_return {};
        auto sent = co_await out->send(std::move(**item));
        if (!sent) co_return std::move(sent).error();
    }
}

/// Ends its half at once and goes on listening.
AsyncReply<void> listen(Methods& methods, Request, std::unique_ptr<Source> in,
                        std::unique_ptr<Sink> out) {
    Alive here(methods.alive);
    Body hello = Body::utf8("hello");
    auto sent = co_await out->send(std::move(hello));
    if (!sent) co_return std::move(sent).error();
    out->end();
    auto items = co_await all_of(*in);
    methods.collected.insert(methods.collected.end(), items.begin(), items.end());
    co_return {};
}

using SourceReply = Reply<std::unique_ptr<Source>>;

}  // namespace

Methods::Methods() {
    router.async("echo", Allow::peer, &echo);
    router.sync("nothing", Allow::peer, &nothing);
    router.async("fail", Allow::peer, &fail);
    router.async("wait", Allow::peer, [this](Request r) { return wait(*this, std::move(r)); });
    router.async("secret.word", Allow::local, &echo);
    router.source("count.up", Allow::peer, [](Request request) {
        bool fails = request.arg(1).is_true();
        return SourceReply(std::make_unique<Count>(request.arg(0).number(), fails));
    });
    router.source("empty", Allow::peer, [](Request request) {
        return SourceReply(std::make_unique<Empty>(request.arg(0).is_true()));
    });
    router.source("live", Allow::peer,
                  [this](Request) { return SourceReply(std::make_unique<Live>(*this)); });
    router.source("flood", Allow::peer,
                  [this](Request) { return SourceReply(std::make_unique<Flood>(*this)); });
    router.source("unable", Allow::peer, [](Request) {
        return SourceReply(RemoteError{"unable", "UsageError"});
    });
    auto sink = [this](auto* run) {
        return [this, run](Request request, std::unique_ptr<Source> in) {
            return run(*this, std::move(request), std::move(in));
        };
    };
    router.sink("collect", Allow::peer, sink(&collect));
    router.sink("first", Allow::peer, sink(&first));
    router.sink("stuck", Allow::peer, sink(&stuck));
    auto duplex = [this](auto* run) {
        return [this, run](Request request, std::unique_ptr<Source> in, std::unique_ptr<Sink> out) {
            return run(*this, std::move(request), std::move(in), std::move(out));
        };
    };
    router.duplex("mirror", Allow::peer, duplex(&mirror));
    router.duplex("listen", Allow::peer, duplex(&listen));
}

}  // namespace sbot::muxrpc
