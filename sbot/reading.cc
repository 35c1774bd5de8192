#include "sbot/reading.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/fifo.h"
#include "base/limits.h"
#include "flume/envelope.h"
#include "sbot/permit.h"

namespace sbot::app {
namespace {

// Some milliseconds of one pool thread.
constexpr std::size_t page_rows = 128;
// A stream whose caller is slow keeps what is left of a page.
constexpr std::size_t page_bytes_max = 64 << 10;
// Pages read at the same time, each with a database connection of its own.
constexpr std::size_t readers_max = 4;
// Behind all entries of one time.
constexpr flume::Offset any_offset = INT64_MAX;

/// What one page is read with, and what comes back.
struct PageJob {
    std::unique_ptr<flume::CoreReader> reader;
    std::shared_ptr<const Entries> entries;
    Query query;
    flume::PageOf page;
    Shape shape;
    bool live;
    flume::Offset end;  // no entries from here on
};

struct PageResult {
    std::unique_ptr<flume::CoreReader> reader;
    std::vector<muxrpc::Body> items;
    std::optional<flume::Row> last;
    bool short_page = false;
    bool ended = false;  // at a damaged entry, for one who can use nothing behind it
    std::optional<Error> failed;
};

flume::CoreReader::Page rows_of(const PageJob& job) {
    switch (job.query.by) {
        case Query::By::received: return job.reader->by_received(job.page);
        // New ones come in the order of their arrival.
        case Query::By::resolved:
            return job.live ? job.reader->by_received(job.page) : job.reader->by_rts(job.page);
        case Query::By::sequence: return job.reader->by_feed(job.query.feed, job.page);
        case Query::By::type: return job.reader->by_type(job.query.type, job.page);
    }
    return std::vector<flume::Row>();
}

/// One entry as it was asked for: nothing where it is damaged, or not wanted.
struct Item {
    std::optional<muxrpc::Body> body;
    bool damaged = false;
};

/// New messages in the order of resolved times come as they arrive; `bounds` pick among them.
bool is_resolved_live(const PageJob& job) {
    return job.live && job.query.by == Query::By::resolved;
}

Result<Item> item_at(const PageJob& job, const flume::Row& row, const flume::Bounds& bounds,
                     json::Document& document) {
    auto record = job.entries->log->get(row.offset);
    if (!record) {
        if (is_damage(record.error())) return Item{{}, true};
        if (record.error().code == Errc::not_found) return Item();  // deleted since
        return std::move(record).error();
    }
    double rts = row.at;
    if (is_resolved_live(job)) {
        auto envelope = flume::read_envelope(document, *record);
        if (!envelope) return Item{{}, true};
        rts = envelope->resolved();
        if (!bounds.contain(rts)) return Item();
    }
    Item item{shaped(base::text_of(*record), job.shape, rts)};
    item.damaged = !item.body;
    return item;
}

PageResult read_page(PageJob job) {
    PageResult result;
    flume::Bounds bounds = job.page.bounds;
    if (is_resolved_live(job)) job.page.bounds = {};
    auto rows = rows_of(job);
    if (!rows) {
        result.failed = std::move(rows).error();
        return result;
    }
    result.short_page = rows->size() < job.page.limit;
    json::Document document;
    std::size_t bytes = 0;
    for (const flume::Row& row : *rows) {
        if (bytes > page_bytes_max) {
            result.short_page = false;
            break;
        }
        // Live ones come in the order of the log, or are of one feed, and that of its chain.
        if (job.live && row.offset >= job.end) {
            result.short_page = true;
            break;
        }
        result.last = row;
        if (row.offset >= job.end) continue;
        auto item = item_at(job, row, bounds, document);
        if (!item) {
            result.failed = std::move(item).error();
            return result;
        }
        if (item->damaged) job.entries->damage->met(row.offset);
        if (item->damaged && job.query.gapless) {
            result.ended = true;
            break;
        }
        if (!item->body) continue;
        bytes += item->body->data.size();
        result.items.push_back(std::move(*item->body));
    }
    result.reader = std::move(job.reader);
    return result;
}

Error unreadable(Error why) { return std::move(why).in("the index cannot be read"); }

/// What a job found, and the connection it found it with.
template <typename T>
struct Found {
    std::unique_ptr<flume::CoreReader> reader;
    Result<T> what;
};

Found<flume::Offset> find_one(std::unique_ptr<flume::CoreReader> reader, MessageId key) {
    auto offset = reader->by_key(key);
    if (!offset) return {std::move(reader), unreadable(std::move(offset).error())};
    if (!*offset) {
        return {std::move(reader),
                error(Errc::not_found, "Key not found in database [" + key.text() + "]")};
    }
    return {std::move(reader), **offset};
}

using KeyAndOffset = std::pair<std::string, flume::Offset>;

Found<std::vector<KeyAndOffset>> list_feed(std::unique_ptr<flume::CoreReader> reader,
                                           std::shared_ptr<const Entries> from, FeedId feed) {
    std::vector<KeyAndOffset> entries;
    flume::PageOf page;
    page.limit = limits::view_page_rows_max;
    while (true) {
        auto rows = reader->by_feed(feed, page);
        if (!rows) return {std::move(reader), unreadable(std::move(rows).error())};
        for (const flume::Row& row : *rows) {
            auto record = from->log->get(row.offset);
            if (!record) continue;  // deleted before
            entries.emplace_back(flume::key_of(*record), row.offset);
        }
        if (rows->size() < page.limit) return {std::move(reader), std::move(entries)};
        page.after = rows->back();
    }
}

Found<std::vector<Bytes>> read_values(std::unique_ptr<flume::CoreReader> reader,
                                      std::shared_ptr<const Entries> from, FeedId feed,
                                      Sequence first, Sequence last) {
    flume::PageOf page;
    page.limit = page_rows;
    page.bounds.gte = static_cast<double>(first);
    page.bounds.lte = static_cast<double>(last);
    auto rows = reader->by_feed(feed, page);
    if (!rows) return {std::move(reader), unreadable(std::move(rows).error())};
    std::vector<Bytes> values;
    Shape bare;
    bare.keys = false;
    std::size_t bytes = 0;
    for (const flume::Row& row : *rows) {
        if (row.at != static_cast<double>(first + values.size()) || bytes > page_bytes_max) break;
        auto record = from->log->get(row.offset);
        if (!record && !is_damage(record.error())) break;  // deleted
        std::optional<muxrpc::Body> body;
        if (record) body = shaped(base::text_of(*record), bare, 0);
        if (!body) {
            from->damage->met(row.offset);
            break;
        }
        bytes += body->data.size();
        values.push_back(std::move(body->data));
    }
    return {std::move(reader), std::move(values)};
}

Result<std::string> read_at(std::shared_ptr<const Entries> entries, flume::Offset at) {
    auto record = entries->log->get(at);
    if (!record) return std::move(record).error();
    return base::to_text(*record);
}

/// The envelope of a message that the index has there.
Result<std::string> read_message(std::shared_ptr<const Entries> entries, flume::Offset at,
                                 std::string key) {
    auto record = read_at(entries, at);
    if (!record && !is_damage(record.error())) return record;
    if (record) {
        // Empty where it was written by somebody who puts other members first.
        std::string_view found = flume::key_of(base::bytes_of(*record));
        if ((found.empty() || found == key) && is_envelope(*record)) return record;
    }
    entries->damage->met(at);
    return damaged_error(at);
}

}  // namespace

class Reading::Stream final : public muxrpc::Source {
 public:
    Stream(Reading& reading, Query query, StreamOptions options)
        : reading_(reading), query_(std::move(query)), options_(options) {
        shape_.keys = options_.keys;
        shape_.values = options_.values || !options_.keys;
        shape_.rts = query_.by == Query::By::resolved && shape_.keys && shape_.values;
        if (options_.unboxed) shape_.unboxer = &reading_.entries_->unboxer;
        goes_on_ = options_.live || !options_.old;
        left_ = options_.limit;
        const bool opened = reading_.ready_.is_set() || reading_.last_received_ > 0;
        if (!options_.old && opened) called_at_ = stored_end();
    }

