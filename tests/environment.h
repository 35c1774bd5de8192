#pragma once

#include <cstdint>
#include <cstdlib>

/// What a longer run of a test is asked for with.
namespace sbot {

/// The number in an environment variable, or `otherwise` where there is none.
inline std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

}  // namespace sbot
