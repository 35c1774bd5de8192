#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

/// Lines of a file of ours that show when they are torn or spoilt:
///
///     cbf43926 123456789\n
///
/// the CRC-32 of the text as eight hexadecimal digits, a blank, the text, a line feed.
namespace sbot::base {

/// CRC-32 as zip, PNG and most languages' libraries have it (polynomial 0xedb88320).
std::uint32_t crc32(ByteView data);

/// Appends the line of `text`, which holds no line feed.
void append_checked_line(std::string& out, std::string_view text);

/// The text of a line, given without its line feed; nothing if it is not as it was written.
std::optional<std::string_view> checked_text(std::string_view line);

}  // namespace sbot::base