    muxrpc::AsyncReply<std::optional<muxrpc::Body>> next() override {
        if (part_ == Part::start) {
            early_ = reading_.has_early(query_, options_);
            auto waiting = early_ ? reading_.indexer_.level() : reading_.level();
            co_await waiting;
            begin();
        }
        while (items_.empty()) {
            if (part_ == Part::old && (exhausted_ || left_ == 0u)) {
                part_ = goes_on_ ? Part::live : Part::done;
                if (goes_on_) start_live();
                bool marked = options_.live && options_.old && options_.sync;
                if (marked) co_return std::optional(muxrpc::Body::json("{\"sync\":true}"));
                continue;
            }
            if (part_ == Part::done) co_return std::optional<muxrpc::Body>();
            while (part_ == Part::live && exhausted_ && !more_to_read()) {
                co_await reading_.grown_.wait();
            }
            auto fetching = reading_.once_or_twice([this] { return fetch(); });
            auto fetched = co_await fetching;
            if (!fetched) co_return muxrpc::RemoteError{unreadable(fetched.error()).what};
        }
        co_return std::optional(items_.pop());
    }

 private:
    enum class Part { start, old, live, done };

    void begin() {
        end_ = readable_end();
        mark_ = called_at_.value_or(now());
        page_.bounds = options_.bounds();
        if (query_.by == Query::By::resolved) widen_bounds();
        page_.reverse = options_.reverse;
        part_ = Part::old;
        exhausted_ = !options_.old;
    }

