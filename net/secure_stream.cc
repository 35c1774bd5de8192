#include "net/secure_stream.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "io/pool.h"
#include "io/sync.h"

namespace sbot::net {
namespace {

using Welcome = std::function<bool(const FeedId&)>;
using MovedOn = std::function<void()>;

FeedId feed_of(const shs::PublicKey& key) { return FeedId{key}; }

/// One message taken in: some 100 µs of arithmetic, so it is done by the pool.
struct Step {
    shs::Handshake hand;
    Result<void> ok;
};

Step take_in(shs::Handshake hand, Bytes message) {
    auto ok = hand.received(message);
    return {std::move(hand), std::move(ok)};
}

/// `identity` is a copy: a job may outlive whoever asked for it.
Result<shs::Handshake> begin(Identity identity, std::optional<FeedId> remote) {
    base::SystemRandom random;
    if (!remote) return shs::Handshake::server(identity.network, identity.keys, random);
    return shs::Handshake::client(identity.network, identity.keys, remote->bytes, random);
}

/// Why a server that we dialled may have hung up: by the protocol it never says so itself.
base::Error hung_up(const base::Error& why, bool is_of_our_network) {
    return error(why.code, is_of_our_network
                               ? "it hung up when it heard who we are: it has another key than the "
                                 "address says, or does not let us in"
                               : "it hung up on our hello: it is busy, of another network "
                                 "(caps.shs), or no server of this kind");
}

io::Async<shs::Outcome> shake(io::Pool pool, io::ByteStream& stream, const Identity& identity,
                              std::optional<FeedId> remote, Welcome welcome, MovedOn moved_on) {
    auto beginning = pool.run(&begin, identity, remote);
    auto begun = co_await beginning;
    if (!begun) co_return std::move(begun).error();
    shs::Handshake hand = std::move(*begun);
    bool heard = false;
    while (!hand.done()) {
        if (hand.undecided()) {
            if (!welcome(feed_of(*hand.peer()))) {
                co_return error(Errc::denied, "peer is not welcome here");
            }
            hand.accept();
            continue;
        }
        if (auto owed = hand.to_send(); !owed.empty()) {
            Bytes copy = base::to_bytes(owed);
            auto wrote = co_await stream.write(std::move(copy));
            if (!wrote) co_return std::move(wrote).error();
            hand.sent(owed.size());
            continue;
        }
        Bytes message(hand.wanted());
        auto got = co_await io::read_exactly(stream, message);
        if (!got && remote && got.error().code == Errc::closed) {
            co_return hung_up(got.error(), heard);
        }
        if (!got) co_return std::move(got).error();
        auto stepping = pool.run(&take_in, std::move(hand), std::move(message));
        Step step = co_await stepping;
        if (!step.ok) co_return std::move(step.ok).error();
        hand = std::move(step.hand);
        heard = true;
        moved_on();
    }
    co_return std::move(hand).outcome();
}

io::Async<std::unique_ptr<SecureStream>> secure(io::Loop& loop, const Identity& identity,
                                                std::unique_ptr<io::ByteStream> stream,
                                                std::optional<FeedId> remote, Welcome welcome,
                                                std::uint64_t limit_ms, MovedOn moved_on) {
    auto shaking =
        shake(io::Pool(loop), *stream, identity, remote, std::move(welcome), std::move(moved_on));
    auto outcome = co_await io::timeout(loop, limit_ms, std::move(shaking));
    if (!outcome) {
        stream->close();
        co_return std::move(outcome).error().in("handshake");
    }
    co_return std::make_unique<SecureStream>(std::move(stream), std::move(*outcome));
}

}  // namespace

SecureStream::SecureStream(std::unique_ptr<io::ByteStream> inner, shs::Outcome outcome)
    : inner_(std::move(inner)),
      peer_(feed_of(outcome.peer)),
      writer_(std::move(outcome.encrypt_key), outcome.encrypt_nonce),
      reader_(std::move(outcome.decrypt_key), outcome.decrypt_nonce) {}

io::Async<std::size_t> SecureStream::read(MutableBytes into) {
    while (plain_at_ == plain_.size()) {
        // A peer that falls silent now keeps no memory of ours (which `= {}` would not free).
        plain_ = Bytes();
        plain_at_ = 0;
        if (reader_.state() == shs::BoxReader::State::ended) co_return std::size_t{0};
        if (failed_) co_return *failed_;
        auto got = co_await inner_->read(wire_.next());
        if (!got) co_return std::move(got).error();
        plain_.reserve(*got);
        auto opened = *got == 0 ? reader_.finish() : reader_.read(wire_.taken(*got), plain_);
        // What was genuine before a forged frame still counts; the error comes at the next read.
        if (!opened) failed_ = std::move(opened).error().in("box-stream");
    }
    std::size_t count = std::min(into.size(), plain_.size() - plain_at_);
    std::copy_n(plain_.begin() + static_cast<std::ptrdiff_t>(plain_at_), count, into.begin());
    plain_at_ += count;
    co_return count;
}

io::Async<void> SecureStream::write(Bytes data) {
    Bytes frames;
    writer_.write(data, frames);
    return inner_->write(std::move(frames));
}

io::Async<void> SecureStream::shutdown() {
    Bytes frames;
    writer_.goodbye(frames);
    auto wrote = co_await inner_->write(std::move(frames));
    if (!wrote) co_return std::move(wrote).error();
    auto ended = co_await inner_->shutdown();
    co_return ended;
}

io::Async<std::unique_ptr<SecureStream>> greet(io::Loop& loop, const Identity& identity,
                                               std::unique_ptr<io::ByteStream> stream,
                                               FeedId remote, std::uint64_t limit_ms) {
    return secure(loop, identity, std::move(stream), remote, Welcome(), limit_ms, [] {});
}

io::Async<std::unique_ptr<SecureStream>> receive(io::Loop& loop, const Identity& identity,
                                                 std::unique_ptr<io::ByteStream> stream,
                                                 Welcome welcome, std::uint64_t limit_ms,
                                                 MovedOn moved_on) {
    return secure(loop, identity, std::move(stream), std::nullopt, std::move(welcome), limit_ms,
                  std::move(moved_on));
}

}  // namespace sbot::net
