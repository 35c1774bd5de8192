#include "net/beacon.h"

#include <algorithm>

#include "base/json.h"
#include "base/limits.h"
#include "net/address.h"
#include "net/address_rules.h"
#include "secret-handshake/network_box.h"

namespace sbot::net {
namespace {

constexpr std::size_t signature_bytes = 64;

/// What is signed: `{"address": …}` in the two-blank form.
std::string signed_text(std::string_view address) {
    std::string out = "{\n  \"address\": ";
    json::append_string(out, address);
    return out + "\n}";
}

/// Printable ASCII only: whatever else comes is no address, and would end up in logs.
bool is_plain(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

std::optional<Beacon> beacon_of(std::string_view address) {
    if (address.size() > limits::peer_address_bytes_max || !is_plain(address)) return std::nullopt;
    auto parsed = parse_address(address);
    if (!parsed || !is_address(*parsed) || parsed->host.empty()) return std::nullopt;
    if (!(parsed->port >= 1 && parsed->port <= 65535)) return std::nullopt;
    auto key = FeedId::parse(parsed->key);
    if (!key) return std::nullopt;
    Beacon beacon;
    beacon.key = *key;
    beacon.address = address;
    if (address.find('~') == std::string_view::npos) {
        beacon.address = net_address(parsed->host, static_cast<std::uint16_t>(parsed->port), *key);
    }
    // Of several places each may name a key: whoever dials takes the first one's.
    if (key_of_address(beacon.address) != parsed->key) return std::nullopt;
    return beacon;
}

}  // namespace

std::optional<Beacon> parse_plain_beacon(ByteView packet) {
    return beacon_of(base::text_of(packet));
}

std::optional<Beacon> parse_signed_beacon(const shs::NetworkKey& network, ByteView packet) {
    if (packet.size() < signature_bytes + shs::network_box_bytes) return std::nullopt;
    if (packet.size() > limits::datagram_bytes_max) return std::nullopt;
    auto plain = shs::open_network_box(network, packet.first(packet.size() - signature_bytes));
    if (!plain) return std::nullopt;
    auto document = json::Document::parse(base::text_of(*plain));
    if (!document) return std::nullopt;
    std::string address(document->root()["address"].string());
    auto beacon = beacon_of(address);
    if (!beacon) return std::nullopt;
    message::Signature signature;
    std::copy_n(packet.end() - signature_bytes, signature_bytes, signature.begin());
    beacon->verified = message::verify(beacon->key, {}, signature, signed_text(address));
    return beacon;
}

Bytes signed_beacon(const shs::NetworkKey& network, const message::KeyPair& keys,
                    std::string_view address) {
    std::string plain = "{\"address\":";
    json::append_string(plain, address);
    plain += '}';
    Bytes out = shs::network_box(network, base::bytes_of(plain));
    message::Signature signature = message::sign(keys, {}, signed_text(address));
    out.insert(out.end(), signature.begin(), signature.end());
    return out;
}

}  // namespace sbot::net
