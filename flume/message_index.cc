#include "flume/message_index.h"

#include "flume/envelope.h"
#include "flume/view.h"

namespace sbot::flume {
namespace {

constexpr const char* schema =
    "CREATE TABLE sbot_follower(version INTEGER NOT NULL,position TEXT NOT NULL);"
    "INSERT INTO sbot_follower VALUES(1,'');"
    "CREATE TABLE messages(offset INTEGER PRIMARY KEY,key TEXT NOT NULL,author TEXT NOT NULL,"
    "  sequence INTEGER NOT NULL,type TEXT,timestamp REAL NOT NULL,received REAL NOT NULL,"
    "  json TEXT NOT NULL);"
    "CREATE INDEX messages_key ON messages(key);"
    "CREATE INDEX messages_feed ON messages(author,sequence);"
    "CREATE INDEX messages_type ON messages(type,timestamp);";

}  // namespace

Result<std::unique_ptr<MessageIndex>> MessageIndex::open(const std::string& path) {
    auto database = sqlite::Database::open(path, {});
    if (!database) return std::move(database).error();
    base::PosixFiles files;
    auto place = FilePlace::of(files, path);
    if (!place) return std::move(place).error();
    std::unique_ptr<MessageIndex> index(new MessageIndex(std::move(*database), std::move(*place)));
    if (auto ok = index->start(); !ok) return std::move(ok).error().in(path);
    return index;
}

/// Unless another program does so just now.
Result<void> MessageIndex::make_tables() {
    auto transaction = sqlite::Transaction::begin(database_);
    if (!transaction) return std::move(transaction).error();
    auto tables = database_.number("SELECT count(*) FROM sqlite_master");
    if (!tables) return std::move(tables).error();
    if (*tables > 0) return {};
    if (auto ok = database_.run(schema); !ok) return ok;
    return (*transaction)->commit();
}

Result<void> MessageIndex::start() {
    auto tables = database_.number("SELECT count(*) FROM sqlite_master");
    if (!tables) return std::move(tables).error();
    if (*tables == 0) {
        if (auto ok = make_tables(); !ok) return ok;
    }
    auto ours = database_.number(
        "SELECT count(*) FROM sqlite_master WHERE name IN ('sbot_follower','messages')");
    if (!ours) return std::move(ours).error();
    if (*ours != 2) return error(Errc::invalid, "a database of another kind");
    if (auto ok = load_position(); !ok) return ok;
    const std::pair<sqlite::Statement*, std::string_view> all[] = {
        {&insert_, "INSERT OR REPLACE INTO messages VALUES(?,?,?,?,?,?,?,?)"},
        {&remove_, "DELETE FROM messages WHERE offset=?"},
        {&remove_from_, "DELETE FROM messages WHERE offset>=?"},
        {&move_, "UPDATE sbot_follower SET position=? WHERE position=?"},
    };
    for (auto& [statement, sql] : all) {
        auto made = database_.prepare(sql);
        if (!made) return std::move(made).error();
        *statement = std::move(*made);
    }
    return {};
}

Result<void> MessageIndex::insert(const News& news) {
    auto envelope = read_envelope(document_, news.data);
    if (!envelope) return {};  // no message
    const std::string key = envelope->key.text(), author = envelope->author.text();
    std::string cut;
    auto type = type_of(envelope->content, cut);
    insert_.bind(1, static_cast<std::int64_t>(news.offset)).bind(2, key).bind(3, author);
    insert_.bind(4, static_cast<std::int64_t>(envelope->sequence)).bind_null(5);
    if (type) insert_.bind(5, *type);
    insert_.bind(6, envelope->claimed).bind(7, envelope->received);
    return insert_.bind(8, envelope->value.source()).run();
}

Result<void> MessageIndex::take(const News& news) {
    const auto offset = static_cast<std::int64_t>(news.offset);
    switch (news.kind) {
        case News::Kind::entry: return insert(news);
        case News::Kind::deleted: return remove_.bind(1, offset).run();
        case News::Kind::rewound: return remove_from_.bind(1, offset).run();
        case News::Kind::reindex: break;  // nothing here depends on keys
    }
    return {};
}

Result<bool> MessageIndex::apply(std::span<const News> news, const Position& position) {
    if (auto ok = place_.check(files_); !ok) return std::move(ok).error();
    if (news.empty() && position == position_) return true;
    auto transaction = sqlite::Transaction::begin(database_);
    if (!transaction) return std::move(transaction).error();
    std::string text = position.text();
    if (auto ok = move_.bind(1, text).bind(2, stored_).run(); !ok) return std::move(ok).error();
    if (database_.changes() == 0) return false;
    for (const News& one : news) {
        if (auto ok = take(one); !ok) return std::move(ok).error();
    }
    if (auto ok = (*transaction)->commit(); !ok) return std::move(ok).error();
    stored_ = std::move(text);
    position_ = position;
    return true;
}

Result<void> MessageIndex::load_position() {
    auto row = database_.prepare("SELECT version,position FROM sbot_follower");
    if (!row) return std::move(row).error();
    auto there = row->step();
    if (!there) return std::move(there).error();
    if (!*there || row->integer(0) != 1) return error(Errc::invalid, "of another version");
    std::string text(row->text(1));
    auto position = Position::parse(text);
    if (!position) return std::move(position).error();
    stored_ = std::move(text);
    position_ = std::move(*position);
    return {};
}

Result<std::int64_t> MessageIndex::count() {
    return database_.number("SELECT count(*) FROM messages");
}

Result<bool> MessageIndex::has_a_first_message_of(const Log& log) {
    auto row = database_.prepare("SELECT offset,key FROM messages ORDER BY offset LIMIT 100");
    if (!row) return std::move(row).error();
    for (;;) {
        auto more = row->step();
        if (!more) return std::move(more).error();
        if (!*more) return false;
        auto entry = log.get(static_cast<Offset>(row->integer(0)));
        if (!entry) continue;  // deleted, or another one lies across it
        if (key_of(*entry) == row->text(1)) return true;
    }
}

}  // namespace sbot::flume
