#include "flume/links.h"

#include <cstdint>

#include "base/assert.h"
#include "base/limits.h"
#include "base/utf.h"
#include "message/refs.h"

namespace sbot::flume {
namespace {

/// ssb-msgs finds the content by its looks.
json::Value content_in(json::Value given) {
    json::Value inner = given["value"]["content"];
    if (inner["type"].truthy()) return inner;
    inner = given["content"];
    return inner["type"].truthy() ? inner : given;
}

void add_link(json::Value item, std::string_view rel, std::vector<Link>& links) {
    json::Value dest = item.is_string() ? item : item["link"];
    if (!dest.is_string() || !message::is_link(dest.string())) return;
    links.push_back({std::string(rel), std::string(dest.string())});
}

/// An object with members 0, 1, … passes for a list of these.
void add_all(json::Value value, std::string_view rel, std::vector<Link>& links) {
    if (!value.truthy()) return;
    if (value.is_array()) {
        for (json::Value item : value.elements()) add_link(item, rel, links);
        return;
    }
    std::size_t index = 0;
    if (value.is_object()) {
        // Integer-like names come first and in order, so this is one walk.
        for (json::Member member : value.members()) {
            if (member.name != std::to_string(index) || !member.value.truthy()) break;
            add_link(member.value, rel, links);
            ++index;
        }
    }
    if (index == 0) add_link(value, rel, links);
}

// The list items of charwise, whose order as bytes is the order of the index.

constexpr char between = '"';

void append_item(std::string& out, std::string_view text) {
    std::string item = "J";
    bool has_separator = text.find_first_of("!\"") != text.npos;
    // LevelDB stores UTF-8: half a pair becomes U+FFFD.
    for (char c : base::is_utf8(text) ? std::string(text) : base::to_utf8(base::bytes_of(text))) {
        if (c == '\x01') {
            item += "\x01\x01";
        } else if (c == '\0') {
            item += '\x01';
        } else if (has_separator && c == '?') {
            item += "?@";
        } else if (c == '!') {
            item += "??";
        } else if (c == '"') {
            item += "?%";
        } else {
            item += c;
        }
    }
    out += item;
    out += between;
}

std::string item_text(std::string_view item) {
    std::string text;
    for (std::size_t at = 1; at < item.size(); ++at) {
        char escaped = item[at] == '?' && at + 1 < item.size() ? item[at + 1] : '\0';
        if (escaped == '@' || escaped == '?' || escaped == '%') {
            text += escaped == '@' ? '?' : escaped == '?' ? '!' : '"';
            ++at;
        } else {
            text += item[at];
        }
    }
    return text;
}

std::string sort_key(std::string_view from, std::string_view rel, std::string_view to,
                     Sequence sequence, std::string_view key) {
    std::string out;
    append_item(out, from);
    append_item(out, rel);
    append_item(out, to);
    std::string digits = std::to_string(sequence);
    out.append(20 - digits.size(), '0');
    out += digits;
    out += between;
    append_item(out, key);
    return out;
}

}  // namespace

std::vector<Link> links_of(json::Value content) {
    std::vector<Link> links;
    content = content_in(content);
    if (content.is_array()) {
        std::size_t index = 0;
        for (json::Value item : content.elements()) add_all(item, std::to_string(index++), links);
    } else if (content.is_object()) {
        for (json::Member member : content.members()) add_all(member.value, member.name, links);
    }
    return links;
}

Result<std::unique_ptr<LinkSorter>> LinkSorter::make(bool backwards) {
    auto database = sqlite::Database::open_temporary(limits::link_sorter_cache_bytes);
    if (!database) return std::move(database).error();
    auto made =
        database->run("CREATE TABLE sorted(k BLOB PRIMARY KEY,offset INTEGER) WITHOUT ROWID");
    if (!made) return std::move(made).error();
    return std::unique_ptr<LinkSorter>(new LinkSorter(std::move(*database), backwards));
}

Result<void> LinkSorter::begin() {
    if (!insert_) {
        auto made = database_.prepare("INSERT OR REPLACE INTO sorted VALUES(?,?)");
        if (!made) return std::move(made).error();
        insert_ = std::move(*made);
    }
    return database_.run("BEGIN");
}

Result<void> LinkSorter::end() { return database_.run("COMMIT"); }

Result<void> LinkSorter::add(std::string_view source, const Link& link, Sequence sequence,
                             std::string_view key, Offset offset) {
    std::string place = backwards_ ? sort_key(link.dest, link.rel, source, sequence, key)
                                   : sort_key(source, link.rel, link.dest, sequence, key);
    insert_->bind(1, base::bytes_of(place)).bind(2, static_cast<std::int64_t>(offset));
    return insert_->run();
}

Result<std::vector<LinkRow>> LinkSorter::next(bool reverse, std::size_t count_max) {
    std::string sql = "SELECT k,offset FROM sorted";
    if (last_) sql += reverse ? " WHERE k<?1" : " WHERE k>?1";
    sql += reverse ? " ORDER BY k DESC LIMIT ?2" : " ORDER BY k LIMIT ?2";
    auto row = database_.prepare(sql);
    if (!row) return std::move(row).error();
    if (last_) row->bind(1, base::bytes_of(*last_));
    row->bind(2, static_cast<std::int64_t>(count_max));
    std::vector<LinkRow> rows;
    std::string place;
    for (;;) {
        auto more = row->step();
        if (!more) return std::move(more).error();
        if (!*more) break;
        place = base::to_text(row->bytes(0));
        std::vector<std::string_view> items;
        for (std::size_t at = 0; at < place.size();) {
            std::size_t next = place.find(between, at);
            items.push_back(std::string_view(place).substr(at, next - at));
            at = next + 1;
        }
        SBOT_ASSERT(items.size() == 5);
        LinkRow link{item_text(items[0]), item_text(items[1]), item_text(items[2]),
                     item_text(items[4]), static_cast<Offset>(row->integer(1))};
        if (backwards_) std::swap(link.source, link.dest);
        rows.push_back(std::move(link));
    }
    if (!rows.empty()) last_ = std::move(place);
    return rows;
}

}  // namespace sbot::flume
