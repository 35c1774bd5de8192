#pragma once

#include "flume/core_view.h"

/// What CoreView writes and CoreReader reads. For these two alone.
namespace sbot::flume {

/// Tables of version 2. Names of feeds are kept as text because the JavaScript sorts by it; types
/// as bytes because they may hold anything. A key is found by its first 8 bytes, then checked: an
/// index half as large, and its entries come in random order. Links are
/// found by what they lead to; all else about them stands in the message. Times are doubles.
inline constexpr const char* core_schema =
    "CREATE TABLE progress(generation INTEGER,upto INTEGER,key TEXT,count INTEGER);"
    "CREATE TABLE feeds(id INTEGER PRIMARY KEY,name TEXT UNIQUE NOT NULL,key BLOB,"
    "  sequence INTEGER NOT NULL DEFAULT 0,claimed REAL,offset INTEGER);"
    "CREATE TABLE types(id INTEGER PRIMARY KEY,name BLOB UNIQUE NOT NULL);"
    "CREATE TABLE links(dest INTEGER NOT NULL,offset INTEGER NOT NULL,PRIMARY KEY(dest,offset)) "
    "  WITHOUT ROWID;"
    "CREATE TABLE unreadable(offset INTEGER PRIMARY KEY,why TEXT);"
    "CREATE TABLE messages(offset INTEGER PRIMARY KEY,author INTEGER NOT NULL,"
    "  sequence INTEGER NOT NULL,received REAL NOT NULL,rts REAL NOT NULL,type INTEGER,"
    "  privacy INTEGER NOT NULL,key_head INTEGER NOT NULL,key_rest BLOB NOT NULL);"
    "CREATE INDEX by_key ON messages(key_head);"
    "CREATE INDEX by_feed ON messages(author,sequence);"
    "CREATE INDEX by_received ON messages(received);"
    "CREATE INDEX by_rts ON messages(rts,author);"
    "CREATE INDEX by_type ON messages(type,received) WHERE type IS NOT NULL;"
    "CREATE INDEX by_opened ON messages(received) WHERE privacy=2;";

constexpr std::size_t key_head_bytes = 8;

inline std::int64_t key_head(const MessageId& key) {
    return static_cast<std::int64_t>(base::load_be(key.view(), key_head_bytes));
}
inline ByteView key_rest(const MessageId& key) { return key.view().subspan(key_head_bytes); }

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
