#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "message/ids.h"
#include "replication/rank.h"

/// What crosses an `ebt.replicate` stream: messages, and notes about feeds. Protocol source:
/// epidemic-broadcast-trees 7.0 and 9.0, version 3 (replication/README.md).
namespace sbot::replication {

/// What one side says of one feed.
struct Note {
    Sequence sequence = 0;  ///< what it has; means nothing where it does not replicate
    bool replicate = true;  ///< false: "I do not replicate this feed with you"
    bool receive = true;    ///< "send me what comes after"

    static Note refusal() { return {0, false, false}; }
    bool operator==(const Note&) const = default;
};

/// `-1`, or the sequence doubled, odd for "do not send". Exact in a double up to
/// `note_sequence_max`.
double encode(const Note& note);
/// Nothing for what is no note: fractions, numbers below -1, what is no number.
std::optional<Note> decode(json::Value value);

inline constexpr Sequence note_sequence_max = (Sequence{1} << 52) - 1;

struct FeedNote {
    FeedId feed;
    Note note;

    bool operator==(const FeedNote&) const = default;
};

/// One item of the stream, read. A message is not looked at any further than this.
struct EbtItem {
    bool is_message = false;
    std::optional<FeedId> author;  ///< of a message; nothing where that is no feed id
    Sequence sequence = 0;         ///< of a message
    std::vector<FeedNote> notes;   ///< of any other item; what makes no sense is left out
};

/// `text` is the body of an item; what is no JSON says nothing.
EbtItem read_item(std::string_view text);

/// A peer sends in the order in which it is asked: those of nearer feeds first, of equally near
/// ones in the order given.
std::vector<FeedNote> nearer_first(std::vector<FeedNote> notes, const Rank& rank);

/// The body of an item, `{"@feed":n,…}`.
std::string notes_text(std::span<const FeedNote> notes);

}  // namespace sbot::replication
