#include "secret-handshake/handshake.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "base/base64.h"
#include "tests/secret-handshake/by_hand.h"

namespace sbot::shs {
namespace {

using by_hand::Block;
using by_hand::FixedRandom;
using by_hand::take_owed;

Bytes hex(std::string_view text) { return *base::from_hex(text); }

Block block(std::string_view text) {
    Bytes bytes = hex(text);
    Block out;
    std::copy_n(bytes.begin(), out.size(), out.begin());
    return out;
}

std::string hex_of(ByteView bytes) { return base::to_hex(bytes); }

/// A client and a server that want each other, and the four messages between them.
struct Meeting {
    base::SystemRandom random;
    NetworkKey network = by_hand::network_of(9);
    KeyPair alice = by_hand::pair_of(1);
    KeyPair bob = by_hand::pair_of(2);
    Handshake client = *Handshake::client(network, alice, bob.public_key, random);
    Handshake server = *Handshake::server(network, bob, random);

    Bytes hello() { return take_owed(client); }
    Bytes hello_back() {
        EXPECT_TRUE(server.received(hello()));
        return take_owed(server);
    }
    Bytes auth() {
        EXPECT_TRUE(client.received(hello_back()));
        return take_owed(client);
    }
    Bytes accept() {
        EXPECT_TRUE(server.received(auth()));
        server.accept();
        return take_owed(server);
    }
};

/// What must be true of a handshake that refused a message.
void expect_dead(Handshake& hand) {
    EXPECT_TRUE(hand.to_send().empty());
    EXPECT_EQ(hand.wanted(), 0U);
    EXPECT_FALSE(hand.undecided());
    EXPECT_FALSE(hand.done());
    EXPECT_FALSE(hand.peer().has_value());
    auto again = hand.received({});
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, Errc::closed);
}

void expect_refused(Handshake& hand, ByteView message) {
    auto result = hand.received(message);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Errc::invalid);
    expect_dead(hand);
}

void expect_mirrored(const Outcome& one, const Outcome& other) {
    EXPECT_EQ(hex_of(one.encrypt_key.view()), hex_of(other.decrypt_key.view()));
    EXPECT_EQ(hex_of(one.decrypt_key.view()), hex_of(other.encrypt_key.view()));
    EXPECT_EQ(one.encrypt_nonce, other.decrypt_nonce);
    EXPECT_EQ(one.decrypt_nonce, other.encrypt_nonce);
}

TEST(Handshake, writes_the_bytes_of_the_worked_example) {
    NetworkKey network(block("d4a1cb88a66f02f8db635ce26441cc5dac1b08420ceaac230839b755845a9ffb"));
    FixedRandom client_random(
        hex("98aebbb178a551876bfaf8e1e530dac6aaf6c2ea1c8f8406a3ab37dfb40fbc65"));
    FixedRandom server_random(
        hex("483e3c145d7e680a16676925fc045183d2f510cb2f660a1fc517c73762185d43"));
    KeyPair alice = by_hand::pair_of(1);
    KeyPair bob = by_hand::pair_of(2);
    EXPECT_EQ(hex_of(alice.public_key),
              "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c");
    auto client = Handshake::client(network, alice, bob.public_key, client_random);
    auto server = Handshake::server(network, bob, server_random);
    ASSERT_TRUE(client && server);

    Bytes message = take_owed(*client);
    EXPECT_EQ(hex_of(message),
              "28c218018fb494285b3c31cee451d460d8d73f843a99baceb564dd5f46f3278e"
              "75e270df2952c57ba8367ba8618c178f9fe50db2799d304e74e918d985686146");
    ASSERT_TRUE(server->received(message));
    message = take_owed(*server);
    EXPECT_EQ(hex_of(message),
              "c1bea72b1b06c117aba5ab1ab0cf41f6af08b4426fe0c1ae9db73f39d8f28855"
              "edd03cade80d29de6ea313a74ab369f4732ecb36649066b78b5b2dd664cb0417");
    ASSERT_TRUE(client->received(message));
    message = take_owed(*client);
    EXPECT_EQ(hex_of(message),
              "12e62a78b59fa4dec4cbd8d0935ac65bce246bc3078792d9aac6c60aa233d2b4"
              "6a0d432173da44343196baa17541ed5d55d67ef3c10addc8a30c9760b5f95fab"
              "f92ee384747c8bbd00e89d6c5304d23fb295dc136df45559c88964f0b987ff05"
              "b04b73820145fb31d2c957c3c35d6e4e");
    ASSERT_TRUE(server->received(message));
    server->accept();
    message = take_owed(*server);
    EXPECT_EQ(hex_of(message),
              "23857ffb1ffe8b56bb10f971a0876327a11b93f913d8010f43fe8929f9965502"
              "c9ca7ba1b7c798b1f7527016d1a3c4c16c91068595a49743db7a20e6f1f2b36b"
              "30e213db669c77b48438c6b66ba17f5d");
    ASSERT_TRUE(client->received(message));

    ASSERT_TRUE(client->done() && server->done());
    Outcome alices = std::move(*client).outcome();
    Outcome bobs = std::move(*server).outcome();
    EXPECT_EQ(hex_of(alices.encrypt_key.view()),
              "1b09decc219671538c81bddc7761450c6f75a083ba2a9febb65212c2068c7f83");
    EXPECT_EQ(hex_of(alices.encrypt_nonce), "c1bea72b1b06c117aba5ab1ab0cf41f6af08b4426fe0c1ae");
    EXPECT_EQ(hex_of(alices.decrypt_key.view()),
              "6bc54c9e93faee942fc509d606506bcda45c1d7984a6e8890e19b68bcd9cbd40");
    EXPECT_EQ(hex_of(alices.decrypt_nonce), "28c218018fb494285b3c31cee451d460d8d73f843a99bace");
    expect_mirrored(alices, bobs);
    EXPECT_EQ(alices.peer, bob.public_key);
    EXPECT_EQ(bobs.peer, alice.public_key);
}

