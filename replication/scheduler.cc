#include "replication/scheduler.h"

#include <algorithm>
#include <cmath>
#include <functional>

namespace sbot::replication {
namespace {

constexpr double second = 1e3, minute = 60 * second, hour = 60 * minute;

/// What holds for a kind.
struct Rule {
    std::size_t quota;   // connections to have
    double first, most;  // wait before dialling again, at first and at most
    double between;      // two dials of the kind, unless a peer was never tried
};

constexpr Rule rules[peer_kinds] = {
    {3, 2 * second, minute, 1 * second},
    {3, 2 * second, 10 * minute, 1 * second},
    {3, 2 * second, 10 * minute, 1 * second},
    {3, 10 * second, 10 * minute, 5 * second},
};
// A pub that never answered is probably gone.
constexpr double unreached_first = minute, unreached_most = 3 * hour;
// With all places taken and others waiting, one is given up after this long, the sooner the more
// wait: what only they have must come in too.
constexpr double rotation = 2 * hour, rotation_least = 10 * minute;

const Rule& rule_of(PeerKind kind) { return rules[static_cast<std::size_t>(kind)]; }

/// 0.75 to 1.25, fixed for a server and a number of failures.
double spread(const Candidate& candidate) {
    auto mixed = std::hash<FeedId>()(candidate.key) +
                 0x9e3779b97f4a7c15ull *
                     static_cast<std::uint64_t>(std::clamp(candidate.failures, 0.0, 1e6) + 1);
    mixed ^= mixed >> 31;
    mixed *= 0xbf58476d1ce4e5b9ull;
    return 0.75 + static_cast<double>(mixed >> 32) / 8589934592.0;
}

bool is_due(const Candidate& candidate, double now) {
    if (candidate.state_change <= 0) return true;
    // A clock that was set back must not silence a server for years.
    if (candidate.state_change > now) return true;
    return candidate.state_change + back_off_ms(candidate) <= now;
}

/// Never tried ones first where nobody has worked yet, then who has waited longest.
bool goes_before(const Candidate& one, const Candidate& other) {
    if (one.reached != other.reached) return one.reached;
    return one.state_change < other.state_change;
}

class Kind {
 public:
    Kind(std::span<const Candidate> candidates, PeerKind kind) : rule_(rule_of(kind)) {
        for (const Candidate& each : candidates) {
            if (each.kind != kind) continue;
            if (each.connected || each.connecting) {
                held_.push_back(&each);
            } else {
                free_.push_back(&each);
                if (each.state_change > newest_) newest_ = each.state_change;
            }
        }
    }

    void dial(double now, Decision& out) const {
        if (held_.size() >= rule_.quota) return;
        std::vector<const Candidate*> due;
        for (const Candidate* each : free_) {
            bool pause = newest_ <= now && newest_ + rule_.between > now;
            if (is_due(*each, now) && !(pause && each->state_change > 0)) due.push_back(each);
        }
        std::size_t count = std::min(rule_.quota - held_.size(), due.size());
        std::partial_sort(due.begin(), due.begin() + static_cast<std::ptrdiff_t>(count), due.end(),
                          [](auto* one, auto* other) { return goes_before(*one, *other); });
        for (std::size_t i = 0; i < count; ++i) out.dial.push_back(due[i]->key);
    }

    /// Only connections of our own making count: who dialled us decides for himself.
    void hang_up(double now, Decision& out) const {
        std::vector<const Candidate*> ours;
        for (const Candidate* each : held_) {
            if (each->connected && each->dialled) ours.push_back(each);
        }
        std::sort(ours.begin(), ours.end(),
                  [](auto* one, auto* other) { return one->state_change < other->state_change; });
        if (ours.size() > 2 * rule_.quota) {
            for (std::size_t i = 0; i < ours.size() - rule_.quota; ++i) {
                out.hang_up.push_back(ours[i]->key);
            }
            return;
        }
        auto waiting = static_cast<double>(std::count_if(
            free_.begin(), free_.end(), [now](auto* each) { return is_due(*each, now); }));
        if (ours.size() < rule_.quota || waiting < 1) return;
        double age = std::max(rotation / std::sqrt(waiting), rotation_least);
        if (ours.front()->state_change + age < now) out.hang_up.push_back(ours.front()->key);
    }

 private:
    const Rule& rule_;
    std::vector<const Candidate*> held_, free_;
    double newest_ = 0;
};

}  // namespace

double back_off_ms(const Candidate& candidate) {
    const Rule& rule = rule_of(candidate.kind);
    bool gone = candidate.kind == PeerKind::pub && !candidate.reached;
    double first = gone ? unreached_first : rule.first;
    double most = gone ? unreached_most : rule.most;
    double growth = std::exp2(std::clamp(candidate.failures, 0.0, 30.0));
    return std::min(first * growth, most) * spread(candidate);
}

Decision schedule(std::span<const Candidate> candidates, double now,
                  const SchedulerOptions& options) {
    Decision out;
    for (std::size_t i = 0; i < peer_kinds; ++i) {
        auto kind = static_cast<PeerKind>(i);
        Kind of_kind(candidates, kind);
        of_kind.hang_up(now, out);
        bool busy = options.downloading && kind == PeerKind::pub;
        if (options.dials[i] && !busy) of_kind.dial(now, out);
    }
    return out;
}

}  // namespace sbot::replication
