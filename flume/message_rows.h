#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "flume/envelope.h"
#include "flume/log.h"

/// What a message puts into the core database (docs/schema.md), with names still spelt out: the
/// half of indexing that needs no database, so it can run in a thread of its own.
namespace sbot::flume {

/// Opens private content for us: gets the value of a message whose `content` is a string, gives the
/// JSON text of what is inside, or nothing. Called from any thread, from several at a time.
using Unbox = std::function<std::optional<std::string>(json::Value value)>;

/// Whether content is private, as far as we can tell.
enum class Privacy : std::uint8_t {
    none = 0,    ///< public, readable
    sealed = 1,  ///< a string we cannot open
    opened = 2,  ///< private, and we can read it
};

/// What a name is found by in memory, instead of its text: 96 bits under a secret of this process,
/// so that nobody can look for two names that meet.
struct NameHash {
    std::uint64_t place = 0;
    std::uint32_t check = 0;
};

/// Of a message, feed, blob or channel: `%…`, `@…`, `&…`, `#…`, well-formed UTF-8, without a query.
/// Empty where there is none.
struct Name {
    std::string_view text = {};
    NameHash hash = {};
    bool operator<(const Name& other) const { return text < other.text; }
};

/// A link of the content, at any depth.
struct MessageLink {
    std::string_view rel;  ///< the members on the way to it, without lists, ids and a final `link`
    Name dest;
    std::optional<double> value = {};  ///< of a vote
};

/// A follow, a block, or the end of both.
struct ContactRow {
    Name contact;
    int state = 0;  ///< 1 follows, -1 blocks, 0 neither
};

/// Texts are borrowed from the batch they are in, or from the entry.
struct MessageRows {
    Offset offset = 0;
    std::string_view unreadable;  ///< why, where this is no message: then all else is empty
    MessageId id;
    FeedId feed;
    Name key, author;
    Sequence sequence = 0;
    double received = 0, claimed = 0, resolved = 0;
    Privacy privacy = Privacy::none;
    std::optional<std::string_view> type = {};  ///< well-formed UTF-8
    Name root, fork, branch;
    std::optional<std::string_view> content = {};  ///< JSON that SQLite can read
    std::optional<std::string_view> text = {};     ///< of a post, well-formed UTF-8
    std::optional<ContactRow> contact = {};
    std::size_t links_begin = 0, links_end = 0;  ///< in the batch; each (rel, dest) once, in order
};

/// Rows of some messages. Neither copied nor moved: there are pointers into it.
class RowBatch {
 public:
    RowBatch() = default;
    RowBatch(const RowBatch&) = delete;
    RowBatch& operator=(const RowBatch&) = delete;

    const std::vector<MessageRows>& messages() const { return messages_; }
    std::span<const MessageLink> links(const MessageRows& message) const {
        return std::span(links_).subspan(message.links_begin,
                                         message.links_end - message.links_begin);
    }
    void clear();

 private:
    friend class RowMaker;
    std::string_view keep(std::string_view text);

    std::vector<MessageRows> messages_;
    std::vector<MessageLink> links_;
    std::deque<std::vector<char>> kept_;
    std::size_t kept_used_ = 0;  // of the last one
};

/// Makes rows of entries. Used by one thread at a time.
class RowMaker {
 public:
    /// Makers with the same secret give the same hashes.
    struct Secret {
        std::uint64_t first = 0, second = 0;
        static Secret random();
    };

    RowMaker(Unbox unbox, Secret secret) : unbox_(std::move(unbox)), secret_(secret) {}

    /// Adds the rows of `entry`, whose data must outlive the batch's use. Deleted entries give
    /// none.
    void add(RowBatch& batch, const Entry& entry);

    NameHash hash(std::string_view name) const;

 private:
    struct Walk;

    json::Value readable_content(const Envelope& envelope, MessageRows& rows);
    void add_content(RowBatch& batch, json::Value content, MessageRows& rows);
    void add_links(RowBatch& batch, json::Value content);
    Name name(RowBatch& batch, std::string_view text) const;
    Name message_link(RowBatch& batch, json::Value value) const;

    Unbox unbox_;
    Secret secret_;
    json::Document document_, opened_;
    std::string opened_text_;
};

/// What full text holds of a post; nothing of anything else. May borrow from `copy`.
std::optional<std::string_view> post_text(json::Value content, std::string& copy);

/// The name a link leads to, as it is kept: what follows a `?` is cut off, half characters become
/// U+FFFD. Nothing where the text is no link. `channel`: it stands where a channel's name is.
std::optional<std::string> link_name(std::string_view text, bool channel = false);

}  // namespace sbot::flume
