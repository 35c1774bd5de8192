#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "io/loop.h"
#include "io/sync.h"
#include "muxrpc/session.h"
#include "replication/rank.h"

namespace sbot::replication {

/// How many history streams are to be open at one peer, by what it does with them. Pure.
///
/// Each should bring something all the time, so no more than the peer can feed. One that gives a
/// run of a feed at a time, as this program does, is asked for few, for long runs are checked the
/// fastest. One that gives a message of each in turn, as JavaScript does, is asked for many: feeds
/// lie mixed in a log, and what is read together it finds in memory.
class FetchPace {
 public:
    std::size_t at_once() const { return at_once_; }

    /// Counts from here on.
    void begin(std::uint64_t now_ms);
    /// So many messages came together.
    void came(std::size_t messages);
    /// True where it was long enough to say how many fit now; counts anew then.
    bool measure(std::uint64_t now_ms);

 private:
    static constexpr std::size_t at_once_min = 8;

    std::size_t at_once_ = at_once_min;
    std::size_t messages_ = 0, arrivals_ = 0;
    std::uint64_t since_ms_ = 0;
};

/// Fetches long runs from one peer by `createHistoryStream`, each once and to its end, nearer feeds
/// first. Must go before the session it uses. Loop thread.
class Fetcher {
 public:
    struct Hooks {
        /// With which message of the feed to go on; none: it is not to be fetched any more.
        std::function<std::optional<Sequence>(const FeedId&)> next;
        /// Takes what came; returns when there is room for more.
        std::function<io::Task<void>(muxrpc::Body)> take;
        /// A stream has ended. `useful`: it brought something, or nothing was wanted any more.
        std::function<void(const FeedId&, bool useful)> ended;
    };

    Fetcher(io::Loop& loop, muxrpc::Session& session, Hooks hooks);

    void add(const FeedId& feed, std::size_t rank);
    /// Nothing is asked, taken or told from here on.
    void stop() { stopped_ = true; }

 private:
    void start_more();
    io::Task<void> run();
    io::Task<bool> fetch(FeedId feed);

    io::Loop& loop_;
    muxrpc::Session& session_;
    Hooks hooks_;
    bool stopped_ = false;
    RankedQueue waiting_;
    FetchPace pace_;
    std::size_t fetching_ = 0;
    io::Event more_;
    std::vector<io::Task<void>> runners_;  // as many as were ever needed at once
};

}  // namespace sbot::replication
