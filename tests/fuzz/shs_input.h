#pragma once

#include <cstdlib>

#include "tests/secret-handshake/by_hand.h"

/// What the two handshake targets share. A property that does not hold ends the process.
namespace sbot::shs::fuzz {

inline void check(bool holds) {
    if (!holds) std::abort();
}

/// Takes fields from the front of an input; what is missing is zeros.
class Input {
 public:
    explicit Input(ByteView data) : data_(data) {}
    Bytes take(std::size_t count) {
        std::size_t there = std::min(count, data_.size());
        Bytes field = base::to_bytes(data_.first(there));
        data_ = data_.subspan(there);
        field.resize(count);
        return field;
    }
    by_hand::Block take_block() {
        Bytes bytes = take(32);
        by_hand::Block block;
        std::copy_n(bytes.begin(), block.size(), block.begin());
        return block;
    }
    /// Changes `message` where the next bytes are not zero. True where that was anywhere.
    bool change(Bytes& message) {
        bool changed = false;
        for (std::uint8_t& byte : message) {
            std::uint8_t mask = take(1)[0];
            byte ^= mask;
            changed |= mask != 0;
        }
        return changed;
    }

 private:
    ByteView data_;
};

/// Gives a message that must be refused, or must not be. True where it was taken.
inline bool gives(Handshake& hand, ByteView message, bool must_refuse) {
    bool taken = hand.received(message).has_value();
    check(taken != must_refuse);
    if (taken) return true;
    check(hand.to_send().empty() && hand.wanted() == 0 && !hand.undecided() && !hand.done());
    check(!hand.peer() && !hand.received(message));
    return false;
}

/// Says hello with any ephemeral key, which must be taken unless it makes a secret that anyone
/// knows.
inline bool says_hello(Handshake& hand, const NetworkKey& network, const by_hand::Block& point) {
    bool low_order = by_hand::agree(by_hand::block_of(1), point) == by_hand::Block{};
    bool taken = gives(hand, by_hand::hello(network, point), low_order);
    check(taken == !low_order);
    return taken;
}

inline void check_mirrored(const Outcome& one, const Outcome& other) {
    check(std::ranges::equal(one.encrypt_key.view(), other.decrypt_key.view()));
    check(std::ranges::equal(one.decrypt_key.view(), other.encrypt_key.view()));
    check(one.encrypt_nonce == other.decrypt_nonce && one.decrypt_nonce == other.encrypt_nonce);
}

/// One side of each kind, always the same.
struct Stage {
    NetworkKey network = by_hand::network_of(9);
    KeyPair alice = by_hand::pair_of(1);
    KeyPair bob = by_hand::pair_of(2);
    by_hand::FixedRandom client_random{Bytes(32, 3)};
    by_hand::FixedRandom server_random{Bytes(32, 4)};
    Handshake client = *Handshake::client(network, alice, bob.public_key, client_random);
    Handshake server = *Handshake::server(network, bob, server_random);
};

}  // namespace sbot::shs::fuzz
