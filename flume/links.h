#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "flume/log.h"
#include "flume/sqlite.h"
#include "message/ids.h"

/// Links between messages, feeds and blobs: what `links` of the JavaScript is about. Protocol
/// source: ssb-msgs 5.2 (which members are links), ssb-db 20.4 `indexes/links.js`, charwise 3.0.
namespace sbot::flume {

/// A member of a message's content that names something.
struct Link {
    std::string rel;   ///< the member's name
    std::string dest;  ///< an id, perhaps with a query part

    bool operator==(const Link&) const = default;
};

/// The links in (readable) content, in its order: top-level members, strings or objects with
/// `link`, alone or in a list. A content wrapped in a message or an envelope is taken out of it.
std::vector<Link> links_of(json::Value content);

/// One link, as asked for.
struct LinkRow {
    std::string source, rel, dest, key;
    Offset offset = 0;  ///< of the message
};

/// Puts links in the order of the JavaScript's index, each once, whatever their number: sorted in
/// memory as long as they are few, in a temporary file of SQLite's beyond.
class LinkSorter {
 public:
    /// `backwards`: by dest, rel, source instead of source, rel, dest; then sequence and key.
    static Result<std::unique_ptr<LinkSorter>> make(bool backwards);

    Result<void> begin();  ///< before a run of `add`s, and `end` behind it
    Result<void> add(std::string_view source, const Link& link, Sequence sequence,
                     std::string_view key, Offset offset);
    Result<void> end();

    /// The next rows in order, `count_max` at most; none: that was all. Once all have been added.
    /// Texts come as they come out of the JavaScript's index, which spoils some (docs of charwise).
    Result<std::vector<LinkRow>> next(bool reverse, std::size_t count_max);

 private:
    LinkSorter(sqlite::Database database, bool backwards)
        : database_(std::move(database)), backwards_(backwards) {}

    sqlite::Database database_;
    bool backwards_;
    std::optional<sqlite::Statement> insert_;
    std::optional<std::string> last_;
};

}  // namespace sbot::flume
