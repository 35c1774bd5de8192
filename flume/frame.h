#pragma once

#include <cstring>
#include <optional>

#include "base/limits.h"
#include "flume/log.h"

/// How a record lies in the file; protocol source: npm flumelog-offset 3.4. Pure functions.
///
///     length n, 4 bytes | data, n bytes | n again, 4 bytes | end, w bytes
///
/// All big endian; `end` is the offset of the byte after this record. w follows from the mode.
namespace sbot::flume {

/// The mode, by the width of `end` in bytes. It is written nowhere in the file; ssb-db uses 32 bit.
enum class Mode : std::uint8_t { bits32 = 4, bits48 = 6, bits53 = 8 };

constexpr std::size_t end_bytes(Mode mode) { return static_cast<std::size_t>(mode); }
/// What a record takes besides its data.
constexpr std::size_t overhead(Mode mode) { return 8 + end_bytes(mode); }
/// The largest `end` the mode can spell.
constexpr Offset end_max(Mode mode) {
    return mode == Mode::bits32   ? (Offset{1} << 32) - 1
           : mode == Mode::bits48 ? (Offset{1} << 48) - 1
                                  : (Offset{1} << 53) - 1;
}

inline std::uint32_t load_length(const std::uint8_t* from) {
    std::uint32_t value;
    std::memcpy(&value, from, sizeof value);
    return __builtin_bswap32(value);
}

inline Offset load_end(const std::uint8_t* from, Mode mode) {
    return mode == Mode::bits32 ? load_length(from)
                                : base::load_be({from, end_bytes(mode)}, end_bytes(mode));
}

/// Appends the record of `data` that begins at `start` of the log.
void append_record(Bytes& out, ByteView data, Offset start, Mode mode);

/// True if all of it is zero bytes, as of a deleted record (or none at all).
inline bool all_zero(ByteView data) {
    if (data.empty()) return true;
    // Data that is not deleted shows it with its first byte; the rest is for odd records.
    return data[0] == 0 && std::memcmp(data.data(), data.data() + 1, data.size() - 1) == 0;
}

/// What stands in a record's place for a deleted message at the end of a log that the JavaScript
/// server may go on with (see deletion.h): a text of ours, and spaces, which no stored one ends
/// with.
inline constexpr std::string_view stand_in_start = R"({"key":"%)";
inline constexpr std::string_view stand_in_content = R"("content":{"type":"deleted"}},)";
inline bool is_stand_in(ByteView data) {
    if (data.empty() || data.back() != ' ') return false;
    const std::string_view text = base::text_of(data);
    return text.starts_with(stand_in_start) && text.find(stand_in_content) != text.npos;
}

/// True of the data of a deleted record.
inline bool counts_as_deleted(ByteView data) { return all_zero(data) || is_stand_in(data); }

/// True also of one that somebody is blanking just now, or did not blank to the end: no message
/// holds a zero byte.
inline bool is_being_deleted(ByteView data) {
    return std::memchr(data.data(), 0, data.size()) != nullptr || is_stand_in(data);
}

/// What ssb-db stores, or deleted. A JSON text holds no zero bytes, which each length must, so no
/// part of a message can pass for a record whose data looks like this.
inline bool looks_stored(ByteView data) {
    constexpr std::string_view start = "{\"key\":";
    return base::text_of(data).starts_with(start) || all_zero(data);
}

/// No record is empty: four zero bytes, of which a deleted record has many, are no length.
inline bool is_length(std::size_t length) {
    return length > 0 && length <= limits::record_bytes_max;
}

/// Data of the record whose first byte is `from[0]`, at offset `start` of the log, if all of it
/// lies in `from` and it is whole: both lengths agree and its end fits.
inline std::optional<ByteView> whole_record(ByteView from, Offset start, Mode mode) {
    if (from.size() < overhead(mode)) return std::nullopt;
    std::size_t length = load_length(from.data());
    if (!is_length(length) || length > from.size() - overhead(mode)) return std::nullopt;
    const std::uint8_t* tail = from.data() + 4 + length;
    if (load_length(tail) != length) return std::nullopt;
    if (load_end(tail + 4, mode) != start + length + overhead(mode)) return std::nullopt;
    return from.subspan(4, length);
}

/// The same for the record that ends with the last byte of `from`, at offset `end` of the log.
inline std::optional<ByteView> whole_record_before(ByteView from, Offset end, Mode mode) {
    if (from.size() < overhead(mode)) return std::nullopt;
    const std::uint8_t* tail = from.data() + from.size() - end_bytes(mode) - 4;
    if (load_end(tail + 4, mode) != end) return std::nullopt;
    std::size_t length = load_length(tail);
    if (!is_length(length) || length > from.size() - overhead(mode)) return std::nullopt;
    ByteView record = from.last(length + overhead(mode));
    if (load_length(record.data()) != length) return std::nullopt;
    return record.subspan(4, length);
}

}  // namespace sbot::flume
