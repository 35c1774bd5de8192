#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "flume/core_view.h"
#include "flume/id_table.h"
#include "flume/message_rows.h"
#include "flume/sqlite.h"

namespace sbot::flume {

/// Whether a message moves its feed on. The higher sequence counts, of equal ones the later entry:
/// whatever the order of arrival.
inline bool moves_on(const FeedState& state, const MessageRows& rows) {
    return std::pair(rows.sequence, rows.offset) > std::pair(state.sequence, state.offset);
}
inline FeedState state_after(const MessageRows& rows) {
    return {rows.feed, rows.id, rows.sequence, rows.claimed, rows.offset};
}

/// Writes the core database's rows through prepared statements; transactions are the caller's. One
/// thread at a time.
class CoreTables {
 public:
    /// For an empty database: tables, views, first rows. Indexes are `make_indexes`'s.
    static Result<void> create(sqlite::Database& database, std::uint64_t generation,
                               const std::vector<FeedState>& kept);
    static Result<void> make_indexes(sqlite::Database& database);
    /// Tells whoever goes on reading the file, soon nameless, that there is a newer one, if it can
    /// still be told so.
    static void supersede(sqlite::Database& database);

    /// The database outlives the tables.
    static Result<std::unique_ptr<CoreTables>> open(sqlite::Database& database);
    ~CoreTables();

    CoreTables(const CoreTables&) = delete;
    CoreTables& operator=(const CoreTables&) = delete;

    /// What becomes of the full text of posts that come in.
    enum class Texts : std::uint8_t {
        later,  ///< `catch_up_texts` will come by
        ahead,  ///< in at once, noted as single ones
        next,   ///< in at once; everything before them is in
    };

    /// Takes all rows of a batch in, those that are there already excepted; moves the feeds on.
    Result<void> insert(const RowBatch& batch, Texts texts);
    /// Takes the rows of a batch out. Feeds stay where they are.
    Result<void> remove(const RowBatch& batch);
    /// To be called before the end of a transaction.
    Result<void> write_states();
    Result<void> write_progress(const Coverage& after);
    /// What a rollback takes back, to be remembered before the transaction.
    struct Mark {
        std::int64_t count = 0;
        std::optional<Offset> texts_upto;
    };
    Mark mark() const { return {count_, texts_upto_}; }
    /// To be called after a rollback: what else is remembered may never have been written.
    void forget(const Mark& mark);

    Result<Coverage> read_progress();
    std::int64_t count() const { return count_; }

    /// Up to where posts are in the full text; it may stay behind the rest.
    const std::optional<Offset>& texts_upto() const { return texts_upto_; }
    void texts_reach(const std::optional<Offset>& upto) { texts_upto_ = upto; }
    /// Adds the next `count_max` posts in order, up to `upto`; true when there are no more.
    Result<bool> catch_up_texts(std::size_t count_max, Offset upto);
    /// Merges some pages of it; true where there is nothing to merge.
    Result<bool> merge_texts();

 private:
    struct Feed {
        std::int64_t id = 0;
        FeedState state;
        bool changed = false;
    };
    struct Statements;
    struct New {
        const MessageRows* rows;
        std::int64_t author;
    };
    struct WordHash {
        using is_transparent = void;
        std::size_t operator()(std::string_view word) const {
            return std::hash<std::string_view>()(word);
        }
    };
    using Words = std::unordered_map<std::string, std::int64_t, WordHash, std::equal_to<>>;

    explicit CoreTables(sqlite::Database& database);

    Result<void> look_for_known(std::span<const MessageRows> messages);
    bool is_known(const MessageRows& rows) const;
    Result<void> learn_names(const RowBatch& batch);
    void see(const Name& name);
    Result<void> insert_names();
    Result<void> insert_messages();
    Result<void> insert_contents();
    Result<void> insert_links(const RowBatch& batch);
    Result<void> insert_contacts();
    void move_on(Feed& feed, const MessageRows& rows);
    Result<Feed*> feed(const MessageRows& rows);
    std::int64_t id_of(const Name& name);
    Result<std::int64_t> word_id(Words& words, sqlite::Statement& find, sqlite::Statement& insert,
                                 std::string_view word);
    Result<void> insert_text(const MessageRows& rows, Texts texts, bool is_new);
    Result<void> remove_text(const MessageRows& rows);
    Result<bool> is_ahead(Offset at);

    sqlite::Database& database_;
    std::unique_ptr<Statements> statements_;
    std::int64_t count_ = 0;  // messages, including the open transaction's
    std::optional<Offset> texts_upto_;
    std::int64_t texts_ahead_ = 0;  // single ones beyond; not fewer than there are
    RecentIds ids_;
    std::int64_t next_id_ = 0;  // of names; 0: to be asked for
    std::unordered_map<FeedId, Feed> feeds_;
    Words types_, rels_;
    std::vector<Feed*> changed_feeds_;
    // Of the batch that is going in.
    std::vector<Offset> known_;         // its messages that are in already, in order
    std::vector<const Name*> strange_;  // names of which nothing is remembered
    std::vector<New> new_;
};

}  // namespace sbot::flume
