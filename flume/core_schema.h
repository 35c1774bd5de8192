#pragma once

#include <algorithm>

#include "flume/core_view.h"

/// What is in core.sqlite; docs/schema.md tells its readers. For the core's own sources alone.
namespace sbot::flume {

inline constexpr int core_version = 5;

/// Tables of version 5. Ids are small integers, given in the order in which names are met; the
/// names themselves stand in `names` once. What an author is called stands in `authors` again,
/// because the JavaScript sorts by it. Times are doubles. The content has a table of its own: what
/// is asked for most then fits in memory.
inline constexpr const char* core_tables =
    "CREATE TABLE progress(generation INTEGER,upto INTEGER,key TEXT,count INTEGER,"
    "  texts_upto INTEGER,superseded INTEGER NOT NULL DEFAULT 0);"
    "CREATE TABLE names(id INTEGER PRIMARY KEY,name TEXT NOT NULL);"
    "CREATE TABLE authors(id INTEGER PRIMARY KEY,name TEXT UNIQUE NOT NULL,key BLOB,"
    "  sequence INTEGER NOT NULL DEFAULT 0,claimed REAL,offset INTEGER);"
    "CREATE TABLE types(id INTEGER PRIMARY KEY,name TEXT UNIQUE NOT NULL);"
    "CREATE TABLE rels(id INTEGER PRIMARY KEY,name TEXT UNIQUE NOT NULL);"
    "CREATE TABLE unreadable(offset INTEGER PRIMARY KEY,why TEXT);"
    "CREATE TABLE messages(offset INTEGER PRIMARY KEY,key INTEGER NOT NULL,"
    "  author INTEGER NOT NULL,sequence INTEGER NOT NULL,received REAL NOT NULL,"
    "  claimed REAL NOT NULL,rts REAL NOT NULL,type INTEGER,privacy INTEGER NOT NULL,"
    "  root INTEGER,fork INTEGER,branch INTEGER);"
    "CREATE TABLE contents(offset INTEGER PRIMARY KEY,json TEXT);"
    "CREATE TABLE links(message INTEGER NOT NULL,rel INTEGER NOT NULL,dest INTEGER NOT NULL,"
    "  value REAL,PRIMARY KEY(message,rel,dest)) WITHOUT ROWID;"
    "CREATE TABLE contacts(message INTEGER PRIMARY KEY,author INTEGER NOT NULL,"
    "  contact INTEGER NOT NULL,state INTEGER NOT NULL);"
    "CREATE TABLE texts_ahead(offset INTEGER PRIMARY KEY);";

/// Made last when a whole log is taken in.
inline constexpr const char* core_indexes[] = {
    "CREATE UNIQUE INDEX by_name ON names(name)",
    "CREATE INDEX by_key ON messages(key)",
    "CREATE INDEX by_feed ON messages(author,sequence)",
    "CREATE INDEX by_received ON messages(received)",
    "CREATE INDEX by_rts ON messages(rts,author)",
    "CREATE INDEX by_type ON messages(type,received) WHERE type IS NOT NULL",
    "CREATE INDEX by_opened ON messages(received) WHERE privacy=2",
    "CREATE INDEX by_root ON messages(root,rts) WHERE root IS NOT NULL",
    "CREATE INDEX by_part ON messages(author,root) WHERE root IS NOT NULL",
    "CREATE INDEX by_dest ON links(dest,message,rel)",
    "CREATE INDEX by_contact ON contacts(author,contact)",
    "CREATE INDEX by_contacted ON contacts(contact,author)",
};

/// For people: names instead of ids, and the last word of each author. The `+` keeps SQLite from
/// collecting all posts and sorting them where the newest fifty were asked for.
inline constexpr const char* core_sql_views =
    "CREATE VIEW message AS SELECT m.offset,k.name AS key,a.name AS author,m.sequence,m.received,"
    "  m.claimed,m.rts,t.name AS type,m.privacy,m.privacy=2 AS decrypted,"
    "  m.key AS key_id,m.author AS author_id,m.type AS type_id,m.root AS root_id,"
    "  (SELECT name FROM names WHERE id=m.root) AS root,"
    "  (SELECT name FROM names WHERE id=m.fork) AS fork,"
    "  (SELECT name FROM names WHERE id=m.branch) AS branch,c.json AS content"
    "  FROM messages m JOIN names k ON k.id=m.key JOIN authors a ON a.id=m.author"
    "  LEFT JOIN types t ON t.id=m.type LEFT JOIN contents c ON c.offset=m.offset;"
    "CREATE VIEW link AS SELECT l.message AS offset,k.name AS key,a.name AS author,"
    "  r.name AS rel,d.name AS dest,l.value"
    "  FROM links l JOIN messages m ON m.offset=l.message JOIN names k ON k.id=m.key"
    "  JOIN authors a ON a.id=m.author JOIN rels r ON r.id=l.rel JOIN names d ON d.id=l.dest;"
    "CREATE VIEW branch AS SELECT offset,key,author,dest AS branch FROM link WHERE rel='branch';"
    "CREATE VIEW mention AS SELECT offset,key,author,dest AS mentioned FROM link"
    "  WHERE rel='mentions';"
    "CREATE VIEW blob_link AS SELECT offset,key,author,rel,dest AS blob FROM link"
    "  WHERE dest>='&' AND dest<'''';"
    "CREATE VIEW channel_link AS SELECT offset,key,author,rel,dest AS channel FROM link"
    "  WHERE dest>='#' AND dest<'$';"
    "CREATE VIEW blob AS SELECT name AS blob FROM names n WHERE name>='&' AND name<''''"
    "  AND EXISTS(SELECT 1 FROM links WHERE dest=n.id);"
    "CREATE VIEW channel AS SELECT name AS channel FROM names n WHERE name>='#' AND name<'$'"
    "  AND EXISTS(SELECT 1 FROM links WHERE dest=n.id);"
    "CREATE VIEW author AS SELECT name AS author,sequence,claimed FROM authors;"
    "CREATE VIEW about AS SELECT l.message AS offset,a.name AS author,d.name AS about,"
    "  c.json AS content FROM links l JOIN messages m ON m.offset=l.message"
    "  JOIN authors a ON a.id=m.author JOIN names d ON d.id=l.dest JOIN contents c"
    "  ON c.offset=l.message WHERE l.rel=(SELECT id FROM rels WHERE name='about')"
    "  AND m.type=(SELECT id FROM types WHERE name='about');"
    "CREATE VIEW vote AS SELECT l.message AS offset,a.name AS author,d.name AS dest,l.value"
    "  FROM links l JOIN messages m ON m.offset=l.message JOIN authors a ON a.id=m.author"
    "  JOIN names d ON d.id=l.dest"
    "  WHERE l.rel=(SELECT id FROM rels WHERE name='vote') AND l.value IS NOT NULL"
    "  AND NOT EXISTS(SELECT 1 FROM links o JOIN messages n ON n.offset=o.message"
    "    WHERE o.dest=l.dest AND o.message>l.message AND o.rel=l.rel AND o.value IS NOT NULL"
    "    AND n.author=m.author);"
    "CREATE VIEW contact AS SELECT c.message AS offset,a.name AS author,d.name AS contact,c.state,"
    "  (SELECT privacy=2 FROM messages WHERE offset=c.message) AS decrypted"
    "  FROM contacts c JOIN authors a ON a.id=c.author JOIN names d ON d.id=c.contact"
    "  WHERE NOT EXISTS(SELECT 1 FROM contacts o WHERE o.author=c.author AND o.contact=c.contact"
    "    AND o.message>c.message);"
    "CREATE VIEW post AS SELECT * FROM message"
    "  WHERE +type_id=(SELECT id FROM types WHERE name='post');"
    "CREATE VIEW root_post AS SELECT * FROM post WHERE root_id IS NULL;"
    "CREATE VIEW reply_post AS SELECT * FROM post WHERE root_id IS NOT NULL;"
    "CREATE VIEW post_text AS SELECT offset AS rowid,json_extract(json,'$.text') AS text"
    "  FROM contents;"
    "CREATE VIRTUAL TABLE texts USING fts5(text,content='post_text',content_rowid='rowid',"
    "  tokenize=\"unicode61 remove_diacritics 2\");"
    // Each transaction leaves a segment behind. As SQLite sets it, four of a size are merged, which
    // doubles the work of a full build; a question is answered from some fifty just as well. There
    // may be 2,000 and not one more: `CoreView::merge_texts` sees to that where nobody waits, and
    // the crisis merge, all at once, where that has no turn.
    "INSERT INTO texts(texts,rank) VALUES('automerge',32);"
    "INSERT INTO texts(texts,rank) VALUES('usermerge',16);"
    "INSERT INTO texts(texts,rank) VALUES('crisismerge',1500);";

/// From the columns key, sequence, claimed, offset.
inline FeedState state_of(const FeedId& feed, const sqlite::Statement& row, int column) {
    FeedState state;
    state.feed = feed;
    ByteView key = row.bytes(column);
    if (key.size() == state.key.bytes.size()) {
        std::copy(key.begin(), key.end(), state.key.bytes.begin());
    }
    state.sequence = static_cast<Sequence>(row.integer(column + 1));
    state.claimed = row.real(column + 2);
    state.offset = static_cast<Offset>(row.integer(column + 3));
    return state;
}

}  // namespace sbot::flume
