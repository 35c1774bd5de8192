#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/result.h"

/// Packets: the nine-byte header and the body. Protocol source: packet-stream-codec 1.2
/// (docs/wire.md).
namespace sbot::muxrpc {

/// How a body is to be read; the two low bits of a packet's flags.
enum class Encoding : std::uint8_t { binary = 0, utf8 = 1, json = 2 };

/// One value on the wire.
struct Body {
    Encoding encoding = Encoding::binary;
    Bytes data;
    /// Whether an item without bytes is sent. The reference's client takes it for the goodbye, so
    /// this is only for where the reference's server sends it too.
    bool even_empty = false;

    static Body json(std::string_view text) { return {Encoding::json, base::to_bytes(text)}; }
    static Body utf8(std::string_view text) { return {Encoding::utf8, base::to_bytes(text)}; }
    static Body binary(Bytes bytes) { return {Encoding::binary, std::move(bytes)}; }
    std::string_view text() const { return base::text_of(data); }
};

/// `request` is the number as it stands on the wire: positive in what the caller sends about its
/// call, negative in what the callee sends.
struct Packet {
    std::int32_t request = 0;
    bool stream = false;
    bool end = false;
    Body body;
};

inline constexpr std::size_t packet_header_bytes = 9;

void append_packet(Bytes& out, std::int32_t request, bool stream, bool end, Encoding encoding,
                   ByteView body);
/// Nine zero bytes: the side that sends them will send nothing more.
void append_goodbye(Bytes& out);

/// Cuts bytes into packets; any fragmentation of the input gives the same packets. Holds no more
/// than has arrived: a header's length alone allocates nothing.
class Decoder {
 public:
    /// A longer body is refused when its header has arrived.
    explicit Decoder(std::size_t body_bytes_max) : body_bytes_max_(body_bytes_max) {}

    void feed(ByteView bytes);

    enum class State { need_more, packet, goodbye };
    /// Gives the next packet in `packet`. `need_more`: feed first. `goodbye`: nothing follows, the
    /// rest of the input is ignored. Errors, all of which end the connection: `limit` for a body
    /// over the bound, `invalid` for the unknown body type 3.
    Result<State> next(Packet& packet);

    /// Bytes of an unfinished packet (and of packets not asked for yet).
    std::size_t held_bytes() const { return buffer_.size() - start_; }

 private:
    std::size_t body_bytes_max_;
    Bytes buffer_;
    std::size_t start_ = 0;
    bool ended_ = false;
};

}  // namespace sbot::muxrpc
