#include "flume/core_view.h"

#include <algorithm>

#include "base/files.h"
#include "base/limits.h"
#include "flume/core_schema.h"
#include "flume/links.h"

namespace sbot::flume {

struct CoreView::Statements {
    sqlite::Statement insert_message, delete_message, note_unreadable, forget_unreadable;
    sqlite::Statement find_feed, insert_feed, write_state;
    sqlite::Statement find_type, insert_type, write_progress;
    sqlite::Statement insert_link, delete_link;

    Result<void> prepare(sqlite::Database& database);
};

Result<void> CoreView::Statements::prepare(sqlite::Database& database) {
    const std::pair<sqlite::Statement*, std::string_view> all[] = {
        {&insert_message,
         "INSERT INTO messages(offset,author,sequence,received,rts,type,privacy,key_head,key_rest) "
         "VALUES(?,?,?,?,?,?,?,?,?) ON CONFLICT(offset) DO NOTHING"},
        {&delete_message, "DELETE FROM messages WHERE offset=?"},
        {&note_unreadable, "INSERT OR IGNORE INTO unreadable(offset,why) VALUES(?,?)"},
        {&forget_unreadable, "DELETE FROM unreadable WHERE offset=?"},
        {&find_feed, "SELECT id,key,sequence,claimed,offset FROM feeds WHERE name=?"},
        {&insert_feed, "INSERT INTO feeds(name) VALUES(?)"},
        {&write_state, "UPDATE feeds SET key=?,sequence=?,claimed=?,offset=? WHERE id=?"},
        {&find_type, "SELECT id FROM types WHERE name=?"},
        {&insert_type, "INSERT INTO types(name) VALUES(?)"},
        {&insert_link, "INSERT OR IGNORE INTO links(dest,offset) VALUES(?,?)"},
        {&delete_link, "DELETE FROM links WHERE dest=? AND offset=?"},
        {&write_progress, "UPDATE progress SET upto=?,key=?,count=?"},
    };
    for (auto& [statement, sql] : all) {
        auto made = database.prepare(sql);
        if (!made) return std::move(made).error();
        *statement = std::move(*made);
    }
    return {};
}

CoreView::CoreView(Options options) : options_(std::move(options)) {}
CoreView::~CoreView() = default;

Result<std::unique_ptr<CoreView>> CoreView::open(Options options) {
    std::unique_ptr<CoreView> view(new CoreView(std::move(options)));
    auto started = view->start();
    if (!started && started.error().code == Errc::corrupt) {
        // Nobody reads it yet: away with it.
        view->statements_.reset();
        view->database_.reset();
        base::PosixFiles files;
        for (const char* suffix : {"", "-wal", "-shm"}) {
            if (auto ok = files.remove(view->path() + suffix); !ok) return std::move(ok).error();
        }
        started = view->start();
    }
    if (!started) return std::move(started).error();
    return view;
}

Result<void> CoreView::start() {
    sqlite::Database::Options how;
    how.cache_bytes = limits::core_view_cache_bytes;
    auto database = sqlite::Database::open(options_.path, how);
    if (!database) return std::move(database).error();
    database_ = std::move(*database);
    auto found = database_->number("PRAGMA user_version");
    if (!found) return std::move(found).error();
    if (*found != version()) {
        // A new file has no tables; an old one has those of its version.
        if (auto ok = database_->reset(); !ok) return ok;
        if (auto ok = create(0); !ok) return ok;
    }
    statements_ = std::make_unique<Statements>();
    if (auto ok = statements_->prepare(*database_); !ok) return ok;
    return load();
}

Result<void> CoreView::load() {
    auto row = database_->prepare("SELECT generation,upto,key,count FROM progress");
    if (!row) return std::move(row).error();
    auto there = row->step();
    if (!there) return std::move(there).error();
    if (!*there) return error(Errc::corrupt, "core view: no progress");
    covered_ = {};
    covered_.generation = static_cast<std::uint64_t>(row->integer(0));
    if (!row->is_null(1)) covered_.upto = static_cast<Offset>(row->integer(1));
    covered_.key = std::string(row->text(2));
    count_ = row->integer(3);
    return {};
}

/// Tables for an empty file, with what must be known before the first entry.
Result<void> CoreView::create(std::uint64_t generation) {
    auto transaction = sqlite::Transaction::begin(*database_);
    if (!transaction) return std::move(transaction).error();
    if (auto ok = database_->run(core_schema); !ok) return ok;
    const std::string sql = "INSERT INTO progress VALUES(" +
                            std::to_string(static_cast<std::int64_t>(generation)) +
                            ",NULL,'',0);PRAGMA user_version=" + std::to_string(version());
    if (auto ok = database_->run(sql.c_str()); !ok) return ok;
    if (options_.kept) {
        auto row = database_->prepare(
            "INSERT OR IGNORE INTO feeds(name,key,sequence,claimed,offset) VALUES(?,?,?,?,?)");
        if (!row) return std::move(row).error();
        for (const FeedState& state : options_.kept()) {
            const std::string name = state.feed.text();
            row->bind(1, name).bind(2, state.key.view());
            row->bind(3, static_cast<std::int64_t>(state.sequence)).bind(4, state.claimed);
            row->bind(5, static_cast<std::int64_t>(state.offset));
            if (auto ok = row->run(); !ok) return ok;
        }
    }
    return (*transaction)->commit();
}

Result<void> CoreView::clear(std::uint64_t generation) {
    forget_cached();
    // The statements are of no use while the tables are away, and would keep them.
    statements_.reset();
    if (auto ok = database_->reset(); !ok) return ok;
    if (auto ok = create(generation); !ok) return ok;
    statements_ = std::make_unique<Statements>();
    if (auto ok = statements_->prepare(*database_); !ok) return ok;
    return load();
}

Result<void> CoreView::apply(std::span<const Entry> batch, Place place) {
    if (batch.empty()) return {};
    if (!statements_) return error(Errc::corrupt, "core view: could not be cleared");
    if (feeds_.size() > limits::core_view_feeds_cached_max) feeds_.clear();
    if (types_.size() > limits::core_view_types_cached_max) types_.clear();
    Coverage after = covered_;
    if (place == Place::next && (!after.upto || *after.upto < batch.back().offset)) {
        after.upto = batch.back().offset;
        after.key = std::string(key_of(batch.back().data));
    }
    const std::int64_t count_before = count_;
    if (auto ok = apply_in_transaction(batch, after); !ok) {
        count_ = count_before;
        forget_cached();
        return ok;
    }
    covered_ = std::move(after);
    return {};
}

Result<void> CoreView::apply_in_transaction(std::span<const Entry> batch, const Coverage& after) {
    auto transaction = sqlite::Transaction::begin(*database_);
    if (!transaction) return std::move(transaction).error();
    for (const Entry& entry : batch) {
        if (entry.data.empty()) continue;
        if (auto ok = take_in(entry); !ok) return ok;
    }
    if (auto ok = write_states(); !ok) return ok;
    if (auto ok = write_progress(after); !ok) return ok;
    return (*transaction)->commit();
}

Result<void> CoreView::take_in(const Entry& entry) {
    auto envelope = read_envelope(document_, entry.data);
    if (!envelope) return note_unreadable(entry.offset, envelope.error().what);
    if (auto ok = insert(*envelope, entry.offset); !ok) return ok;
    auto found = feed(envelope->author);
    if (!found) return std::move(found).error();
    Feed& author = **found;
    // The higher sequence counts, of equal ones the later entry: whatever the order of arrival.
    if (std::pair(envelope->sequence, entry.offset) <=
        std::pair(author.state.sequence, author.state.offset)) {
        return {};
    }
    author.state = {envelope->author, envelope->key, envelope->sequence, envelope->claimed,
                    entry.offset};
    if (!author.changed) changed_feeds_.push_back(&author);
    author.changed = true;
    return {};
}

Result<void> CoreView::note_unreadable(Offset at, std::string_view why) {
    auto& note = statements_->note_unreadable;
    return note.bind(1, static_cast<std::int64_t>(at)).bind(2, why).run();
}

Result<void> CoreView::insert(const Envelope& envelope, Offset at) {
    auto author = feed(envelope.author);
    if (!author) return std::move(author).error();
    Privacy privacy = Privacy::none;
    json::Value content = readable_content(envelope, privacy);
    std::string cut;
    auto type = type_of(content, cut);
    auto& row = statements_->insert_message;
    row.bind(1, static_cast<std::int64_t>(at)).bind(2, (*author)->id);
    row.bind(3, static_cast<std::int64_t>(envelope.sequence));
    row.bind(4, envelope.received).bind(5, envelope.resolved());
    row.bind_null(6).bind(7, static_cast<std::int64_t>(privacy));
    if (type) {
        auto id = type_id(*type);
        if (!id) return std::move(id).error();
        row.bind(6, *id);
    }
    row.bind(8, key_head(envelope.key)).bind(9, key_rest(envelope.key));
    if (auto ok = row.run(); !ok) return ok;
    if (database_->changes() == 0) return {};  // met before
    ++count_;
    return insert_links(content, at);
}

/// The content of a message, opened if it is private and for us.
json::Value CoreView::readable_content(const Envelope& envelope, Privacy& privacy) {
    privacy = Privacy::none;
    if (!envelope.content.is_string()) return envelope.content;
    privacy = Privacy::sealed;
    if (!options_.unbox) return envelope.content;
    auto inside = options_.unbox(envelope.value);
    if (!inside) return envelope.content;
    opened_text_ = std::move(*inside);
    if (!opened_.parse_borrowed(opened_text_)) return envelope.content;
    privacy = Privacy::opened;
    return opened_.root();
}

Result<void> CoreView::insert_links(json::Value content, Offset at) {
    for (const Link& link : links_of(content)) {
        auto& row = statements_->insert_link;
        row.bind(1, dest_head(link.dest)).bind(2, static_cast<std::int64_t>(at));
        if (auto ok = row.run(); !ok) return ok;
    }
    return {};
}

Result<void> CoreView::delete_links(const Entry& entry) {
    auto envelope = read_envelope(document_, entry.data);
    if (!envelope) return {};  // had none
    Privacy privacy;
    for (const Link& link : links_of(readable_content(*envelope, privacy))) {
        auto& row = statements_->delete_link;
        row.bind(1, dest_head(link.dest)).bind(2, static_cast<std::int64_t>(entry.offset));
        if (auto ok = row.run(); !ok) return ok;
    }
    return {};
}

Result<CoreView::Feed*> CoreView::feed(const FeedId& id) {
    if (auto cached = feeds_.find(id); cached != feeds_.end()) return &cached->second;
    const std::string name = id.text();
    Feed found;
    found.state.feed = id;
    auto& find = statements_->find_feed;
    sqlite::Rewind rewind(find);
    auto row = find.bind(1, name).step();
    if (!row) return std::move(row).error();
    if (*row) {
        found.id = find.integer(0);
        found.state = state_of(id, find, 1);
    } else {
        if (auto ok = statements_->insert_feed.bind(1, name).run(); !ok) {
            return std::move(ok).error();
        }
        found.id = database_->inserted();
    }
    return &feeds_.emplace(id, found).first->second;
}

Result<std::int64_t> CoreView::type_id(std::string_view type) {
    std::string name(type);
    if (auto cached = types_.find(name); cached != types_.end()) return cached->second;
    auto& find = statements_->find_type;
    sqlite::Rewind rewind(find);
    auto row = find.bind(1, base::bytes_of(name)).step();
    if (!row) return std::move(row).error();
    std::int64_t id = 0;
    if (*row) {
        id = find.integer(0);
    } else {
        if (auto ok = statements_->insert_type.bind(1, base::bytes_of(name)).run(); !ok) {
            return std::move(ok).error();
        }
        id = database_->inserted();
    }
    types_.emplace(std::move(name), id);
    return id;
}

Result<void> CoreView::write_states() {
    auto& row = statements_->write_state;
    for (Feed* feed : changed_feeds_) {
        feed->changed = false;
        const FeedState& state = feed->state;
        row.bind(1, state.key.view()).bind(2, static_cast<std::int64_t>(state.sequence));
        row.bind(3, state.claimed).bind(4, static_cast<std::int64_t>(state.offset));
        row.bind(5, feed->id);
        if (auto ok = row.run(); !ok) return ok;
    }
    changed_feeds_.clear();
    return {};
}

Result<void> CoreView::write_progress(const Coverage& after) {
    auto& row = statements_->write_progress;
    row.bind_null(1).bind(2, after.key).bind(3, count_);
    if (after.upto) row.bind(1, static_cast<std::int64_t>(*after.upto));
    return row.run();
}

Result<void> CoreView::retract(std::span<const Entry> entries) {
    if (!statements_) return error(Errc::corrupt, "core view: could not be cleared");
    auto transaction = sqlite::Transaction::begin(*database_);
    if (!transaction) return std::move(transaction).error();
    std::int64_t gone = 0;
    for (const Entry& entry : entries) {
        auto at = static_cast<std::int64_t>(entry.offset);
        if (auto ok = statements_->delete_message.bind(1, at).run(); !ok) return ok;
        gone += database_->changes();
        if (auto ok = statements_->forget_unreadable.bind(1, at).run(); !ok) return ok;
        if (auto ok = delete_links(entry); !ok) return ok;
    }
    count_ -= gone;
    auto done = write_progress(covered_);
    if (done) done = (*transaction)->commit();
    if (!done) count_ += gone;
    return done;
}

Result<void> CoreView::distrust() { return database_->run("PRAGMA user_version=0"); }
Result<void> CoreView::trust() {
    return database_->run(("PRAGMA user_version=" + std::to_string(version())).c_str());
}

/// What was cached may come from a transaction that was rolled back.
void CoreView::forget_cached() {
    changed_feeds_.clear();
    feeds_.clear();
    types_.clear();
}

}  // namespace sbot::flume
