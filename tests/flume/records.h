#pragma once

#include <string>

#include "message/ids.h"

namespace sbot::flume {

/// A record of the log: message `number` (from 0) of one feed, with a key made of the number.
inline std::string message(int number, const std::string& content) {
    MessageId key;
    key.bytes.fill(static_cast<std::uint8_t>(number));
    key.bytes[1] = static_cast<std::uint8_t>(number >> 8);
    return R"({"key":")" + key.text() + R"(","value":{"author":")" + FeedId().text() +
           R"(","sequence":)" + std::to_string(number + 1) + R"(,"timestamp":)" +
           std::to_string(1000 + number) + R"(,"content":)" + content + R"(},"timestamp":)" +
           std::to_string(2000 + number) + "}";
}

}  // namespace sbot::flume
