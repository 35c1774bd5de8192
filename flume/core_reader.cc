#include "flume/core_reader.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/limits.h"
#include "base/utf.h"
#include "flume/core_schema.h"

namespace sbot::flume {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr std::int64_t first_offset = -1;
constexpr std::int64_t last_offset = std::numeric_limits<std::int64_t>::max();
// Around every name of a feed.
constexpr std::string_view first_name = "";
constexpr std::string_view last_name = "~";

/// A point between rows. All queries go from one such to another, so that bounds and "after that
/// row" are the same thing.
struct Point {
    double at;
    std::string_view name;
    std::int64_t offset;

    static Point before(double at) { return {at, first_name, first_offset}; }
    static Point behind(double at) { return {at, last_name, last_offset}; }
    static Point of(const Row& row) {
        return {row.at, row.author, static_cast<std::int64_t>(row.offset)};
    }
    auto key() const { return std::tie(at, name, offset); }
    bool operator<(const Point& other) const { return key() < other.key(); }
};

struct Span {
    Point low = Point::before(-infinity);
    Point high = Point::behind(infinity);
};

Span span_of(const PageOf& page) {
    Span span;
    const Bounds& bounds = page.bounds;
    auto raise = [&](const Point& point) { span.low = std::max(span.low, point); };
    auto lower = [&](const Point& point) { span.high = std::min(span.high, point); };
    if (bounds.gte) raise(Point::before(*bounds.gte));
    if (bounds.gt) raise(Point::behind(*bounds.gt));
    if (bounds.lt) lower(Point::before(*bounds.lt));
    if (bounds.lte) lower(Point::behind(*bounds.lte));
    if (page.after && !page.reverse) raise(Point::of(*page.after));
    if (page.after && page.reverse) lower(Point::of(*page.after));
    return span;
}

std::int64_t rows_of(const PageOf& page) {
    return static_cast<std::int64_t>(std::min(page.limit, limits::view_page_rows_max));
}

// %s is ASC or DESC. Parameters: 1 to 3 the low point, 4 to 6 the high one, 7 the limit, 8 what is
// equal in all rows.
// NOLINTBEGIN(bugprone-suspicious-missing-comma): each has several lines
constexpr std::string_view queries[] = {
    "SELECT received,offset FROM messages WHERE (received,offset)>(?1,?3) AND "
    "(received,offset)<(?4,?6) ORDER BY received %s,offset %s LIMIT ?7",

    "SELECT received,offset FROM messages WHERE type=(SELECT id FROM types WHERE name=?8) AND "
    "(received,offset)>(?1,?3) AND (received,offset)<(?4,?6) "
    "ORDER BY received %s,offset %s LIMIT ?7",

    "SELECT received,offset FROM messages WHERE privacy=2 AND (received,offset)>(?1,?3) AND "
    "(received,offset)<(?4,?6) ORDER BY received %s,offset %s LIMIT ?7",

    "SELECT m.rts,m.offset,f.name FROM messages m CROSS JOIN authors f ON f.id=m.author "
    "WHERE m.rts>=?1 AND m.rts<=?4 AND (m.rts,f.name,m.offset)>(?1,?2,?3) AND "
    "(m.rts,f.name,m.offset)<(?4,?5,?6) ORDER BY m.rts %s,f.name %s,m.offset %s LIMIT ?7",

    "SELECT sequence,max(offset) FROM messages WHERE author=(SELECT id FROM authors WHERE name=?8) "
    "AND sequence>?1 AND sequence<?4 GROUP BY sequence ORDER BY sequence %s LIMIT ?7",
};
// NOLINTEND(bugprone-suspicious-missing-comma)

}  // namespace

Result<std::unique_ptr<CoreReader>> CoreReader::open(const std::string& path) {
    sqlite::Database::Options how;
    how.read_only = true;
    how.cache_bytes = limits::core_reader_cache_bytes;
    auto database = sqlite::Database::open(path, how);
    if (!database) return std::move(database).error();
    return std::unique_ptr<CoreReader>(new CoreReader(std::move(*database)));
}

