#include "flume/core_tables.h"

#include <algorithm>

#include "base/limits.h"
#include "flume/core_schema.h"

namespace sbot::flume {
namespace {

// Pages of the full text that are merged at a time: some milliseconds.
constexpr std::int64_t merge_pages = 200;

std::int64_t number(Offset offset) { return static_cast<std::int64_t>(offset); }

}  // namespace

// --- statements

struct CoreTables::Statements {
    sqlite::Inserter messages, contents, links, contacts, names;
    sqlite::Statement delete_message, delete_content, delete_links, delete_contact;
    sqlite::Statement note_unreadable, forget_unreadable;
    sqlite::Statement find_messages, find_name, last_name;
    sqlite::Statement find_author, insert_author, write_state;
    sqlite::Statement find_type, insert_type, find_rel, insert_rel;
    sqlite::Statement write_progress, insert_text, delete_text, merge_texts;
    sqlite::Statement note_ahead, forget_ahead, find_ahead, next_texts;

    Result<void> prepare(sqlite::Database& database);
};

Result<void> CoreTables::Statements::prepare(sqlite::Database& database) {
    const std::pair<sqlite::Statement*, std::string_view> all[] = {
        {&delete_message, "DELETE FROM messages WHERE offset=?"},
        {&delete_content, "DELETE FROM contents WHERE offset=?"},
        {&delete_links, "DELETE FROM links WHERE message=?"},
        {&delete_contact, "DELETE FROM contacts WHERE message=?"},
        {&note_unreadable, "INSERT OR IGNORE INTO unreadable(offset,why) VALUES(?,?)"},
        {&forget_unreadable, "DELETE FROM unreadable WHERE offset=?"},
        {&find_messages, "SELECT offset FROM messages WHERE offset BETWEEN ? AND ?"},
        {&find_name, "SELECT id FROM names WHERE name=?"},
        {&last_name, "SELECT max(id) FROM names"},
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
        {&merge_texts, "INSERT INTO texts(texts,rank) VALUES('merge',?)"},
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
    const std::pair<sqlite::Inserter*, std::string_view> filled[] = {
        {&messages,
         "messages(offset,key,author,sequence,received,claimed,rts,type,privacy,root,fork,branch)"},
        {&contents, "contents(offset,json)"},
        {&links, "links(message,rel,dest,value)"},
        {&contacts, "contacts(message,author,contact,state)"},
        {&names, "names(id,name)"},
    };
    for (auto& [inserter, target] : filled) {
        auto made = sqlite::Inserter::prepare(database, target);
        if (!made) return std::move(made).error();
        *inserter = std::move(*made);
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

void CoreTables::supersede(sqlite::Database& database) {
    auto told = database.run("UPDATE progress SET superseded=1");
    (void)told.has_value();
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
    if (auto ok = look_for_known(batch.messages()); !ok) return ok;
    if (auto ok = learn_names(batch); !ok) return ok;
    new_.clear();
    for (const MessageRows& rows : batch.messages()) {
        if (!rows.unreadable.empty()) {
            auto& note = statements_->note_unreadable;
            auto noted = note.bind(1, number(rows.offset)).bind(2, rows.unreadable).run();
            if (!noted) return noted;
            continue;
        }
        auto author = feed(rows);
        if (!author) return std::move(author).error();
        move_on(**author, rows);
        const bool is_new = !is_known(rows);
        if (is_new) new_.push_back({&rows, (*author)->id});
        if (!rows.text) continue;
        if (auto ok = insert_text(rows, texts, is_new); !ok) return ok;
    }
    if (auto ok = insert_messages(); !ok) return ok;
    if (auto ok = insert_contents(); !ok) return ok;
    if (auto ok = insert_links(batch); !ok) return ok;
    return insert_contacts();
}

/// Which of the messages are in already.
Result<void> CoreTables::look_for_known(std::span<const MessageRows> messages) {
    known_.clear();
    if (messages.empty()) return {};
    auto& find = statements_->find_messages;
    sqlite::Rewind rewind(find);
    auto [first, last] = std::minmax_element(
        messages.begin(), messages.end(),
        [](const MessageRows& a, const MessageRows& b) { return a.offset < b.offset; });
    find.bind(1, number(first->offset)).bind(2, number(last->offset));
    for (;;) {
        auto more = find.step();
        if (!more) return std::move(more).error();
        if (!*more) return {};
        known_.push_back(static_cast<Offset>(find.integer(0)));
    }
}

bool CoreTables::is_known(const MessageRows& rows) const {
    return std::binary_search(known_.begin(), known_.end(), rows.offset);
}

/// All names of a batch have their ids in memory from now to its end.
Result<void> CoreTables::learn_names(const RowBatch& batch) {
    ids_.forget_old(limits::core_names_remembered_max);
    strange_.clear();
    if (next_id_ == 0) {
        auto& last = statements_->last_name;
        sqlite::Rewind rewind(last);
        auto row = last.step();
        if (!row) return std::move(row).error();
        next_id_ = last.integer(0) + 1;
    }
    for (const MessageRows& rows : batch.messages()) {
        if (!rows.unreadable.empty()) continue;
        if (!feeds_.contains(rows.feed)) see(rows.author);
        if (is_known(rows)) continue;
        for (const Name* name : {&rows.key, &rows.root, &rows.fork, &rows.branch}) see(*name);
        if (rows.contact) see(rows.contact->contact);
        for (const MessageLink& link : batch.links(rows)) see(link.dest);
    }
    if (next_id_ > UINT32_MAX) return error(Errc::limit, "core view: too many names");
    return insert_names();
}

void CoreTables::see(const Name& name) {
    if (name.text.empty()) return;
    std::uint32_t& id = ids_.find(name.hash);
    if (id != 0) return;
    id = static_cast<std::uint32_t>(next_id_++);
    strange_.push_back(&name);
}

/// Those that are not in memory are mostly new: they are put in, and looked for only where that did
/// not work.
Result<void> CoreTables::insert_names() {
    auto& row = statements_->names;
    row.expect(strange_.size());
    for (std::size_t i = 0; i < strange_.size(); ++i) {
        const std::int64_t id = ids_.find(strange_[i]->hash);
        auto done = row.bind(1, id).bind(2, strange_[i]->text).next();
        if (!done) return std::move(done).error();
        if (*done == 0 || row.inserted() == *done) continue;
        for (const Name* name : std::span(strange_).subspan(i + 1 - *done, *done)) {
            auto& find = statements_->find_name;
            sqlite::Rewind rewind(find);
            auto there = find.bind(1, name->text).step();
            if (!there) return std::move(there).error();
            if (!*there) return error(Errc::corrupt, "core view: a name got lost");
            ids_.find(name->hash) = static_cast<std::uint32_t>(find.integer(0));
        }
    }
    return {};
}

Result<void> CoreTables::insert_messages() {
    auto& row = statements_->messages;
    row.expect(new_.size());
    for (const auto& [rows, author] : new_) {
        row.bind(1, number(rows->offset)).bind(2, id_of(rows->key)).bind(3, author);
        row.bind(4, number(rows->sequence)).bind(5, rows->received).bind(6, rows->claimed);
        row.bind(7, rows->resolved).bind(9, static_cast<std::int64_t>(rows->privacy));
        if (rows->type) {
            auto type =
                word_id(types_, statements_->find_type, statements_->insert_type, *rows->type);
            if (!type) return std::move(type).error();
            row.bind(8, *type);
        }
        if (!rows->root.text.empty()) row.bind(10, id_of(rows->root));
        if (!rows->fork.text.empty()) row.bind(11, id_of(rows->fork));
        if (!rows->branch.text.empty()) row.bind(12, id_of(rows->branch));
        auto done = row.next();
        if (!done) return std::move(done).error();
        if (*done > 0) count_ += static_cast<std::int64_t>(row.inserted());
    }
    return {};
}

Result<void> CoreTables::insert_contents() {
    auto& row = statements_->contents;
    auto has_content = [](const New& each) { return each.rows->content.has_value(); };
    row.expect(static_cast<std::size_t>(std::count_if(new_.begin(), new_.end(), has_content)));
    for (const auto& [rows, author] : new_) {
        if (!rows->content) continue;
        auto done = row.bind(1, number(rows->offset)).bind(2, *rows->content).next();
        if (!done) return std::move(done).error();
    }
    return {};
}

Result<void> CoreTables::insert_links(const RowBatch& batch) {
    auto& row = statements_->links;
    std::size_t count = 0;
    for (const auto& [rows, author] : new_) count += batch.links(*rows).size();
    row.expect(count);
    for (const auto& [rows, author] : new_) {
        for (const MessageLink& link : batch.links(*rows)) {
            auto rel = word_id(rels_, statements_->find_rel, statements_->insert_rel, link.rel);
            if (!rel) return std::move(rel).error();
            row.bind(1, number(rows->offset)).bind(2, *rel).bind(3, id_of(link.dest));
            if (link.value) row.bind(4, *link.value);
            auto done = row.next();
            if (!done) return std::move(done).error();
        }
    }
    return {};
}

Result<void> CoreTables::insert_contacts() {
    auto& row = statements_->contacts;
    auto has_contact = [](const New& each) { return each.rows->contact.has_value(); };
    row.expect(static_cast<std::size_t>(std::count_if(new_.begin(), new_.end(), has_contact)));
    for (const auto& [rows, author] : new_) {
        if (!rows->contact) continue;
        row.bind(1, number(rows->offset)).bind(2, author).bind(3, id_of(rows->contact->contact));
        auto done = row.bind(4, static_cast<std::int64_t>(rows->contact->state)).next();
        if (!done) return std::move(done).error();
    }
    return {};
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
        found.id = id_of(rows.author);
        auto made = statements_->insert_author.bind(1, rows.author.text).bind(2, found.id).run();
        if (!made) return std::move(made).error();
    }
    return &feeds_.emplace(rows.feed, found).first->second;
}

std::int64_t CoreTables::id_of(const Name& name) {
    return static_cast<std::int64_t>(ids_.find(name.hash));
}

Result<std::int64_t> CoreTables::word_id(Words& words, sqlite::Statement& find,
                                         sqlite::Statement& insert, std::string_view word) {
    if (auto cached = words.find(word); cached != words.end()) return cached->second;
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
    words.emplace(word, id);
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
    next_id_ = 0;
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

Result<bool> CoreTables::merge_texts() {
    const std::int64_t before = database_.changes_in_all();
    auto& merge = statements_->merge_texts;
    auto done = merge.bind(1, merge_pages).run();
    if (!done) return std::move(done).error();
    // The statement itself counts as one.
    return database_.changes_in_all() - before < 2;
}

}  // namespace sbot::flume
