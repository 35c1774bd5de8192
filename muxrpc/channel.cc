#include "base/json.h"
#include "muxrpc/session.h"

namespace sbot::muxrpc {
namespace {

constexpr std::string_view connection_gone = "unexpected end of parent stream";

/// What an end packet says: JSON `true` is the ordinary end, an object or text an error.
std::optional<RemoteError> error_of(const Body& body) {
    if (body.encoding != Encoding::json) return RemoteError{std::string(body.text())};
    auto document = json::Document::parse(body.text());
    if (!document) return RemoteError{"stream ended without a reason"};
    json::Value value = document->root();
    if (!value.is_object()) {
        if (value.is_true() || !value.truthy()) return std::nullopt;
        return RemoteError{value.is_string() ? std::string(value.string()) : json::compact(value)};
    }
    RemoteError why{std::string(value["message"].string())};
    if (value["name"].is_string()) why.name = value["name"].string();
    if (value["stack"].is_string()) why.stack = value["stack"].string();
    return why;
}

}  // namespace

Channel::Channel(Session* session, std::int32_t number, bool reads, bool writes)
    : session_(session), number_(number), reads_(reads), writes_(writes) {}

Channel::~Channel() {
    if (session_ == nullptr) return;
    // A reader that loses interest is no trouble; a writer that stops in the middle is.
    if (writes_) {
        fail(RemoteError{std::string(connection_gone)});
    } else {
        send_end("true");
    }
    if (session_ != nullptr) session_->forget(*this);
}

AsyncReply<std::optional<Body>> Channel::next() {
    while (queue_.empty() && !in_ended_) {
        readable_.reset();
        co_await readable_.wait();
    }
    if (!queue_.empty()) co_return std::optional<Body>(take());
    if (in_error_) co_return *in_error_;
    co_return std::optional<Body>();
}

AsyncReply<std::vector<Body>> Channel::next_batch(std::size_t count_max) {
    std::vector<Body> batch;
    auto first = co_await next();
    if (!first) co_return std::move(first).error();
    if (!first->has_value()) co_return batch;
    batch.push_back(std::move(**first));
    while (!queue_.empty() && batch.size() < count_max) batch.push_back(take());
    co_return batch;
}

Body Channel::take() {
    Body item = queue_.pop();
    queued_bytes_ -= item.data.size();
    if (session_ != nullptr) session_->unqueued(*this, item.data.size());
    return item;
}

AsyncReply<void> Channel::send(Body item) {
    // After our goodbye as well, or a source that is always ready would run on for nobody.
    if (out_ended_ || session_ == nullptr || session_->goodbye_sent_) {
        co_return RemoteError{std::string(connection_gone)};
    }
    // The reference takes every packet without a body for the goodbye.
    if (item.data.empty() && !item.even_empty) {
        if (item.encoding == Encoding::binary) co_return {};
        item = Body::json("\"\"");
    }
    session_->send(-number_, true, false, item.encoding, item.data);
    while (session_ != nullptr && !out_ended_ && session_->unsent() > limits::send_high_bytes) {
        writable_.reset();
        ++session_->blocked_senders_;
        co_await writable_.wait();
    }
    if (out_ended_) co_return in_error_.value_or(RemoteError{std::string(connection_gone)});
    co_return {};
}

void Channel::end() { send_end("true"); }

void Channel::fail(RemoteError why) {
    if (out_ended_ || session_ == nullptr) return;
    session_->send_error(-number_, true, why);
    out_ended_ = true;
    settle();
}

void Channel::send_end(std::string_view body) {
    if (out_ended_ || session_ == nullptr) return;
    session_->send(-number_, true, true, Encoding::json, base::bytes_of(body));
    out_ended_ = true;
    settle();
}

/// Takes a packet of the peer. True: whoever works on this call has nobody left to work for.
bool Channel::received(Packet packet) {
    if (in_ended_) return false;
    if (!packet.end) {
        if (!reads_) return false;
        queued_bytes_ += packet.body.data.size();
        session_->queued(*this, packet.body.data.size());
        queue_.push(std::move(packet.body));
        readable_.set();
        return false;
    }
    in_ended_ = true;
    in_error_ = error_of(packet.body);
    readable_.set();
    bool nobody_left = !reads_ && number_ > 0;
    // An end is answered by an end, except where this side goes on by itself.
    if (!reads_ || !writes_ || in_error_) send_end("true");
    writable_.set();
    settle();
    return nobody_left;
}

/// Ours to end: the consumer here does not keep up.
void Channel::give_up(RemoteError why) {
    fail(why);
    // Before it is ended here, so that the session knows that the peer has not ended it yet.
    if (session_ != nullptr) session_->forget(*this);
    in_ended_ = true;
    in_error_ = std::move(why);
    queued_bytes_ = 0;
    queue_.clear();
    readable_.set();
}

void Channel::connection_lost() {
    session_ = nullptr;
    if (!in_ended_) in_error_ = RemoteError{std::string(connection_gone)};
    in_ended_ = out_ended_ = true;
    readable_.set();
    writable_.set();
}

void Channel::settle() {
    if (in_ended_ && out_ended_ && session_ != nullptr) session_->forget(*this);
}

}  // namespace sbot::muxrpc
