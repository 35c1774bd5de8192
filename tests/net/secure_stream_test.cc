#include "net/secure_stream.h"

#include <gtest/gtest.h>

#include "io/pipe.h"
#include "net/interfaces.h"

namespace sbot::net {
namespace {

constexpr std::uint64_t patience_ms = 10000;

/// Passes bytes on, and can spoil what is read from it.
class Meddler final : public io::ByteStream {
 public:
    explicit Meddler(std::unique_ptr<io::ByteStream> under) : under_(std::move(under)) {}
    io::Async<std::size_t> read(MutableBytes into) override {
        auto got = co_await under_->read(into);
        if (got && spoil_at && *spoil_at < *got) into[*spoil_at] ^= 1;
        co_return got;
    }
    io::Async<void> write(Bytes data) override { return under_->write(std::move(data)); }
    io::Async<void> shutdown() override { return under_->shutdown(); }
    void close() noexcept override { under_->close(); }

    std::optional<std::size_t> spoil_at;  // of each read

 private:
    std::unique_ptr<io::ByteStream> under_;
};

using Secured = Result<std::unique_ptr<SecureStream>>;

class SecureStreamTest : public testing::Test {
 protected:
    SecureStreamTest() {
        io::Pipe pipe = io::make_pipe();
        near = std::move(pipe.near);
        auto meddler = std::make_unique<Meddler>(std::move(pipe.far));
        meddling = meddler.get();
        far = std::move(meddler);
    }
    static shs::NetworkKey network(std::uint8_t number) {
        std::array<std::uint8_t, 32> bytes{};
        bytes[0] = number;
        return shs::NetworkKey(std::span<const std::uint8_t, 32>(bytes));
    }
    FeedId bob_id() const { return FeedId{bob.keys.public_key}; }
    FeedId alice_id() const { return FeedId{alice.keys.public_key}; }

    /// Alice greets whom she takes for Bob, who lets everybody in, or nobody.
    void meet(FeedId remote, bool welcome = true) {
        auto greeting = greet(loop, alice, std::move(near), remote, patience_ms);
        auto decide = [this, welcome](const FeedId& peer) {
            asked = peer;
            return welcome;
        };
        auto receiving = receive(loop, bob, std::move(far), decide, patience_ms);
        at_bob = loop.run(std::move(receiving));
        at_alice = loop.run(std::move(greeting));
    }
    std::string read(io::ByteStream& stream, std::size_t count = 100000) {
        Bytes into(count);
        auto got = loop.run(stream.read(into));
        if (!got) return "error " + std::string(name_of(got.error().code));
        return std::string(base::text_of(ByteView(into).first(*got)));
    }
    void write(io::ByteStream& stream, std::string_view text) {
        EXPECT_TRUE(loop.run(stream.write(base::to_bytes(text))));
    }

    io::Loop loop;
    base::SystemRandom random;
    Identity alice{network(1), shs::KeyPair::generate(random)};
    Identity bob{network(1), shs::KeyPair::generate(random)};
    std::unique_ptr<io::ByteStream> near, far;
    Meddler* meddling;
    std::optional<FeedId> asked;
    Secured at_alice = error(Errc::cancelled, "not yet");
    Secured at_bob = error(Errc::cancelled, "not yet");
};

TEST_F(SecureStreamTest, both_know_each_other_and_bytes_go_both_ways) {
    meet(bob_id());
    ASSERT_TRUE(at_alice && at_bob);
    EXPECT_EQ((*at_alice)->peer(), bob_id());
    EXPECT_EQ((*at_bob)->peer(), alice_id());
    EXPECT_EQ(asked, alice_id());
    write(**at_alice, "hello Bob");
    EXPECT_EQ(read(**at_bob), "hello Bob");
    write(**at_bob, std::string(10000, 'x'));
    std::string all;
    while (all.size() < 10000) all += read(**at_alice, 777);
    EXPECT_EQ(all, std::string(10000, 'x'));
}

TEST_F(SecureStreamTest, a_refused_peer_hears_nothing) {
    meet(bob_id(), false);
    ASSERT_FALSE(at_alice || at_bob);
    EXPECT_EQ(at_bob.error().code, Errc::denied);
    EXPECT_EQ(at_alice.error().code, Errc::closed);
    EXPECT_EQ(at_alice.error().what,
              "handshake: it hung up when it heard who we are: it has another key than the "
              "address says, or does not let us in");
}

TEST_F(SecureStreamTest, another_network_or_another_key_is_refused) {
    FeedId nobody = bob_id();
    nobody.bytes[3] ^= 1;
    meet(nobody);
    EXPECT_FALSE(at_alice || at_bob);
    EXPECT_FALSE(asked.has_value());

    io::Pipe pipe = io::make_pipe();
    near = std::move(pipe.near);
    far = std::move(pipe.far);
    alice.network = network(2);
    meet(bob_id());
    ASSERT_FALSE(at_alice || at_bob);
    EXPECT_EQ(at_bob.error().code, Errc::invalid);
    EXPECT_EQ(at_alice.error().what,
              "handshake: it hung up on our hello: it is busy, of another network (caps.shs), or "
              "no server of this kind");
    EXPECT_FALSE(asked.has_value());
}

TEST_F(SecureStreamTest, a_silent_peer_has_its_time) {
    auto greeting = greet(loop, alice, std::move(near), bob_id(), 20);
    auto got = loop.run(std::move(greeting));
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, Errc::timeout);
    EXPECT_EQ(read(*far).size(), 64U);  // the hello
    EXPECT_EQ(read(*far), "");

