#include "replication/own_feed.h"

#include <algorithm>
#include <utility>

namespace sbot::replication {
namespace {

std::string span(Sequence first, Sequence last) {
    if (first == last) return "message " + std::to_string(first);
    return "messages " + std::to_string(first) + " to " + std::to_string(last);
}

std::string seconds(std::uint64_t ms) { return std::to_string(ms / 1000) + " s"; }

}  // namespace

void OwnFeed::begin(std::uint64_t now_ms) {
    if (!first_ms_) first_ms_ = now_ms;
    moved_ms_ = now_ms;
    have_ = 0;
}

OwnFeed::Verdict OwnFeed::ask(const Known& known, std::uint64_t now_ms) {
    if (known.forked > 0 || known.signed_beyond > known.have) return Verdict::refuse;
    // One that sends what it spoke of is no mere talker, however long it takes.
    if (have_ != 0 && known.have > have_) moved_ms_ = now_ms;
    have_ = known.have;
    look(known);
    return must_wait(known, now_ms) ? Verdict::wait : Verdict::publish;
}

bool OwnFeed::must_wait(const Known& known, std::uint64_t now_ms) {
    if (doubt_ != Doubt::none && !known.said) {
        if (doubt_ == Doubt::recover || now_ms < *first_ms_ + restored_wait_ms) return true;
        warning_ =
            "this folder is a copy or was restored, and no peer that we follow has said in " +
            seconds(restored_wait_ms) +
            " whether it has newer messages of ours: publishing goes on without";
        doubt_ = Doubt::none;
        return false;
    }
    Sequence said = known.said.value_or(0);
    if (said <= std::max(known.have, given_up_)) return false;
    if (doubt_ == Doubt::recover) return true;
    if (now_ms < moved_ms_ + limit_ms()) return true;
    warning_ = "a peer says that it has " + std::to_string(said) +
               " messages of ours, and does not send them: publishing goes on behind the " +
               std::to_string(known.have) + " that are here";
    given_up_ = said;
    doubt_ = Doubt::none;
    return false;
}

std::uint64_t OwnFeed::limit_ms() const {
    return doubt_ == Doubt::restored ? restored_wait_ms : note_wait_ms;
}

bool OwnFeed::settles(const Known& known) const {
    bool has_all = known.forked == 0 && known.said && *known.said <= known.have &&
                   known.signed_beyond <= known.have;
    bool nobody_to_ask = doubt_ == Doubt::restored && !known.follow_some && !known.said;
    return has_all || nobody_to_ask;
}

void OwnFeed::look(const Known& known) {
    if (settles(known)) doubt_ = Doubt::none;
}

std::string OwnFeed::waits_until(const Known& known) const {
    if (known.forked > 0) {
        return "until this folder has another branch of our feed: peers have a message " +
               std::to_string(known.forked) +
               " that is signed by us and contradicts ours, see docs/own-feed.md";
    }
    if (known.signed_beyond > known.have) {
        return "until peers have sent " + span(known.have + 1, known.signed_beyond) + " of ours";
    }
    if (settles(known)) return {};
    if (doubt_ != Doubt::none && !known.said) {
        std::string what = "until a peer that we follow has said how far it has our feed";
        if (doubt_ == Doubt::recover) return what + ", as --recover demands";
        return what + ", " + seconds(restored_wait_ms) +
               " at most: this folder is a copy or was restored";
    }
    Sequence said = known.said.value_or(0);
    if (said <= std::max(known.have, given_up_)) return {};
    std::string what = "until " + span(known.have + 1, said) +
                       " of ours, which a peer says that it has, came from it";
    return doubt_ == Doubt::recover ? what : what + ", " + seconds(limit_ms()) + " at most";
}

std::string OwnFeed::take_warning() { return std::exchange(warning_, {}); }

}  // namespace sbot::replication
