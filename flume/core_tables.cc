#include "flume/core_tables.h"

#include "base/limits.h"
#include "flume/core_schema.h"

namespace sbot::flume {
namespace {

std::int64_t number(Offset offset) { return static_cast<std::int64_t>(offset); }

}  // namespace

// --- statements

struct CoreTables::Statements {
    sqlite::Statement insert_message, insert_content, insert_link, insert_contact;
    sqlite::Statement delete_message, delete_content, delete_links, delete_contact;
    sqlite::Statement note_unreadable, forget_unreadable;
    sqlite::Statement find_name, insert_name;
    sqlite::Statement find_author, insert_author, write_state;
    sqlite::Statement find_type, insert_type, find_rel, insert_rel;
    sqlite::Statement write_progress, insert_text, delete_text;
    sqlite::Statement note_ahead, forget_ahead, find_ahead, next_texts;

    Result<void> prepare(sqlite::Database& database);
};

Result<void> CoreTables::Statements::prepare(sqlite::Database& database) {
    const std::pair<sqlite::Statement*, std::string_view> all[] = {
        {&insert_message,
         "INSERT INTO messages(offset,key,author,sequence,received,claimed,rts,type,privacy,root,"
         "fork,branch) VALUES(?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT(offset) DO NOTHING"},
        {&insert_content, "INSERT OR REPLACE INTO contents(offset,json) VALUES(?,?)"},
        {&insert_link, "INSERT OR IGNORE INTO links(message,rel,dest,value) VALUES(?,?,?,?)"},
        {&insert_contact,
         "INSERT OR IGNORE INTO contacts(message,author,contact,state) VALUES(?,?,?,?)"},
        {&delete_message, "DELETE FROM messages WHERE offset=?"},
        {&delete_content, "DELETE FROM contents WHERE offset=?"},
        {&delete_links, "DELETE FROM links WHERE message=?"},
        {&delete_contact, "DELETE FROM contacts WHERE message=?"},
        {&note_unreadable, "INSERT OR IGNORE INTO unreadable(offset,why) VALUES(?,?)"},
        {&forget_unreadable, "DELETE FROM unreadable WHERE offset=?"},
        {&find_name, "SELECT id FROM names WHERE name=?"},
        {&insert_name, "INSERT INTO names(name) VALUES(?)"},
        {&find_author, "SELECT id,key,sequence,claimed,offset FROM authors WHERE name=?"},
        {&insert_author, "INSERT INTO authors(name,id) VALUES(?,?)"},
        {&write_state, "UPDATE authors SET key=?,sequence=?,claimed=?,offset=? WHERE id=?"},
        {&find_type, "SELECT id FROM types WHERE name=?"},
        {&insert_type, "INSERT INTO types(name) VALUES(?)"},
        {&find_rel, "SELECT id FROM rels WHERE name=?"},
        {&insert_rel, "INSERT INTO rels(name) VALUES(?)"},
        {&write_progress, "UPDATE progress SET upto=?,key=?,count=?,texts_upto=?"},
        {&insert_text, "INSERT INTO texts(rowid,text) VALUES(?,?)"},
        {&delete_text, "INSERT INTO texts(texts,rowid,text) VALUES('delete',?,?)"},
        {&note_ahead, "INSERT OR IGNORE INTO texts_ahead(offset) VALUES(?)"},
        {&forget_ahead, "DELETE FROM texts_ahead WHERE offset=?"},
        {&find_ahead, "SELECT 1 FROM texts_ahead WHERE offset=?"},
        // By offset: the index of types would be sorted for each handful of posts (hence the plus).
        {&next_texts,
         "SELECT c.offset,c.json FROM messages m CROSS JOIN contents c ON c.offset=m.offset "
         "WHERE m.offset>? AND m.offset<=? AND +m.type=(SELECT id FROM types WHERE name='post') "
         "ORDER BY m.offset LIMIT ?"},
    };
    for (auto& [statement, sql] : all) {
        auto made = database.prepare(sql);
        if (!made) return std::move(made).error();
        *statement = std::move(*made);
    }
    return {};
}

// --- making and opening

Result<void> CoreTables::create(sqlite::Database& database, std::uint64_t generation,
                                const std::vector<FeedState>& kept) {
    if (auto ok = database.run(core_tables); !ok) return ok;
    if (auto ok = database.run(core_sql_views); !ok) return ok;
    const std::string sql =
        "INSERT INTO progress VALUES(" + std::to_string(static_cast<std::int64_t>(generation)) +
        ",NULL,'',0,NULL,0);PRAGMA user_version=" + std::to_string(core_version);
    if (auto ok = database.run(sql.c_str()); !ok) return ok;
    auto name = database.prepare("INSERT INTO names(id,name) VALUES(?,?)");
    if (!name) return std::move(name).error();
    auto row = database.prepare(
        "INSERT OR IGNORE INTO authors(id,name,key,sequence,claimed,offset) VALUES(?,?,?,?,?,?)");
    if (!row) return std::move(row).error();
    std::int64_t id = 0;
    for (const FeedState& state : kept) {
        const std::string text = state.feed.text();
        row->bind(1, id + 1).bind(2, text).bind(3, state.key.view());
        row->bind(4, number(state.sequence)).bind(5, state.claimed).bind(6, number(state.offset));
        if (auto ok = row->run(); !ok) return ok;
        if (database.changes() == 0) continue;
        if (auto ok = name->bind(1, ++id).bind(2, text).run(); !ok) return ok;
    }
    return {};
}

Result<void> CoreTables::make_indexes(sqlite::Database& database) {
    for (const char* sql : core_indexes) {
        if (auto ok = database.run(sql); !ok) return ok;
    }
    return {};
}

CoreTables::CoreTables(sqlite::Database& database)
    : database_(database), statements_(std::make_unique<Statements>()) {}
CoreTables::~CoreTables() = default;

Result<std::unique_ptr<CoreTables>> CoreTables::open(sqlite::Database& database) {
    std::unique_ptr<CoreTables> tables(new CoreTables(database));
    if (auto ok = tables->statements_->prepare(database); !ok) return std::move(ok).error();
    auto ahead = database.number("SELECT count(*) FROM texts_ahead");
    if (!ahead) return std::move(ahead).error();
    tables->texts_ahead_ = *ahead;
    return tables;
}

Result<Coverage> CoreTables::read_progress() {
    auto row = database_.prepare("SELECT generation,upto,key,count,texts_upto FROM progress");
    if (!row) return std::move(row).error();
    auto there = row->step();
    if (!there) return std::move(there).error();
    if (!*there) return error(Errc::corrupt, "core view: no progress");
    Coverage covered;
    covered.generation = static_cast<std::uint64_t>(row->integer(0));
    if (!row->is_null(1)) covered.upto = static_cast<Offset>(row->integer(1));
    covered.key = std::string(row->text(2));
    count_ = row->integer(3);
    texts_upto_.reset();
    if (!row->is_null(4)) texts_upto_ = static_cast<Offset>(row->integer(4));
    return covered;
}

Result<void> CoreTables::write_progress(const Coverage& after) {
    auto& row = statements_->write_progress;
    row.bind_null(1).bind(2, after.key).bind(3, count_).bind_null(4);
    if (after.upto) row.bind(1, number(*after.upto));
    if (texts_upto_) row.bind(4, number(*texts_upto_));
    return row.run();
}

// --- in

Result<void> CoreTables::insert(const RowBatch& batch, Texts texts) {
    for (const MessageRows& rows : batch.messages()) {
        if (auto ok = insert(batch, rows, texts); !ok) return ok;
    }
    return {};
}

Result<void> CoreTables::insert(const RowBatch& batch, const MessageRows& rows, Texts texts) {
    if (!rows.unreadable.empty()) {
        return statements_->note_unreadable.bind(1, number(rows.offset))
            .bind(2, rows.unreadable)
            .run();
    }
    auto author = feed(rows);
    if (!author) return std::move(author).error();
    auto is_new = insert_message(rows, (*author)->id);
    if (!is_new) return std::move(is_new).error();
    if (*is_new) {
        ++count_;
        if (auto ok = insert_details(batch, rows, (*author)->id); !ok) return ok;
    }
    move_on(**author, rows);
    return rows.text ? insert_text(rows, texts, *is_new) : Result<void>();
}

/// False where the entry is in already.
Result<bool> CoreTables::insert_message(const MessageRows& rows, std::int64_t author) {
    auto key = id_of(rows.key);
    if (!key) return std::move(key).error();
    auto& row = statements_->insert_message;
    row.bind(1, number(rows.offset)).bind(2, *key).bind(3, author);
    row.bind(4, number(rows.sequence)).bind(5, rows.received).bind(6, rows.claimed);
    row.bind(7, rows.resolved).bind_null(8).bind(9, static_cast<std::int64_t>(rows.privacy));
    if (rows.type) {
        auto type = word_id(types_, statements_->find_type, statements_->insert_type, *rows.type);
        if (!type) return std::move(type).error();
        row.bind(8, *type);
    }
    const Name* named[] = {&rows.root, &rows.fork, &rows.branch};
    for (int i = 0; i < 3; ++i) {
        row.bind_null(10 + i);
        if (named[i]->text.empty()) continue;
        auto id = id_of(*named[i]);
        if (!id) return std::move(id).error();
        row.bind(10 + i, *id);
    }
    if (auto ok = row.run(); !ok) return std::move(ok).error();
    return database_.changes() > 0;
}

Result<void> CoreTables::insert_details(const RowBatch& batch, const MessageRows& rows,
                                        std::int64_t author) {
    const std::int64_t at = number(rows.offset);
    if (rows.content) {
        if (auto ok = statements_->insert_content.bind(1, at).bind(2, *rows.content).run(); !ok) {
            return ok;
        }
    }
    for (const MessageLink& link : batch.links(rows)) {
        auto rel = word_id(rels_, statements_->find_rel, statements_->insert_rel, link.rel);
        if (!rel) return std::move(rel).error();
        auto dest = id_of(link.dest);
        if (!dest) return std::move(dest).error();
        auto& row = statements_->insert_link;
        row.bind(1, at).bind(2, *rel).bind(3, *dest).bind_null(4);
        if (link.value) row.bind(4, *link.value);
        if (auto ok = row.run(); !ok) return ok;
    }
    if (!rows.contact) return {};
    auto contact = id_of(rows.contact->contact);
    if (!contact) return std::move(contact).error();
    auto& row = statements_->insert_contact;
    row.bind(1, at).bind(2, author).bind(3, *contact);
    return row.bind(4, static_cast<std::int64_t>(rows.contact->state)).run();
}

void CoreTables::move_on(Feed& feed, const MessageRows& rows) {
    if (!moves_on(feed.state, rows)) return;
    feed.state = state_after(rows);
    if (!feed.changed) changed_feeds_.push_back(&feed);
    feed.changed = true;
}

Result<CoreTables::Feed*> CoreTables::feed(const MessageRows& rows) {
    if (auto cached = feeds_.find(rows.feed); cached != feeds_.end()) return &cached->second;
    Feed found;
    found.state.feed = rows.feed;
    auto& find = statements_->find_author;
    sqlite::Rewind rewind(find);
    auto row = find.bind(1, rows.author.text).step();
    if (!row) return std::move(row).error();
    if (*row) {
        found.id = find.integer(0);
        found.state = state_of(rows.feed, find, 1);
    } else {
        auto id = id_of(rows.author);
        if (!id) return std::move(id).error();
        found.id = *id;
        auto made = statements_->insert_author.bind(1, rows.author.text).bind(2, *id).run();
        if (!made) return std::move(made).error();
    }
    return &feeds_.emplace(rows.feed, found).first->second;
}

Result<std::int64_t> CoreTables::id_of(const Name& name) {
    if (ids_.size() >= limits::core_names_remembered_max) ids_.clear();
    std::uint32_t& id = ids_.find(name.hash);
    if (id != 0) return static_cast<std::int64_t>(id);
    auto found = insert_name(name.text);
    // What stays 0 is taken for an empty place.
    if (!found) return found;
    if (*found > UINT32_MAX) return error(Errc::limit, "core view: too many names");
    id = static_cast<std::uint32_t>(*found);
    return found;
}

/// The id of a name that is not remembered.
Result<std::int64_t> CoreTables::insert_name(std::string_view name) {
    auto& find = statements_->find_name;
    sqlite::Rewind rewind(find);
    auto row = find.bind(1, name).step();
    if (!row) return std::move(row).error();
    if (*row) return find.integer(0);
    if (auto ok = statements_->insert_name.bind(1, name).run(); !ok) return std::move(ok).error();
    return database_.inserted();
}

Result<std::int64_t> CoreTables::word_id(Words& words, sqlite::Statement& find,
                                         sqlite::Statement& insert, std::string_view word) {
    std::string key(word);
    if (auto cached = words.find(key); cached != words.end()) return cached->second;
    if (words.size() > limits::core_view_types_cached_max) words.clear();
    sqlite::Rewind rewind(find);
    auto row = find.bind(1, word).step();
    if (!row) return std::move(row).error();
    std::int64_t id = 0;
    if (*row) {
        id = find.integer(0);
    } else {
        if (auto ok = insert.bind(1, word).run(); !ok) return std::move(ok).error();
        id = database_.inserted();
    }
    words.emplace(std::move(key), id);
    return id;
}

Result<void> CoreTables::write_states() {
    auto& row = statements_->write_state;
    for (Feed* feed : changed_feeds_) {
        feed->changed = false;
        const FeedState& state = feed->state;
        row.bind(1, state.key.view()).bind(2, number(state.sequence));
        row.bind(3, state.claimed).bind(4, number(state.offset)).bind(5, feed->id);
        if (auto ok = row.run(); !ok) return ok;
    }
    changed_feeds_.clear();
    if (feeds_.size() > limits::core_view_feeds_cached_max) feeds_.clear();
    return {};
}

void CoreTables::forget(const Mark& mark) {
    count_ = mark.count;
    texts_upto_ = mark.texts_upto;
    texts_ahead_ = std::max<std::int64_t>(texts_ahead_, 1);  // so that it is asked for
    changed_feeds_.clear();
    feeds_.clear();
    types_.clear();
    rels_.clear();
    ids_.clear();
}

// --- out

Result<void> CoreTables::remove(const RowBatch& batch) {
    for (const MessageRows& rows : batch.messages()) {
        const std::int64_t at = number(rows.offset);
        if (auto ok = statements_->delete_message.bind(1, at).run(); !ok) return ok;
        const bool was_there = database_.changes() > 0;
        if (auto ok = statements_->forget_unreadable.bind(1, at).run(); !ok) return ok;
        if (!was_there) continue;
        --count_;
        if (rows.text) {
            if (auto ok = remove_text(rows); !ok) return ok;
        }
        for (auto* statement : {&statements_->delete_content, &statements_->delete_links,
                                &statements_->delete_contact}) {
            if (auto ok = statement->bind(1, at).run(); !ok) return ok;
        }
    }
    return {};
}

// --- full text

Result<bool> CoreTables::is_ahead(Offset at) {
    if (texts_ahead_ == 0) return false;
    auto& find = statements_->find_ahead;
    sqlite::Rewind rewind(find);
    return find.bind(1, number(at)).step();
}

Result<void> CoreTables::insert_text(const MessageRows& rows, Texts texts, bool is_new) {
    const std::int64_t at = number(rows.offset);
    const bool passed = texts_upto_ && rows.offset <= *texts_upto_;
    if (passed) {
        // Behind the full text's end: seen again, or taken out and put in again.
        return is_new ? statements_->insert_text.bind(1, at).bind(2, *rows.text).run()
                      : Result<void>();
    }
    if (texts == Texts::later) return {};
    auto ahead = is_ahead(rows.offset);
    if (!ahead) return std::move(ahead).error();
    if (!*ahead) {
        auto ok = statements_->insert_text.bind(1, at).bind(2, *rows.text).run();
        if (!ok || texts == Texts::next) return ok;
        ++texts_ahead_;
        return statements_->note_ahead.bind(1, at).run();
    }
    if (texts == Texts::ahead) return {};
    --texts_ahead_;
    return statements_->forget_ahead.bind(1, at).run();
}

Result<void> CoreTables::remove_text(const MessageRows& rows) {
    auto ahead = is_ahead(rows.offset);
    if (!ahead) return std::move(ahead).error();
    const std::int64_t at = number(rows.offset);
    if (*ahead) {
        --texts_ahead_;
        if (auto ok = statements_->forget_ahead.bind(1, at).run(); !ok) return ok;
    } else if (!texts_upto_ || rows.offset > *texts_upto_) {
        return {};  // not in yet
    }
    return statements_->delete_text.bind(1, at).bind(2, *rows.text).run();
}

Result<bool> CoreTables::catch_up_texts(std::size_t count_max, Offset upto) {
    auto& row = statements_->next_texts;
    sqlite::Rewind rewind(row);
    row.bind(1, texts_upto_ ? number(*texts_upto_) : -1).bind(2, number(upto));
    row.bind(3, number(count_max));
    json::Document document;
    std::string copy;
    std::size_t count = 0;
    for (;; ++count) {
        auto more = row.step();
        if (!more) return std::move(more).error();
        if (!*more) break;
        MessageRows post;
        post.offset = static_cast<Offset>(row.integer(0));
        texts_upto_ = post.offset;
        std::optional<std::string_view> text;
        if (document.parse_borrowed(row.text(1))) text = post_text(document.root(), copy);
        auto ahead = is_ahead(post.offset);
        if (!ahead) return std::move(ahead).error();
        if (*ahead) {
            --texts_ahead_;
            auto ok = statements_->forget_ahead.bind(1, row.integer(0)).run();
            if (!ok) return std::move(ok).error();
        } else if (text) {
            auto ok = statements_->insert_text.bind(1, row.integer(0)).bind(2, *text).run();
            if (!ok) return std::move(ok).error();
        }
    }
    if (count == count_max) return false;
    texts_upto_ = upto;
    return true;
}

}  // namespace sbot::flume