CoreReader::~CoreReader() = default;

Result<sqlite::Statement*> CoreReader::statement(Query query, bool reverse) {
    if (!prepared_[query][reverse]) {
        std::string sql(queries[query]);
        for (std::size_t at = 0; (at = sql.find("%s", at)) != sql.npos;) {
            sql.replace(at, 2, reverse ? "DESC" : "ASC");
        }
        auto made = database_.prepare(sql);
        if (!made) return std::move(made).error();
        pages_[query][reverse] = std::move(*made);
        prepared_[query][reverse] = true;
    }
    return &pages_[query][reverse];
}

CoreReader::Page CoreReader::timed(sqlite::Statement& statement, const PageOf& page) {
    sqlite::Rewind rewind(statement);
    const Span span = span_of(page);
    statement.bind(1, span.low.at).bind(3, span.low.offset);
    statement.bind(4, span.high.at).bind(6, span.high.offset).bind(7, rows_of(page));
    std::vector<Row> rows;
    for (;;) {
        auto more = statement.step();
        if (!more) return std::move(more).error();
        if (!*more) return rows;
        rows.push_back({statement.real(0), static_cast<Offset>(statement.integer(1)), {}});
    }
}

CoreReader::Page CoreReader::by_received(const PageOf& page) {
    auto query = statement(received, page.reverse);
    if (!query) return std::move(query).error();
    return timed(**query, page);
}

CoreReader::Page CoreReader::by_type(std::string_view name, const PageOf& page) {
    auto query = statement(type, page.reverse);
    if (!query) return std::move(query).error();
    // As it was stored: half a character cut off is U+FFFD, in LevelDB too.
    const std::string text = base::to_utf8(base::bytes_of(name));
    (*query)->bind(8, text);
    return timed(**query, page);
}

CoreReader::Page CoreReader::by_opened(const PageOf& page) {
    auto query = statement(opened, page.reverse);
    if (!query) return std::move(query).error();
    return timed(**query, page);
}

CoreReader::Page CoreReader::by_rts(const PageOf& page) {
    auto query = statement(rts, page.reverse);
    if (!query) return std::move(query).error();
    sqlite::Statement& row = **query;
    sqlite::Rewind rewind(row);
    const Span span = span_of(page);
    row.bind(1, span.low.at).bind(2, span.low.name).bind(3, span.low.offset);
    row.bind(4, span.high.at).bind(5, span.high.name).bind(6, span.high.offset);
    row.bind(7, rows_of(page));
    std::vector<Row> rows;
    for (;;) {
        auto more = row.step();
        if (!more) return std::move(more).error();
        if (!*more) return rows;
        rows.push_back(
            {row.real(0), static_cast<Offset>(row.integer(1)), std::string(row.text(2))});
    }
}

CoreReader::Page CoreReader::by_feed(const FeedId& id, const PageOf& page) {
    auto query = statement(feed, page.reverse);
    if (!query) return std::move(query).error();
    sqlite::Statement& row = **query;
    sqlite::Rewind rewind(row);
    // Sequences are whole: the open span around the bounds.
    double low = -1, high = infinity;
    if (page.bounds.gt) low = std::max(low, std::floor(*page.bounds.gt));
    if (page.bounds.gte) low = std::max(low, std::ceil(*page.bounds.gte) - 1);
    if (page.bounds.lt) high = std::min(high, std::ceil(*page.bounds.lt));
    if (page.bounds.lte) high = std::min(high, std::floor(*page.bounds.lte) + 1);
    if (page.after && !page.reverse) low = std::max(low, page.after->at);
    if (page.after && page.reverse) high = std::min(high, page.after->at);
    const std::string name = id.text();
    row.bind(1, low).bind(4, high).bind(7, rows_of(page)).bind(8, name);
    std::vector<Row> rows;
    for (;;) {
        auto more = row.step();
        if (!more) return std::move(more).error();
        if (!*more) return rows;
        rows.push_back({row.real(0), static_cast<Offset>(row.integer(1)), {}});
    }
}