    /// The reference's bounds are lists of a time and the lowest author: below all messages of that
    /// time, so `gt` takes them in and `lte` leaves them out.
    void widen_bounds() {
        flume::Bounds& bounds = page_.bounds;
        if (bounds.gt) bounds.gte = std::exchange(bounds.gt, std::nullopt);
        if (bounds.lte) bounds.lt = std::exchange(bounds.lte, std::nullopt);
    }

    /// Everything that became visible after the call, whatever the old part has given.
    void start_live() {
        exhausted_ = false;
        page_.reverse = false;
        page_.after = flume::Row{mark_, any_offset, {}};
    }

    flume::Offset readable_end() const { return early_ ? any_offset : reading_.end_; }

    /// How far the log, or the feed, goes now, with what the index does not have yet: what comes
    /// while the call waits for the index is news for who asked for nothing older.
    double stored_end() const {
        if (query_.by != Query::By::sequence)
            return std::max(reading_.last_received_, reading_.indexer_.stored_received());
        const message::FeedState* state = reading_.feeds_.stored(query_.feed);
        return state != nullptr ? static_cast<double>(state->sequence) : 0;
    }

    /// Where the live part begins after an old part that is read now, in the order it comes in.
    double now() const {
        if (query_.by != Query::By::sequence) return reading_.last_received_;
        if (auto waiting = reading_.indexer_.first_waiting(query_.feed)) {
            return static_cast<double>(*waiting) - 1;
        }
        return stored_end();
    }
    /// Thousands of feeds are followed live at once, and most writes concern none of them.
    bool more_to_read() const {
        if (reading_.writes_ == seen_writes_) return false;
        if (query_.by != Query::By::sequence) return true;
        const message::FeedState* state = reading_.feeds_.stored(query_.feed);
        return state != nullptr && static_cast<double>(state->sequence) > page_.after->at;
    }

