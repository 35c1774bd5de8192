#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/random.h"
#include "base/result.h"
#include "base/secret.h"
#include "secret-handshake/keys.h"

namespace sbot::shs {

/// What both sides have after a handshake: a key and a first nonce for each direction of the
/// box-stream, and who the other side is.
struct Outcome {
    base::Secret<32> encrypt_key;
    Nonce encrypt_nonce{};
    base::Secret<32> decrypt_key;
    Nonce decrypt_nonce{};
    PublicKey peer{};
};

/// One secret handshake (SHS1), client's or server's side, without any input or output of its own.
///
/// The driver obeys, in this order, until `done()`:
///
///     if (hand.undecided())           look at *hand.peer(); hand.accept(), or drop it and close
///     else if (!to_send().empty())    write those bytes; hand.sent(count)
///     else                            read exactly wanted() bytes; hand.received(bytes)
///
/// It never wants more than the next message: what follows on the wire is box-stream. On any error
/// the connection is to be closed without another byte. A time limit is the driver's business.
///
/// Secrets are wiped as soon as they are of no more use, at the latest with the object.
/// Protocol source: "Designing a Secret Handshake" (Tarr, 2015); npm secret-handshake.
class Handshake {
 public:
    /// The side that dials, and must know whom. Errors: `invalid` where `own` are halves of two
    /// pairs, or `remote` is no usable key.
    static Result<Handshake> client(const NetworkKey& network, const KeyPair& own,
                                    const PublicKey& remote, base::Random& random);
    /// The side that listens. Errors: `invalid` where `own` are halves of two pairs.
    static Result<Handshake> server(const NetworkKey& network, const KeyPair& own,
                                    base::Random& random);

    Handshake(Handshake&&) = default;
    Handshake& operator=(Handshake&&) = default;
    Handshake(const Handshake&) = delete;  // one set of ephemeral keys, one connection
    Handshake& operator=(const Handshake&) = delete;
    ~Handshake() = default;

    /// Bytes owed to the peer now, empty if none. They live until `sent` or a move.
    ByteView to_send() const;
    /// `count` bytes of `to_send()` are on their way; the rest stays owed.
    void sent(std::size_t count);

    /// Length of the next message, 0 when none is wanted now.
    std::size_t wanted() const;
    /// The next message, exactly `wanted()` bytes. Errors: `invalid` for a peer of another network,
    /// with other keys than it says, or for any forged message; `closed` for each call after that.
    Result<void> received(ByteView message);

    /// Server only: the client has proven who it is and waits for message 4.
    bool undecided() const { return step_ == Step::decide; }
    /// Answers an undecided client. To refuse it, drop the handshake and close.
    void accept();

    /// The other side's public key once it has proven to own it: for a server after message 3, for
    /// a client after message 4.
    std::optional<PublicKey> peer() const;

    bool done() const { return step_ == Step::done; }
    /// Once, when `done()`.
    Outcome outcome() &&;

 private:
    enum class Step : std::uint8_t {
        send_hello,   // message 1 or 2
        await_hello,  // message 2 or 1
        send_auth,    // message 3
        await_auth,
        decide,
        send_accept,  // message 4
        await_accept,
        done,
        failed,
    };
    enum class Role : std::uint8_t { client, server };

    // Key agreement results have two letters, whose keys they are made of: e is ephemeral, s is
    // long-term, the client's comes first. (The protocol's papers call them a·b, a·B and A·b.)
    struct Secrets {
        NetworkKey network;
        SecretKey own;
        base::Secret<32> ephemeral;
        base::Secret<32> ee, es, se;
        base::Secret<96> auth;  // plain text of message 3: signature, client's public key
    };

    Handshake(Role role, const NetworkKey& network, const KeyPair& own, base::Random& random);

    void owe_hello();
    Result<void> read_hello(ByteView message);
    void owe_auth();
    Result<void> read_auth(ByteView message);
    Result<void> read_accept(ByteView message);
    Result<void> read(ByteView message);
    void finish();

    const PublicKey& server_key() const { return role_ == Role::client ? remote_ : own_; }
    base::Secret<96> signed_by_client() const;
    base::Secret<160> signed_by_server() const;
    base::Secret<32> auth_key() const;
    base::Secret<32> accept_key() const;

    Role role_;
    Step step_;
    PublicKey own_;
    PublicKey remote_{};  // a client's wish, or what a client has proven to a server
    bool proven_ = false;
    std::array<std::uint8_t, 32> own_mac_{};
    std::array<std::uint8_t, 32> remote_mac_{};
    std::array<std::uint8_t, 32> remote_ephemeral_{};
    std::optional<Secrets> secrets_;
    std::optional<Outcome> outcome_;
    Bytes owed_;
    std::size_t sent_ = 0;
};

}  // namespace sbot::shs
