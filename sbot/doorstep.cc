#include "sbot/doorstep.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <tuple>
#include <utility>

namespace sbot::app {
namespace {

// Longer than the way to the other side of the world and back.
constexpr std::uint64_t stalled_ms = 1000;
// Even a busy client has said its first word by then: it has no answer to wait for.
constexpr std::uint64_t patience_ms = 250;

/// What one customer of a provider has: an IPv4 address, or a network of 64 bits.
std::string home_of(const std::string& host) {
    in6_addr address{};
    std::string literal = host.substr(0, host.find('%'));
    if (inet_pton(AF_INET6, literal.c_str(), &address) != 1) return host;
    std::fill(std::begin(address.s6_addr) + 8, std::end(address.s6_addr), std::uint8_t{0});
    char text[INET6_ADDRSTRLEN] = {};
    inet_ntop(AF_INET6, &address, text, sizeof text);
    return std::string(text) + "/64";
}

}  // namespace

Doorstep::Caller::Caller(Doorstep& door, const std::string& host, std::uint64_t now_ms,
                         std::function<void()> send_away)
    : door_(door), home_(home_of(host)), moved_ms_(now_ms), send_away_(std::move(send_away)) {
    ++door_.alive_;
    ++door_.homes_[home_];
    place_ = door_.callers_.insert(door_.callers_.end(), this);
}

Doorstep::Caller::~Caller() {
    if (waits_) leave();
    --door_.alive_;
}

void Doorstep::Caller::leave() {
    waits_ = false;
    door_.callers_.erase(place_);
    auto home = door_.homes_.find(home_);
    if (--home->second == 0) door_.homes_.erase(home);
}

void Doorstep::Caller::moved_on(std::uint64_t now_ms) {
    spoke_ = true;
    moved_ms_ = now_ms;
}

std::optional<Doorstep::SentAway> Doorstep::send_one_away(std::uint64_t now_ms) {
    auto reasons = [&](const Caller& caller) {
        bool stalled = caller.moved_ms_ + stalled_ms <= now_ms;
        return std::tuple(stalled, homes_.at(caller.home_), !caller.spoke_);
    };
    Caller* least = nullptr;
    for (Caller* each : callers_) {
        if (each->moved_ms_ + patience_ms > now_ms) continue;
        if (least == nullptr || reasons(*each) > reasons(*least)) least = each;
    }
    if (least == nullptr) return std::nullopt;
    SentAway gone{least->home_, homes_.at(least->home_)};
    auto send_away = std::move(least->send_away_);
    least->leave();
    send_away();
    return gone;
}

}  // namespace sbot::app
