#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "flume/core_view.h"

namespace sbot::flume {

/// Bounds of a query, on times or sequences.
struct Bounds {
    std::optional<double> gt = {}, gte = {}, lt = {}, lte = {};

    bool contain(double at) const {
        return (!gt || at > *gt) && (!gte || at >= *gte) && (!lt || at < *lt) &&
               (!lte || at <= *lte);
    }
};

/// One message in a page.
struct Row {
    double at = 0;      ///< what the page is ordered by: time or sequence
    Offset offset = 0;  ///< where to read it
    std::string author =
        {};  ///< by_rts only: messages of one time are in the order of their authors

    bool operator==(const Row&) const = default;
};

/// Which part of an order to give. Without `after` it begins at the bound; to go on, hand in the
/// last row of the page before. A page shorter than the limit is the last one, for now.
struct PageOf {
    Bounds bounds = {};
    bool reverse = false;
    std::size_t limit = 100;  ///< at most `limits::view_page_rows_max` are given
    std::optional<Row> after = {};
};

/// Asks the core view's file. A connection of its own: usable in another thread than the writer's,
/// by one thread at a time. Each call is a short read transaction; between two pages the view may
/// have grown. Offsets may lead to entries that were deleted since. Errors: `corrupt`, `timeout`,
/// `io`.
class CoreReader {
 public:
    /// `path` is CoreView's, which has made the file.
    static Result<std::unique_ptr<CoreReader>> open(const std::string& path);
    ~CoreReader();

    CoreReader(const CoreReader&) = delete;
    CoreReader& operator=(const CoreReader&) = delete;

    using Page = Result<std::vector<Row>>;

    /// By time of receipt, of equal times by offset.
    Page by_received(const PageOf& page);
    /// The same, of one type; only what we can read. The type is compared with the first 32
    /// characters of each message's: a longer one finds nothing.
    Page by_type(std::string_view type, const PageOf& page);
    /// The same, of the private messages that we can read.
    Page by_opened(const PageOf& page);
    /// By resolved time (Envelope::resolved), then author, then offset.
    Page by_rts(const PageOf& page);
    /// By sequence. If the log has a sequence twice, the later entry.
    Page by_feed(const FeedId& feed, const PageOf& page);

    /// Messages that link to `dest`, wherever in them and with whatever query, after the one at
    /// `after`.
    Result<std::vector<Offset>> by_dest(std::string_view dest, std::optional<Offset> after,
                                        std::size_t limit);

    /// Of equal ones the last.
    Result<std::optional<Offset>> by_key(const MessageId& key);
    Result<std::optional<FeedState>> feed_state(const FeedId& feed);
    /// All feeds that have a message, in the order in which they were met.
    Result<std::vector<FeedState>> all_states();
    /// Messages in the view.
    Result<std::uint64_t> count();
    /// Entries that could not be read, and why.
    Result<std::vector<std::pair<Offset, std::string>>> unreadable(std::size_t limit);
    /// Up to here the log is in the view: what CoreView::covered says, as last committed.
    Result<std::optional<Offset>> covered();

 private:
    enum Query : std::size_t { received, type, opened, rts, feed, query_count };

    explicit CoreReader(sqlite::Database database) : database_(std::move(database)) {}

    Result<sqlite::Statement*> statement(Query query, bool reverse);
    Page timed(sqlite::Statement& statement, const PageOf& page);

    sqlite::Database database_;
    sqlite::Statement pages_[query_count][2];
    bool prepared_[query_count][2] = {};
    // Asked for every message that comes in.
    std::optional<sqlite::Statement> by_key_;
    std::optional<sqlite::Statement> state_of_feed_;
};

}  // namespace sbot::flume
