#include "flume/head.h"

#include <algorithm>

#include "base/checked_line.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/number.h"
#include "flume/deletion.h"
#include "flume/envelope.h"

namespace sbot::flume {
namespace {

// The line is padded, so that a shorter one leaves nothing of a longer one behind.
constexpr std::size_t file_bytes = 512;

std::string head_path(const std::string& log_path) { return base::folder_of(log_path) + "/head"; }

void take(const FeedState& state, Head& head) {
    head.sequence = state.sequence;
    head.key = state.key;
    head.claimed = state.claimed;
    head.offset = state.offset;
}

std::string text_of(const Head& head) {
    // As text: a device's number may be larger than a double holds.
    json::Writer out;
    out.begin_object().member("feed", head.feed.text());
    out.member("end", static_cast<double>(head.end));
    out.member("device", std::to_string(head.device)).member("inode", std::to_string(head.inode));
    if (head.born_ns > 0) out.member("born", std::to_string(head.born_ns));
    if (head.unconfirmed) out.member("unconfirmed", true);
    if (head.beyond > 0) out.member("beyond", static_cast<double>(head.beyond));
    if (head.forked > 0) out.member("forked", static_cast<double>(head.forked));
    if (head.sequence > 0) {
        out.member("sequence", static_cast<double>(head.sequence)).member("key", head.key.text());
        out.member("timestamp", head.claimed).member("offset", static_cast<double>(head.offset));
    }
    out.end_object();
    std::string text = std::move(out).text();
    text.resize(std::max(text.size(), file_bytes - 10), ' ');
    std::string line;
    base::append_checked_line(line, text);
    return line;
}

std::uint64_t whole(json::Value value) { return base::whole(value.number()).value_or(0); }

std::uint64_t large(json::Value text) {
    return std::strtoull(std::string(text.string()).c_str(), nullptr, 10);
}

bool is_same_file(const Head& head, const base::FileInfo& info) {
    if (info.device != head.device || info.inode != head.inode) return false;
    return info.born_ns == head.born_ns || head.born_ns == 0 || info.born_ns == 0;
}

/// Reads on from where the head was written: true if all was seen.
Result<bool> look_for_own(const Log& log, Offset from, const FeedId& own,
                          std::optional<FeedState>& state) {
    if (log.end() - from > limits::head_behind_bytes_max) return false;
    Range range;
    range.gte = from;
    auto cursor = log.scan(range);
    if (!cursor) return std::move(cursor).error();
    const std::string name = own.text();
    json::Document document;
    for (;;) {
        auto entry = (*cursor)->next();
        if (!entry) return std::move(entry).error();
        if (!*entry) return true;
        if (base::text_of((*entry)->data).find(name) == std::string_view::npos) continue;
        auto envelope = read_envelope(document, (*entry)->data);
        if (!envelope || envelope->author != own) continue;
        if (state && state->sequence > envelope->sequence) continue;
        state =
            FeedState{own, envelope->key, envelope->sequence, envelope->claimed, (*entry)->offset};
    }
}

/// True if the log holds what the head says, or a blank place that the journal knows of.
Result<bool> bears_out(const Head& head, const Log& log, const Journal& journal) {
    if (head.end > log.end()) return false;
    if (head.sequence == 0) return true;
    // One that was deleted has no place that is sure to be known.
    auto deleted = journal.last_of_feeds().find(head.feed);
    if (deleted != journal.last_of_feeds().end() && deleted->second.key == head.key) return true;
    auto data = log.get(head.offset);
    if (data) return key_of(*data) == head.key.text();
    if (!is_deleted(data.error())) {
        if (data.error().code != Errc::not_found) return std::move(data).error();
        return false;
    }
    return deleted != journal.last_of_feeds().end() && deleted->second.sequence >= head.sequence;
}

}  // namespace

std::optional<Head> read_head(base::Files& files, const std::string& log_path) {
    auto content = base::read_file(files, head_path(log_path), 2 * file_bytes);
    if (!content) return std::nullopt;
    std::string_view line = base::text_of(*content);
    auto text = base::checked_text(line.substr(0, line.find('\n')));
    json::Document document;
    if (!text || !document.parse_borrowed(*text)) return std::nullopt;
    json::Value root = document.root();
    auto feed = FeedId::parse(root["feed"].string());
    if (!feed) return std::nullopt;
    Head head;
    head.feed = *feed;
    head.end = whole(root["end"]);
    head.device = large(root["device"]);
    head.inode = large(root["inode"]);
    head.born_ns = large(root["born"]);
    head.unconfirmed = root["unconfirmed"].is_true();
    head.beyond = whole(root["beyond"]);
    head.forked = whole(root["forked"]);
    head.sequence = whole(root["sequence"]);
    if (head.sequence == 0) return head;
    auto key = MessageId::parse(root["key"].string());
    if (!key) return std::nullopt;
    head.key = *key;
    head.claimed = root["timestamp"].number();
    head.offset = whole(root["offset"]);
    return head;
}

Result<Beginning> HeadFile::begin(base::Files& files, const std::string& log_path, const Log& log,
                                  const Journal& journal, const FeedId& own) {
    Beginning beginning;
    auto head = read_head(files, log_path);
    if (head && head->feed != own) head.reset();
    std::optional<FeedState> state;
    Offset from = 0;
    if (head) {
        beginning.beyond = head->beyond;
        auto info = files.info(log_path);
        if (!info) return std::move(info).error();
        auto fits = bears_out(*head, log, journal);
        if (!fits) return std::move(fits).error();
        if (!*fits) {
            beginning.copied_or_restored = true;
            beginning.why =
                "the log is not the one that was last written here, or an older state of it";
            bool shorter = head->end > log.end() || head->offset >= log.end();
            beginning.void_from = shorter ? log.end() : 0;
        } else if (!is_same_file(*head, *info)) {
            beginning.copied_or_restored = true;
            beginning.why = "the log is a copy of the one that was last written here";
        }
        if (*fits && !beginning.copied_or_restored && head->unconfirmed) {
            beginning.copied_or_restored = true;
            beginning.why =
                "the log was found to be a copy or an older state, and no peer was asked";
        }
        if (*fits) {
            from = head->end;
            beginning.forked = head->forked;
            if (head->sequence > 0) {
                state = FeedState{own, head->key, head->sequence, head->claimed, head->offset};
            }
        }
    }
    auto seen = look_for_own(log, from, own, state);
    if (!seen) return std::move(seen).error();
    beginning.known = *seen;
    auto deleted = journal.last_of_feeds().find(own);
    if (deleted != journal.last_of_feeds().end()) {
        const Deleted& last = deleted->second;
        if (!state || state->sequence < last.sequence) {
            state = FeedState{own, last.key, last.sequence, last.claimed, last.offset.value_or(0)};
        }
    }
    if (beginning.known) beginning.own = state;
    return beginning;
}

HeadFile::HeadFile(base::Files& files, const std::string& log_path, const FeedId& own,
                   const Beginning& beginning)
    : files_(files), log_path_(log_path), known_(beginning.known) {
    written_.feed = own;
    written_.unconfirmed = beginning.copied_or_restored;
    written_.beyond = beginning.beyond;
    written_.forked = beginning.forked;
    if (beginning.own) take(*beginning.own, written_);
}

Result<void> HeadFile::doubt() {
    if (!written_.unconfirmed) return {};
    return write(written_);
}

Result<void> HeadFile::learn(const std::optional<FeedState>& own, Offset end) {
    known_ = true;
    Head head = written_;
    head.end = end;
    if (own && own->sequence >= head.sequence) take(*own, head);
    return write(head);
}

Result<void> HeadFile::note(const std::optional<FeedState>& own, Offset end) {
    if (!known_) return {};
    Head head = written_;
    head.end = end;
    if (own) {
        take(*own, head);
        if (head.sequence >= head.beyond) head.beyond = 0;
    }
    bool news = !file_ || own || end < written_.end ||
                end - written_.end > limits::head_behind_bytes_max / 4;
    if (!news) return {};
    return write(head);
}

Result<void> HeadFile::saw_beyond(Sequence sequence) {
    Head head = written_;
    head.beyond = std::max(head.beyond, sequence);
    return keep(head);
}

Result<void> HeadFile::saw_fork(Sequence sequence) {
    Head head = written_;
    head.forked = sequence;
    return keep(head);
}

/// For the next time where it may not be written yet.
Result<void> HeadFile::keep(Head head) {
    if (known_) return write(head);
    written_ = head;
    return {};
}

Result<void> HeadFile::confirm() {
    Head head = written_;
    head.unconfirmed = false;
    if (!written_.unconfirmed) return {};
    return write(head);
}

Result<void> HeadFile::write(Head head) {
    if (!file_) {
        auto info = files_.info(log_path_);
        if (!info) return std::move(info).error();
        head.device = info->device;
        head.inode = info->inode;
        head.born_ns = info->born_ns;
        base::OpenFile how;
        how.create = true;
        auto file = files_.open(head_path(log_path_), how);
        if (!file) return std::move(file).error();
        file_ = std::move(*file);
    }
    if (auto ok = file_->write_at(0, base::bytes_of(text_of(head))); !ok) return ok;
    written_ = head;
    return {};
}

}  // namespace sbot::flume
