#include "replication/scheduler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace sbot::replication {
namespace {

constexpr double start = 1700000000000;

Candidate of(std::uint8_t number, PeerKind kind) {
    Candidate candidate;
    candidate.key.bytes[0] = number;
    candidate.kind = kind;
    return candidate;
}

Candidate connected(std::uint8_t number, PeerKind kind, double since, bool dialled = true) {
    Candidate candidate = of(number, kind);
    candidate.connected = candidate.reached = true;
    candidate.dialled = dialled;
    candidate.state_change = since;
    return candidate;
}

std::set<int> numbers(const std::vector<FeedId>& keys) {
    std::set<int> out;
    for (const FeedId& key : keys) out.insert(key.bytes[0]);
    return out;
}

TEST(Scheduler, dials_up_to_the_quota_of_each_kind) {
    std::vector<Candidate> all;
    for (std::uint8_t i = 0; i < 40; ++i) all.push_back(of(i, static_cast<PeerKind>(i % 4)));
    auto decision = schedule(all, start, {});
    EXPECT_EQ(decision.dial.size(), 12u);
    EXPECT_TRUE(decision.hang_up.empty());
    int of_kind[4] = {};
    for (int number : numbers(decision.dial)) ++of_kind[number % 4];
    for (int count : of_kind) EXPECT_EQ(count, 3);
}

TEST(Scheduler, counts_those_who_dialled_us_and_those_being_dialled) {
    std::vector<Candidate> all = {connected(1, PeerKind::pub, start, false), of(2, PeerKind::pub)};
    all[1].connecting = true;
    for (std::uint8_t i = 3; i < 9; ++i) all.push_back(of(i, PeerKind::pub));
    EXPECT_EQ(schedule(all, start, {}).dial.size(), 1u);
}

TEST(Scheduler, leaves_kinds_alone_that_are_switched_off_and_pubs_while_downloading) {
    std::vector<Candidate> all = {of(0, PeerKind::lan), of(1, PeerKind::friend_own),
                                  of(2, PeerKind::seed), of(3, PeerKind::pub)};
    SchedulerOptions options;
    options.downloading = true;
    EXPECT_EQ(numbers(schedule(all, start, options).dial), (std::set<int>{0, 1, 2}));
    options.dials[0] = options.dials[2] = false;
    EXPECT_EQ(numbers(schedule(all, start, options).dial), (std::set<int>{1}));
}

TEST(Scheduler, backs_off_further_with_each_failure_up_to_a_bound_and_with_a_spread) {
    for (PeerKind kind : {PeerKind::lan, PeerKind::friend_own, PeerKind::seed, PeerKind::pub}) {
        Candidate candidate = of(7, kind);
        candidate.state_change = start;
        double before = 0;
        for (int failures = 0; failures < 5; ++failures) {
            candidate.failures = failures;
            EXPECT_GT(back_off_ms(candidate), before);
            before = back_off_ms(candidate);
        }
        candidate.failures = 1e9;
        EXPECT_LE(back_off_ms(candidate), 1.25 * 3 * 3600e3);
        std::set<double> waits;
        for (std::uint8_t i = 0; i < 20; ++i) {
            candidate.key.bytes[0] = i;
            waits.insert(back_off_ms(candidate));
        }
        EXPECT_GT(waits.size(), 15u);
    }
}

TEST(Scheduler, does_not_dial_before_the_wait_is_over) {
    std::vector<Candidate> all = {of(1, PeerKind::friend_own)};
    all[0].state_change = start;
    all[0].failures = 3;
    double wait = back_off_ms(all[0]);
    EXPECT_TRUE(schedule(all, start + wait - 1, {}).dial.empty());
    EXPECT_EQ(schedule(all, start + wait + 1, {}).dial.size(), 1u);
    // The clock was set back.
    EXPECT_EQ(schedule(all, start - 1e9, {}).dial.size(), 1u);
}

TEST(Scheduler, never_dials_one_who_is_connected) {
    std::vector<Candidate> all;
    for (std::uint8_t i = 0; i < 3; ++i) all.push_back(connected(i, PeerKind::seed, start));
    for (double at = start; at < start + 1e9; at += 1e6) {
        EXPECT_TRUE(schedule(all, at, {}).dial.empty());
    }
}

TEST(Scheduler, hangs_up_on_the_oldest_of_its_own_when_there_are_twice_too_many) {
    std::vector<Candidate> all;
    for (std::uint8_t i = 0; i < 7; ++i) all.push_back(connected(i, PeerKind::pub, start + i));
    all.push_back(connected(100, PeerKind::pub, start - 5, false));
    EXPECT_EQ(numbers(schedule(all, start + 10, {}).hang_up), (std::set<int>{0, 1, 2, 3}));
}

TEST(Scheduler, gives_others_a_turn_when_all_places_have_been_taken_for_long) {
    std::vector<Candidate> all;
    for (std::uint8_t i = 0; i < 3; ++i) all.push_back(connected(i, PeerKind::pub, start + i));
    EXPECT_TRUE(schedule(all, start + 1e10, {}).hang_up.empty());
    all.push_back(of(9, PeerKind::pub));
    EXPECT_TRUE(schedule(all, start + 3600e3, {}).hang_up.empty());
    EXPECT_EQ(numbers(schedule(all, start + 2 * 3600e3 + 1, {}).hang_up), (std::set<int>{0}));
}

TEST(Scheduler, reaches_every_server_of_a_network_in_which_half_of_them_are_dead) {
    std::vector<Candidate> all;
    for (std::uint8_t i = 0; i < 20; ++i) all.push_back(of(i, PeerKind::pub));
    std::set<int> reached;
    std::size_t dials = 0;
    for (double at = start; at < start + 24 * 3600e3; at += 2000) {
        auto decision = schedule(all, at, {});
        for (Candidate& each : all) {
            bool hung_up = std::count(decision.hang_up.begin(), decision.hang_up.end(), each.key);
            bool dialled = std::count(decision.dial.begin(), decision.dial.end(), each.key);
            if (hung_up) {
                each.connected = false;
                each.state_change = at;
            }
            if (!dialled) continue;
            ++dials;
            each.state_change = at;
            if (each.key.bytes[0] % 2 == 0) {
                each.connected = each.dialled = each.reached = true;
                each.failures = 0;
                reached.insert(each.key.bytes[0]);
            } else {
                each.failures += 1;
            }
        }
    }
    EXPECT_EQ(reached.size(), 10u);
    EXPECT_LT(dials, 1000u);  // a day
}

}  // namespace
}  // namespace sbot::replication