TEST(Handshake, ends_with_mirrored_keys_that_are_new_each_time) {
    Outcome before;
    for (int round = 0; round < 5; ++round) {
        Meeting meet;
        ASSERT_TRUE(meet.client.received(meet.accept()));
        Outcome alices = std::move(meet.client).outcome();
        Outcome bobs = std::move(meet.server).outcome();
        expect_mirrored(alices, bobs);
        EXPECT_NE(hex_of(alices.encrypt_key.view()), hex_of(alices.decrypt_key.view()));
        EXPECT_NE(hex_of(alices.encrypt_key.view()), hex_of(before.encrypt_key.view()));
        before = std::move(alices);
    }
}

TEST(Handshake, goes_on_after_being_moved) {
    Meeting meet;
    Handshake client = std::move(meet.client);
    ASSERT_TRUE(meet.server.received(take_owed(client)));
    Handshake server = std::move(meet.server);
    ASSERT_TRUE(client.received(take_owed(server)));
    client = Handshake(std::move(client));
    ASSERT_TRUE(server.received(take_owed(client)));
    server.accept();
    ASSERT_TRUE(client.received(take_owed(server)));
    expect_mirrored(std::move(client).outcome(), std::move(server).outcome());
}

TEST(Handshake, owes_the_rest_of_a_message_sent_in_part) {
    Meeting meet;
    Bytes whole = base::to_bytes(meet.client.to_send());
    Bytes pieces;
    while (!meet.client.to_send().empty()) {
        EXPECT_EQ(meet.client.wanted(), 0U);
        pieces.push_back(meet.client.to_send().front());
        meet.client.sent(1);
    }
    EXPECT_EQ(pieces, whole);
    EXPECT_EQ(meet.client.wanted(), 64U);
    EXPECT_TRUE(meet.server.received(pieces));
}

TEST(Handshake, names_the_peer_only_once_it_has_proven_itself) {
    Meeting meet;
    Bytes auth = meet.auth();
    EXPECT_FALSE(meet.server.peer().has_value());
    EXPECT_FALSE(meet.client.peer().has_value());
    ASSERT_TRUE(meet.server.received(auth));
    EXPECT_EQ(meet.server.peer(), meet.alice.public_key);
    meet.server.accept();
    EXPECT_FALSE(meet.client.peer().has_value());
    ASSERT_TRUE(meet.client.received(take_owed(meet.server)));
    EXPECT_EQ(meet.client.peer(), meet.bob.public_key);
}

