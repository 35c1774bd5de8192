#pragma once

#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "flume/core_reader.h"
#include "flume/log.h"
#include "io/loop.h"
#include "io/pool.h"
#include "io/sync.h"
#include "message/private_box.h"
#include "muxrpc/stream.h"
#include "sbot/damage_notice.h"
#include "sbot/feeds.h"
#include "sbot/indexer.h"
#include "sbot/shape.h"
#include "sbot/stream_options.h"

namespace sbot::app {

/// Which messages, in which order.
struct Query {
    enum class By { received, resolved, sequence, type };
    By by = By::received;
    FeedId feed;       ///< with `sequence`
    std::string type;  ///< with `type`, of the plain content, cut as the index cuts it
    /// Ends where an entry is damaged, which is passed over otherwise: for a peer, to whom all that
    /// comes behind a gap is of no use.
    bool gapless = false;
};

/// What is read: jobs in the pool share it, since one that has begun goes on when nobody waits for
/// it any more.
struct Entries {
    std::shared_ptr<const flume::Log> log;
    message::Unboxer unboxer;
    std::shared_ptr<DamageNotice> damage;  ///< hears of what could not be read
};

/// Reads the log through its index, a page at a time, on the pool: each page has a database
/// connection of its own for that long, so no reader holds a snapshot open, waits for the writer,
/// or costs memory beyond its page. Loop thread.
class Reading {
 public:
    /// Nothing is read before `open` is called. All outlive this.
    Reading(io::Pool& pool, std::shared_ptr<const Entries> entries, const Feeds& feeds,
            Indexer& indexer, std::string index_path);

    /// The index has caught up with the log; this is the latest time of reception in it. Calls that
    /// waited go on.
    void open(double last_received);
    io::Event& ready() { return ready_; }
    /// Waits until all that is stored now can be read: what a reading call does first.
    io::Task<void> level();
    /// Set but for the moments in which another index takes the place of this one: for those who
    /// want to know what is in it now, whether it covers the log or not. They keep a `Use` while
    /// they open it.
    io::Event& usable() { return usable_; }
    /// Set for a moment whenever more can be read.
    io::Event& grown() { return grown_; }
    /// Around a rebuilding of the index: lets the reads under way come to their end and has all
    /// others wait until `go_on`.
    io::Task<void> pause();
    void go_on() {
        usable_.set();
        ready_.set();
    }
    /// What came of the index is an error, which may be the question's, the log's or the index's.
    void suspect(const Error& why) {
        if (why.code != Errc::corrupt) return;
        suspected_.set();
        suspected_.reset();
    }
    /// Set for a moment whenever the index may be damaged.
    io::Event& suspected() { return suspected_; }
    /// After an error of the index, with no `Use` of it left: true when another one has taken its
    /// place, and is to be asked again. `on_lost` sees to that.
    io::Task<bool> replaced(Error why);
    using OnLost = std::function<io::Task<bool>(Error)>;
    void on_lost(OnLost replace) { on_lost_ = std::move(replace); }
    /// Waits for an index to take the place of one that was removed, if that can be.
    io::Task<void> in_place();
    /// From the indexer: live streams go on.
    void grown(const Indexer::MovedOn& moved_on);

    /// A stream as the reference's reading calls give it: the old part, perhaps the marker, then
    /// what comes.
    std::unique_ptr<muxrpc::Source> stream(Query query, StreamOptions options);

    /// Remembers what opens a message, within bounds; `read_keys` is what is known now.
    void learn(std::string_view message, std::string_view read_key);
    void forget_read_keys() { read_keys_.reset(); }
    const std::shared_ptr<const ReadKeys>& read_keys() const { return read_keys_; }

    /// A stored envelope. Errors: `not_found` for an unknown message, or a deleted one (with the
    /// log's words); `corrupt` for a damaged one.
    io::Async<std::string> by_key(MessageId key);
    /// What lies there, as it is. Errors: `not_found`.
    io::Async<std::string> by_offset(flume::Offset at);
    /// What was found there is no JSON.
    void damaged(flume::Offset at) { entries_->damage->met(at); }
    /// The messages of a feed that are in the log, in order.
    io::Async<std::vector<std::pair<std::string, flume::Offset>>> all_of(FeedId feed);
    /// Bare values of a feed from `first` to `last`, as many as make a page and without a gap:
    /// fewer where one is not there, or is damaged.
    io::Async<std::vector<Bytes>> values_of(FeedId feed, Sequence first, Sequence last);
    /// Where a message lies. Error `not_found`, with the reference's words.
    io::Async<flume::Offset> offset_of(MessageId key);

    /// A connection to the index for one job, and its way back. Error `corrupt` where a new one
    /// would lead to files that are not those of the index.
    Result<std::unique_ptr<flume::CoreReader>> take_reader();
    void give_back(std::unique_ptr<flume::CoreReader> reader);

    /// Counts a job that uses a reader, as long as it lives.
    class Use {
     public:
        explicit Use(Reading& reading) : reading_(reading) { ++reading_.uses_; }
        ~Use() {
            if (--reading_.uses_ == 0) reading_.unused_.set();
        }
        Use(const Use&) = delete;
        Use& operator=(const Use&) = delete;

     private:
        Reading& reading_;
    };

 private:
    class Stream;

    bool has_early(const Query& query, const StreamOptions& options) const;
    io::Async<flume::Offset> find(MessageId key);
    /// The result of a call that asks the index; that of a second one where another index has taken
    /// the place of the one that failed. The call leaves no `Use` behind.
    template <typename Attempt>
    std::invoke_result_t<Attempt> once_or_twice(Attempt attempt);
    template <typename Job, typename... Args>
    auto ask_once(Job job, Args... args)
        -> io::Task<decltype(job(std::unique_ptr<flume::CoreReader>(), std::move(args)...).what)>;
    /// A job with a connection of its own; it gives that back, and `what` it found.
    template <typename Job, typename... Args>
    auto ask(Job job, Args... args)
        -> io::Task<decltype(job(std::unique_ptr<flume::CoreReader>(), std::move(args)...).what)>;

    io::Pool& pool_;
    std::shared_ptr<const Entries> entries_;
    const Feeds& feeds_;
    Indexer& indexer_;
    std::string index_path_;

    io::Event ready_;
    io::Event usable_;
    io::Event grown_;
    io::Event suspected_;
    OnLost on_lost_;
    std::uint64_t writes_ = 0;
    std::size_t uses_ = 0;
    std::shared_ptr<const ReadKeys> read_keys_;
    io::Event unused_;
    double last_received_ = 0;
    flume::Offset end_ = 0;  // of what can be read in order: single entries may lie behind it
    io::Semaphore readers_;
    std::vector<std::unique_ptr<flume::CoreReader>> idle_;
};

}  // namespace sbot::app
