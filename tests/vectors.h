#pragma once

#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "base/base64.h"
#include "base/json.h"

namespace sbot::tests {

/// The lines of tests/vectors/<name>, each a JSON document.
inline std::vector<json::Document> read_vectors(const std::string& name) {
    std::ifstream file(SBOT_SOURCE_DIR "/tests/vectors/" + name);
    std::vector<json::Document> lines;
    for (std::string line; std::getline(file, line);) {
        auto parsed = json::Document::parse(line);
        if (!parsed) {
            ADD_FAILURE() << name << ": " << parsed.error().what;
            continue;
        }
        lines.push_back(std::move(*parsed));
    }
    EXPECT_FALSE(lines.empty()) << name;
    return lines;
}

/// 32 bytes out of hex.
inline std::array<std::uint8_t, 32> bytes32(json::Value hex) {
    std::array<std::uint8_t, 32> out{};
    auto bytes = base::from_hex(hex.string());
    EXPECT_TRUE(bytes && bytes->size() == out.size());
    if (bytes && bytes->size() == out.size()) std::copy(bytes->begin(), bytes->end(), out.begin());
    return out;
}

}  // namespace sbot::tests
