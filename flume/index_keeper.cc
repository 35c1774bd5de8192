#include "flume/index_keeper.h"

#include <utility>

#include "flume/offset_log.h"

namespace sbot::flume {

IndexKeeper::IndexKeeper(base::Files& files, const std::string& log_path,
                         std::unique_ptr<MessageIndex> index)
    : files_(files), log_path_(log_path), index_(std::move(index)) {
    follow_from_index();
}

Result<std::unique_ptr<IndexKeeper>> IndexKeeper::open(base::Files& files,
                                                       const std::string& log_path,
                                                       const std::string& database_path) {
    auto index = MessageIndex::open(database_path);
    if (!index) return std::move(index).error();
    return std::unique_ptr<IndexKeeper>(new IndexKeeper(files, log_path, std::move(*index)));
}

/// A follower gives its news once: what was not taken in is asked of another one.
void IndexKeeper::follow_from_index() {
    Follower::Options how;
    how.position = index_->position();
    follower_ = std::make_unique<Follower>(files_, log_path_, std::move(how));
}

Result<bool> IndexKeeper::process(std::size_t count_max) {
    auto news = follower_->next(count_max);
    Result<bool> applied =
        news ? index_->apply(*news, follower_->position()) : Result<bool>(news.error());
    if (applied && *applied) return !news->empty();
    // Somebody else may have taken in more meanwhile.
    auto loaded = index_->load_position();
    follow_from_index();
    if (!applied) return std::move(applied).error();
    if (!loaded) return std::move(loaded).error();
    return true;
}

Result<bool> IndexKeeper::is_of_another_log() {
    auto rows = index_->count();
    if (!rows) return std::move(rows).error();
    if (*rows == 0) return false;
    auto known = follower_->knows_the_log();
    if (!known) return std::move(known).error();
    if (*known) return false;
    // The log may have lost all behind the first messages.
    OffsetLog::Options how;
    how.read_only = true;
    auto log = OffsetLog::open(files_, log_path_, how);
    if (!log) return std::move(log).error();
    auto shares = index_->has_a_first_message_of(**log);
    if (!shares) return std::move(shares).error();
    return !*shares;
}

}  // namespace sbot::flume
