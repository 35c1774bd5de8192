#pragma once

#include <functional>

#include "io/loop.h"
#include "muxrpc/router.h"
#include "muxrpc/session.h"

/// `gossip.ping`: the time as a number back and forth, one exchange in a while, each side beginning
/// in turn. Protocol source: pull-ping 2.0.
namespace sbot::app {

/// Milliseconds between two exchanges that a server keeps who was dialled, whatever is configured.
inline constexpr double ping_ms_default = 5 * 60e3, ping_ms_min = 10e3, ping_ms_max = 30 * 60e3;

/// The side that was dialled, until the other ends it.
muxrpc::AsyncReply<void> answer_pings(io::Loop& loop, std::uint64_t delay_ms,
                                      std::unique_ptr<muxrpc::Source> in,
                                      std::unique_ptr<muxrpc::Sink> out);

/// Hears of each exchange that we began: how long it took, and how far the other's clock is ahead.
using OnPing = std::function<void(double rtt_ms, double skew_ms)>;

/// The side that dialled: calls the peer, until it ends that or the session is over.
io::Task<void> ping_peer(io::Loop& loop, muxrpc::Session& session, OnPing on_ping);

}  // namespace sbot::app
