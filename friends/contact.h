#pragma once

#include <cstdint>
#include <optional>

#include "base/json.h"
#include "message/ids.h"

namespace sbot::friends {

/// What one feed says of another: the weight of an edge. Protocol source: ssb-friends 4.1
/// `contacts.js`, layered-graph 1.2.
enum class Relation : std::int8_t {
    follow = 1,
    same = 0,  ///< "the same person"; the graph knows it, no message says it
    block = -1,
    unfollow = -2,  ///< also what is left when a block is taken back
};

struct Statement {
    FeedId about;
    Relation relation = Relation::unfollow;

    bool operator==(const Statement&) const = default;
};

/// What readable content says of another feed, whatever its type; nothing if it has no feed's
/// canonical id as `contact`. One message says everything: nothing of an earlier one is left. (The
/// JavaScript takes ids ending in `.sha256` too; no feed has one.)
std::optional<Statement> statement_in(json::Value content);

}  // namespace sbot::friends
