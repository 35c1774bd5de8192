#include "secret-handshake/handshake.h"

#include <sodium.h>

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "base/assert.h"

namespace sbot::shs {
namespace {

using base::Secret;

constexpr std::size_t hello_bytes = crypto_auth_BYTES + crypto_scalarmult_BYTES;
constexpr std::size_t auth_plain_bytes = crypto_sign_BYTES + crypto_sign_PUBLICKEYBYTES;
constexpr std::size_t auth_bytes = crypto_secretbox_MACBYTES + auth_plain_bytes;
constexpr std::size_t accept_bytes = crypto_secretbox_MACBYTES + crypto_sign_BYTES;
static_assert(hello_bytes == 64 && auth_bytes == 112 && accept_bytes == 80);

// Both boxes have a key of their own, used once, so their nonce may be constant.
constexpr Nonce zero_nonce{};

/// For what can only fail if this program is wrong: libsodium gives a status everywhere.
void must(int status) { SBOT_ASSERT(status == 0); }

template <std::size_t N>
Secret<N> join(std::initializer_list<ByteView> parts) {
    Secret<N> all;
    std::uint8_t* to = all.data();
    for (ByteView part : parts) to = std::copy(part.begin(), part.end(), to);
    SBOT_ASSERT(to == all.data() + N);
    return all;
}

Secret<32> sha256(ByteView data) {
    Secret<32> digest;
    must(crypto_hash_sha256(digest.data(), data.data(), data.size()));
    return digest;
}

/// X25519. False for a public key of low order, which would make a secret that anyone knows.
bool agree(Secret<32>& shared, const Secret<32>& secret, ByteView public_key) {
    SBOT_ASSERT(public_key.size() == crypto_scalarmult_BYTES);
    return crypto_scalarmult(shared.data(), secret.data(), public_key.data()) == 0;
}

/// The same with somebody's long-term key. False also where that is no point of the curve, or one
/// outside the main subgroup.
bool agree_long_term(Secret<32>& shared, const Secret<32>& secret, const PublicKey& public_key) {
    std::array<std::uint8_t, crypto_scalarmult_BYTES> curve;
    return crypto_sign_ed25519_pk_to_curve25519(curve.data(), public_key.data()) == 0 &&
           agree(shared, secret, curve);
}

Secret<32> to_curve(const SecretKey& secret_key) {
    Secret<32> curve;
    must(crypto_sign_ed25519_sk_to_curve25519(curve.data(), secret_key.data()));
    return curve;
}

template <std::size_t N>
std::array<std::uint8_t, crypto_sign_BYTES> sign(const Secret<N>& text, const SecretKey& by) {
    std::array<std::uint8_t, crypto_sign_BYTES> signature;
    must(crypto_sign_detached(signature.data(), nullptr, text.data(), N, by.data()));
    return signature;
}

template <std::size_t N>
bool verify(const std::uint8_t* signature, const Secret<N>& text, const PublicKey& by) {
    return crypto_sign_verify_detached(signature, text.data(), N, by.data()) == 0;
}

Bytes box(ByteView plain, const Secret<32>& key) {
    Bytes boxed(crypto_secretbox_MACBYTES + plain.size());
    must(crypto_secretbox_easy(boxed.data(), plain.data(), plain.size(), zero_nonce.data(),
                               key.data()));
    return boxed;
}

template <std::size_t N>
bool unbox(Secret<N>& plain, ByteView boxed, const Secret<32>& key) {
    SBOT_ASSERT(boxed.size() == N + crypto_secretbox_MACBYTES);
    return crypto_secretbox_open_easy(plain.data(), boxed.data(), boxed.size(), zero_nonce.data(),
                                      key.data()) == 0;
}

Error wrong(const char* what) { return base::error(Errc::invalid, what); }

Nonce nonce_of(const std::array<std::uint8_t, 32>& mac) {
    Nonce nonce;
    std::copy_n(mac.begin(), nonce.size(), nonce.begin());
    return nonce;
}

}  // namespace

Handshake::Handshake(Role role, const NetworkKey& network, const KeyPair& own, base::Random& random)
    : role_(role), step_(Step::await_hello), own_(own.public_key) {
    init();
    secrets_.emplace();
    secrets_->network = network;
    secrets_->own = own.secret_key;
    random.fill({secrets_->ephemeral.data(), secrets_->ephemeral.size});
}

Result<Handshake> Handshake::client(const NetworkKey& network, const KeyPair& own,
                                    const PublicKey& remote, base::Random& random) {
    if (!own.matches()) return wrong("own key pair does not match");
    Handshake hand(Role::client, network, own, random);
    hand.remote_ = remote;
    Secrets& secrets = *hand.secrets_;
    if (!agree_long_term(secrets.es, secrets.ephemeral, remote)) return wrong("bad remote key");
    hand.owe_hello();
    return hand;
}

Result<Handshake> Handshake::server(const NetworkKey& network, const KeyPair& own,
                                    base::Random& random) {
    if (!own.matches()) return wrong("own key pair does not match");
    return Handshake(Role::server, network, own, random);
}

ByteView Handshake::to_send() const { return ByteView(owed_).subspan(sent_); }

void Handshake::sent(std::size_t count) {
    SBOT_ASSERT(count <= owed_.size() - sent_);
    sent_ += count;
    if (sent_ < owed_.size()) return;
    owed_.clear();
    sent_ = 0;
    switch (step_) {
        case Step::send_hello:
            step_ = role_ == Role::client ? Step::await_hello : Step::await_auth;
            break;
        case Step::send_auth: step_ = Step::await_accept; break;
        case Step::send_accept: step_ = Step::done; break;
        default: break;  // nothing was owed
    }
}

std::size_t Handshake::wanted() const {
    switch (step_) {
        case Step::await_hello: return hello_bytes;
        case Step::await_auth: return auth_bytes;
        case Step::await_accept: return accept_bytes;
        default: return 0;
    }
}

Result<void> Handshake::received(ByteView message) {
    if (step_ == Step::failed) return base::error(Errc::closed, "handshake failed before");
    SBOT_ASSERT(wanted() > 0 && message.size() == wanted());
    auto ok = read(message);
    if (!ok) {
        step_ = Step::failed;
        secrets_.reset();
    }
    return ok;
}

Result<void> Handshake::read(ByteView message) {
    switch (step_) {
        case Step::await_hello: return read_hello(message);
        case Step::await_auth: return read_auth(message);
        default: return read_accept(message);
    }
}

/// Messages 1 and 2: the MAC shows the peer that we know the network's key.
void Handshake::owe_hello() {
    std::array<std::uint8_t, crypto_scalarmult_BYTES> ephemeral;
    must(crypto_scalarmult_base(ephemeral.data(), secrets_->ephemeral.data()));
    must(
        crypto_auth(own_mac_.data(), ephemeral.data(), ephemeral.size(), secrets_->network.data()));
    owed_.assign(own_mac_.begin(), own_mac_.end());
    base::append(owed_, ephemeral);
    step_ = Step::send_hello;
}

Result<void> Handshake::read_hello(ByteView message) {
    ByteView mac = message.first(crypto_auth_BYTES);
    ByteView ephemeral = message.subspan(crypto_auth_BYTES);
    if (crypto_auth_verify(mac.data(), ephemeral.data(), ephemeral.size(),
                           secrets_->network.data()) != 0) {
        return wrong("hello: not of this network");
    }
    if (!agree(secrets_->ee, secrets_->ephemeral, ephemeral)) {
        return wrong("hello: ephemeral key of low order");
    }
    std::copy(mac.begin(), mac.end(), remote_mac_.begin());
    std::copy(ephemeral.begin(), ephemeral.end(), remote_ephemeral_.begin());
    if (role_ == Role::client) {
        owe_auth();
    } else {
        owe_hello();
    }
    return {};
}

/// Message 3: the client says who it is, to the owner of the server's key alone.
void Handshake::owe_auth() {
    secrets_->auth = join<96>({sign(signed_by_client(), secrets_->own), own_});
    owed_ = box(secrets_->auth.view(), auth_key());
    step_ = Step::send_auth;
}

Result<void> Handshake::read_auth(ByteView message) {
    if (!agree(secrets_->es, to_curve(secrets_->own), remote_ephemeral_)) {
        return wrong("auth: ephemeral key of low order");
    }
    if (!unbox(secrets_->auth, message, auth_key())) return wrong("auth: cannot be opened");
    const std::uint8_t* signature = secrets_->auth.data();
    std::copy_n(signature + crypto_sign_BYTES, remote_.size(), remote_.begin());
    if (!verify(signature, signed_by_client(), remote_)) return wrong("auth: bad signature");
    if (!agree_long_term(secrets_->se, secrets_->ephemeral, remote_)) {
        return wrong("auth: bad client key");
    }
    proven_ = true;
    step_ = Step::decide;
    return {};
}

/// Message 4: the server proves who it is, and that it wants this client.
void Handshake::accept() {
    SBOT_ASSERT(undecided());
    owed_ = box(sign(signed_by_server(), secrets_->own), accept_key());
    step_ = Step::send_accept;
    finish();
}

Result<void> Handshake::read_accept(ByteView message) {
    if (!agree(secrets_->se, to_curve(secrets_->own), remote_ephemeral_)) {
        return wrong("accept: ephemeral key of low order");
    }
    Secret<crypto_sign_BYTES> signature;
    if (!unbox(signature, message, accept_key())) return wrong("accept: cannot be opened");
    if (!verify(signature.data(), signed_by_server(), remote_)) {
        return wrong("accept: bad signature");
    }
    proven_ = true;
    step_ = Step::done;
    finish();
    return {};
}

/// Each direction's key is bound to its receiver, its nonce to the receiver's hello.
void Handshake::finish() {
    Secret<32> session = sha256(accept_key().view());
    Outcome& result = outcome_.emplace();
    result.encrypt_key = sha256(join<64>({session.view(), remote_}).view());
    result.encrypt_nonce = nonce_of(remote_mac_);
    result.decrypt_key = sha256(join<64>({session.view(), own_}).view());
    result.decrypt_nonce = nonce_of(own_mac_);
    result.peer = remote_;
    secrets_.reset();
}

std::optional<PublicKey> Handshake::peer() const {
    return proven_ ? std::optional(remote_) : std::nullopt;
}

Outcome Handshake::outcome() && {
    SBOT_ASSERT(done() && outcome_.has_value());
    Outcome result = std::move(*outcome_);
    outcome_.reset();
    return result;
}

Secret<96> Handshake::signed_by_client() const {
    return join<96>({secrets_->network.view(), server_key(), sha256(secrets_->ee.view()).view()});
}

Secret<160> Handshake::signed_by_server() const {
    return join<160>(
        {secrets_->network.view(), secrets_->auth.view(), sha256(secrets_->ee.view()).view()});
}

Secret<32> Handshake::auth_key() const {
    return sha256(
        join<96>({secrets_->network.view(), secrets_->ee.view(), secrets_->es.view()}).view());
}

Secret<32> Handshake::accept_key() const {
    return sha256(join<128>({secrets_->network.view(), secrets_->ee.view(), secrets_->es.view(),
                             secrets_->se.view()})
                      .view());
}

}  // namespace sbot::shs
