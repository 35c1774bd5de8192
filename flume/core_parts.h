#pragma once

#include <cstdint>
#include <string_view>

/// The core database in parts that change apart from each other: commits say which they have
/// changed, queries which they read.
namespace sbot::flume {

using Parts = std::uint32_t;

enum Part : Parts {
    part_messages = 1 << 0,  ///< what comes and goes with a message: also contents and links
    part_names = 1 << 1,     ///< names are only ever added, as are authors, types and rels
    part_authors = 1 << 2,
    part_feeds = 1 << 3,  ///< how far authors have come
    part_types = 1 << 4,
    part_rels = 1 << 5,
    part_contacts = 1 << 6,
    part_texts = 1 << 7,
    part_unreadable = 1 << 8,
    part_progress = 1 << 9,
    part_all = (1 << 10) - 1,
};

/// The SQL views of core_schema.h.
inline constexpr std::string_view core_view_names[] = {
    "message", "link",      "branch",     "mention",  "blob_link", "channel_link",
    "blob",    "channel",   "author",     "about",    "vote",      "contact",
    "post",    "root_post", "reply_post", "post_text"};

/// Of a row that was changed (`updated`: not inserted, not deleted).
inline Parts parts_changed(std::string_view table, bool updated) {
    if (table == "messages" || table == "contents" || table == "links") return part_messages;
    if (table == "names") return part_names;
    if (table == "authors") return updated ? part_feeds : part_authors;
    if (table == "types") return part_types;
    if (table == "rels") return part_rels;
    if (table == "contacts") return part_contacts;
    if (table.starts_with("texts")) return part_texts;
    if (table == "unreadable") return part_unreadable;
    if (table == "progress") return part_progress;
    return part_all;
}

/// Of a column that a query reads (an empty one: its rows are counted), perhaps `inside` a view.
/// Views are read through the tables in them.
inline Parts parts_read(std::string_view table, std::string_view column, std::string_view inside) {
    if (table == "authors") {
        const bool fixed =
            column.empty() || column == "id" || column == "name" || column == "ROWID";
        return fixed ? part_authors : part_authors | part_feeds;
    }
    // Only asks whether the message of a contact, which does not change, was private.
    if (table == "messages" && inside == "contact") return 0;
    for (std::string_view view : core_view_names) {
        if (table == view) return 0;
    }
    // What SQLite makes up, and its list of tables, which it reads on the way to full text.
    if (table.starts_with("json_") || table.starts_with("sqlite_")) return 0;
    return parts_changed(table, false);
}

}  // namespace sbot::flume
