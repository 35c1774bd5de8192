#include "sbot/own_start.h"

#include "flume/envelope.h"

namespace sbot::app {

Result<OwnStart> find_own(std::shared_ptr<const flume::Log> log, FeedId own,
                          std::vector<flume::FeedState> kept) {
    OwnStart start;
    flume::Range backwards;
    backwards.reverse = true;
    auto cursor = log->scan(backwards);
    if (!cursor) return std::move(cursor).error();
    const std::string name = own.text();
    json::Document document;
    while (true) {
        auto entry = (*cursor)->next();
        if (!entry) return std::move(entry).error();
        if (!*entry) break;
        std::string_view text = base::text_of((*entry)->data);
        // Cheap, and never wrong about ours: an id holds nothing that JSON would spell otherwise.
        if (start.last_received != 0 && text.find(name) == text.npos) continue;
        auto envelope = flume::read_envelope(document, (*entry)->data);
        if (!envelope) continue;
        if (start.last_received == 0) start.last_received = envelope->received;
        if (envelope->author != own) continue;
        start.state = {own, envelope->key, envelope->sequence, envelope->claimed, (*entry)->offset};
        break;
    }
    for (const flume::FeedState& state : kept) {
        if (state.feed != own || (start.state && start.state->sequence >= state.sequence)) continue;
        start.state = state;
    }
    return start;
}

}  // namespace sbot::app
