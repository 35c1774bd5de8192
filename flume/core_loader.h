#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "flume/core_view.h"
#include "flume/id_table.h"
#include "flume/message_rows.h"
#include "flume/run_sorter.h"
#include "flume/sqlite_tree.h"

namespace sbot::flume {

/// Fills an empty core database with the rows of a whole log, in its order: what CoreTables does
/// row by row through SQLite, for a file that nobody uses yet. Tables are written as rows come;
/// entries of indexes are sorted beside them and written at the end. One thread at a time.
class CoreLoader {
 public:
    struct Options {
        std::string path;  ///< of the file to make; there is none
        RowMaker::Secret secret;
        std::uint64_t generation = 0;
        std::vector<FeedState> kept;  ///< as in CoreView::Options
    };
    static Result<std::unique_ptr<CoreLoader>> make(Options options);
    ~CoreLoader();

    CoreLoader(const CoreLoader&) = delete;
    CoreLoader& operator=(const CoreLoader&) = delete;

    /// Entries must come in the order of the log, each once.
    Result<void> add(const RowBatch& batch);
    /// After the last batch: SQLite can open the file then. Full text is left out.
    Result<void> finish(const Coverage& covered);

    std::int64_t count() const { return count_; }

 private:
    struct Feed {
        std::int64_t id = 0;
        FeedState state;
    };
    struct LinkIds {
        std::int64_t rel, dest;
        std::optional<double> value;
    };
    /// Types and the like, whose ids are their places here, from 1.
    struct Words {
        IdTable ids;
        std::vector<std::string> texts;
    };
    struct Files;

    explicit CoreLoader(Options options);

    Result<void> add(const RowBatch& batch, const MessageRows& rows);
    Result<void> add_message(const MessageRows& rows, std::int64_t author);
    Result<void> add_links(const RowBatch& batch, const MessageRows& rows);
    Result<void> add_contact(const MessageRows& rows, std::int64_t author);
    Result<Feed*> feed(const FeedId& id, const Name& name);
    Result<std::int64_t> id_of(const Name& name);
    std::int64_t id_of(Words& words, std::string_view word);
    Result<void> finish_trees();
    Result<void> write_rest(const Coverage& covered);

    Options options_;
    RowMaker hasher_;
    std::unique_ptr<Files> files_;
    std::int64_t count_ = 0;
    IdTable ids_;
    std::unordered_map<FeedId, Feed> feeds_;
    Words types_, rels_;
    std::vector<LinkIds> sorted_links_;
};

}  // namespace sbot::flume