Result<std::vector<Offset>> CoreReader::by_dest(std::string_view dest, std::optional<Offset> after,
                                                std::size_t limit) {
    auto row = database_.prepare(
        "SELECT DISTINCT message FROM links WHERE dest=(SELECT id FROM names WHERE name=?) "
        "AND message>? ORDER BY message LIMIT ?");
    if (!row) return std::move(row).error();
    const auto name = link_name(dest);
    if (!name) return std::vector<Offset>();
    row->bind(1, *name);
    row->bind(2, after ? static_cast<std::int64_t>(*after) : first_offset);
    row->bind(3, static_cast<std::int64_t>(std::min(limit, limits::view_page_rows_max)));
    std::vector<Offset> found;
    for (;;) {
        auto more = row->step();
        if (!more) return std::move(more).error();
        if (!*more) return found;
        found.push_back(static_cast<Offset>(row->integer(0)));
    }
}

Result<std::optional<Offset>> CoreReader::by_key(const MessageId& key) {
    if (!by_key_) {
        auto made = database_.prepare(
            "SELECT offset FROM messages WHERE key=(SELECT id FROM names WHERE name=?) "
            "ORDER BY offset DESC LIMIT 1");
        if (!made) return std::move(made).error();
        by_key_ = std::move(*made);
    }
    sqlite::Rewind rewind(*by_key_);
    const std::string name = key.text();
    auto found = by_key_->bind(1, name).step();
    if (!found) return std::move(found).error();
    if (!*found) return std::optional<Offset>();
    return std::optional<Offset>(static_cast<Offset>(by_key_->integer(0)));
}

Result<std::optional<FeedState>> CoreReader::feed_state(const FeedId& id) {
    if (!state_of_feed_) {
        auto made = database_.prepare(
            "SELECT key,sequence,claimed,offset FROM authors WHERE name=? AND sequence>0");
        if (!made) return std::move(made).error();
        state_of_feed_ = std::move(*made);
    }
    sqlite::Rewind rewind(*state_of_feed_);
    const std::string name = id.text();
    auto found = state_of_feed_->bind(1, name).step();
    if (!found) return std::move(found).error();
    if (!*found) return std::optional<FeedState>();
    return std::optional<FeedState>(state_of(id, *state_of_feed_, 0));
}

Result<std::vector<FeedState>> CoreReader::all_states() {
    auto row = database_.prepare(
        "SELECT name,key,sequence,claimed,offset FROM authors WHERE sequence>0 ORDER BY id");
    if (!row) return std::move(row).error();
    std::vector<FeedState> states;
    for (;;) {
        auto more = row->step();
        if (!more) return std::move(more).error();
        if (!*more) return states;
        auto id = FeedId::parse(row->text(0));
        if (!id) return error(Errc::corrupt, "core view: a feed without a name");
        states.push_back(state_of(*id, *row, 1));
    }
}

Result<std::uint64_t> CoreReader::count() {
    auto count = database_.number("SELECT count FROM progress");
    if (!count) return std::move(count).error();
    return static_cast<std::uint64_t>(*count);
}

Result<std::vector<std::pair<Offset, std::string>>> CoreReader::unreadable(std::size_t limit) {
    auto row = database_.prepare("SELECT offset,why FROM unreadable ORDER BY offset LIMIT ?");
    if (!row) return std::move(row).error();
    row->bind(1, static_cast<std::int64_t>(std::min(limit, limits::view_page_rows_max)));
    std::vector<std::pair<Offset, std::string>> found;
    for (;;) {
        auto more = row->step();
        if (!more) return std::move(more).error();
        if (!*more) return found;
        found.emplace_back(static_cast<Offset>(row->integer(0)), row->text(1));
    }
}

Result<std::optional<Offset>> CoreReader::covered() {
    auto upto = database_.number("SELECT ifnull(upto,-1) FROM progress");
    if (!upto) return std::move(upto).error();
    if (*upto < 0) return std::optional<Offset>();
    return std::optional<Offset>(static_cast<Offset>(*upto));
}

}  // namespace sbot::flume
