#include "muxrpc/codec.h"

#include <algorithm>
#include <string>

namespace sbot::muxrpc {
namespace {

constexpr std::uint8_t stream_flag = 8;
constexpr std::uint8_t end_flag = 4;
constexpr std::uint8_t type_mask = 3;

}  // namespace

void append_packet(Bytes& out, std::int32_t request, bool stream, bool end, Encoding encoding,
                   ByteView body) {
    std::uint8_t header[packet_header_bytes];
    header[0] = static_cast<std::uint8_t>((stream ? stream_flag : 0) | (end ? end_flag : 0) |
                                          static_cast<unsigned>(encoding));
    base::store_be(MutableBytes(header).subspan(1, 4), 4, body.size());
    base::store_be(MutableBytes(header).subspan(5, 4), 4, static_cast<std::uint32_t>(request));
    base::append(out, header);
    base::append(out, body);
}

void append_goodbye(Bytes& out) { out.insert(out.end(), packet_header_bytes, 0); }

void Decoder::feed(ByteView bytes) {
    if (ended_) return;
    if (start_ == buffer_.size()) {
        buffer_.clear();
        start_ = 0;
    } else if (start_ > buffer_.size() / 2) {
        buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(start_));
        start_ = 0;
    }
    base::append(buffer_, bytes);
}

Result<Decoder::State> Decoder::next(Packet& packet) {
    if (ended_) return State::goodbye;
    ByteView held = ByteView(buffer_).subspan(start_);
    if (held.size() < packet_header_bytes) return State::need_more;
    ByteView header = held.first(packet_header_bytes);
    if (std::all_of(header.begin(), header.end(), [](std::uint8_t b) { return b == 0; })) {
        ended_ = true;
        buffer_ = Bytes();  // (`= {}` would keep its memory)
        start_ = 0;
        return State::goodbye;
    }
    std::uint8_t type = header[0] & type_mask;
    if (type == 3) return error(Errc::invalid, "packet with unknown body type 3");
    std::uint64_t length = base::load_be(header.subspan(1), 4);
    if (length > body_bytes_max_) {
        return error(Errc::limit, "packet of " + std::to_string(length) + " bytes, at most " +
                                      std::to_string(body_bytes_max_) + " are taken");
    }
    if (held.size() - packet_header_bytes < length) return State::need_more;
    packet.request = static_cast<std::int32_t>(base::load_be(header.subspan(5), 4));
    packet.stream = (header[0] & stream_flag) != 0;
    packet.end = (header[0] & end_flag) != 0;
    packet.body.encoding = static_cast<Encoding>(type);
    ByteView body = held.subspan(packet_header_bytes, length);
    packet.body.data.assign(body.begin(), body.end());
    start_ += packet_header_bytes + length;
    // A peer that falls silent now keeps no memory of ours.
    constexpr std::size_t kept_bytes_max = 2 << 10;
    if (start_ == buffer_.size() && buffer_.capacity() > kept_bytes_max) {
        buffer_ = Bytes();  // (`= {}` would keep its memory)
        start_ = 0;
    }
    return State::packet;
}

}  // namespace sbot::muxrpc
