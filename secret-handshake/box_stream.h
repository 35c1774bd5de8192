#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/result.h"
#include "base/secret.h"
#include "secret-handshake/keys.h"

/// The encrypted stream after a handshake, one object for each direction, without any input or
/// output of its own. Where frames begin and end means nothing to the layer above.
///
/// Neither is copied or moved: a nonce used twice under one key gives the plain text away.
/// Protocol source: npm pull-box-stream.
namespace sbot::shs {

/// A frame's header on the wire, and a whole goodbye.
inline constexpr std::size_t box_header_bytes = 34;

/// Turns plain bytes into frames.
class BoxWriter {
 public:
    BoxWriter(base::Secret<32> key, const Nonce& first);
    BoxWriter(const BoxWriter&) = delete;
    BoxWriter& operator=(const BoxWriter&) = delete;

    /// Appends frames for all of `plain`, which must not lie in `out`; nothing where it is empty.
    /// Not after `goodbye`.
    void write(ByteView plain, Bytes& out);
    /// Appends the proper end of this direction. Once.
    void goodbye(Bytes& out);
    bool ended() const { return ended_; }

 private:
    base::Secret<32> key_;
    Nonce nonce_;
    bool ended_ = false;
};

/// Turns frames into plain bytes. Any fragmentation of the input gives the same result.
///
/// It holds one incomplete header or body at most, and no memory for it in between.
class BoxReader {
 public:
    enum class State : std::uint8_t {
        open,
        ended,   ///< by a goodbye
        failed,  ///< a forged or damaged frame, or an end of input without goodbye
    };

    BoxReader(base::Secret<32> key, const Nonce& first);
    BoxReader(const BoxReader&) = delete;
    BoxReader& operator=(const BoxReader&) = delete;

    /// Takes the next bytes of the wire, any number, and appends the plain bytes of all bodies that
    /// are complete with them; `wire` must not lie in `plain`. Ignores everything after a goodbye.
    /// Errors: `invalid` for a header or body that does not open, `limit` for a body longer than
    /// `box_body_bytes_max`, `closed` on each call after that. What was appended before an error is
    /// genuine.
    Result<void> read(ByteView wire, Bytes& plain);
    /// The input has ended. Error: `closed` where that was not after a goodbye.
    Result<void> finish();
    State state() const { return state_; }
    /// A header has been taken and nothing of its body yet. The JavaScript takes an end of input
    /// right here for a goodbye, which lets whoever cuts the line choose where it ends; `finish`
    /// does not.
    bool right_behind_header() const { return in_body_ && partial_.empty(); }

 private:
    Result<void> take(const std::uint8_t* piece, Bytes& plain);
    Result<void> open_header(const std::uint8_t* boxed);
    Result<void> open_body(const std::uint8_t* boxed, Bytes& plain);

    base::Secret<32> key_;
    Nonce nonce_;
    State state_ = State::open;
    bool in_body_ = false;
    std::size_t wanted_ = box_header_bytes;  // of the header or body we are in
    std::array<std::uint8_t, 16> body_mac_{};
    Bytes partial_;  // of it, where it was cut
};

}  // namespace sbot::shs