TEST(Handshake, owes_an_undecided_client_nothing) {
    Meeting meet;
    ASSERT_TRUE(meet.server.received(meet.auth()));
    EXPECT_TRUE(meet.server.undecided());
    EXPECT_TRUE(meet.server.to_send().empty());
    EXPECT_EQ(meet.server.wanted(), 0U);
    EXPECT_FALSE(meet.server.done());
    meet.server.accept();
    EXPECT_FALSE(meet.server.undecided());
    EXPECT_EQ(meet.server.to_send().size(), 80U);
    EXPECT_FALSE(meet.server.done());  // not before message 4 is on its way
}

TEST(Handshake, lets_a_node_meet_itself) {
    base::SystemRandom random;
    KeyPair own = by_hand::pair_of(5);
    NetworkKey network = by_hand::network_of(9);
    auto client = Handshake::client(network, own, own.public_key, random);
    auto server = Handshake::server(network, own, random);
    ASSERT_TRUE(server->received(take_owed(*client)));
    ASSERT_TRUE(client->received(take_owed(*server)));
    ASSERT_TRUE(server->received(take_owed(*client)));
    server->accept();
    ASSERT_TRUE(client->received(take_owed(*server)));
    expect_mirrored(std::move(*client).outcome(), std::move(*server).outcome());
}

// --- keys

TEST(Handshake, refuses_an_own_key_pair_of_two_halves) {
    base::SystemRandom random;
    KeyPair mixed = by_hand::pair_of(1);
    mixed.public_key = by_hand::pair_of(2).public_key;
    NetworkKey network = by_hand::network_of(9);
    auto server = Handshake::server(network, mixed, random);
    ASSERT_FALSE(server);
    EXPECT_EQ(server.error().code, Errc::invalid);
    auto client = Handshake::client(network, mixed, by_hand::pair_of(3).public_key, random);
    ASSERT_FALSE(client);
    EXPECT_EQ(client.error().code, Errc::invalid);
}

TEST(Handshake, refuses_to_dial_what_is_no_usable_key) {
    base::SystemRandom random;
    for (std::string_view bad : {
             // low order: the neutral element, its negative in the other spelling, order 2, 4, 8
             "0100000000000000000000000000000000000000000000000000000000000000",
             "0100000000000000000000000000000000000000000000000000000000000080",
             "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
             "0000000000000000000000000000000000000000000000000000000000000000",
             "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
             // no point of the curve
             "0200000000000000000000000000000000000000000000000000000000000000",
             "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
         }) {
        auto client =
            Handshake::client(by_hand::network_of(9), by_hand::pair_of(1), block(bad), random);
        ASSERT_FALSE(client) << bad;
        EXPECT_EQ(client.error().code, Errc::invalid);
    }
}

TEST(Handshake, refuses_another_network) {
    base::SystemRandom random;
    KeyPair alice = by_hand::pair_of(1);
    KeyPair bob = by_hand::pair_of(2);
    auto client = Handshake::client(by_hand::network_of(9), alice, bob.public_key, random);
    auto server = Handshake::server(by_hand::network_of(8), bob, random);
    Bytes hello = take_owed(*client);
    expect_refused(*server, hello);
    Bytes foreign = by_hand::hello(by_hand::network_of(8), by_hand::public_of(Block{5}));
    expect_refused(*client, foreign);
}

TEST(Handshake, refuses_a_client_that_meant_another_server) {
    Meeting meet;
    base::SystemRandom random;
    Handshake client =
        *Handshake::client(meet.network, meet.alice, by_hand::pair_of(3).public_key, random);
    ASSERT_TRUE(meet.server.received(take_owed(client)));
    ASSERT_TRUE(client.received(take_owed(meet.server)));
    expect_refused(meet.server, take_owed(client));
}

TEST(Handshake, refuses_low_order_ephemeral_keys) {
    for (std::string_view point : by_hand::low_order_points) {
        SCOPED_TRACE(point);
        Meeting meet;
        Bytes hello = by_hand::hello(meet.network, block(point));
        expect_refused(meet.server, hello);
        (void)meet.hello();
        expect_refused(meet.client, hello);
    }
}

// --- damage

