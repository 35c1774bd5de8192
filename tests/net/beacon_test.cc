#include "net/beacon.h"

#include <gtest/gtest.h>

#include "base/base64.h"

namespace sbot::net {
namespace {

// The worked example of the protocol's description.
constexpr std::string_view address =
    "net:192.168.1.5:8008~shs:gTl3Dqh9F19Wo1Rmw0x+zMuNipG07jeiXfYPW4/Js5Q=";
constexpr std::string_view packet_hex =
    "7f3ab0b78dd02829f10e41e6837241739ae4becf9878ae4f9e3a380689d8c90dac32dd215a5f91986ae74a12286dbf"
    "23207bd991e29348805c79b3c2f1c3312b3f3cb4e9ff5512cc232bcf8dfa7fb2c34ddc7aad5f878dc31c890e2f9b52"
    "c1fe2ed87a09daca66a76965abd9b55b9448b5442acfd675e9666c706c4f865deea56f71a07baf1752498bc8f8e6ca"
    "4f792a62c39b57217daccd623f5c1576a37839e75e00";

shs::NetworkKey network(std::uint8_t filled = 1) {
    std::array<std::uint8_t, 32> bytes;
    bytes.fill(filled);
    return shs::NetworkKey(std::span<const std::uint8_t, 32>(bytes));
}

message::KeyPair keys() {
    std::array<std::uint8_t, 32> seed;
    seed.fill(2);
    return message::KeyPair::from_seed(seed);
}

std::optional<Beacon> plain(std::string_view text) {
    return parse_plain_beacon(base::bytes_of(text));
}

TEST(Beacon, is_signed_and_boxed_as_ssb_lan_does) {
    EXPECT_EQ(base::to_hex(signed_beacon(network(), keys(), address)), packet_hex);
}

TEST(Beacon, of_ssb_lan_is_read_and_its_signature_checked) {
    Bytes packet = *base::from_hex(packet_hex);
    auto beacon = parse_signed_beacon(network(), packet);
    ASSERT_TRUE(beacon.has_value());
    EXPECT_EQ(beacon->address, address);
    EXPECT_EQ(beacon->key, keys().id);
    EXPECT_TRUE(beacon->verified);
    EXPECT_FALSE(parse_signed_beacon(network(3), packet).has_value());
}

TEST(Beacon, survives_truncation_anywhere_and_one_flipped_bit_anywhere) {
    Bytes packet = *base::from_hex(packet_hex);
    for (std::size_t size = 0; size < packet.size(); ++size) {
        EXPECT_FALSE(parse_signed_beacon(network(), ByteView(packet).first(size)).has_value());
    }
    for (std::size_t i = 0; i < packet.size(); ++i) {
        Bytes spoilt = packet;
        spoilt[i] ^= 4;
        auto beacon = parse_signed_beacon(network(), spoilt);
        // The box fails, or only the signature does.
        EXPECT_EQ(beacon.has_value(), i >= packet.size() - 64);
        EXPECT_FALSE(beacon && beacon->verified);
    }
    for (std::size_t size = 0; size < address.size(); ++size) {
        EXPECT_FALSE(plain(address.substr(0, size)).has_value()) << size;
    }
}

TEST(Beacon, of_ssb_local_is_any_address_that_can_be_dialled_and_stays_as_it_came) {
    std::string both =
        std::string(address) + ";ws://192.168.1.5:8989~shs:" + std::string(address.substr(25));
    auto beacon = plain(both);
    ASSERT_TRUE(beacon.has_value());
    EXPECT_EQ(beacon->address, both);
    EXPECT_FALSE(beacon->verified);
    auto old = plain("192.168.1.5:8008:" + keys().id.text());
    ASSERT_TRUE(old.has_value());
    EXPECT_EQ(old->address, address);
}

TEST(Beacon, names_one_key_alone) {
    const std::string other(43, 'B');
    std::string ours = "ws://192.168.1.5:8989~shs:" + std::string(address.substr(25));
    EXPECT_FALSE(plain("net:192.168.1.5:8008~shs:" + other + "A=;" + ours).has_value());
    EXPECT_FALSE(plain("n2et:192.168.1.5:8:08~shs:0" + other + "=;" + ours).has_value());
    EXPECT_TRUE(plain(std::string(address) + ";" + ours).has_value());
}

TEST(Beacon, is_not_made_of_garbage) {
    std::string key(address.substr(25));
    for (const std::string& text :
         {std::string(), std::string("garbage"), std::string("net~shs:x"),
          "net:192.168.1.5:0~shs:" + key, "net:192.168.1.5:65536~shs:" + key,
          "net:192.168.1.5:-1~shs:" + key, "net::8008~shs:" + key,
          "net:192.168.1.5:8008~shs:" + key.substr(1), std::string(address) + "\n",
          std::string(address) + '\0', "net:" + std::string(2000, 'a') + ".b:1~shs:" + key,
          "unix:/x~noauth:" + key, std::string(5000, '~')}) {
        EXPECT_FALSE(plain(text).has_value()) << text;
    }
}

}  // namespace
}  // namespace sbot::net
