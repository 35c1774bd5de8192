// Signatures of every odd kind: what we say of one, alone and with prepared multiples of its key,
// must be what libsodium says. Made with parts of small order in key and nonce, so that the
// equation nearly holds, then changed; or taken as they come. And the arithmetic below: laws that
// hold for all numbers.
//
// Input: what to do (one byte), then fields as below; what is missing is zeros.

#include <sodium.h>

#include <cstdlib>
#include <cstring>

#include "tests/message/signature_forge.h"

namespace {

using namespace sbot;
using namespace sbot::message::ed25519;
using tests::forge::Signed;
namespace forge = sbot::tests::forge;

void check(bool holds) {
    if (!holds) std::abort();
}

class Input {
 public:
    explicit Input(ByteView data) : data_(data) {}
    bool empty() const { return data_.empty(); }
    std::uint8_t byte() {
        if (data_.empty()) return 0;
        std::uint8_t first = data_.front();
        data_ = data_.subspan(1);
        return first;
    }
    template <std::size_t count>
    std::array<std::uint8_t, count> bytes() {
        std::array<std::uint8_t, count> taken;
        for (std::uint8_t& each : taken) each = byte();
        return taken;
    }
    ByteView rest() const { return data_; }

 private:
    ByteView data_;
};

forge::Scalar scalar(std::uint8_t pick) {
    return pick == 0 ? forge::Scalar{} : forge::scalar_of(pick);
}

/// One that no point has, one of small order, or one with x = 0 and a sign.
forge::Point odd_encoding(std::uint8_t pick) {
    if (pick < 38) return forge::beyond_p(pick / 2, pick % 2 == 1);
    forge::Point point = forge::torsion()[pick % 8];
    if (pick >= 128) point[31] ^= 0x80;
    return point;
}

/// Up to four changes: what, where, and a mask for some.
void change(Signed& signature, Input& input) {
    for (int i = 0; i < 4 && !input.empty(); ++i) {
        std::uint8_t what = input.byte();
        std::uint8_t where = input.byte();
        switch (what % 8) {
            case 0: signature.signature[where % 64] ^= input.byte(); break;
            case 1: signature.key[where % 32] ^= input.byte(); break;
            case 2: signature.set_r(odd_encoding(where)); break;
            case 3: signature.key = odd_encoding(where); break;
            case 4:
                for (int times = where % 16; times > 0; --times) signature.add_order_to_s();
                break;
            case 5: signature.signature[63] ^= where; break;
            case 6: signature.text.push_back(where); break;
            default: break;
        }
    }
}

/// Picks of secret, nonce and their parts of small order, a byte of the text, changes.
void made(Input input) {
    std::uint8_t secret = input.byte(), nonce = input.byte(), parts = input.byte();
    Signed signature =
        forge::sign(scalar(secret), parts % 8, scalar(nonce), parts / 8, {input.byte()});
    change(signature, input);
    check(forge::same_verdict(signature));
}

/// Key, signature, text.
void as_it_comes(Input input) {
    Signed signature;
    signature.key = input.bytes<32>();
    signature.signature = input.bytes<64>();
    signature.text = base::to_bytes(input.rest());
    check(forge::same_verdict(signature));
}

/// Limbs below 2^54.
Field field(Input& input) {
    Field made;
    for (std::uint64_t& limb : made.limbs) {
        auto bytes = input.bytes<7>();
        limb = 0;
        std::memcpy(&limb, bytes.data(), bytes.size());
        limb &= (std::uint64_t{1} << 54) - 1;
    }
    return made;
}

void numbers(Input input) {
    Field a = field(input), b = field(input), c = field(input);
    check(equal(mul(a, b), mul(b, a)));
    check(equal(mul(mul(a, b), c), mul(a, mul(b, c))));
    check(square(a).limbs == mul(a, a).limbs);
    Field x = mul(a, one), y = mul(b, one), z = mul(c, one);
    check(equal(x, a));
    check(equal(mul(add(x, y), z), add(mul(x, z), mul(y, z))));
    check(equal(mul(sub(x, y), z), sub(mul(x, z), mul(y, z))));
    check(equal(decode(encode(a)), a));
    check(is_canonical(encode(a)));
    check(is_zero(a) || equal(mul(a, invert(a)), one));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const bool ready = sodium_init() >= 0;
    check(ready);
    Input input(ByteView(data, size));
    switch (input.byte() % 4) {
        case 0: as_it_comes(input); break;
        case 1: numbers(input); break;
        default: made(input); break;
    }
    return 0;
}