    io::Async<void> fetch() {
        co_await reading_.readers_.acquire();
        Permit permit(reading_.readers_);
        if (!early_) co_await reading_.ready_.wait();
        Use use(reading_);
        auto reader = reading_.take_reader();
        if (!reader) co_return std::move(reader).error();
        seen_writes_ = reading_.writes_;
        if (options_.unboxed) shape_.read_keys = reading_.read_keys();
        const bool live = part_ == Part::live;
        if (live) end_ = readable_end();
        PageJob job{std::move(*reader), reading_.entries_, query_, page_, shape_, live, end_};
        job.page.limit = page_rows;
        if (part_ == Part::old && left_) job.page.limit = std::min(*left_, page_rows);
        auto reading = reading_.pool_.run(&read_page, std::move(job));
        PageResult page = co_await reading;
        if (page.failed) co_return std::move(*page.failed);
        reading_.give_back(std::move(page.reader));
        exhausted_ = page.short_page;
        if (page.ended) part_ = Part::done;
        if (page.last) page_.after = page.last;
        if (part_ == Part::old && left_) {
            if (page.items.size() > *left_) page.items.resize(*left_);
            *left_ -= page.items.size();
        }
        items_ = base::Fifo(std::move(page.items));
        co_return {};
    }

    Reading& reading_;
    Query query_;
    StreamOptions options_;
    Shape shape_;
    bool goes_on_;
    bool early_ = false;
    std::optional<std::uint64_t> left_;
    Part part_ = Part::start;
    bool exhausted_ = false;
    flume::Offset end_ = 0;
    std::optional<double> called_at_;
    double mark_ = 0;
    std::uint64_t seen_writes_ = 0;
    flume::PageOf page_;
    base::Fifo<muxrpc::Body> items_;
};

Reading::Reading(io::Pool& pool, std::shared_ptr<const Entries> entries, const Feeds& feeds,
                 Indexer& indexer, std::string index_path)
    : pool_(pool),
      entries_(std::move(entries)),
      feeds_(feeds),
      indexer_(indexer),
      index_path_(std::move(index_path)),
      readers_(readers_max) {
    usable_.set();
}

void Reading::open(double last_received) {
    last_received_ = std::max(last_received_, last_received);
    if (auto upto = indexer_.indexed()) end_ = *upto + 1;
    go_on();
}

io::Task<void> Reading::level() {
    co_await ready_.wait();
    auto indexing = indexer_.level();
    co_await indexing;
    // A rebuilding may have begun meanwhile.
    co_await ready_.wait();
}

void Reading::grown(const Indexer::MovedOn& moved_on) {
    if (moved_on.upto) end_ = *moved_on.upto + 1;
    last_received_ = std::max(last_received_, moved_on.received);
    ++writes_;
    grown_.set();
    grown_.reset();
}

std::unique_ptr<muxrpc::Source> Reading::stream(Query query, StreamOptions options) {
    return std::make_unique<Stream>(*this, std::move(query), options);
}

void Reading::learn(std::string_view message, std::string_view read_key) {
    // Readers in the pool hold the old list.
    auto keys = read_keys_ ? std::make_shared<ReadKeys>(*read_keys_) : std::make_shared<ReadKeys>();
    if (keys->size() >= limits::read_keys_max) keys->clear();
    keys->insert_or_assign(std::string(message), std::string(read_key));
    read_keys_ = std::move(keys);
}

io::Task<void> Reading::pause() {
    ready_.reset();
    usable_.reset();
    while (uses_ > 0) {
        unused_.reset();
        co_await unused_.wait();
    }
    idle_.clear();
}

io::Async<std::string> Reading::by_key(MessageId key) {
    auto finding = offset_of(key);
    auto offset = co_await finding;
    if (!offset) co_return std::move(offset).error();
    auto reading = pool_.run(&read_message, entries_, *offset, key.text());
    co_return co_await reading;
}

/// What we published since the start is in the index while older messages are still to come.
bool Reading::has_early(const Query& query, const StreamOptions& options) const {
    if (ready_.is_set() || !feeds_.first_new()) return false;
    if (query.by != Query::By::sequence || query.feed != feeds_.own()) return false;
    const double first = static_cast<double>(*feeds_.first_new());
    return (options.gte && *options.gte >= first) || (options.gt && *options.gt + 1 >= first);
}

io::Async<flume::Offset> Reading::offset_of(MessageId key) {
    if (!ready_.is_set() && feeds_.first_new()) {
        auto indexing = indexer_.level();
        co_await indexing;
        co_await usable_.wait();
        Use use(*this);
        auto early = flume::CoreReader::open(index_path_);
        if (!early) co_return std::move(early).error();
        auto finding = pool_.run(&find_one, std::move(*early), key);
        Found<flume::Offset> found = co_await finding;
        if (found.what) co_return std::move(found.what);
    }
    co_await ready_.wait();
    // What is found needs no waiting for what is on its way into the index, and what was written
    // here gets there first.
    const bool level = indexer_.behind() == 0;
    auto finding = find(key);
    auto found = co_await finding;
    if (found || level || found.error().code != Errc::not_found) co_return found;
    auto nearest = indexer_.local_level();
    co_await nearest;
    auto looking = find(key);
    found = co_await looking;
    if (found || found.error().code != Errc::not_found) co_return found;
    auto waiting = this->level();
    co_await waiting;
    auto again = find(key);
    co_return co_await again;
}

io::Task<bool> Reading::replaced(Error why) {
    if (!on_lost_) co_return false;
    auto replacing = on_lost_(std::move(why));
    co_return co_await replacing;
}

io::Task<void> Reading::in_place() {
    auto there = indexer_.in_place();
    if (there) co_return;
    auto replacing = replaced(std::move(there).error());
    bool ignored = co_await replacing;
    (void)ignored;
}

template <typename Attempt>
std::invoke_result_t<Attempt> Reading::once_or_twice(Attempt attempt) {
    for (bool first = true;; first = false) {
        auto trying = attempt();
        auto result = co_await trying;
        if (result) co_return result;
        suspect(result.error());
        if (!first) co_return result;
        auto replacing = replaced(result.error());
        bool again = co_await replacing;
        if (!again) co_return result;
    }
}

template <typename Job, typename... Args>
auto Reading::ask(Job job, Args... args)
    -> io::Task<decltype(job(std::unique_ptr<flume::CoreReader>(), std::move(args)...).what)> {
    return once_or_twice([this, job, args...] { return ask_once(job, args...); });
}

template <typename Job, typename... Args>
auto Reading::ask_once(Job job, Args... args)
    -> io::Task<decltype(job(std::unique_ptr<flume::CoreReader>(), std::move(args)...).what)> {
    co_await readers_.acquire();
    Permit permit(readers_);
    co_await ready_.wait();
    Use use(*this);
    auto reader = take_reader();
    if (!reader) co_return unreadable(std::move(reader).error());
    auto finding = pool_.run(job, std::move(*reader), std::move(args)...);
    auto found = co_await finding;
    give_back(std::move(found.reader));
    co_return std::move(found.what);
}

io::Async<flume::Offset> Reading::find(MessageId key) { return ask(&find_one, key); }

io::Async<std::vector<std::pair<std::string, flume::Offset>>> Reading::all_of(FeedId feed) {
    auto waiting = level();
    co_await waiting;
    auto listing = ask(&list_feed, entries_, feed);
    co_return co_await listing;
}

io::Async<std::vector<Bytes>> Reading::values_of(FeedId feed, Sequence first, Sequence last) {
    auto waiting = level();
    co_await waiting;
    auto reading = ask(&read_values, entries_, feed, first, last);
    co_return co_await reading;
}

io::Async<std::string> Reading::by_offset(flume::Offset at) {
    auto reading = pool_.run(&read_at, entries_, at);
    co_return co_await reading;
}

Result<std::unique_ptr<flume::CoreReader>> Reading::take_reader() {
    if (idle_.empty()) {
        if (auto ok = indexer_.in_place(); !ok) return std::move(ok).error();
        return flume::CoreReader::open(index_path_);
    }
    auto reader = std::move(idle_.back());
    idle_.pop_back();
    return reader;
}

void Reading::give_back(std::unique_ptr<flume::CoreReader> reader) {
    if (reader && idle_.size() < readers_max) idle_.push_back(std::move(reader));
}

}  // namespace sbot::app
