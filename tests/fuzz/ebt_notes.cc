// Items of an EBT stream. Whatever is read makes sense, says the same again when it is written and
// read, and may be fed to the state in two parts as well as in one.

#include "replication/ebt_notes.h"

#include <algorithm>

#include "base/assert.h"
#include "replication/ebt.h"

using namespace sbot;
using namespace sbot::replication;

namespace {

FeedId id_of(std::uint8_t number) {
    FeedId id;
    id.bytes[0] = number;
    return id;
}

/// All that the state says to a peer that said this, in `parts` calls.
std::vector<FeedNote> answers(const std::vector<FeedNote>& notes, std::size_t parts) {
    Ebt ebt(id_of(0), 1);
    ebt.request(id_of(0), true, 3);
    for (std::size_t i = 0; i < notes.size(); i += 2) ebt.request(notes[i].feed, true, i % 5);
    Slot slot = ebt.open(id_of(1), Ebt::Role::called, {}, 0);
    std::span<const FeedNote> all(notes);
    std::size_t half = parts == 1 ? all.size() : all.size() / 2;
    ebt.notes(slot, all.subspan(0, half), 1);
    ebt.notes(slot, all.subspan(half), 1);
    while (auto span = ebt.next_to_send(slot)) {
        SBOT_ASSERT(span->first <= span->last);
        SBOT_ASSERT(ebt.sending(slot, *span));
    }
    auto said = ebt.take_notes(slot);
    SBOT_ASSERT(said.has_value());
    ebt.close(slot);
    SBOT_ASSERT(ebt.wanted().size() == ebt.row_count());
    return *said;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    EbtItem item = read_item(base::text_of(ByteView(data, size)));
    SBOT_ASSERT(!item.is_message || (item.notes.empty() && item.sequence > 0));
    for (const FeedNote& each : item.notes) {
        SBOT_ASSERT(each.note.sequence <= note_sequence_max);
        SBOT_ASSERT(each.note.replicate || each.note == Note::refusal());
    }
    EbtItem again = read_item(notes_text(item.notes));
    SBOT_ASSERT(!again.is_message && again.notes == item.notes);
    if (item.notes.size() <= 64) SBOT_ASSERT(answers(item.notes, 1) == answers(item.notes, 2));
    return 0;
}
