#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/fifo.h"
#include "base/limits.h"
#include "io/loop.h"
#include "io/stream.h"
#include "io/sync.h"
#include "io/task.h"
#include "muxrpc/budget.h"
#include "muxrpc/codec.h"
#include "muxrpc/router.h"
#include "muxrpc/stream.h"

/// One muxrpc connection: calls in both directions over one byte stream. Protocol source: muxrpc
/// 6.7 and packet-stream 2.0 (docs/wire.md).
namespace sbot::muxrpc {

class Session;

/// One open stream of a session, either direction: what the peer sends is read with `next`, what
/// we send goes through `send`. Owned by whoever talks over it, may outlive its session (it is then
/// at its end). Dropping it tells the peer that we are gone. Loop thread only; one `next` and one
/// `send` at a time.
class Channel final : public Source, public Sink {
 public:
    ~Channel() override;
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;

    AsyncReply<std::optional<Body>> next() override;
    /// Waits for one item at least, then gives all that are there, `count_max` at most. An empty
    /// list is the end.
    AsyncReply<std::vector<Body>> next_batch(std::size_t count_max);

    AsyncReply<void> send(Body item) override;
    void end() override;
    void fail(RemoteError why) override;

 private:
    friend class Session;
    Channel(Session* session, std::int32_t number, bool reads, bool writes);

    bool received(Packet packet);
    void connection_lost();
    void send_end(std::string_view body);
    void give_up(RemoteError why);
    Body take();
    void settle();

    Session* session_;     // null: the session or this stream is over
    std::int32_t number_;  // as packets from the peer carry it
    bool reads_, writes_;
    bool in_ended_ = false, out_ended_ = false;
    bool congested_ = false;
    std::uint64_t moved_ms_ = 0;  // while congested: since then, or the last item taken
    std::optional<RemoteError> in_error_;
    base::Fifo<Body> queue_;
    std::size_t queued_bytes_ = 0;
    io::Event readable_;
    io::Event writable_;
};

/// Bounds for one session; all of them come from base/limits.h.
struct SessionOptions {
    std::size_t frame_bytes_max = limits::frame_bytes_max_stranger;
    Budget* budget = nullptr;  ///< null for callers whose memory is their own business
    std::size_t streams_max = limits::streams_per_peer_max;  ///< that the peer opens
    std::uint64_t stall_ms = limits::stream_stall_ms_max;
};

/// Runs one connection. Constructed with a stream that is ready for packets, then `run` until it
/// ends. Destroying it drops every call in flight and closes the stream. Loop thread only.
class Session {
 public:
    Session(io::Loop& loop, std::unique_ptr<io::ByteStream> stream, const Router& router,
            Caller caller, SessionOptions options);
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    /// Reads and answers until the connection ends. `closed` is the ordinary end (the peer's
    /// goodbye, ours, or a dropped connection); `invalid` and `limit` are the peer's fault.
    io::Async<void> run();

    /// Says goodbye and ends; `run` returns soon after, also if the peer never answers.
    void close();
    bool is_open() const { return open_; }
    /// Set once the peer has sent a packet.
    io::Event& heard() { return heard_; }
    const Caller& caller() const { return caller_; }

    // Calls to the peer; `args` is the JSON text of the list of arguments. They may be started
    // while `run` is running, and give "unexpected end of parent stream" when it ends.
    AsyncReply<Body> async(std::string path, std::string args);
    std::unique_ptr<Channel> source(std::string_view path, std::string_view args);
    std::unique_ptr<Channel> sink(std::string_view path, std::string_view args);
    std::unique_ptr<Channel> duplex(std::string_view path, std::string_view args);

 private:
    friend class Channel;
    struct Pending;

    // Packets from the peer.
    io::Async<void> read_loop();
    io::Async<void> wait_until_uncongested();
    Result<void> dispatch(Packet packet);
    Result<void> on_stream_packet(Packet packet);
    Result<void> on_request(Packet packet);
    static Result<void> check_json(const Body& body);
    void on_answer(Packet packet);
    void start(std::int32_t number, bool stream, const Method& method, Request request);
    void give_up_standing_consumers();
    void account();
    void break_off(Error why);

    // Work on calls of the peer.
    io::Task<void> answer(std::int32_t number, const Method& method, Request request);
    static io::Task<void> pump(std::unique_ptr<Source> from, std::unique_ptr<Channel> to);
    static io::Task<void> run_sink(const Method& method, Request request,
                                   std::unique_ptr<Channel> in);
    static io::Task<void> run_duplex(const Method& method, Request request,
                                     std::unique_ptr<Channel> both);
    io::Task<void> noting_the_end(std::int32_t number, io::Task<void> task);
    void keep(std::int32_t number, io::Task<void> task);
    void reap();

    // Packets to the peer.
    io::Task<void> write_loop();
    io::Task<void> hang_up_later();
    void send(std::int32_t number, bool stream, bool end, Encoding encoding, ByteView body);
    void send_error(std::int32_t number, bool stream, const RemoteError& why);
    void say_goodbye();
    std::size_t unsent() const { return out_.size() + writing_bytes_; }

    // Channels.
    std::unique_ptr<Channel> open(std::string_view path, std::string_view args,
                                  std::string_view type, bool reads, bool writes);
    void queued(Channel& channel, std::size_t bytes);
    void unqueued(Channel& channel, std::size_t bytes);
    void forget(Channel& channel);
    void await_end(std::int32_t number);
    void fail_everything();

    io::Loop& loop_;
    std::unique_ptr<io::ByteStream> stream_;
    const Router& router_;
    Caller caller_;
    SessionOptions options_;
    Decoder decoder_;
    bool open_ = true;
    bool goodbye_sent_ = false;
    std::optional<Error> broken_;  // why this side gave the connection up

    Bytes out_;                      // packets not handed to the stream yet
    std::size_t writing_bytes_ = 0;  // handed over, not accepted yet
    std::size_t blocked_senders_ = 0;
    io::Event heard_;
    io::Event out_ready_;
    io::Event progress_;  // something left a queue or finished: reading may go on

    std::size_t congested_count_ = 0;
    std::size_t queued_bytes_ = 0;  // in all channels
    std::size_t answering_count_ = 0;
    std::size_t peer_streams_ = 0;  // in `channels_`, opened by the peer
    std::size_t budget_share_ = 0;

    std::int32_t last_request_ = 0;
    std::unordered_map<std::int32_t, Channel*> channels_;
    std::set<std::int32_t> half_closed_;  // ended by us, not yet by the peer
    std::unordered_map<std::int32_t, Pending*> pending_;
    std::vector<std::int32_t> finished_;
    std::unordered_map<std::int32_t, io::Task<void>> work_;
    io::Task<void> writer_;
    io::Task<void> hang_up_;
};

}  // namespace sbot::muxrpc
