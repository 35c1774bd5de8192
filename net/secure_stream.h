#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "io/loop.h"
#include "io/read_room.h"
#include "io/stream.h"
#include "message/ids.h"
#include "secret-handshake/box_stream.h"
#include "secret-handshake/handshake.h"

/// The secret handshake and the box-stream driven over a byte stream. Loop thread.
namespace sbot::net {

/// A box-stream over another stream: plain bytes in and out. A peer that hangs up without the
/// stream's goodbye is an error, `closed`.
class SecureStream final : public io::ByteStream {
 public:
    SecureStream(std::unique_ptr<io::ByteStream> inner, shs::Outcome outcome);

    io::Async<std::size_t> read(MutableBytes into) override;
    io::Async<void> write(Bytes data) override;
    /// The goodbye, then the end of the stream below.
    io::Async<void> shutdown() override;
    void close() noexcept override { inner_->close(); }

    const FeedId& peer() const { return peer_; }

 private:
    std::unique_ptr<io::ByteStream> inner_;
    FeedId peer_;
    shs::BoxWriter writer_;
    shs::BoxReader reader_;
    io::ReadRoom wire_;
    Bytes plain_;  // decrypted, not given out yet
    std::size_t plain_at_ = 0;
    std::optional<Error> failed_;  // nothing behind it can be read
};

/// What all handshakes of a node have in common; outlives them.
struct Identity {
    shs::NetworkKey network;
    shs::KeyPair keys;
};

/// Shakes hands as the side that dialled, with `remote`. The whole takes `limit_ms` at most; errors
/// are `timeout`, `invalid` (not who we wanted, or another network) and those of the stream.
io::Async<std::unique_ptr<SecureStream>> greet(io::Loop& loop, const Identity& identity,
                                               std::unique_ptr<io::ByteStream> stream,
                                               FeedId remote, std::uint64_t limit_ms);

/// Shakes hands as the side that listens. `welcome` decides on a client that has proven its key;
/// a refused one gets no answer, and the error is `denied`. `moved_on` is called after each step of
/// the client's that was right.
io::Async<std::unique_ptr<SecureStream>> receive(
    io::Loop& loop, const Identity& identity, std::unique_ptr<io::ByteStream> stream,
    std::function<bool(const FeedId&)> welcome, std::uint64_t limit_ms,
    std::function<void()> moved_on = [] {});

}  // namespace sbot::net
