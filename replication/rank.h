#pragma once

#include <cstddef>
#include <functional>

#include "message/ids.h"

namespace sbot::replication {

/// How near a feed is, 0 the nearest: nearer ones are asked for and checked first.
using Rank = std::function<std::size_t(const FeedId&)>;
/// From the last of these on all count as equally far.
inline constexpr std::size_t ranks = 4;

}  // namespace sbot::replication
