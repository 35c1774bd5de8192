#include "sbot/own_head.h"

#include <algorithm>
#include <utility>

#include "flume/envelope.h"

namespace sbot::app {

OwnHead::OwnHead(base::Files& files, std::string folder, flume::Journal& journal, FeedId own,
                 base::Logger& log)
    : files_(files), folder_(std::move(folder)), journal_(journal), own_(own), log_(log) {}

Result<void> OwnHead::look(const flume::OffsetLog& entries) {
    if (auto ok = look_at_js_last(entries); !ok) return ok;
    auto beginning = flume::HeadFile::begin(files_, log_path(), entries, journal_, own_);
    if (!beginning) return std::move(beginning).error();
    beginning_ = std::move(*beginning);
    if (js_last_ && js_last_->upto >= entries.end()) {
        if (said_by_js() != nullptr && !beginning_.copied_or_restored) {
            beginning_.copied_or_restored = true;
            beginning_.why = "the log is shorter than the one that the JavaScript server knew here";
        }
        js_last_.reset();
    }
    if (beginning_.known) {
        if (auto ok = keep_js_end(beginning_.own); !ok) return ok;
    }
    if (beginning_.copied_or_restored) log_.warning("folder", beginning_.why);
    return {};
}

void OwnHead::keep(const flume::OffsetLog& entries) {
    head_ = std::make_unique<flume::HeadFile>(files_, log_path(), own_, beginning_);
    // A head that cannot be written costs the next start a moment, no more.
    warn_unless(head_->doubt());
    warn_unless(head_->note({}, entries.end()));
}

const flume::FeedState* OwnHead::said_by_js() const {
    return js_last_ ? js_last_->of(own_) : nullptr;
}

void OwnHead::warn_unless(const Result<void>& written) {
    if (!written) log_.warning("head", written.error().what);
}

/// Where the JavaScript server deleted the message that the head file has for our last one, the
/// head is as good as before.
Result<void> OwnHead::look_at_js_last(const flume::OffsetLog& entries) {
    js_last_ = read_js_last(files_, folder_);
    const flume::FeedState* said = said_by_js();
    auto head = flume::read_head(files_, log_path());
    bool fits = said != nullptr && js_last_->upto < entries.end() && head;
    if (!fits || head->feed != own_ || head->sequence == 0) return {};
    if (said->sequence < head->sequence) return {};
    auto data = entries.get(head->offset);
    if (data || !flume::is_deleted(data.error())) return {};
    std::optional<flume::FeedState> own;
    return keep_js_end(own);
}

Result<void> OwnHead::keep_js_end(std::optional<flume::FeedState>& own) {
    const flume::FeedState* said = said_by_js();
    if (said == nullptr || (own && own->sequence >= said->sequence)) return {};
    const auto& kept = journal_.last_of_feeds();
    auto known = kept.find(own_);
    if (known == kept.end() || known->second.sequence < said->sequence) {
        if (auto ok = keep_ends(journal_, {said, 1}); !ok) return ok;
        log_.notice("own feed", "message " + std::to_string(said->sequence) +
                                    " was deleted by the JavaScript server; we go on behind it");
    }
    own = *said;
    return {};
}

Result<void> OwnHead::keep_js_ends(std::vector<flume::FeedState>& states,
                                   const flume::OffsetLog& entries) {
    add_kept(states, journal_);
    auto last = std::exchange(js_last_, std::nullopt);
    if (!last) return {};
    auto entry = entries.get(last->upto);
    if (!entry && !flume::is_deleted(entry.error())) return {};  // it speaks of another log
    auto ends = js_ends_beyond(*last, states);
    if (ends.empty()) return {};
    if (auto ok = keep_ends(journal_, ends); !ok) return ok;
    add_kept(states, journal_);
    log_.notice("log", "the JavaScript server deleted the last message of " +
                           std::to_string(ends.size()) + " feeds; we go on behind those");
    return {};
}

OwnStart OwnHead::start(const flume::OffsetLog& entries) const {
    OwnStart start;
    start.state = beginning_.own;
    auto latest = entries.latest();
    if (!latest) return start;
    json::Document document;
    auto data = entries.get(*latest);
    if (!data) return start;
    auto envelope = flume::read_envelope(document, *data);
    if (envelope) start.last_received = envelope->received;
    return start;
}

void OwnHead::learn(const std::vector<flume::FeedState>& states,
                    std::optional<flume::Offset> upto) {
    std::optional<flume::FeedState> own;
    for (const flume::FeedState& state : states) {
        if (state.feed == own_) own = state;
    }
    warn_unless(head_->learn(own, upto.value_or(0)));
}

void OwnHead::note(const Batch& batch) {
    std::optional<flume::FeedState> own;
    for (std::size_t i = 0; i < batch.offsets.size(); ++i) {
        const Record& record = batch.records[i];
        if (record.author != own_) continue;
        own = {record.author, record.state.id, record.state.sequence, record.state.timestamp,
               batch.offsets[i]};
    }
    // Nothing is written here that is not on the disk.
    flume::Offset end = own ? own->offset : 0;
    if (!batch.offsets.empty()) end = batch.offsets.back();
    warn_unless(head_->note(own, end));
}

Result<void> OwnHead::saw_beyond(Sequence sequence) {
    beginning_.beyond = std::max(beginning_.beyond, sequence);
    return head_->saw_beyond(sequence);
}

void OwnHead::confirm() {
    beginning_.copied_or_restored = false;
    warn_unless(head_->confirm());
}

}  // namespace sbot::app
