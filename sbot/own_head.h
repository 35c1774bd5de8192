#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/logger.h"
#include "flume/head.h"
#include "flume/journal.h"
#include "flume/offset_log.h"
#include "sbot/batch.h"
#include "sbot/js_views.h"
#include "sbot/own_start.h"

namespace sbot::app {

/// How far our feed has come, by all that knows it before there is an index: the head file, the
/// change journal, the log's end, and the JavaScript server's view `last`, which alone knows of
/// ends that it deleted. Tells a folder that was copied or restored (docs/own-feed.md). On the
/// loop.
class OwnHead {
 public:
    /// All that is given by reference outlives it.
    OwnHead(base::Files& files, std::string folder, flume::Journal& journal, FeedId own,
            base::Logger& log);

    /// Compares the folder with what it was when we last wrote here. Once, before anything is made
    /// of the log; what `beginning().void_from` asks for is then for the caller to do.
    Result<void> look(const flume::OffsetLog& entries);
    const flume::Beginning& beginning() const { return beginning_; }
    /// From here on the head file is kept.
    void keep(const flume::OffsetLog& entries);

    /// Where `beginning().known`: what publishing needs to know.
    OwnStart start(const flume::OffsetLog& entries) const;
    /// `own` is our feed as log and journal have it: brings it as far as JavaScript had come. That
    /// sequence must not be used again.
    Result<void> keep_js_end(std::optional<flume::FeedState>& own);
    /// The same for all feeds, `states` as the index has them: what was deleted is not fetched
    /// again. Once.
    Result<void> keep_js_ends(std::vector<flume::FeedState>& states,
                              const flume::OffsetLog& entries);
    /// From the index, level with the log at `upto`, where `look` could not know.
    void learn(const std::vector<flume::FeedState>& states, std::optional<flume::Offset> upto);

    /// A batch is on the disk.
    void note(const Batch& batch);
    /// There is a signed message of ours that the log lacks.
    Result<void> saw_beyond(Sequence sequence);
    /// There is one of another branch than the log's.
    Result<void> saw_fork(Sequence sequence) { return head_->saw_fork(sequence); }
    /// Peers were asked: the folder is as good as any.
    void confirm();

 private:
    Result<void> look_at_js_last(const flume::OffsetLog& entries);
    const flume::FeedState* said_by_js() const;
    std::string log_path() const { return folder_ + "/flume/log.offset"; }
    void warn_unless(const Result<void>& written);

    base::Files& files_;
    const std::string folder_;
    flume::Journal& journal_;
    const FeedId own_;
    base::Logger& log_;
    flume::Beginning beginning_;
    std::unique_ptr<flume::HeadFile> head_;
    std::optional<JsLast> js_last_;  // until the index is there
};

}  // namespace sbot::app
