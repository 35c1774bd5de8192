#pragma once

#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/limits.h"
#include "base/random.h"
#include "io/pool.h"
#include "io/sync.h"
#include "message/key_tables.h"
#include "message/keys.h"
#include "message/validate.h"
#include "muxrpc/stream.h"
#include "replication/intake.h"
#include "sbot/writer.h"

namespace sbot::app {

/// All feeds' last messages, and the only ways for a message to become one: publish our own, add
/// one that a local caller hands in, take a run of them from a peer. Loop thread.
///
/// A feed's state moves when a message is accepted, so the next one can follow at once; if the
/// writing then fails, the state goes back to what is in the log.
class Feeds final : public replication::Intake {
 public:
    Feeds(io::Pool& pool, Writer& writer, const message::KeyPair& keys,
          const message::HmacKey& hmac, base::MonotonicTime& time, base::Random& random);

    /// Our own feed, ahead of all others, so that publishing can begin while the index is made.
    void load_own(std::optional<message::FeedState> state, double last_received);
    /// Set when our own feed's state is known.
    io::Event& own_known() { return own_known_; }
    /// The first message of ours that came after `load_own`, if that was needed.
    std::optional<Sequence> first_new() const { return first_new_; }
    const FeedId& own() const { return keys_.id; }
    /// What the log holds, at start; `last_received` is its latest time of reception.
    void load(std::vector<std::pair<FeedId, message::FeedState>> states, double last_received);

    /// What `publish` awaits first: whether peers have more of our own feed than we.
    void before_publish(std::function<io::Task<void>()> wait) { before_publish_ = std::move(wait); }
    /// What is awaited before a local caller hears that a message is stored which says something of
    /// another feed: a follow or a block that was acknowledged is in force.
    void after_contact(std::function<io::Task<void>()> wait) { after_contact_ = std::move(wait); }
    /// The farthest message of our own, signed, that anybody showed us; hears of a farther one.
    Sequence own_beyond() const { return own_beyond_; }
    void on_own_beyond(std::function<void(Sequence)> tell) { on_own_beyond_ = std::move(tell); }
    /// As known from an earlier run.
    void set_own_beyond(Sequence sequence) { own_beyond_ = sequence; }

    /// The first message of our own, signed, that anybody showed us and that is of another branch
    /// than our log; 0: none. Hears of the first one, and of an earlier one.
    Sequence own_fork() const { return own_fork_; }
    void on_own_fork(std::function<void(Sequence)> tell) { on_own_fork_ = std::move(tell); }
    void set_own_fork(Sequence sequence) { own_fork_ = sequence; }
    /// What it means and what to do, for people.
    std::string fork_text() const;

    /// Signs and stores; gives the envelope. Refuses while a signed message of our own is known
    /// that lies beyond our log, for the next one would be a fork, or that is one. Boxes content
    /// with `recps`, or refuses.
    muxrpc::AsyncReply<std::string> publish(json::Value content);
    /// A complete message of any author from a local caller.
    muxrpc::AsyncReply<std::string> add(json::Value message);
    /// The same without the check of the argument, and without waiting: the batch it will be
    /// written with, or null where it is no valid next message.
    io::Task<std::shared_ptr<Batch>> queue(json::Value message);
    /// See replication/intake.h.
    io::Task<std::vector<replication::Taken>> take(std::vector<replication::FeedRun> runs) override;
    Sequence latest(const FeedId& feed) const override;
    Sequence stored_sequence(const FeedId& feed) const override;

    /// What is accepted (`ahead`) or in the log and visible; null for an unknown feed.
    const message::FeedState* ahead(const FeedId& feed) const;
    const message::FeedState* stored(const FeedId& feed) const;
    /// In the order in which the log met them.
    template <typename Visit>
    void each_stored(Visit visit) const {
        for (const FeedId& feed : order_) visit(feed, *stored(feed));
    }

    /// From the writer.
    void batch_done(const Batch& batch);

 private:
    struct Slot {
        std::optional<message::FeedState> ahead, stored;
    };

    struct Run;
    class OwnRun;

    io::Task<void> until_publish_is_safe();

    /// The message is in its feed from here on; the batch it is in comes back.
    std::shared_ptr<Batch> accept(const FeedId& author, const message::FeedState& state,
                                  double received, std::string text, Writer::Origin origin);
    muxrpc::AsyncReply<std::string> acknowledged(std::shared_ptr<Batch> batch, std::string text,
                                                 bool is_contact);
    io::Task<std::vector<Run>> verified(std::vector<replication::FeedRun> runs);
    replication::Taken accept(Run& run);
    void seen_fork(Sequence sequence);

    io::Pool& pool_;
    Writer& writer_;
    const message::KeyPair& keys_;
    const message::HmacKey& hmac_;
    base::MonotonicTime& time_;
    base::Random& random_;
    io::Semaphore verifying_;
    message::KeyTables key_tables_{limits::key_tables_bytes_max};
    io::Semaphore publishing_{1};
    std::function<io::Task<void>()> before_publish_, after_contact_;
    std::function<void(Sequence)> on_own_beyond_, on_own_fork_;
    Sequence own_beyond_ = 0;   // a signed message of our own that we only saw
    Sequence own_fork_ = 0;     // one that contradicts ours
    std::size_t own_runs_ = 0;  // being checked
    io::Event own_checked_;
    std::unordered_map<FeedId, Slot> slots_;
    std::vector<FeedId> order_;  // of those that are stored
    io::Event own_known_;
    std::optional<Sequence> first_new_;
};

}  // namespace sbot::app
