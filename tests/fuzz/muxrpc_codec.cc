// Packets come out the same whatever pieces the bytes arrive in, and written again they are the
// bytes that were read (but for the flag bits that mean nothing).

#include <cstdlib>

#include "muxrpc/codec.h"

using namespace sbot;

namespace {

Bytes read_all(ByteView wire, std::size_t piece, bool& failed) {
    muxrpc::Decoder decoder(4096);
    Bytes out;
    failed = false;
    while (true) {
        muxrpc::Packet packet;
        auto state = decoder.next(packet);
        if (!state) {
            failed = true;
            return out;
        }
        if (*state == muxrpc::Decoder::State::goodbye) {
            muxrpc::append_goodbye(out);
            return out;
        }
        if (*state == muxrpc::Decoder::State::packet) {
            muxrpc::append_packet(out, packet.request, packet.stream, packet.end,
                                  packet.body.encoding, packet.body.data);
            continue;
        }
        if (wire.empty()) return out;
        std::size_t size = piece == 0 ? wire.size() : std::min(piece, wire.size());
        decoder.feed(wire.first(size));
        wire = wire.subspan(size);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    ByteView wire(data, size);
    bool failed = false, failed_in_pieces = false;
    Bytes whole = read_all(wire, 0, failed);
    for (std::size_t piece : {1u, 3u, 10u}) {
        if (read_all(wire, piece, failed_in_pieces) != whole || failed != failed_in_pieces) abort();
    }
    if (whole.size() > size) abort();
    for (std::size_t i = 0; i < whole.size(); ++i) {
        if ((whole[i] ^ wire[i]) & 0x0f) abort();
    }
    return 0;
}
