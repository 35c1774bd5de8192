#include "base/base64.h"
#include "base/utf.h"
#include "muxrpc/codec.h"
#include "tests/oracle/ops.h"

namespace sbot::oracle {
namespace {

constexpr std::size_t body_bytes_max = std::size_t{64} << 20;

std::string_view name_of(muxrpc::Encoding encoding) {
    switch (encoding) {
        case muxrpc::Encoding::binary: return "buffer";
        case muxrpc::Encoding::utf8: return "string";
        case muxrpc::Encoding::json: return "json";
    }
    return "";
}

bool encode(json::Value request, json::Writer& answer) {
    Bytes out;
    for (json::Value packet : request["packets"].elements()) {
        if (packet["goodbye"].is_true()) {
            muxrpc::append_goodbye(out);
            continue;
        }
        auto encoding = packet["type"].is("json")     ? muxrpc::Encoding::json
                        : packet["type"].is("string") ? muxrpc::Encoding::utf8
                                                      : muxrpc::Encoding::binary;
        Bytes body = base::from_base64_lenient(packet["body"].string());
        if (encoding == muxrpc::Encoding::json) {
            auto parsed = json::Document::parse(ByteView(body));
            if (!parsed) return false;
            body = base::to_bytes(json::compact(parsed->root()));
        }
        muxrpc::append_packet(out, static_cast<std::int32_t>(packet["req"].number()),
                              packet["stream"].is_true(), packet["end"].is_true(), encoding, body);
    }
    answer.member("out", base::to_base64(out));
    return true;
}

bool decode(json::Value request, json::Writer& answer) {
    muxrpc::Decoder decoder(body_bytes_max);
    decoder.feed(base::from_base64_lenient(request["data"].string()));
    answer.name("packets").begin_array();
    std::string_view end;
    while (end.empty()) {
        muxrpc::Packet packet;
        auto state = decoder.next(packet);
        if (!state) {
            end = "error";
        } else if (*state == muxrpc::Decoder::State::goodbye) {
            end = "goodbye";
        } else if (*state == muxrpc::Decoder::State::need_more) {
            end = decoder.held_bytes() > 0 ? "truncated" : "eof";
        } else {
            std::string body(packet.body.text());
            if (packet.body.encoding == muxrpc::Encoding::utf8) {
                body = base::to_utf8(packet.body.data);
            } else if (packet.body.encoding == muxrpc::Encoding::json) {
                auto parsed = json::Document::parse(body);
                if (!parsed) {
                    end = "error";
                    break;
                }
                body = json::compact(parsed->root());
            }
            answer.begin_object()
                .member("req", static_cast<double>(packet.request))
                .member("stream", packet.stream)
                .member("end", packet.end)
                .member("type", name_of(packet.body.encoding))
                .member("body", base::to_base64(base::bytes_of(body)))
                .end_object();
        }
    }
    answer.end_array().member("end", end);
    return true;
}

constexpr NamedOp ops[] = {{"packet.encode", encode}, {"packet.decode", decode}};

}  // namespace

std::span<const NamedOp> packet_ops() { return ops; }

}  // namespace sbot::oracle
