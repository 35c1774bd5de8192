#include "friends/contact_view.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/files.h"
#include "base/limits.h"
#include "flume/envelope.h"

namespace sbot::friends {
namespace {

namespace sqlite = flume::sqlite;

// Feeds are numbered from 1 without gaps in the order in which they are met: the graph's indexes,
// plus one. They stay when their contacts go.
constexpr const char* schema = R"(
CREATE TABLE feeds(id INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE);
CREATE TABLE contacts(offset INTEGER PRIMARY KEY, source INTEGER NOT NULL, dest INTEGER NOT NULL,
                      relation INTEGER NOT NULL);
CREATE TABLE progress(generation INTEGER NOT NULL, upto INTEGER, key TEXT NOT NULL);
)";

// Entries that are looked at once more after a crash: some tens of milliseconds.
constexpr std::size_t unsaved_entries_max = 10000;

bool holds(std::string_view text, std::string_view part) {
    return memmem(text.data(), text.size(), part.data(), part.size()) != nullptr;
}

/// Whether it can be a contact at all: most entries need no parsing. The log's own spelling has no
/// escapes in such a name.
bool may_be_contact(std::string_view text) {
    return holds(text, "\"contact\"") || holds(text, ".box\"");
}

}  // namespace

struct ContactView::Statements {
    sqlite::Statement find_feed, insert_feed, insert_contact, delete_contact, write_progress;

    Result<void> prepare(sqlite::Database& database) {
        const std::pair<sqlite::Statement*, std::string_view> all[] = {
            {&find_feed, "SELECT id FROM feeds WHERE name=?"},
            {&insert_feed, "INSERT INTO feeds(name) VALUES(?)"},
            {&insert_contact,
             "INSERT OR IGNORE INTO contacts(offset,source,dest,relation) VALUES(?,?,?,?)"},
            {&delete_contact, "DELETE FROM contacts WHERE offset=?"},
            {&write_progress, "UPDATE progress SET upto=?,key=?"},
        };
        for (auto& [statement, sql] : all) {
            auto made = database.prepare(sql);
            if (!made) return std::move(made).error();
            *statement = std::move(*made);
        }
        return {};
    }
};

ContactView::ContactView(Options options) : options_(std::move(options)) {}

ContactView::~ContactView() {
    if (statements_ && unsaved_entries_ > 0) (void)write_progress(covered_).has_value();
}

Result<std::unique_ptr<ContactView>> ContactView::open(Options options) {
    std::unique_ptr<ContactView> view(new ContactView(std::move(options)));
    auto started = view->start();
    if (!started && started.error().code == Errc::corrupt) {
        view->statements_.reset();
        view->database_.reset();
        base::PosixFiles files;
        auto removed = flume::sqlite::remove_database(files, view->options_.path);
        if (!removed) return std::move(removed).error();
        started = view->start();
    }
    if (!started) return std::move(started).error();
    return view;
}

Result<void> ContactView::start() {
    sqlite::Database::Options how;
    how.cache_bytes = limits::contact_view_cache_bytes;
    auto database = sqlite::Database::open(options_.path, how);
    if (!database) return std::move(database).error();
    database_ = std::move(*database);
    auto found = database_->number("PRAGMA user_version");
    if (!found) return std::move(found).error();
    bool usable = *found == version();
    if (usable) {
        auto first = database_->prepare("SELECT name FROM feeds WHERE id=1");
        if (!first) return std::move(first).error();
        auto row = first->step();
        if (!row) return std::move(row).error();
        ByteView own = options_.own.view();
        ByteView name = *row ? first->bytes(0) : ByteView();
        usable = std::equal(own.begin(), own.end(), name.begin(), name.end());
    }
    if (!usable) {
        if (auto ok = database_->reset(); !ok) return ok;
        if (auto ok = create(0); !ok) return ok;
    }
    return load();
}

