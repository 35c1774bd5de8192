#include "secret-handshake/keys.h"

#include <sodium.h>

#include "base/assert.h"

namespace sbot::shs {

static_assert(sizeof(PublicKey) == crypto_sign_PUBLICKEYBYTES);
static_assert(SecretKey::size == crypto_sign_SECRETKEYBYTES);
static_assert(sizeof(Nonce) == crypto_secretbox_NONCEBYTES);

KeyPair KeyPair::generate(base::Random& random) {
    init();
    base::Secret<crypto_sign_SEEDBYTES> seed;
    random.fill({seed.data(), seed.size});
    KeyPair pair;
    int made =
        crypto_sign_seed_keypair(pair.public_key.data(), pair.secret_key.data(), seed.data());
    SBOT_ASSERT(made == 0);
    return pair;
}

bool KeyPair::matches() const {
    const std::uint8_t* inner = secret_key.data() + crypto_sign_SEEDBYTES;
    return sodium_memcmp(inner, public_key.data(), public_key.size()) == 0;
}

void init() {
    static const bool ready = sodium_init() >= 0;
    SBOT_ASSERT(ready);
}

}  // namespace sbot::shs
