#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// Byte sequences, the vocabulary of every parser and codec.
///
/// `Bytes` owns, `ByteView` borrows: whoever passes a view keeps the memory alive for the call (a
/// coroutine that keeps bytes takes `Bytes` by value instead).
namespace sbot::base {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;
using MutableBytes = std::span<std::uint8_t>;

/// The same memory seen as bytes or as text; nothing is copied, no encoding is checked.
inline ByteView bytes_of(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view text_of(ByteView bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline Bytes to_bytes(std::string_view text) {
    ByteView view = bytes_of(text);
    return {view.begin(), view.end()};
}
inline Bytes to_bytes(ByteView view) { return {view.begin(), view.end()}; }
inline std::string to_text(ByteView view) { return std::string(text_of(view)); }

inline void append(Bytes& to, ByteView more) { to.insert(to.end(), more.begin(), more.end()); }

/// Big-endian unsigned integers of `width` bytes (1 to 8), as the wire and the log have them.
inline std::uint64_t load_be(ByteView from, std::size_t width) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < width; ++i) value = value << 8 | from[i];
    return value;
}
inline void store_be(MutableBytes to, std::size_t width, std::uint64_t value) {
    for (std::size_t i = width; i-- > 0; value >>= 8) to[i] = static_cast<std::uint8_t>(value);
}

}  // namespace sbot::base

namespace sbot {
using base::Bytes;
using base::ByteView;
using base::MutableBytes;
}  // namespace sbot
