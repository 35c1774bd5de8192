#include "flume/check.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>

#include "flume/core_reader.h"
#include "flume/deletion.h"
#include "flume/envelope.h"
#include "flume/offset_log.h"

namespace sbot::flume {
namespace {

constexpr std::size_t troubles_listed_max = 20;
constexpr std::size_t entries_at_once = 1000;
constexpr std::size_t page_troubles_listed_max = 5;
constexpr const char* index_advice =
    ": `sbot flume rebuild` makes it anew (`sbot rebuild` while the server runs)";

Result<void> check_pages_of(const std::string& path) {
    sqlite::Database::Options how;
    how.read_only = true;
    auto database = sqlite::Database::open(path, how);
    if (!database) return std::move(database).error();
    return check_pages(*database);
}

/// What a feed's next message must be.
struct Chain {
    Sequence sequence = 0;
    MessageId key;
};

class Checker {
 public:
    Checker(base::Files& files, std::string log_path, std::string index_path)
        : files_(files), log_path_(std::move(log_path)), index_path_(std::move(index_path)) {}

    Result<CheckReport> run(const OnProgress& progress);

 private:
    void trouble(std::string text) {
        if (report_.troubles.size() < troubles_listed_max) {
            report_.troubles.push_back(std::move(text));
        }
        ++report_.trouble_count;
    }
    Result<void> read_journal();
    void take_in(const Change& change);
    bool is_deleted_by_now(Offset at);
    void look_again_at_deleted(const Log& log);
    void open_index();
    void give_up_index(const Error& why);
    void look_at(const Entry& entry);
    void look_up(const Envelope& envelope, Offset at);
    void look_at_chain(const Envelope& envelope, Offset at);
    /// Messages may be missing of which nobody knows whose they were.
    bool something_unknown() const {
        return nameless_ || report_.deleted_unknown > 0 || report_.damage.places > 0;
    }
    bool explained(const FeedId& feed, Sequence from, Sequence to) const;
    Result<void> compare_index();

