#include "sbot/passing_on.h"

#include <optional>
#include <utility>

#include "base/json.h"
#include "friends/contact.h"

namespace sbot::app {
namespace {

// A block that cannot be in force by then (the index cannot be written, say) holds up nothing more.
constexpr std::uint64_t hold_ms_max = 2000;

/// Who is spoken of, at a first glance: most messages are none of this.
std::optional<FeedId> contact_in(std::string_view envelope) {
    constexpr std::string_view member = "\"contact\":\"";
    const std::size_t at = envelope.find(member);
    if (at == std::string_view::npos) return std::nullopt;
    const std::string_view rest = envelope.substr(at + member.size());
    return FeedId::parse(rest.substr(0, rest.find('"')));
}

}  // namespace

void PassingOn::batch_done(const Batch& batch) {
    for (const Record& record : batch.records) {
        if (batch.failed || !blocks_a_peer(record.text)) continue;
        auto [held, anew] = held_back_.try_emplace(record.author, true);
        held->second = true;
        if (anew) holding_.add(hold_back(record.author));
    }
    const FeedId* told = nullptr;
    for (const Record& record : batch.records) {
        if (told != nullptr && *told == record.author) continue;
        told = &record.author;
        if (batch.failed) {
            replicator_.lost(record.author);
        } else if (held_back_.count(record.author) == 0) {
            replicator_.stored(record.author, feeds_.stored_sequence(record.author));
        }
    }
    replicator_.settle();
}

bool PassingOn::blocks_a_peer(std::string_view envelope) const {
    auto contact = contact_in(envelope);
    if (!contact || !replicator_.ebt().slot_of(*contact)) return false;
    auto document = json::Document::parse(envelope);
    if (!document) return false;
    auto statement = friends::statement_in(document->root()["value"]["content"]);
    return statement && statement->relation == friends::Relation::block;
}

io::Task<void> PassingOn::hold_back(FeedId feed) {
    while (std::exchange(held_back_[feed], false)) {
        auto waiting = io::timeout(loop_, hold_ms_max, in_force());
        auto waited = co_await waiting;
        (void)waited.has_value();
    }
    held_back_.erase(feed);
    replicator_.stored(feed, feeds_.stored_sequence(feed));
    replicator_.settle();
}

io::Async<void> PassingOn::in_force() {
    auto waiting = friends_.in_force();
    co_await waiting;
    co_return {};
}

}  // namespace sbot::app
