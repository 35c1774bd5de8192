// shs1-testee: one secret handshake over standard input and output, for the npm suite shs1-test.
//
//     shs1-testee server <network key> <server secret key> <server public key>
//     shs1-testee client <network key> <server public key>
//
// All arguments are hex. After a good end it writes the outcome, 112 bytes: encryption key and
// nonce, decryption key and nonce. After anything else it writes nothing more and does not end
// with 0.

#include <unistd.h>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "base/base64.h"
#include "secret-handshake/handshake.h"

namespace {

using namespace sbot;

constexpr int status_refused = 1;
constexpr int status_usage = 64;

/// A read is any part of a message, and the end of input is no message at all.
bool read_exactly(MutableBytes into) {
    while (!into.empty()) {
        ssize_t got = ::read(STDIN_FILENO, into.data(), into.size());
        if (got <= 0) return false;
        into = into.subspan(static_cast<std::size_t>(got));
    }
    return true;
}

bool write_all(ByteView data) {
    while (!data.empty()) {
        ssize_t put = ::write(STDOUT_FILENO, data.data(), data.size());
        if (put <= 0) return false;
        data = data.subspan(static_cast<std::size_t>(put));
    }
    return true;
}

bool shake(shs::Handshake& hand) {
    while (!hand.done()) {
        if (hand.undecided()) {
            hand.accept();
        } else if (ByteView owed = hand.to_send(); !owed.empty()) {
            if (!write_all(owed)) return false;
            hand.sent(owed.size());
        } else {
            Bytes message(hand.wanted());
            if (!read_exactly(message) || !hand.received(message)) return false;
        }
    }
    return true;
}

/// True where `text` is exactly `into` in hex.
bool from_hex(std::string_view text, MutableBytes into) {
    auto bytes = base::from_hex(text);
    if (!bytes || bytes->size() != into.size()) return false;
    std::copy(bytes->begin(), bytes->end(), into.begin());
    return true;
}

template <std::size_t N>
bool from_hex(std::string_view text, base::Secret<N>& into) {
    return from_hex(text, MutableBytes(into.data(), N));
}

std::optional<Result<shs::Handshake>> from_arguments(int argc, char** argv) {
    base::SystemRandom random;
    std::string_view role = argc > 1 ? argv[1] : "";
    shs::NetworkKey network;
    if (role == "server" && argc == 5) {
        shs::KeyPair own;
        if (from_hex(argv[2], network) && from_hex(argv[3], own.secret_key) &&
            from_hex(argv[4], own.public_key)) {
            return shs::Handshake::server(network, own, random);
        }
    } else if (role == "client" && argc == 4) {
        shs::PublicKey remote;
        if (from_hex(argv[2], network) && from_hex(argv[3], remote)) {
            return shs::Handshake::client(network, shs::KeyPair::generate(random), remote, random);
        }
    }
    return std::nullopt;
}

}  // namespace

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);
    auto hand = from_arguments(argc, argv);
    if (!hand) {
        std::fputs(
            "usage: shs1-testee server <network> <secret key> <public key>\n"
            "       shs1-testee client <network> <server's public key>\n",
            stderr);
        return status_usage;
    }
    if (!*hand || !shake(**hand)) return status_refused;
    shs::Outcome outcome = std::move(**hand).outcome();
    Bytes all;
    base::append(all, outcome.encrypt_key.view());
    base::append(all, outcome.encrypt_nonce);
    base::append(all, outcome.decrypt_key.view());
    base::append(all, outcome.decrypt_nonce);
    return write_all(all) ? EXIT_SUCCESS : status_refused;
}
