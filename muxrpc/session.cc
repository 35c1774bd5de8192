#include "muxrpc/session.h"

#include <algorithm>
#include <utility>

#include "base/json.h"
#include "io/read_room.h"

namespace sbot::muxrpc {
namespace {

// Answers nobody reads: past this the peer's requests are not read any more.
constexpr std::size_t unsent_bytes_max = 4 << 20;
// Paths are one or two words; a longer one is somebody's joke and gets a short answer.
constexpr std::size_t packets_per_turn = 16;
constexpr std::size_t path_parts_max = 8;
constexpr std::size_t path_bytes_max = 200;
constexpr std::uint64_t goodbye_wait_ms = 2000;
// What an open stream costs us while nothing happens in it: its tasks' frames and empty queues.
constexpr std::size_t stream_bytes = 3 << 10;

struct Call {
    std::vector<std::string> path;
    std::string type;
    json::Value args;
};

/// A request's body, or the words for what is wrong with it.
Reply<Call> read_call(json::Value body, bool stream) {
    Call call;
    json::Value name = body["name"];
    if (name.is_string()) call.path.emplace_back(name.string().substr(0, path_bytes_max));
    std::size_t bytes = 0;
    for (json::Value part : name.elements()) {
        bytes += part.string().size();
        if (!part.is_string() || call.path.size() == path_parts_max || bytes > path_bytes_max) {
            return RemoteError{"invalid request, name should be a short list of words"};
        }
        call.path.emplace_back(part.string());
    }
    if (call.path.empty()) return RemoteError{"invalid request, it names no method"};
    json::Value type = body["type"];
    call.type = type.is_string() ? std::string(type.string().substr(0, path_bytes_max))
                                 : std::string(stream ? "undefined" : "async");
    call.args = body["args"];
    if (!call.args.is_array()) {
        std::string was = call.args.exists() ? json::compact(call.args) : "undefined";
        return RemoteError{"invalid request, args should be array, was: " +
                           was.substr(0, path_bytes_max)};
    }
    if (stream && call.type != "source" && call.type != "sink" && call.type != "duplex") {
        return RemoteError{"unsupported stream type: " + call.type};
    }
    if (!stream && call.type != "sync") call.type = "async";
    return call;
}

/// What a handler reads and writes through, where the channel stays with the session for the end.
struct Reading final : Source {
    explicit Reading(Channel& channel) : from(channel) {}
    AsyncReply<std::optional<Body>> next() override { return from.next(); }
    Channel& from;
};
struct Writing final : Sink {
    explicit Writing(Channel& channel) : to(channel) {}
    AsyncReply<void> send(Body item) override { return to.send(std::move(item)); }
    void end() override { to.end(); }
    void fail(RemoteError why) override { to.fail(std::move(why)); }
    Channel& to;
};

std::string error_text(const RemoteError& why) {
    json::Writer out;
    out.begin_object().member("message", why.message).member("name", why.name);
    out.member("stack", why.stack).end_object();
    return std::move(out).text();
}

std::string call_text(std::string_view path, std::string_view args, std::string_view type) {
    json::Writer call;
    call.begin_object().name("name").begin_array();
    for (std::size_t from = 0; from <= path.size();) {
        std::size_t point = std::min(path.find('.', from), path.size());
        call.value(path.substr(from, point - from));
        from = point + 1;
    }
    call.end_array().name("args").raw(args).member("type", type).end_object();
    return std::move(call).text();
}

/// The reference takes every packet without a body for the goodbye.
Body never_empty(Body body) { return body.data.empty() ? Body::json("\"\"") : std::move(body); }

RemoteError connection_gone() { return RemoteError{"unexpected end of parent stream"}; }

}  // namespace

/// A call of ours that waits for its answer; lives in the frame of the coroutine that waits.
struct Session::Pending {
    Pending(Session& of, std::int32_t its_number) : session(&of), number(its_number) {
        session->pending_.emplace(number, this);
    }
    ~Pending() {
        if (session != nullptr) session->pending_.erase(number);
    }
    Pending(const Pending&) = delete;
    Pending& operator=(const Pending&) = delete;