Result<void> ContactView::create(std::uint64_t generation) {
    auto transaction = sqlite::Transaction::begin(*database_);
    if (!transaction) return std::move(transaction).error();
    if (auto ok = database_->run(schema); !ok) return ok;
    auto first = database_->prepare("INSERT INTO feeds(id,name) VALUES(1,?)");
    if (!first) return std::move(first).error();
    if (auto ok = first->bind(1, options_.own.view()).run(); !ok) return ok;
    const std::string sql = "INSERT INTO progress VALUES(" +
                            std::to_string(static_cast<std::int64_t>(generation)) +
                            ",NULL,'');PRAGMA user_version=" + std::to_string(version());
    if (auto ok = database_->run(sql.c_str()); !ok) return ok;
    return (*transaction)->commit();
}

Result<void> ContactView::load() {
    statements_ = std::make_unique<Statements>();
    if (auto ok = statements_->prepare(*database_); !ok) return ok;
    auto row = database_->prepare("SELECT generation,upto,key FROM progress");
    if (!row) return std::move(row).error();
    auto there = row->step();
    if (!there) return std::move(there).error();
    if (!*there) return error(Errc::corrupt, "contact view: no progress");
    covered_ = {};
    covered_.generation = static_cast<std::uint64_t>(row->integer(0));
    if (!row->is_null(1)) covered_.upto = static_cast<flume::Offset>(row->integer(1));
    covered_.key = std::string(row->text(2));
    auto last = database_->number("SELECT max(offset) FROM contacts");
    auto any = database_->number("SELECT EXISTS(SELECT 1 FROM contacts)");
    if (!last || !any) return error(Errc::corrupt, "contact view: no contacts");
    end_ = *any != 0 ? static_cast<flume::Offset>(*last) + 1 : 0;
    unsaved_entries_ = 0;
    news_ = {};
    news_.anew = true;
    return {};
}

Result<void> ContactView::clear(std::uint64_t generation) {
    statements_.reset();  // they would keep the tables
    if (auto ok = database_->reset(); !ok) return ok;
    if (auto ok = create(generation); !ok) return ok;
    return load();
}

std::optional<ContactView::Found> ContactView::found_in(const flume::Entry& entry) {
    if (!may_be_contact(base::text_of(entry.data))) return std::nullopt;
    auto envelope = flume::read_envelope(document_, entry.data);
    if (!envelope) return std::nullopt;
    json::Value content = envelope->content;
    std::optional<std::string> inside;
    if (content.is_string()) {
        if (options_.unbox) inside = options_.unbox(envelope->value);
        if (!inside || !opened_.parse_borrowed(*inside)) return std::nullopt;
        content = opened_.root();
    }
    auto statement = statement_in(content);
    if (!statement) return std::nullopt;
    return Found{entry.offset, envelope->author, *statement};
}

Result<void> ContactView::apply(std::span<const flume::Entry> batch, flume::Place place) {
    if (batch.empty()) return {};
    if (!statements_) return error(Errc::corrupt, "contact view: could not be cleared");
    flume::Coverage after = covered_;
    if (place == flume::Place::next && (!after.upto || *after.upto < batch.back().offset)) {
        after.upto = batch.back().offset;
        after.key = std::string(flume::key_of(batch.back().data));
    }
    std::vector<Found> found;
    for (const flume::Entry& entry : batch) {
        if (auto contact = found_in(entry)) found.push_back(*contact);
    }
    std::size_t unsaved = unsaved_entries_ + batch.size();
    if (!found.empty() || unsaved > unsaved_entries_max) {
        std::size_t feeds = news_.feeds.size(), contacts = news_.contacts.size();
        if (auto ok = store(found, after); !ok) {
            news_.feeds.resize(feeds);
            news_.contacts.resize(contacts);
            return ok;
        }
        unsaved = 0;
    }
    unsaved_entries_ = unsaved;
    covered_ = std::move(after);
    return {};
}

Result<void> ContactView::store(std::span<const Found> found, const flume::Coverage& after) {
    auto transaction = sqlite::Transaction::begin(*database_);
    if (!transaction) return std::move(transaction).error();
    for (const Found& each : found) {
        auto from = index_of(each.author);
        if (!from) return std::move(from).error();
        auto to = index_of(each.statement.about);
        if (!to) return std::move(to).error();
        auto& row = statements_->insert_contact;
        row.bind(1, static_cast<std::int64_t>(each.offset));
        row.bind(2, std::int64_t{*from} + 1).bind(3, std::int64_t{*to} + 1);
        row.bind(4, static_cast<std::int64_t>(each.statement.relation));
        if (auto ok = row.run(); !ok) return ok;
        if (database_->changes() == 0) continue;  // met before
        // One that comes late, others behind it being known: as news it would win over them.
        if (each.offset < end_) news_.anew = true;
        end_ = std::max(end_, each.offset + 1);
        news_.contacts.push_back({*from, *to, each.statement.relation});
    }
    if (auto ok = write_progress(after); !ok) return ok;
    return (*transaction)->commit();
}

