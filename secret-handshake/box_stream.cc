#include "secret-handshake/box_stream.h"

#include <sodium.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace sbot::shs {
namespace {

constexpr std::size_t mac_bytes = crypto_secretbox_MACBYTES;
constexpr std::size_t length_bytes = 2;
using PlainHeader = std::array<std::uint8_t, length_bytes + mac_bytes>;
static_assert(box_header_bytes == mac_bytes + sizeof(PlainHeader));

/// One up, from the last byte towards the first, round at the end. (sodium_increment counts in the
/// other byte order.)
void increment(Nonce& nonce) {
    for (std::size_t i = nonce.size(); i-- > 0;) {
        if (++nonce[i] != 0) return;
    }
}

void seal_header(std::uint8_t* to, const PlainHeader& header, const Nonce& nonce,
                 const base::Secret<32>& key) {
    int sealed = crypto_secretbox_easy(to, header.data(), header.size(), nonce.data(), key.data());
    SBOT_ASSERT(sealed == 0);
}

}  // namespace

BoxWriter::BoxWriter(base::Secret<32> key, const Nonce& first)
    : key_(std::move(key)), nonce_(first) {
    init();
}

void BoxWriter::write(ByteView plain, Bytes& out) {
    SBOT_ASSERT(!ended_);
    constexpr std::size_t most = limits::box_body_bytes_max;
    std::size_t frames = (plain.size() + most - 1) / most;
    std::size_t at = out.size();
    out.resize(at + frames * box_header_bytes + plain.size());
    while (!plain.empty()) {
        ByteView chunk = plain.first(std::min(plain.size(), most));
        plain = plain.subspan(chunk.size());
        std::uint8_t* to = out.data() + at;
        at += box_header_bytes + chunk.size();

        Nonce header_nonce = nonce_;
        increment(nonce_);
        PlainHeader header;
        base::store_be(header, length_bytes, chunk.size());
        int sealed =
            crypto_secretbox_detached(to + box_header_bytes, header.data() + length_bytes,
                                      chunk.data(), chunk.size(), nonce_.data(), key_.data());
        SBOT_ASSERT(sealed == 0);
        increment(nonce_);
        seal_header(to, header, header_nonce, key_);
    }
    SBOT_ASSERT(at == out.size());
}

void BoxWriter::goodbye(Bytes& out) {
    SBOT_ASSERT(!ended_);
    ended_ = true;
    std::size_t at = out.size();
    out.resize(at + box_header_bytes);
    seal_header(out.data() + at, PlainHeader{}, nonce_, key_);
    key_.wipe();
}

BoxReader::BoxReader(base::Secret<32> key, const Nonce& first)
    : key_(std::move(key)), nonce_(first) {
    init();
}

Result<void> BoxReader::read(ByteView wire, Bytes& plain) {
    if (state_ == State::failed) return base::error(Errc::closed, "box-stream failed before");
    while (state_ == State::open) {
        const std::uint8_t* piece = wire.data();
        std::size_t missing = wanted_ - partial_.size();
        if (wire.size() < missing) {
            if (!wire.empty()) partial_.reserve(wanted_);
            partial_.insert(partial_.end(), wire.begin(), wire.end());
            return {};
        }
        // Whole pieces are opened where they lie; only what was cut is put together first.
        Bytes whole;
        if (!partial_.empty()) {
            whole = std::exchange(partial_, Bytes());
            whole.insert(whole.end(), piece, piece + missing);
            piece = whole.data();
        }
        wire = wire.subspan(missing);
        if (auto ok = take(piece, plain); !ok) {
            state_ = State::failed;
            key_.wipe();
            return ok;
        }
    }
    return {};
}

Result<void> BoxReader::take(const std::uint8_t* piece, Bytes& plain) {
    return in_body_ ? open_body(piece, plain) : open_header(piece);
}

Result<void> BoxReader::open_header(const std::uint8_t* boxed) {
    PlainHeader header;
    if (crypto_secretbox_open_easy(header.data(), boxed, box_header_bytes, nonce_.data(),
                                   key_.data()) != 0) {
        return base::error(Errc::invalid, "box-stream: bad header");
    }
    increment(nonce_);
    if (header == PlainHeader{}) {
        state_ = State::ended;
        key_.wipe();
        return {};
    }
    std::size_t length = base::load_be(header, length_bytes);
    if (length > limits::box_body_bytes_max) {
        return base::error(Errc::limit, "box-stream: body too long");
    }
    std::copy_n(header.begin() + length_bytes, mac_bytes, body_mac_.begin());
    in_body_ = true;
    wanted_ = length;  // may be 0: never sent by a proper writer, harmless, and taken by JavaScript
    return {};
}

Result<void> BoxReader::open_body(const std::uint8_t* boxed, Bytes& plain) {
    std::size_t before = plain.size();
    plain.resize(before + wanted_);
    if (crypto_secretbox_open_detached(plain.data() + before, boxed, body_mac_.data(), wanted_,
                                       nonce_.data(), key_.data()) != 0) {
        plain.resize(before);
        return base::error(Errc::invalid, "box-stream: bad body");
    }
    increment(nonce_);
    in_body_ = false;
    wanted_ = box_header_bytes;
    return {};
}

Result<void> BoxReader::finish() {
    if (state_ == State::ended) return {};
    state_ = State::failed;
    key_.wipe();
    return base::error(Errc::closed, "box-stream: ended without goodbye");
}

}  // namespace sbot::shs
