#include <algorithm>

#include "base/base64.h"
#include "secret-handshake/box_stream.h"
#include "tests/oracle/ops.h"

namespace sbot::oracle {
namespace {

bool take_key(json::Value request, base::Secret<32>& key, shs::Nonce& nonce) {
    Bytes key_bytes = base::from_base64_lenient(request["key"].string());
    Bytes nonce_bytes = base::from_base64_lenient(request["nonce"].string());
    if (key_bytes.size() != key.size || nonce_bytes.size() != nonce.size()) return false;
    std::copy(key_bytes.begin(), key_bytes.end(), key.data());
    std::copy(nonce_bytes.begin(), nonce_bytes.end(), nonce.begin());
    return true;
}

bool encrypt(json::Value request, json::Writer& answer) {
    base::Secret<32> key;
    shs::Nonce nonce;
    if (!take_key(request, key, nonce)) return false;
    shs::BoxWriter writer(key, nonce);
    Bytes wire;
    for (json::Value chunk : request["chunks"].elements()) {
        writer.write(base::from_base64_lenient(chunk.string()), wire);
    }
    if (request["end"].truthy()) writer.goodbye(wire);
    answer.member("out", base::to_base64(wire));
    return true;
}

bool decrypt(json::Value request, json::Writer& answer) {
    base::Secret<32> key;
    shs::Nonce nonce;
    if (!take_key(request, key, nonce)) return false;
    Bytes data = base::from_base64_lenient(request["data"].string());
    ByteView wire = data;
    shs::BoxReader reader(key, nonce);
    Bytes plain;
    // A bad stream stays bad: what comes after an error changes nothing.
    auto feed = [&](std::size_t count) {
        (void)reader.read(wire.first(count), plain);
        wire = wire.subspan(count);
    };
    for (json::Value size : request["split"].elements()) {
        double asked = std::clamp(size.number(), 0.0, static_cast<double>(wire.size()));
        feed(static_cast<std::size_t>(asked));
    }
    feed(wire.size());
    // `end` is the JavaScript's verdict, to compare with, and `node` is ours: they differ where the
    // input ends right behind a header, which only the JavaScript takes for a proper end.
    bool read_well = reader.state() != shs::BoxReader::State::failed;
    bool proper = reader.finish().has_value();
    bool taken_for_proper = proper || (read_well && reader.right_behind_header());
    answer.member("out", base::to_base64(plain))
        .member("end", taken_for_proper ? "goodbye" : "error")
        .member("node", proper ? "goodbye" : "error");
    return true;
}

constexpr NamedOp ops[] = {{"boxstream.encrypt", encrypt}, {"boxstream.decrypt", decrypt}};

}  // namespace

std::span<const NamedOp> boxstream_ops() { return ops; }

}  // namespace sbot::oracle