Result<FeedIndex> ContactView::index_of(const FeedId& feed) {
    auto& find = statements_->find_feed;
    sqlite::Rewind rewind(find);
    auto row = find.bind(1, feed.view()).step();
    if (!row) return std::move(row).error();
    if (*row) return static_cast<FeedIndex>(find.integer(0) - 1);
    if (auto ok = statements_->insert_feed.bind(1, feed.view()).run(); !ok) {
        return std::move(ok).error();
    }
    news_.feeds.push_back(feed);
    return static_cast<FeedIndex>(database_->inserted() - 1);
}

Result<void> ContactView::write_progress(const flume::Coverage& coverage) {
    auto& row = statements_->write_progress;
    row.bind_null(1).bind(2, coverage.key);
    if (coverage.upto) row.bind(1, static_cast<std::int64_t>(*coverage.upto));
    return row.run();
}

Result<void> ContactView::retract(std::span<const flume::Entry> entries) {
    if (!statements_) return error(Errc::corrupt, "contact view: could not be cleared");
    // On the disk before anything happens to the log.
    if (auto ok = database_->run("PRAGMA synchronous=FULL"); !ok) return ok;
    auto retracted = retract_durably(entries);
    auto ok = database_->run("PRAGMA synchronous=NORMAL");
    return retracted ? ok : retracted;
}

Result<void> ContactView::retract_durably(std::span<const flume::Entry> entries) {
    auto transaction = sqlite::Transaction::begin(*database_);
    if (!transaction) return std::move(transaction).error();
    std::int64_t gone = 0;
    for (const flume::Entry& entry : entries) {
        auto at = static_cast<std::int64_t>(entry.offset);
        if (auto ok = statements_->delete_contact.bind(1, at).run(); !ok) return ok;
        gone += database_->changes();
    }
    if (gone == 0) return {};
    // Should we stop before the entries are out of the log too, all of it is looked at again.
    if (auto ok = write_progress({}); !ok) return ok;
    if (auto ok = (*transaction)->commit(); !ok) return ok;
    unsaved_entries_ = 1;
    news_.anew = true;
    return {};
}

Result<News> ContactView::take_news() {
    if (!news_.anew) return std::exchange(news_, {});
    auto all = read_all();
    if (all) news_ = {};
    return all;
}

Result<News> ContactView::read_all() {
    News all;
    all.anew = true;
    auto feeds = database_->prepare("SELECT name FROM feeds ORDER BY id");
    if (!feeds) return std::move(feeds).error();
    while (true) {
        auto row = feeds->step();
        if (!row) return std::move(row).error();
        if (!*row) break;
        FeedId& feed = all.feeds.emplace_back();
        ByteView name = feeds->bytes(0);
        if (name.size() != feed.bytes.size()) return error(Errc::corrupt, "contact view: a name");
        std::copy(name.begin(), name.end(), feed.bytes.begin());
    }
    auto contacts = database_->prepare("SELECT source,dest,relation FROM contacts ORDER BY offset");
    if (!contacts) return std::move(contacts).error();
    while (true) {
        auto row = contacts->step();
        if (!row) return std::move(row).error();
        if (!*row) return all;
        std::int64_t from = contacts->integer(0) - 1, to = contacts->integer(1) - 1;
        std::int64_t relation = contacts->integer(2), last = std::ssize(all.feeds) - 1;
        if (from < 0 || from > last || to < 0 || to > last || relation < -2 || relation > 1) {
            return error(Errc::corrupt, "contact view: a contact");
        }
        all.contacts.push_back({static_cast<FeedIndex>(from), static_cast<FeedIndex>(to),
                                static_cast<Relation>(relation)});
    }
}

}  // namespace sbot::friends
