#pragma once

#include <memory>
#include <string>

#include "base/files.h"
#include "flume/follower.h"
#include "flume/message_index.h"

namespace sbot::flume {

/// Keeps a `MessageIndex` level with a log. Several, in several processes, may keep one database.
/// One thread at a time. The file system outlives it.
class IndexKeeper {
 public:
    /// Opens the database, or makes it. The log need not be there yet. Errors: as
    /// `MessageIndex::open`.
    static Result<std::unique_ptr<IndexKeeper>> open(base::Files& files,
                                                     const std::string& log_path,
                                                     const std::string& database_path);

    /// Takes in the next news, some `count_max` of them, in one transaction; false where there
    /// were none. After an error (`timeout`: somebody else writes the database) the next call goes
    /// on where the database is, so that nothing is passed over.
    Result<bool> process(std::size_t count_max);

    /// True if there are rows, and nothing of them is or was in the log: it is another log, and to
    /// follow it would replace all of them.
    Result<bool> is_of_another_log();

    MessageIndex& index() { return *index_; }
    const Follower& follower() const { return *follower_; }

 private:
    IndexKeeper(base::Files& files, const std::string& log_path,
                std::unique_ptr<MessageIndex> index);

    void follow_from_index();

    base::Files& files_;
    std::string log_path_;
    std::unique_ptr<MessageIndex> index_;
    std::unique_ptr<Follower> follower_;
};

}  // namespace sbot::flume
