#pragma once

#include <sodium/crypto_hash_sha256.h>

#include "message/ids.h"

namespace sbot::blobs {

/// The SHA-256 of what is given piece by piece, as a blob's id.
class Hasher {
 public:
    Hasher() { crypto_hash_sha256_init(&state_); }
    void add(ByteView part) { crypto_hash_sha256_update(&state_, part.data(), part.size()); }
    /// Once, at the end.
    BlobId finish() {
        BlobId id;
        crypto_hash_sha256_final(&state_, id.bytes.data());
        return id;
    }

 private:
    crypto_hash_sha256_state state_;
};

}  // namespace sbot::blobs
