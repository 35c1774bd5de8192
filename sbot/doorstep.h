#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>

namespace sbot::app {

/// Those who have connected and not proved yet who they are, and who of them has to go when there
/// are too many: whoever has not moved on for a second, or else one of the address with the most
/// of them, whoever said nothing first. So nobody keeps others out by connections that say
/// nothing, not even those behind the same address. Everybody has a quarter of a second for each
/// step. Pure: no sockets, no clock.
class Doorstep {
 public:
    /// One of them, for as long as it lives. Times are milliseconds of the loop.
    class Caller {
     public:
        /// `host` is an address without brackets. `send_away` closes the connection; it is called
        /// once at most, and may end this object.
        Caller(Doorstep& door, const std::string& host, std::uint64_t now_ms,
               std::function<void()> send_away);
        ~Caller();
        Caller(const Caller&) = delete;
        Caller& operator=(const Caller&) = delete;

        /// It has sent a step of the handshake that is right.
        void moved_on(std::uint64_t now_ms);
        bool sent_away() const { return !waits_; }

     private:
        friend class Doorstep;
        void leave();

        Doorstep& door_;
        std::string home_;
        std::uint64_t moved_ms_;
        bool spoke_ = false;
        bool waits_ = true;
        std::function<void()> send_away_;
        std::list<Caller*>::iterator place_;
    };

    /// Without those sent away.
    std::size_t count() const { return callers_.size(); }
    /// With those sent away that are still there.
    std::size_t alive() const { return alive_; }

    /// Who was sent away: one of so many from this address (a network of 64 bits for IPv6).
    struct SentAway {
        std::string from;
        std::size_t count = 0;
    };
    /// Nothing: all have moved on just now.
    std::optional<SentAway> send_one_away(std::uint64_t now_ms);

 private:
    std::list<Caller*> callers_;  // the oldest first
    std::unordered_map<std::string, std::size_t> homes_;
    std::size_t alive_ = 0;
};

}  // namespace sbot::app