    auto receiving = receive(loop, bob, std::move(far), {}, 20);
    EXPECT_FALSE(loop.run(std::move(receiving)));
}

TEST_F(SecureStreamTest, half_a_handshake_is_an_error) {
    auto receiving = receive(loop, bob, std::move(far), {}, patience_ms);
    write(*near, std::string(63, 'x'));
    near->close();
    auto got = loop.run(std::move(receiving));
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, Errc::closed);
}

TEST_F(SecureStreamTest, a_handshake_can_be_dropped) {
    auto receiving = receive(loop, bob, std::move(far), {}, patience_ms);
    receiving.drop();
    EXPECT_EQ(read(*near), "");
}

TEST_F(SecureStreamTest, a_goodbye_is_an_end_and_a_hangup_an_error) {
    meet(bob_id());
    ASSERT_TRUE(at_alice && at_bob);
    write(**at_alice, "last words");
    EXPECT_TRUE(loop.run((*at_alice)->shutdown()));
    EXPECT_EQ(read(**at_bob), "last words");
    EXPECT_EQ(read(**at_bob), "");
    EXPECT_EQ(read(**at_bob), "");
    write(**at_bob, "still here");
    EXPECT_EQ(read(**at_alice), "still here");
    (*at_bob)->close();
    EXPECT_EQ(read(**at_alice), "error closed");
}

TEST_F(SecureStreamTest, what_was_genuine_before_a_forged_frame_is_read) {
    meet(bob_id());
    ASSERT_TRUE(at_alice && at_bob);
    write(**at_alice, "genuine");
    write(**at_alice, "forged");
    meddling->spoil_at = 34 + 7 + 34;  // behind the first frame and the second one's header
    EXPECT_EQ(read(**at_bob), "genuine");
    EXPECT_EQ(read(**at_bob), "error invalid");  // without waiting for more
    EXPECT_EQ(read(**at_bob), "error invalid");
}

TEST_F(SecureStreamTest, a_frame_cut_short_is_an_error) {
    meet(bob_id());
    ASSERT_TRUE(at_alice && at_bob);
    meddling->spoil_at = 3;
    write(**at_alice, "forged");
    EXPECT_EQ(read(**at_bob), "error invalid");
}

TEST(Interfaces, a_scope_is_that_of_the_network) {
    const std::pair<const char*, const char*> cases[] = {
        {"127.0.0.1", "device"},   {"::1", "device"},        {"10.1.2.3", "local"},
        {"172.16.0.1", "local"},   {"172.32.0.1", "public"}, {"192.168.1.1", "local"},
        {"169.254.1.1", "link"},   {"fe80::1%eth0", "link"}, {"fd00::1", "local"},
        {"2001:db8::1", "public"}, {"192.0.2.1", "public"},  {"no address", ""},
    };
    for (auto [address, scope] : cases) EXPECT_EQ(scope_of(address), scope) << address;
}

TEST(Interfaces, hosts_belong_to_their_scope) {
    EXPECT_EQ(hosts_in_scope("device"), std::vector<std::string>{"localhost"});
    for (const char* scope : {"local", "public"}) {
        for (const std::string& host : hosts_in_scope(scope)) EXPECT_EQ(scope_of(host), scope);
    }
}

}  // namespace
}  // namespace sbot::net