TEST(Handshake, refuses_a_flipped_bit_at_every_byte_of_every_message) {
    for (std::size_t at = 0; at < 64 + 64 + 112 + 80; ++at) {
        SCOPED_TRACE(at);
        Meeting meet;
        auto mask = static_cast<std::uint8_t>(1 << at % 8);
        auto flip = [&](Bytes message, std::size_t from) {
            message[at - from] ^= mask;
            return message;
        };
        if (at < 64) {
            expect_refused(meet.server, flip(meet.hello(), 0));
        } else if (at < 128) {
            expect_refused(meet.client, flip(meet.hello_back(), 64));
        } else if (at < 240) {
            expect_refused(meet.server, flip(meet.auth(), 128));
        } else {
            expect_refused(meet.client, flip(meet.accept(), 240));
        }
    }
}

/// Runs one side as a driver would, over what the other side says and then an end of input.
bool finishes(Handshake& hand, ByteView input) {
    while (!hand.done()) {
        if (hand.undecided()) {
            hand.accept();
        } else if (!hand.to_send().empty()) {
            (void)take_owed(hand);
        } else {
            std::size_t wanted = hand.wanted();
            if (input.size() < wanted) return false;
            if (!hand.received(input.first(wanted))) return false;
            input = input.subspan(wanted);
        }
    }
    return true;
}

TEST(Handshake, does_not_finish_on_input_cut_at_any_byte) {
    // The other side's messages depend on ours, so both use the same randomness each time.
    auto talk = [](Meeting& meet) {
        FixedRandom a(Bytes(32, 7)), b(Bytes(32, 8));
        meet.client = *Handshake::client(meet.network, meet.alice, meet.bob.public_key, a);
        meet.server = *Handshake::server(meet.network, meet.bob, b);
    };
    Meeting meet;
    talk(meet);
    Bytes from_client = meet.hello();
    ASSERT_TRUE(meet.server.received(from_client));
    Bytes from_server = take_owed(meet.server);
    ASSERT_TRUE(meet.client.received(from_server));
    base::append(from_client, meet.client.to_send());
    ASSERT_TRUE(meet.server.received(take_owed(meet.client)));
    meet.server.accept();
    base::append(from_server, meet.server.to_send());

    for (std::size_t cut = 0; cut <= from_client.size(); ++cut) {
        talk(meet);
        EXPECT_EQ(finishes(meet.server, ByteView(from_client).first(cut)),
                  cut == from_client.size());
    }
    for (std::size_t cut = 0; cut <= from_server.size(); ++cut) {
        talk(meet);
        EXPECT_EQ(finishes(meet.client, ByteView(from_server).first(cut)),
                  cut == from_server.size());
    }
}

// --- properly sealed lies

/// A server that has answered the hello of a client written by hand.
struct EvilClient {
    Meeting meet;
    by_hand::Client client{meet.network, meet.alice, meet.bob.public_key, Block{3}, {}};

    EvilClient() {
        EXPECT_TRUE(meet.server.received(
            by_hand::hello(meet.network, by_hand::public_of(client.ephemeral))));
        Bytes answer = take_owed(meet.server);
        std::copy_n(answer.begin() + 32, 32, client.server_ephemeral.begin());
    }
    Bytes signed_by(const KeyPair& key, ByteView text) {
        return by_hand::join({by_hand::sign(text, key.secret_key), client.own.public_key});
    }
    void expect_refusal(ByteView plain) { expect_refused(meet.server, client.auth(plain)); }
};

TEST(Handshake, takes_the_message_3_it_would_write_itself) {
    EvilClient evil;
    ASSERT_TRUE(evil.meet.server.received(evil.client.auth(evil.client.honest_plain())));
    EXPECT_EQ(evil.meet.server.peer(), evil.meet.alice.public_key);
}

TEST(Handshake, refuses_a_claimed_key_that_did_not_sign) {
    EvilClient evil;
    evil.expect_refusal(evil.signed_by(by_hand::pair_of(4), evil.client.to_sign()));
}

TEST(Handshake, refuses_a_signature_over_anything_else) {
    for (std::size_t part = 0; part < 3; ++part) {  // network, server's key, shared secret
        EvilClient evil;
        Bytes text = evil.client.to_sign();
        text[part * 32] ^= 1;
        evil.expect_refusal(evil.signed_by(evil.client.own, text));
    }
    EvilClient evil;
    evil.expect_refusal(by_hand::join({Bytes(64), evil.client.own.public_key}));
}

