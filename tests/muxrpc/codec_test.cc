#include "muxrpc/codec.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "base/base64.h"
#include "base/json.h"

namespace sbot::muxrpc {
namespace {

struct Decoded {
    std::string text;  // packets one after another, then how it ended
    bool operator==(const Decoded&) const = default;
};

/// Reads everything in pieces of the given sizes (the last one repeats; none: all at once).
Decoded decode(ByteView wire, const std::vector<std::size_t>& pieces,
               std::size_t body_bytes_max = 1 << 20) {
    Decoder decoder(body_bytes_max);
    Decoded out;
    std::size_t at = 0, piece = 0;
    while (true) {
        Packet packet;
        auto state = decoder.next(packet);
        if (!state) {
            out.text += "error";
            return out;
        }
        if (*state == Decoder::State::goodbye) {
            out.text += "goodbye";
            return out;
        }
        if (*state == Decoder::State::packet) {
            json::Writer w;
            w.begin_array().value(static_cast<double>(packet.request)).value(packet.stream);
            w.value(packet.end).value(static_cast<double>(packet.body.encoding));
            w.value(base::to_hex(packet.body.data)).end_array();
            out.text += w.text() + "\n";
            if (packet.body.encoding == Encoding::json &&
                !json::Document::parse(packet.body.text())) {
                out.text += "error";
                return out;
            }
            continue;
        }
        if (at == wire.size()) {
            out.text += decoder.held_bytes() > 0 ? "cut" : "end";
            return out;
        }
        std::size_t size = wire.size() - at;
        if (!pieces.empty()) size = std::min(size, pieces[std::min(piece, pieces.size() - 1)]);
        ++piece;
        decoder.feed(wire.subspan(at, size));
        at += size;
    }
}

std::vector<json::Document> vectors() {
    std::ifstream file(SBOT_SOURCE_DIR "/tests/vectors/packets.jsonl");
    std::vector<json::Document> lines;
    for (std::string line; std::getline(file, line);) {
        lines.push_back(std::move(json::Document::parse(line)).value());
    }
    return lines;
}

Encoding encoding_of(json::Value type) {
    return type.is("json") ? Encoding::json : type.is("string") ? Encoding::utf8 : Encoding::binary;
}

Bytes body_of(json::Value body, Encoding encoding) {
    if (encoding == Encoding::json) return base::to_bytes(json::compact(body));
    if (encoding == Encoding::utf8) return base::to_bytes(body.string());
    return base::from_hex(body.string()).value();
}

TEST(PacketCodec, writes_what_the_reference_writes) {
    int count = 0;
    for (const auto& line : vectors()) {
        json::Value v = line.root();
        if (!v["kind"].is("encode")) continue;
        Bytes out;
        if (v["length"].number() == 65536) {  // given by its header only
            append_packet(out, -4, true, false, Encoding::binary, Bytes(65536, 7));
            out.resize(packet_header_bytes);
        } else if (v["type"].is("goodbye")) {
            append_goodbye(out);
        } else {
            Encoding encoding = encoding_of(v["type"]);
            append_packet(out, static_cast<std::int32_t>(v["req"].number()), v["stream"].is_true(),
                          v["end"].is_true(), encoding, body_of(v["body"], encoding));
        }
        EXPECT_EQ(base::to_hex(out), v["bytes"].string()) << v["name"].string();
        ++count;
    }
    EXPECT_GT(count, 20);
}

TEST(PacketCodec, reads_what_the_reference_reads) {
    int count = 0;
    for (const auto& line : vectors()) {
        json::Value v = line.root();
        if (!v["kind"].is("decode")) continue;
        Bytes wire = base::from_hex(v["bytes"].string()).value();
        std::vector<std::size_t> pieces;
        for (json::Value piece : v["pieces"].elements()) {
            pieces.push_back(static_cast<std::size_t>(piece.number()));
        }
        Decoded got = decode(wire, pieces);
        bool failed = got.text.ends_with("error") || got.text.ends_with("cut");
        if (!v["verdict"].is("either")) {
            EXPECT_EQ(failed, v["verdict"].is("error")) << v["name"].string() << "\n" << got.text;
        }
        for (std::size_t size : {1, 2, 7}) {
            EXPECT_EQ(decode(wire, {size}), got) << v["name"].string() << ", pieces of " << size;
        }
        ++count;
    }
    EXPECT_GT(count, 20);
}

TEST(PacketCodec, a_cut_at_any_byte_gives_the_packets_before_it) {
    Bytes wire;
    append_packet(wire, 1, false, false, Encoding::json, base::bytes_of("{\"a\":1}"));
    std::size_t first = wire.size();
    append_packet(wire, -2, true, false, Encoding::binary, base::bytes_of("bytes"));
    for (std::size_t size = 0; size < wire.size(); ++size) {
        std::string got = decode(ByteView(wire).first(size), {}).text;
        EXPECT_EQ(got.ends_with("cut"), size != 0 && size != first) << size;
        EXPECT_EQ(got.find("[1,") != got.npos, size >= first) << size;
    }
}

TEST(PacketCodec, a_flipped_bit_never_costs_more_than_the_frame_limit) {
    Bytes wire;
    append_packet(wire, 1, false, false, Encoding::json, base::bytes_of("{\"a\":1}"));
    append_goodbye(wire);
    for (std::size_t bit = 0; bit < wire.size() * 8; ++bit) {
        Bytes changed = wire;
        changed[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
        Decoder decoder(100);
        decoder.feed(changed);
        Packet packet;
        for (int i = 0; i < 4; ++i) {
            auto state = decoder.next(packet);
            if (!state || *state != Decoder::State::packet) break;
        }
        EXPECT_LE(decoder.held_bytes(), wire.size());
    }
}

TEST(PacketCodec, refuses_a_length_over_the_limit_before_the_body_comes) {
    Bytes header = base::from_hex("02ffffffff00000001").value();
    EXPECT_EQ(decode(header, {}).text, "error");
    Decoder decoder(100);
    decoder.feed(header);
    Packet packet;
    auto state = decoder.next(packet);
    ASSERT_FALSE(state);
    EXPECT_EQ(state.error().code, Errc::limit);
}

TEST(PacketCodec, an_empty_item_is_not_the_goodbye) {
    Bytes wire = base::from_hex(
                     "0800000000"
                     "00000003")
                     .value();
    EXPECT_EQ(decode(wire, {}).text, "[3,true,false,0,\"\"]\nend");
}

}  // namespace
}  // namespace sbot::muxrpc