    base::Files& files_;
    std::string log_path_, index_path_;
    CheckReport report_;
    std::map<Offset, Deleted> deleted_;  // by the journal, and where it says
    std::unordered_map<FeedId, std::map<Sequence, MessageId>> deleted_of_;  // the same by feed
    std::unique_ptr<base::File> journal_;
    bool journal_spoilt_ = false;
    std::set<std::uint64_t> pending_;  // deletions that were begun, by their place in the journal
    std::uint64_t deletions_ = 0, deletions_before_ = 0;  // told by the journal; at the beginning
    std::vector<Offset> readable_;                        // though deleted; perhaps only then
    bool nameless_ = false;  // the journal has deleted what was no message, as far as it knows
    std::unordered_map<FeedId, Chain> chains_;
    std::unique_ptr<CoreReader> index_;
    std::optional<Offset> covered_;
    std::uint64_t covered_messages_ = 0;
    json::Document document_;
};

/// What it says that was not read yet: a server may be deleting beside us.
Result<void> Checker::read_journal() {
    base::OpenFile how;
    how.write = false;
    if (!journal_) {
        auto file = files_.open(journal_path(log_path_), how);
        if (!file && file.error().code == Errc::not_found) return {};
        if (!file) return std::move(file).error();
        journal_ = std::move(*file);
        report_.has_journal = true;
    }
    JournalReader reader(*journal_, report_.journal_bytes);
    while (!journal_spoilt_) {
        auto change = reader.next();
        if (!change && change.error().code == Errc::corrupt) {
            trouble(change.error().what);
            journal_spoilt_ = true;
            break;
        }
        if (!change) return std::move(change).error();
        if (!*change) break;
        take_in(**change);
    }
    report_.journal_bytes = reader.position();
    report_.journal_pending = pending_.size();
    return {};
}

void Checker::take_in(const Change& change) {
    for (const Deleted& entry : change.deleted) {
        ++deletions_;
        if (entry.offset) deleted_[*entry.offset] = entry;
        if (!entry.is_message) nameless_ = true;
        if (entry.is_message) deleted_of_[entry.feed][entry.sequence] = entry.key;
    }
    if (change.kind == Change::Kind::del) pending_.insert(change.at);
    if (change.kind == Change::Kind::done) pending_.erase(change.done);
    if (change.kind == Change::Kind::rewind) {
        deleted_.erase(deleted_.lower_bound(change.to), deleted_.end());
    }
}

/// Also what was deleted since the journal was read.
bool Checker::is_deleted_by_now(Offset at) {
    if (deleted_.contains(at)) return true;
    auto read = read_journal();  // an error will be met again at the end
    return read && deleted_.contains(at);
}

/// What is known of it so far stays; it is not asked any more.
void Checker::give_up_index(const Error& why) {
    trouble("the index is damaged or cannot be read: " + why.what + index_advice);
    report_.index_damaged = true;
    index_.reset();
}

void Checker::open_index() {
    auto info = files_.info(index_path_);
    if (!info) return;
    report_.has_index = true;
    if (auto ok = check_pages_of(index_path_); !ok) return give_up_index(ok.error());
    auto reader = CoreReader::open(index_path_);
    if (!reader) return give_up_index(reader.error());
    auto covered = (*reader)->covered();
    if (!covered) return give_up_index(covered.error());
    covered_ = *covered;
    index_ = std::move(*reader);
}

/// True if all of a feed's messages from `from` to before `to` are known to be deleted.
bool Checker::explained(const FeedId& feed, Sequence from, Sequence to) const {
    if (from == to || something_unknown()) return true;
    auto found = deleted_of_.find(feed);
    if (found == deleted_of_.end()) return false;
    auto at = found->second.lower_bound(from);
    for (; from < to; ++from, ++at) {
        if (at == found->second.end() || at->first != from) return false;
    }
    return true;
}

void Checker::look_at_chain(const Envelope& envelope, Offset at) {
    Chain& chain = chains_[envelope.author];
    const std::string where = "entry " + std::to_string(at) + ": " + envelope.author.text() + " ";
    const std::string number = std::to_string(envelope.sequence);
    if (envelope.sequence <= chain.sequence) {
        trouble(where + number + " comes after " + std::to_string(chain.sequence));
        return;
    }
    if (!explained(envelope.author, chain.sequence + 1, envelope.sequence)) {
        trouble(where + number + " follows " + std::to_string(chain.sequence));
    } else if (envelope.sequence == chain.sequence + 1) {
        json::Value previous = envelope.value["previous"];
        bool fits = envelope.sequence == 1 ? previous.is_null() : previous.is(chain.key.text());
        if (!fits) trouble(where + number + " does not name the message before it");
    }
    chain = {envelope.sequence, envelope.key};
}

void Checker::look_up(const Envelope& envelope, Offset at) {
    ++covered_messages_;
    auto found = index_->by_key(envelope.key);
    if (!found) return give_up_index(found.error());
    if (*found != at && !is_deleted_by_now(at)) {
        trouble("entry " + std::to_string(at) + ": " + envelope.key.text() +
                (*found ? " is elsewhere by the index" : " is not in the index"));
    }
}

void Checker::look_at(const Entry& entry) {
    ++report_.entries;
    if (entry.data.empty()) {
        ++report_.deleted;
        if (!is_deleted_by_now(entry.offset)) ++report_.deleted_unknown;
        return;
    }
    // Another one may lie there by now.
    auto known = deleted_.find(entry.offset);
    if (known != deleted_.end() && deleted_of(entry) == known->second) {
        readable_.push_back(entry.offset);
    }
    auto envelope = read_envelope(document_, entry.data);
    if (!envelope) {
        trouble("entry " + std::to_string(entry.offset) + ": " + envelope.error().what);
        return;
    }
    ++report_.messages;
    look_at_chain(*envelope, entry.offset);
    if (index_ && covered_ && entry.offset <= *covered_) look_up(*envelope, entry.offset);
}

/// The journal knows of a deletion a moment before the log does.
void Checker::look_again_at_deleted(const Log& log) {
    for (Offset at : readable_) {
        auto data = log.get(at);
        if (!data || deleted_of({at, *data}) != deleted_[at]) continue;
        trouble("entry " + std::to_string(at) + " was deleted, but can be read");
    }
}

/// The index as a whole, once all of the log was seen.
Result<void> Checker::compare_index() {
    if (!index_) return {};
    auto count = index_->count();
    if (!count) return std::move(count).error();
    if (*count + deletions_ - deletions_before_ < covered_messages_) {
        trouble("the index has " + std::to_string(*count) + " messages, the log " +
                std::to_string(covered_messages_) + " there");
    }
    auto states = index_->all_states();
    if (!states) return std::move(states).error();
    for (const FeedState& state : *states) {
        if (state.offset >= report_.bytes) continue;  // written since the log was opened
        auto chain = chains_.find(state.feed);
        Sequence last = chain == chains_.end() ? 0 : chain->second.sequence;
        auto gone = deleted_of_.find(state.feed);
        if (gone != deleted_of_.end()) last = std::max(last, gone->second.rbegin()->first);
        if (state.sequence > last && !something_unknown()) {
            trouble(state.feed.text() + " is at " + std::to_string(state.sequence) +
                    " by the index, but at " + std::to_string(last) + " by log and journal");
        }
    }
    return {};
}

Result<CheckReport> Checker::run(const OnProgress& progress) {
    if (auto ok = read_journal(); !ok) return std::move(ok).error();
    deletions_before_ = deletions_;
    // Before the log is opened: it may only be behind.
    open_index();
    OffsetLog::Options how;
    how.read_only = true;
    auto log = OffsetLog::open(files_, log_path_, how);
    if (!log) return std::move(log).error();
    report_.bytes = (*log)->end();
    report_.torn_bytes = (*log)->recovery().bytes_cut;
    if (covered_ && (!(*log)->latest() || *covered_ > *(*log)->latest())) {
        trouble("the index is ahead of the log");
    }
    report_.index_behind = index_ && covered_ && *covered_ < report_.bytes
                               ? (*log)->latest().value_or(0) - *covered_
                               : 0;
    Range all;
    all.with_deleted = true;
    auto cursor = (*log)->scan(all);
    if (!cursor) return std::move(cursor).error();
    for (;;) {
        auto batch = (*cursor)->next_batch(entries_at_once);
        if (!batch) return std::move(batch).error();
        if (batch->empty()) break;
        report_.damage = (*cursor)->damage();
        for (const Entry& entry : *batch) look_at(entry);
        if (progress) progress(batch->back().offset, report_.bytes);
    }
    report_.damage = (*cursor)->damage();
    report_.feeds = chains_.size();
    if (auto ok = read_journal(); !ok) return std::move(ok).error();
    look_again_at_deleted(**log);
    if (report_.damage.places > 0) {
        trouble(std::to_string(report_.damage.bytes) + " bytes are no entries, in " +
                std::to_string(report_.damage.places) + " places, the first at " +
                std::to_string(report_.damage.first));
    }
    if (report_.torn_bytes > 0) {
        trouble(std::to_string(report_.torn_bytes) + " bytes of an unfinished write at the end");
    }
    if (report_.deleted_unknown > 0) {
        trouble(std::to_string(report_.deleted_unknown) +
                " entries are blank, but not deleted by the journal");
    }
    if (report_.journal_pending > 0) {
        trouble(std::to_string(report_.journal_pending) + " deletions were begun, not finished");
    }
    report_.deleted_beyond = static_cast<std::uint64_t>(
        std::distance(deleted_.lower_bound(report_.bytes), deleted_.end()));
    if (report_.deleted_beyond > 0) {
        trouble("the journal knows " + std::to_string(report_.deleted_beyond) +
                " deleted entries beyond the log's end: it was cut off, or is another one");
    }
    if (auto ok = compare_index(); !ok) give_up_index(ok.error());
    if (progress) progress(report_.bytes, report_.bytes);
    return std::move(report_);
}

}  // namespace

Result<CheckReport> check(base::Files& files, const std::string& log_path,
                          const std::string& index_path, const OnProgress& progress) {
    return Checker(files, log_path, index_path).run(progress);
}

Result<void> check_pages(sqlite::Database& database) {
    // One more than are listed.
    auto found = database.prepare("PRAGMA quick_check(" +
                                  std::to_string(page_troubles_listed_max + 1) + ")");
    if (!found) return std::move(found).error();
    std::string said;
    std::size_t count = 0;
    for (;;) {
        auto more = found->step();
        if (!more) return std::move(more).error();
        if (!*more) break;
        const std::string_view line = found->text(0);
        if (line == "ok") continue;
        if (count++ < page_troubles_listed_max)
            said += (said.empty() ? "" : "; ") + std::string(line);
    }
    if (count == 0) return {};
    if (count > page_troubles_listed_max) said += "; and more";
    std::replace(said.begin(), said.end(), '\n', ' ');
    return error(Errc::corrupt, said);
}

}  // namespace sbot::flume
