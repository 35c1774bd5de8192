// The server's side of the secret handshake against a client that says anything: only the honest
// client's own words may lead to a session.
//
// Input: how to lie (one byte), then fields as below.

#include "tests/fuzz/shs_input.h"

namespace {

using namespace sbot;
using namespace sbot::shs::fuzz;
namespace by_hand = sbot::shs::by_hand;
using by_hand::take_owed;

/// The honest messages 1 and 3, changed on the way.
void change_messages(Stage stage, Input input) {
    Bytes hello = take_owed(stage.client);
    bool changed = input.change(hello);
    if (!gives(stage.server, hello, changed)) return;
    check(stage.client.received(take_owed(stage.server)).has_value());
    Bytes auth = take_owed(stage.client);
    changed = input.change(auth);
    if (!gives(stage.server, auth, changed)) return;
    check(stage.server.undecided() && stage.server.peer() == stage.alice.public_key);
    stage.server.accept();
    check(stage.client.received(take_owed(stage.server)).has_value());
    check(stage.server.done() && stage.client.done());
    check_mirrored(std::move(stage.client).outcome(), std::move(stage.server).outcome());
}

/// Any ephemeral key of a stranger who knows the network, then any message 3.
void any_ephemeral_key(Stage stage, Input input) {
    if (!says_hello(stage.server, stage.network, input.take_block())) return;
    check(take_owed(stage.server).size() == 64);
    gives(stage.server, input.take(112), true);
}

/// Any content in a message 3 that is properly sealed: a changed honest one, so that the fuzzer
/// need not find a signature.
void sealed_lie(Stage stage, Input input) {
    by_hand::Client client{stage.network, stage.alice, stage.bob.public_key, by_hand::Block{3}, {}};
    Bytes hello = by_hand::hello(stage.network, by_hand::public_of(client.ephemeral));
    check(stage.server.received(hello).has_value());
    Bytes answer = take_owed(stage.server);
    std::copy_n(answer.begin() + 32, 32, client.server_ephemeral.begin());
    Bytes plain = client.honest_plain();
    bool changed = input.change(plain);
    gives(stage.server, client.auth(plain), changed);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input(ByteView(data, size));
    switch (input.take(1)[0] % 3) {
        case 0: change_messages({}, input); break;
        case 1: any_ephemeral_key({}, input); break;
        default: sealed_lie({}, input); break;
    }
    return 0;
}