TEST(Handshake, refuses_a_claimed_key_under_which_every_signature_is_good) {
    EvilClient evil;
    Block neutral{1};
    evil.expect_refusal(by_hand::join({neutral, Block{}, neutral}));
}

TEST(Handshake, refuses_messages_1_and_3_of_an_earlier_session) {
    Meeting first;
    Bytes hello = take_owed(first.client);
    ASSERT_TRUE(first.server.received(hello));
    ASSERT_TRUE(first.client.received(take_owed(first.server)));
    Bytes auth = take_owed(first.client);
    ASSERT_TRUE(first.server.received(auth));
    Meeting second;
    ASSERT_TRUE(second.server.received(hello));
    (void)take_owed(second.server);
    expect_refused(second.server, auth);
}

TEST(Handshake, does_not_finish_with_its_own_words_given_back) {
    Meeting meet;
    Bytes hello = meet.hello();
    ASSERT_TRUE(meet.client.received(hello));  // a fair hello of the network, as far as one can see
    Bytes auth = take_owed(meet.client);
    expect_refused(meet.client, ByteView(auth).first(80));
}

/// A client that has said message 3 to a server written by hand.
struct EvilServer {
    Meeting meet;
    by_hand::Server server{meet.network, meet.bob, Block{3}, {}, {}};

    EvilServer() {
        Bytes hello = meet.hello();
        std::copy_n(hello.begin() + 32, 32, server.client_ephemeral.begin());
        EXPECT_TRUE(meet.client.received(
            by_hand::hello(meet.network, by_hand::public_of(server.ephemeral))));
        server.client_auth = take_owed(meet.client);
    }
    void expect_refusal(ByteView plain) { expect_refused(meet.client, server.accept(plain)); }
};

TEST(Handshake, takes_the_message_4_it_would_write_itself) {
    EvilServer evil;
    ASSERT_TRUE(evil.meet.client.received(evil.server.accept(evil.server.honest_plain())));
    EXPECT_TRUE(evil.meet.client.done());
}

TEST(Handshake, refuses_a_server_that_signs_with_another_key) {
    EvilServer evil;
    evil.expect_refusal(by_hand::sign(evil.server.to_sign(), by_hand::pair_of(4).secret_key));
}

TEST(Handshake, refuses_a_server_that_signs_anything_else) {
    for (std::size_t at : {0U, 32U, 96U, 128U}) {  // network, H's signature, H's key, secret
        EvilServer evil;
        Bytes text = evil.server.to_sign();
        text[at] ^= 1;
        evil.expect_refusal(by_hand::sign(text, evil.server.own.secret_key));
    }
    EvilServer evil;
    evil.expect_refusal(Bytes(64));
}

// --- use against the rules is our own fault, never the peer's

using HandshakeDeathTest = testing::Test;

TEST(HandshakeDeathTest, wants_whole_messages_in_turn) {
    Meeting meet;
    EXPECT_DEATH((void)meet.client.received(Bytes(64)), "wanted");  // its own hello is unsent
    EXPECT_DEATH((void)meet.server.received(Bytes(63)), "wanted");
    EXPECT_DEATH((void)meet.server.received(Bytes(65)), "wanted");
}

TEST(HandshakeDeathTest, decides_once_and_only_as_a_server) {
    Meeting meet;
    EXPECT_DEATH(meet.client.accept(), "undecided");
    EXPECT_DEATH(meet.server.accept(), "undecided");
    (void)meet.accept();
    EXPECT_DEATH(meet.server.accept(), "undecided");
}

TEST(HandshakeDeathTest, gives_its_outcome_once_and_not_early) {
    Meeting meet;
    EXPECT_DEATH((void)std::move(meet.client).outcome(), "done");
    Bytes accept = meet.accept();
    EXPECT_DEATH((void)std::move(meet.client).outcome(), "done");
    ASSERT_TRUE(meet.client.received(accept));
    (void)std::move(meet.client).outcome();
    EXPECT_DEATH((void)std::move(meet.client).outcome(), "outcome_");
}

TEST(HandshakeDeathTest, cannot_send_more_than_it_owes) {
    Meeting meet;
    EXPECT_DEATH(meet.client.sent(65), "count");
}

}  // namespace
}  // namespace sbot::shs
