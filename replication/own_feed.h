#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "message/ids.h"

namespace sbot::replication {

/// Whether our own feed may be published now, or there may be messages of it that we lack: the next
/// one would then be a second branch, and the feed be of no use to anybody from there on. A pure
/// core: what is known comes in with every call, milliseconds from an arbitrary start too.
///
/// - A signed message of ours beyond our log is a proof, whoever showed it: no publishing until the
///   gap is filled. One that is of another branch than our log proves a fork: no publishing here.
/// - What a peer merely says counts if we follow it, and for `note_wait_ms` without a message of
///   ours coming in. Strangers say what they like.
/// - A folder that is a copy or was restored, or a start with `--recover`: peers are asked first. A
///   copy that follows nobody has nobody to ask, and no peer's log that it could fork in.
class OwnFeed {
 public:
    static constexpr std::uint64_t note_wait_ms = 10000;
    static constexpr std::uint64_t restored_wait_ms = 30000;

    enum class Doubt : std::uint8_t {
        none,
        restored,  ///< waits for an answer of a peer that we follow, for `restored_wait_ms` at most
        recover,   ///< a person said so: waits for it without limit
    };
    enum class Verdict : std::uint8_t { publish, wait, refuse };

    struct Known {
        Sequence have = 0;             ///< of our own messages
        Sequence signed_beyond = 0;    ///< a message of ours that was seen, if beyond those
        std::optional<Sequence> said;  ///< the most that a peer we follow has by its own words;
                                       ///< nothing: none has said anything
        bool follow_some = true;       ///< there is anybody whose word would count
        Sequence forked = 0;           ///< one that contradicts ours was seen, if not 0
    };

    explicit OwnFeed(Doubt doubt) : doubt_(doubt) {}

    /// Somebody wants to publish: call this, then `ask` now and again for as long as it says
    /// `wait`.
    void begin(std::uint64_t now_ms);
    Verdict ask(const Known& known, std::uint64_t now_ms);

    /// Without anybody who wants to publish: settles the doubt where that is possible by now.
    void look(const Known& known);
    Doubt doubt() const { return doubt_; }

    /// For what somebody who publishes now has to wait, `until …`, for people; empty: for nothing.
    std::string waits_until(const Known& known) const;

    /// What a person should know of the last verdict; empty: nothing.
    std::string take_warning();

 private:
    bool must_wait(const Known& known, std::uint64_t now_ms);
    bool settles(const Known& known) const;
    std::uint64_t limit_ms() const;

    Doubt doubt_;
    std::optional<std::uint64_t> first_ms_;  // somebody wanted to publish
    std::uint64_t moved_ms_ = 0;             // or a message of ours came while he waited
    Sequence have_ = 0;
    Sequence given_up_ = 0;  // said by a peer, and it did not come
    std::string warning_;
};

}  // namespace sbot::replication
