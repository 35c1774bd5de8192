#include "sbot/ping.h"

#include <string>
#include <utility>

#include "base/clock.h"
#include "base/json.h"

namespace sbot::app {
namespace {

double wall_ms() { return base::SystemClock().wall_ms(); }

/// One end of the conversation.
struct End {
    io::Loop& loop;
    std::uint64_t delay_ms;
    bool serving = false;  // the next number answers ours
    double sent = 0;
};

muxrpc::AsyncReply<void> send_time(End& end, muxrpc::Sink& out) {
    end.sent = wall_ms();
    std::string text;
    json::append_number(text, end.sent);
    auto sending = out.send(muxrpc::Body::json(text));
    co_return co_await sending;
}

/// Begins an exchange after a while, unless dropped before.
io::Task<void> serve_later(End& end, muxrpc::Sink& out) {
    co_await end.loop.sleep(end.delay_ms);
    end.serving = true;
    auto sending = send_time(end, out);
    auto sent = co_await sending;
    (void)sent.has_value();  // if nobody takes it, reading ends too
}

/// Answers, and begins in turn; `on_ping` may be empty.
io::Task<void> converse(End& end, muxrpc::Source& in, muxrpc::Sink& out, const OnPing& on_ping) {
    io::Task<void> turn;
    while (true) {
        auto receiving = in.next();
        auto item = co_await receiving;
        if (!item || !*item) break;
        if (std::exchange(end.serving, false)) {
            auto number = json::Document::parse((*item)->text());
            double now = wall_ms();
            bool usable = number && number->root().is_number() && on_ping;
            if (usable) on_ping(now - end.sent, number->root().number() - (now + end.sent) / 2);
            continue;
        }
        turn = {};
        auto sending = send_time(end, out);
        auto sent = co_await sending;
        if (!sent) break;
        turn = serve_later(end, out);
    }
    turn = {};
}

}  // namespace

muxrpc::AsyncReply<void> answer_pings(io::Loop& loop, std::uint64_t delay_ms,
                                      std::unique_ptr<muxrpc::Source> in,
                                      std::unique_ptr<muxrpc::Sink> out) {
    End end{loop, delay_ms};
    OnPing nobody;
    auto talking = converse(end, *in, *out, nobody);
    co_await talking;
    out->end();
    co_return {};
}

io::Task<void> ping_peer(io::Loop& loop, muxrpc::Session& session, OnPing on_ping) {
    co_await loop.yield();  // until the session runs
    auto channel = session.duplex("gossip.ping", R"([{"timeout":300000}])");
    End end{loop, static_cast<std::uint64_t>(ping_ms_default), true};
    auto beginning = send_time(end, *channel);
    auto begun = co_await beginning;
    if (!begun) co_return;
    auto talking = converse(end, *channel, *channel, on_ping);
    co_await talking;
    channel->end();
}

}  // namespace sbot::app
