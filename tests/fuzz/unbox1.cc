// Private boxes. The first byte says how to use the rest: as a box from a stranger; as what a right
// slot and a right body hold, so that the reader gets behind the MACs; as the damage to a box.

#include <sodium.h>

#include <algorithm>

#include "base/assert.h"
#include "base/base64.h"
#include "message/private_box.h"

using namespace sbot;

namespace {

struct Counting final : base::Random {
    std::uint8_t next = 1;
    void fill(MutableBytes out) override {
        for (auto& byte : out) byte = next++;
    }
};

struct Readers {
    message::KeyPair keys[2] = {
        message::KeyPair::from_seed(std::array<std::uint8_t, 32>{1}),
        message::KeyPair::from_seed(std::array<std::uint8_t, 32>{2}),
    };
    message::Unboxer unboxers[2] = {message::Unboxer(keys[0]), message::Unboxer(keys[1])};
};

const Readers& readers() {
    static const Readers made;
    return made;
}

std::string boxed(ByteView box) { return base::to_base64(box) + ".box"; }

/// Opening agrees with itself.
void open(std::string_view content) {
    for (const auto& unboxer : readers().unboxers) {
        auto key = unboxer.read_key(content);
        auto opened = unboxer.open(content);
        SBOT_ASSERT(!opened || (key && opened->read_key == base::to_base64(*key)));
        if (!opened) continue;
        auto again = message::open_with(content, opened->read_key);
        SBOT_ASSERT(again.has_value());
        SBOT_ASSERT(json::compact(again->plain.root()) == json::compact(opened->plain.root()));
    }
}

/// A box whose slot is right, but says and is followed by whatever the input has.
void open_forged(ByteView input) {
    if (input.empty()) return;
    std::array<std::uint8_t, 33> slot{input[0]};
    Bytes box(24 + 32 + 49);
    std::array<std::uint8_t, 32> once{7}, theirs, shared;
    crypto_scalarmult_base(box.data() + 24, once.data());
    SBOT_ASSERT(crypto_sign_ed25519_pk_to_curve25519(theirs.data(),
                                                     readers().keys[0].id.bytes.data()) == 0);
    SBOT_ASSERT(crypto_scalarmult(shared.data(), once.data(), theirs.data()) == 0);
    crypto_secretbox_easy(box.data() + 56, slot.data(), slot.size(), box.data(), shared.data());
    Bytes body(input.size() - 1 + 16);
    crypto_secretbox_easy(body.data(), input.data() + 1, input.size() - 1, box.data(),
                          slot.data() + 1);
    base::append(box, body);
    std::string content = boxed(box);
    open(content);
    auto plain = json::Document::parse(input.subspan(1));
    bool opens = slot[0] == 1 && plain && plain->root().truthy();
    SBOT_ASSERT(readers().unboxers[0].open(content).has_value() == opens);
    SBOT_ASSERT(!readers().unboxers[1].open(content));
}

/// A box of ours, one byte of it changed.
void open_damaged(ByteView input) {
    if (input.size() < 3) return;
    FeedId to[2] = {readers().keys[0].id, readers().keys[1].id};
    Counting random;
    std::size_t where = base::load_be(input, 2);
    std::string content = *message::box("{\"type\":\"post\"}", to, random);
    for (const auto& unboxer : readers().unboxers) SBOT_ASSERT(unboxer.open(content).has_value());
    Bytes box = base::from_base64_lenient(content.substr(0, content.find('.')));
    std::uint8_t change = input[2];
    where %= box.size();
    if (where == 55) change &= 0x7f;  // Curve25519 ignores the top bit of a point
    box[where] ^= change;
    content = boxed(box);
    open(content);
    bool other_slot = where >= 56 + 49 && where < 56 + 2 * 49;
    SBOT_ASSERT(readers().unboxers[0].open(content).has_value() == (change == 0 || other_slot));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    ByteView input(data + 1, size - 1);
    switch (data[0] % 4) {
        case 0: open(base::text_of(input)); break;
        case 1: open(boxed(input)); break;
        case 2: open_forged(input); break;
        default: open_damaged(input);
    }
    return 0;
}