    void settle(Reply<Body> with) {
        answer = std::move(with);
        session = nullptr;
        done.set();
    }

    Session* session;
    std::int32_t number;
    std::optional<Reply<Body>> answer;
    io::Event done;
};

Session::Session(io::Loop& loop, std::unique_ptr<io::ByteStream> stream, const Router& router,
                 Caller caller, SessionOptions options)
    : loop_(loop),
      stream_(std::move(stream)),
      router_(router),
      caller_(std::move(caller)),
      options_(options),
      decoder_(options.frame_bytes_max) {}

Session::~Session() {
    open_ = false;
    fail_everything();
    stream_->close();
    if (options_.budget != nullptr) options_.budget->update(budget_share_, 0);
}

io::Async<void> Session::run() {
    writer_ = write_loop();
    auto ended = co_await read_loop();
    open_ = false;
    fail_everything();
    if (ended) {
        say_goodbye();
        // A peer that does not read any more must not keep us here.
        if (!hang_up_.valid()) hang_up_ = hang_up_later();
        while (unsent() > 0) {
            progress_.reset();
            co_await progress_.wait();
        }
        auto said = co_await stream_->shutdown();
        if (!said) ended = std::move(said).error();
    }
    stream_->close();
    if (ended) co_return error(Errc::closed, "goodbye");
    co_return std::move(ended).error();
}

void Session::close() {
    if (!open_ || goodbye_sent_) return;
    say_goodbye();
    hang_up_ = hang_up_later();
}

io::Task<void> Session::hang_up_later() {
    co_await loop_.sleep(goodbye_wait_ms);
    stream_->close();
}

void Session::say_goodbye() {
    if (goodbye_sent_) return;
    goodbye_sent_ = true;
    append_goodbye(out_);
    out_ready_.set();
}

/// Ends with success at the peer's goodbye.
io::Async<void> Session::read_loop() {
    io::ReadRoom room;
    for (std::size_t packets = 1; !broken_; ++packets) {
        // Others have their turn, and what was begun for a few goes on while the next are read.
        if (packets % packets_per_turn == 0) co_await loop_.yield();
        Packet packet;
        auto state = decoder_.next(packet);
        if (!state) co_return std::move(state).error();
        if (*state == Decoder::State::goodbye) co_return {};
        if (*state == Decoder::State::packet) {
            heard_.set();
            reap();
            if (auto ok = dispatch(std::move(packet)); !ok) co_return std::move(ok).error();
            if (auto ok = co_await wait_until_uncongested(); !ok) co_return std::move(ok).error();
            continue;
        }
        auto got = co_await stream_->read(room.next());
        if (broken_) break;
        if (!got) co_return std::move(got).error();
        if (*got == 0) co_return error(Errc::closed, "the peer hung up");
        decoder_.feed(room.taken(*got));
        account();
    }
    co_return *broken_;
}

/// Not reading on is what slows a peer down: TCP carries it. A consumer of ours that stands still
/// loses its stream; a peer that takes no answers loses its connection.
io::Async<void> Session::wait_until_uncongested() {
    while (!broken_ && (congested_count_ > 0 || unsent() > unsent_bytes_max ||
                        answering_count_ >= limits::requests_per_peer_max)) {
        progress_.reset();
        auto moved = co_await io::timeout(loop_, options_.stall_ms, io::wait_for(progress_));
        reap();
        give_up_standing_consumers();
        if (!moved && congested_count_ == 0 && unsent() > unsent_bytes_max) {
            co_return error(Errc::limit, "the peer does not read its answers");
        }
    }
    co_return {};
}

void Session::give_up_standing_consumers() {
    std::uint64_t now_ms = loop_.now_ms();
    std::vector<Channel*> standing;
    for (auto [number, channel] : channels_) {
        if (channel->congested_ && now_ms - channel->moved_ms_ >= options_.stall_ms) {
            standing.push_back(channel);
        }
    }
    for (Channel* channel : standing) {
        channel->give_up(RemoteError{"stream ended: too many items wait for their consumer"});
    }
}

/// Tells the budget what this session holds; over the bound, the connection is over too.
void Session::account() {
    if (options_.budget == nullptr || broken_) return;
    std::size_t now =
        decoder_.held_bytes() + unsent() + queued_bytes_ + stream_bytes * peer_streams_;
    if (options_.budget->update(budget_share_, now)) return;
    break_off(error(Errc::limit, "strangers make us hold too much"));
}

/// Ends the connection from this side without another byte; `run` returns with the reason.
void Session::break_off(Error why) {
    if (!broken_) broken_ = std::move(why);
    goodbye_sent_ = true;
    out_.clear();
    stream_->close();
    progress_.set();
}

Result<void> Session::dispatch(Packet packet) {
    // Number 0 is the old event mechanism; the most negative number has no counterpart.
    if (packet.request == 0 || packet.request == INT32_MIN) return {};
    bool request = packet.request > 0 && !packet.stream;
    if (request) return on_request(std::move(packet));
    if (auto ok = check_json(packet.body); !ok) return ok;
    if (packet.stream) return on_stream_packet(std::move(packet));
    on_answer(std::move(packet));
    return {};
}

/// As over there, what claims to be JSON and is none ends the connection, wherever it belongs.
Result<void> Session::check_json(const Body& body) {
    if (body.encoding != Encoding::json || body.data.empty()) return {};
    json::Document document;
    auto parsed = document.parse_borrowed(body.text());
    if (!parsed) return std::move(parsed).error().in("packet");
    return {};
}

Result<void> Session::on_stream_packet(Packet packet) {
    std::int32_t number = packet.request;
    if (auto found = channels_.find(number); found != channels_.end()) {
        if (found->second->received(std::move(packet))) work_.erase(number);
        return {};
    }
    if (half_closed_.count(number) > 0) {
        if (packet.end) half_closed_.erase(number);
        return {};
    }
    // Only JSON can be a request; the rest is an item that came too late.
    bool request = packet.body.encoding == Encoding::json && !packet.body.data.empty();
    if (number < 0 || packet.end || !request) return {};
    return on_request(std::move(packet));
}

void Session::on_answer(Packet packet) {
    auto found = pending_.find(packet.request);
    if (found == pending_.end()) return;
    Pending* pending = found->second;
    pending_.erase(found);
    if (!packet.end) {
        pending->settle(std::move(packet.body));
        return;
    }
    RemoteError why{"the peer answered with an error that cannot be read"};
    if (auto body = json::Document::parse(packet.body.text())) {
        json::Value value = body->root();
        if (value["message"].is_string()) why.message = value["message"].string();
        if (value["name"].is_string()) why.name = value["name"].string();
        if (value["stack"].is_string()) why.stack = value["stack"].string();
    }
    pending->settle(std::move(why));
}

Result<void> Session::on_request(Packet packet) {
    std::int32_t number = packet.request;
    bool stream = packet.stream;
    auto body = std::make_shared<json::Document>();
    if (packet.body.encoding == Encoding::json) {
        auto parsed = json::Document::parse(packet.body.text());
        if (!parsed) return std::move(parsed).error().in("request");
        *body = std::move(*parsed);
    }
    auto call = read_call(body->root(), stream);
    if (!call) {
        send_error(-number, stream, call.error());
        if (stream) await_end(number);
        return {};
    }
    auto method = router_.find(call->path, call->type, caller_.rights);
    if (!method) {
        send_error(-number, stream, method.error());
        // Items may be on their way already.
        if (stream) await_end(number);
        return {};
    }
    if (work_.count(number) > 0) {
        send_error(-number, stream, RemoteError{"request number in use"});
        return {};
    }
    if (stream && peer_streams_ >= options_.streams_max) {
        send_error(-number, stream, RemoteError{"too many open streams"});
        await_end(number);
        return {};
    }
    start(number, stream, **method, Request{caller_, body, call->args, this});
    return {};
}

void Session::start(std::int32_t number, bool stream, const Method& method, Request request) {
    if (!stream) {
        ++answering_count_;
        keep(number, answer(number, method, std::move(request)));
        return;
    }
    bool reads = method.kind != MethodKind::source;
    auto channel = std::unique_ptr<Channel>(new Channel(this, number, reads, true));
    channels_.emplace(number, channel.get());
    ++peer_streams_;
    account();
    switch (method.kind) {
        case MethodKind::source: {
            auto source = method.source(std::move(request));
            if (!source) {
                channel->fail(std::move(source).error());
                return;
            }
            keep(number, pump(std::move(*source), std::move(channel)));
            return;
        }
        case MethodKind::sink:
            keep(number, run_sink(method, std::move(request), std::move(channel)));
            return;
        case MethodKind::duplex:
            keep(number, run_duplex(method, std::move(request), std::move(channel)));
            return;
        case MethodKind::sync:
        case MethodKind::async: SBOT_ASSERT(false);
    }
}

io::Task<void> Session::answer(std::int32_t number, const Method& method, Request request) {
    auto reply = co_await method.async(std::move(request));
    --answering_count_;
    if (reply) {
        Body body = never_empty(std::move(*reply));
        send(-number, false, false, body.encoding, body.data);
    } else {
        send_error(-number, false, reply.error());
    }
}

io::Task<void> Session::pump(std::unique_ptr<Source> from, std::unique_ptr<Channel> to) {
    while (true) {
        auto item = co_await from->next();
        if (!item) {
            to->fail(std::move(item).error());
            co_return;
        }
        if (!item->has_value()) {
            to->end();
            co_return;
        }
        auto sent = co_await to->send(std::move(**item));
        if (!sent) co_return;
    }
}

io::Task<void> Session::run_sink(const Method& method, Request request,
                                 std::unique_ptr<Channel> in) {
    auto done = co_await method.sink(std::move(request), std::make_unique<Reading>(*in));
    if (done) {
        in->end();
    } else {
        in->fail(std::move(done).error());
    }
}

io::Task<void> Session::run_duplex(const Method& method, Request request,
                                   std::unique_ptr<Channel> both) {
    auto done = co_await method.duplex(std::move(request), std::make_unique<Reading>(*both),
                                       std::make_unique<Writing>(*both));
    if (done) {
        both->end();
    } else {
        both->fail(std::move(done).error());
    }
}

void Session::keep(std::int32_t number, io::Task<void> task) {
    if (task.done()) return;
    work_.emplace(number, noting_the_end(number, std::move(task)));
}

io::Task<void> Session::noting_the_end(std::int32_t number, io::Task<void> task) {
    co_await std::move(task);
    finished_.push_back(number);
    progress_.set();
}

void Session::reap() {
    for (std::int32_t number : finished_) work_.erase(number);
    finished_.clear();
}

io::Task<void> Session::write_loop() {
    while (true) {
        while (out_.empty()) {
            out_ready_.reset();
            co_await out_ready_.wait();
        }
        Bytes chunk = std::exchange(out_, {});
        writing_bytes_ = chunk.size();
        auto ok = co_await stream_->write(std::move(chunk));
        writing_bytes_ = 0;
        progress_.set();
        if (!ok) {
            break_off(std::move(ok).error());
            co_return;
        }
        account();
        if (blocked_senders_ > 0 && unsent() <= limits::send_low_bytes) {
            blocked_senders_ = 0;
            for (auto [number, channel] : channels_) channel->writable_.set();
        }
    }
}

void Session::send(std::int32_t number, bool stream, bool end, Encoding encoding, ByteView body) {
    if (goodbye_sent_) return;
    append_packet(out_, number, stream, end, encoding, body);
    out_ready_.set();
    account();
}

void Session::send_error(std::int32_t number, bool stream, const RemoteError& why) {
    std::string text = error_text(why);
    send(number, stream, true, Encoding::json, base::bytes_of(text));
}

void Session::queued(Channel& channel, std::size_t bytes) {
    queued_bytes_ += bytes;
    bool over = channel.queue_.size() >= limits::stream_queue_items_max ||
                channel.queued_bytes_ >= limits::stream_queue_bytes_max;
    if (over && !channel.congested_) {
        channel.congested_ = true;
        channel.moved_ms_ = loop_.now_ms();
        ++congested_count_;
    }
}

void Session::unqueued(Channel& channel, std::size_t bytes) {
    queued_bytes_ -= bytes;
    if (channel.congested_) channel.moved_ms_ = loop_.now_ms();
    bool low = channel.queue_.size() < limits::stream_queue_items_max / 2 &&
               channel.queued_bytes_ < limits::stream_queue_bytes_max / 2;
    if (low && channel.congested_) {
        channel.congested_ = false;
        --congested_count_;
        progress_.set();
    }
}

/// The channel is over or has nobody behind it; what it still holds is its owner's from now on.
void Session::forget(Channel& channel) {
    channels_.erase(channel.number_);
    queued_bytes_ -= channel.queued_bytes_;
    if (std::exchange(channel.congested_, false)) {
        --congested_count_;
        progress_.set();
    }
    if (channel.number_ > 0) {
        --peer_streams_;
        if (!channel.in_ended_) await_end(channel.number_);
    }
    channel.session_ = nullptr;
}

/// What the peer still sends in a stream that is over here is no new call. Not every peer answers
/// an end: the oldest are forgotten.
void Session::await_end(std::int32_t number) {
    half_closed_.insert(number);
    if (half_closed_.size() > options_.streams_max) half_closed_.erase(half_closed_.begin());
}

void Session::fail_everything() {
    work_.clear();
    answering_count_ = 0;
    auto channels = std::exchange(channels_, {});
    for (auto [number, channel] : channels) channel->connection_lost();
    queued_bytes_ = congested_count_ = peer_streams_ = 0;
    auto pending = std::exchange(pending_, {});
    for (auto [number, waiting] : pending) waiting->settle(connection_gone());
}

AsyncReply<Body> Session::async(std::string path, std::string args) {
    if (!open_ || goodbye_sent_) co_return connection_gone();
    Pending pending(*this, -++last_request_);
    std::string call = call_text(path, args, "async");
    send(last_request_, false, false, Encoding::json, base::bytes_of(call));
    co_await pending.done.wait();
    co_return std::move(*pending.answer);
}

std::unique_ptr<Channel> Session::source(std::string_view path, std::string_view args) {
    return open(path, args, "source", true, false);
}
std::unique_ptr<Channel> Session::sink(std::string_view path, std::string_view args) {
    return open(path, args, "sink", false, true);
}
std::unique_ptr<Channel> Session::duplex(std::string_view path, std::string_view args) {
    return open(path, args, "duplex", true, true);
}

std::unique_ptr<Channel> Session::open(std::string_view path, std::string_view args,
                                       std::string_view type, bool reads, bool writes) {
    std::int32_t number = ++last_request_;
    auto channel = std::unique_ptr<Channel>(new Channel(this, -number, reads, writes));
    if (!open_ || goodbye_sent_) {
        channel->connection_lost();
        return channel;
    }
    channels_.emplace(-number, channel.get());
    std::string call = call_text(path, args, type);
    send(number, true, false, Encoding::json, base::bytes_of(call));
    return channel;
}

}  // namespace sbot::muxrpc
