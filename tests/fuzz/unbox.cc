// The box-stream's reader: any bytes, an honest stream with one change, and frames of a peer who
// has the key and keeps no rule. Always: however the wire is cut, the same comes out.
//
// Input: what to do (one byte), the seed of the cuts (one byte), then as below.

#include "secret-handshake/box_stream.h"
#include "tests/fuzz/shs_input.h"

namespace {

using namespace sbot;
using namespace sbot::shs::fuzz;
namespace by_hand = sbot::shs::by_hand;

const by_hand::Block key = by_hand::block_of(0x11);
/// Two frames before a carry.
const shs::Nonce nonce = [] {
    shs::Nonce number{};
    number[22] = 0xff;
    number[23] = 0xfc;
    return number;
}();

struct Reading {
    Bytes plain;
    shs::BoxReader::State state;
    bool operator==(const Reading&) const = default;
};

Reading read(ByteView wire, std::uint8_t cuts) {
    shs::BoxReader reader(base::Secret<32>(key), nonce);
    Reading reading;
    std::uint32_t next = cuts;
    while (!wire.empty()) {
        next = next * 1664525 + 1013904223;
        std::size_t count =
            cuts == 0 ? wire.size() : std::min<std::size_t>(wire.size(), next >> 25);
        auto ok = reader.read(wire.first(count), reading.plain);
        check(ok.has_value() == (reader.state() != shs::BoxReader::State::failed));
        wire = wire.subspan(count);
    }
    reading.state = reader.state();
    bool ended = reading.state == shs::BoxReader::State::ended;
    check(reader.finish().has_value() == ended);
    return reading;
}

Reading read_all_ways(ByteView wire, std::uint8_t cuts) {
    Reading whole = read(wire, 0);
    check(read(wire, cuts) == whole);
    return whole;
}

/// Position (2 bytes) and mask of the change, then the plain bytes.
void honest(Input input, ByteView data, std::uint8_t cuts) {
    Bytes change = input.take(3);
    ByteView plain = data.subspan(std::min<std::size_t>(data.size(), 5));
    Bytes wire;
    shs::BoxWriter writer(base::Secret<32>(key), nonce);
    writer.write(plain.first(plain.size() / 3), wire);
    writer.write(plain.subspan(plain.size() / 3), wire);
    writer.goodbye(wire);
    std::size_t at = base::load_be(change, 2) % wire.size();
    wire[at] ^= change[2];
    Reading reading = read_all_ways(wire, cuts);
    if (change[2] == 0) {
        check(reading.state == shs::BoxReader::State::ended);
        check(std::ranges::equal(reading.plain, plain));
    } else {
        check(reading.state == shs::BoxReader::State::failed);
        check(reading.plain.size() <= plain.size());
        check(std::ranges::equal(reading.plain, plain.first(reading.plain.size())));
    }
}

void count_up(shs::Nonce& number) {
    for (std::size_t i = number.size(); i-- > 0 && ++number[i] == 0;) {
    }
}

/// Frames: the length its header says (2 bytes) and the body's length (1 byte) with the body.
void forged(Input input, std::size_t bytes, std::uint8_t cuts) {
    Bytes wire;
    Bytes expected;
    shs::Nonce next = nonce;
    bool honest = true;
    bool too_long = false;  // the first lie is one that shows in the header alone
    while (bytes >= 3) {
        Bytes fields = input.take(3);
        Bytes body = input.take(fields[2]);
        bytes -= std::min<std::size_t>(bytes, 3 + body.size());
        shs::Nonce header_nonce = next;
        count_up(next);
        Bytes sealed = by_hand::box(body, key, next);
        count_up(next);
        Bytes header = by_hand::join({ByteView(fields).first(2), ByteView(sealed).first(16)});
        base::append(wire, by_hand::box(header, key, header_nonce));
        base::append(wire, ByteView(sealed).subspan(16));
        std::size_t length = base::load_be(fields, 2);
        too_long = too_long || (honest && length > limits::box_body_bytes_max);
        honest = honest && length == body.size();
        if (honest) base::append(expected, body);
    }
    Reading reading = read_all_ways(wire, cuts);
    check(reading.plain == expected);
    check(reading.state != shs::BoxReader::State::ended);
    if (honest) check(reading.state == shs::BoxReader::State::open);
    if (too_long) check(reading.state == shs::BoxReader::State::failed);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    ByteView all(data, size);
    Input input(all.subspan(2));
    switch (data[0] % 3) {
        case 0: read_all_ways(all.subspan(2), data[1]); break;
        case 1: honest(input, all, data[1]); break;
        default: forged(input, size - 2, data[1]); break;
    }
    return 0;
}
