// The client's side of the secret handshake against a server that says anything: only the words of
// the server that was asked for may lead to a session.
//
// Input: how to lie (one byte), then fields as below.

#include "tests/fuzz/shs_input.h"

namespace {

using namespace sbot;
using namespace sbot::shs::fuzz;
namespace by_hand = sbot::shs::by_hand;
using by_hand::take_owed;

/// The honest messages 2 and 4, changed on the way.
void change_messages(Stage stage, Input input) {
    check(stage.server.received(take_owed(stage.client)).has_value());
    Bytes hello = take_owed(stage.server);
    bool changed = input.change(hello);
    if (!gives(stage.client, hello, changed)) return;
    check(stage.server.received(take_owed(stage.client)).has_value());
    stage.server.accept();
    Bytes accept = take_owed(stage.server);
    changed = input.change(accept);
    if (!gives(stage.client, accept, changed)) return;
    check(stage.client.done() && stage.client.peer() == stage.bob.public_key);
    check_mirrored(std::move(stage.client).outcome(), std::move(stage.server).outcome());
}

/// Any ephemeral key of a stranger who knows the network, then any message 4.
void any_ephemeral_key(Stage stage, Input input) {
    check(take_owed(stage.client).size() == 64);
    if (!says_hello(stage.client, stage.network, input.take_block())) return;
    check(take_owed(stage.client).size() == 112);
    gives(stage.client, input.take(80), true);
}

/// Any signature in a message 4 that is properly sealed.
void sealed_lie(Stage stage, Input input) {
    by_hand::Server server{stage.network, stage.bob, by_hand::Block{3}, {}, {}};
    Bytes hello = take_owed(stage.client);
    std::copy_n(hello.begin() + 32, 32, server.client_ephemeral.begin());
    Bytes answer = by_hand::hello(stage.network, by_hand::public_of(server.ephemeral));
    check(stage.client.received(answer).has_value());
    server.client_auth = take_owed(stage.client);
    Bytes signature = server.honest_plain();
    bool changed = input.change(signature);
    gives(stage.client, server.accept(signature), changed);
}

/// Any key to dial: refused at once, or good for a message 1.
void any_remote_key(Stage stage, Input input) {
    auto client =
        shs::Handshake::client(stage.network, stage.alice, input.take_block(), stage.client_random);
    if (!client) return;
    check(client->to_send().size() == 64 && !client->peer());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input(ByteView(data, size));
    switch (input.take(1)[0] % 4) {
        case 0: change_messages({}, input); break;
        case 1: any_ephemeral_key({}, input); break;
        case 2: sealed_lie({}, input); break;
        default: any_remote_key({}, input); break;
    }
    return 0;
}
