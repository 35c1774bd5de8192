#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "flume/envelope.h"
#include "flume/sqlite.h"
#include "flume/view.h"

namespace sbot::flume {

/// Where a feed stands in the log: what the JavaScript's `last` view holds.
struct FeedState {
    FeedId feed;
    MessageId key;          ///< of its last message
    Sequence sequence = 0;  ///< of its last message
    double claimed = 0;     ///< the timestamp in it
    Offset offset = 0;      ///< where it lies

    bool operator==(const FeedState&) const = default;
};

/// Opens private content for us: gets the value of a message whose `content` is a string, gives the
/// JSON text of what is inside, or nothing.
using Unbox = std::function<std::optional<std::string>(json::Value value)>;

/// Whether content is private, as far as we can tell.
enum class Privacy : std::uint8_t {
    none = 0,    ///< public, readable
    sealed = 1,  ///< a string we cannot open
    opened = 2,  ///< private, and we can read it
};

/// The general index over the log, `flume/core.sqlite`: by key, by feed and sequence, by time of
/// receipt, by resolved time, by type, by what it links to, and the state of each feed. Readers:
/// flume/core_reader.h.
///
/// Deleting a message leaves its feed's state as it is: a chain that has grown does not shrink, or
/// the next own message would fork it, and a peer would send the deleted one again.
class CoreView final : public View {
 public:
    struct Options {
        std::string path;
        Unbox unbox;  ///< may be empty: then all private content stays sealed
        /// States of feeds whose last message is no longer in the log, asked for whenever the view
        /// starts from nothing. May be empty.
        std::function<std::vector<FeedState>()> kept;
    };

    /// Opens the file, makes it where it is missing, and begins anew where it is damaged or of
    /// another version; call `settle` and `catch_up` next.
    static Result<std::unique_ptr<CoreView>> open(Options options);
    ~CoreView() override;

    CoreView(const CoreView&) = delete;
    CoreView& operator=(const CoreView&) = delete;

    std::string_view name() const override { return "core"; }
    int version() const override { return 2; }
    Coverage covered() const override { return covered_; }
    Result<void> apply(std::span<const Entry> batch, Place place) override;
    Result<void> retract(std::span<const Entry> entries) override;
    Result<void> clear(std::uint64_t generation) override;

    /// Around `retract` and what it is about: whoever opens the view between the two finds it of
    /// no use, so a crash there leaves no difference between log and view.
    Result<void> distrust();
    Result<void> trust();

    const std::string& path() const { return options_.path; }

 private:
    struct Feed {
        std::int64_t id = 0;
        FeedState state;
        bool changed = false;
    };
    struct Statements;

    explicit CoreView(Options options);

    Result<void> start();
    Result<void> load();
    Result<void> create(std::uint64_t generation);
    Result<void> apply_in_transaction(std::span<const Entry> batch, const Coverage& after);
    Result<void> take_in(const Entry& entry);
    Result<void> note_unreadable(Offset at, std::string_view why);
    Result<void> insert(const Envelope& envelope, Offset at);
    Result<void> insert_links(json::Value content, Offset at);
    Result<void> delete_links(const Entry& entry);
    json::Value readable_content(const Envelope& envelope, Privacy& privacy);
    Result<Feed*> feed(const FeedId& id);
    Result<std::int64_t> type_id(std::string_view type);
    Result<void> write_states();
    Result<void> write_progress(const Coverage& after);
    void forget_cached();

    Options options_;
    std::optional<sqlite::Database> database_;
    std::unique_ptr<Statements> statements_;
    Coverage covered_;
    std::int64_t count_ = 0;  // messages in the view, including the open transaction's
    std::unordered_map<FeedId, Feed> feeds_;
    std::unordered_map<std::string, std::int64_t> types_;
    std::vector<Feed*> changed_feeds_;
    json::Document document_;
    json::Document opened_;
    std::string opened_text_;
};

}  // namespace sbot::flume
