#include "replication/ebt_notes.h"

#include <algorithm>
#include <array>

#include <cmath>

namespace sbot::replication {
namespace {

constexpr double note_max = 2.0 * static_cast<double>(note_sequence_max) + 1;

/// The highest sequence a message can have is far below this; larger ones are no integers.
constexpr double message_sequence_max = static_cast<double>(note_sequence_max);

bool is_message(json::Value item) {
    double sequence = item["sequence"].number();
    return item["sequence"].is_number() && sequence > 0 && sequence <= message_sequence_max &&
           sequence == std::trunc(sequence) && item["author"].is_string() &&
           item["content"].truthy();
}

}  // namespace

double encode(const Note& note) {
    if (!note.replicate) return -1;
    return 2.0 * static_cast<double>(note.sequence) + (note.receive ? 0 : 1);
}

std::optional<Note> decode(json::Value value) {
    double number = value.number(-2);
    if (number == -1) return Note::refusal();
    if (!(number >= 0) || number > note_max || number != std::trunc(number)) return std::nullopt;
    auto whole = static_cast<std::uint64_t>(number);
    return Note{whole >> 1, true, (whole & 1) == 0};
}

EbtItem read_item(std::string_view text) {
    EbtItem item;
    json::Document document;
    if (auto ok = document.parse_borrowed(text); !ok) return item;
    json::Value root = document.root();
    if (is_message(root)) {
        item.is_message = true;
        item.author = FeedId::parse(root["author"].string());
        item.sequence = static_cast<Sequence>(root["sequence"].number());
        return item;
    }
    json::Value clock = root["clock"];
    json::Value notes = clock.is_object() ? clock : root;
    for (json::Member member : notes.members()) {
        auto feed = FeedId::parse(member.name);
        auto note = feed ? decode(member.value) : std::nullopt;
        if (note) item.notes.push_back({*feed, *note});
    }
    return item;
}

std::string notes_text(std::span<const FeedNote> notes) {
    json::Writer out;
    out.begin_object();
    for (const FeedNote& each : notes) out.member(each.feed.text(), encode(each.note));
    out.end_object();
    return std::move(out).text();
}

std::vector<FeedNote> nearer_first(std::vector<FeedNote> notes, const Rank& rank) {
    std::array<std::vector<FeedNote>, ranks> by_rank;
    for (const FeedNote& note : notes) {
        by_rank[std::min(rank(note.feed), ranks - 1)].push_back(note);
    }
    notes.clear();
    for (const auto& some : by_rank) notes.insert(notes.end(), some.begin(), some.end());
    return notes;
}

}  // namespace sbot::replication
