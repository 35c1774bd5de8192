#include "base/clock.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace sbot::base {
namespace {

class SetClock final : public Clock {
 public:
    double wall_ms() override { return now; }
    std::uint64_t steady_ms() override { return 0; }

    double now = 1700000000000;
};

TEST(SystemClock, has_whole_milliseconds_and_does_not_go_back) {
    SystemClock clock;
    double wall = clock.wall_ms();
    EXPECT_EQ(wall, std::floor(wall));
    EXPECT_GT(wall, 1.6e12);
    std::uint64_t before = clock.steady_ms();
    EXPECT_GE(clock.steady_ms(), before);
}

TEST(MonotonicTime, is_the_clock_where_that_moves) {
    SetClock clock;
    MonotonicTime time(clock);
    EXPECT_EQ(time.next(), 1700000000000);
    clock.now += 5;
    EXPECT_EQ(time.next(), 1700000000005);
}

TEST(MonotonicTime, goes_on_in_fractions_within_a_millisecond) {
    SetClock clock;
    MonotonicTime time(clock);
    time.next();
    EXPECT_EQ(time.next(), clock.now + 1.0 / 1000);
    EXPECT_EQ(time.next(), clock.now + 2.0 / 1001);
    EXPECT_EQ(time.next(), clock.now + 3.0 / 1002);
    clock.now += 1;
    EXPECT_EQ(time.next(), clock.now);
}

TEST(MonotonicTime, rises_strictly_while_the_clock_stands) {
    SetClock clock;
    MonotonicTime time(clock);
    double last = time.next();
    for (int i = 0; i < 100000; ++i) {
        double next = time.next();
        ASSERT_GT(next, last) << i;
        last = next;
    }
}

TEST(MonotonicTime, does_not_fall_with_a_clock_that_was_set_back) {
    SetClock clock;
    MonotonicTime time(clock);
    double last = time.next();
    for (double back : {1.0, 1000.0, 1e9, 0.5}) {
        clock.now -= back;
        double next = time.next();
        EXPECT_GT(next, last);
        EXPECT_LT(next, last + 2);
        last = next;
    }
    clock.now = 1800000000000;
    EXPECT_EQ(time.next(), 1800000000000);
}

TEST(MonotonicTime, stays_above_what_was_seen) {
    SetClock clock;
    MonotonicTime time(clock);
    for (double seen : {1700000000123.0, 1700000000456.789, 1700000000457.0}) {
        time.at_least(seen);
        EXPECT_GT(time.next(), seen);
    }
    double last = time.next();
    time.at_least(1);
    EXPECT_GT(time.next(), last);
    time.at_least(std::nan(""));
    EXPECT_GT(time.next(), last);
}

TEST(MonotonicTime, rises_where_doubles_are_coarse) {
    SetClock clock;
    MonotonicTime time(clock);
    time.at_least(1e17);
    double last = 1e17;
    for (int i = 0; i < 100; ++i) {
        double next = time.next();
        ASSERT_GT(next, last) << i;
        last = next;
    }
}

TEST(MonotonicTime, says_once_that_the_clock_is_behind) {
    SetClock clock;
    MonotonicTime time(clock);
    std::vector<double> told;
    time.on_behind([&](double ms) { told.push_back(ms); });
    time.next();
    clock.now -= 1000;
    time.next();
    EXPECT_TRUE(told.empty()) << "a second is no news";
    clock.now -= 3600e3;
    for (int i = 0; i < 3; ++i) time.next();
    ASSERT_EQ(told.size(), 1u);
    EXPECT_NEAR(told[0], 3601e3, 10);
    clock.now += 7200e3;
    time.next();
    EXPECT_EQ(told.size(), 1u);
    clock.now -= 60e3;
    time.next();
    EXPECT_EQ(told.size(), 2u);
}

TEST(MonotonicTime, says_at_once_that_what_was_seen_is_far_ahead) {
    SetClock clock;
    MonotonicTime time(clock);
    std::vector<double> told;
    time.on_behind([&](double ms) { told.push_back(ms); });
    time.at_least(clock.now + 86400e3);
    EXPECT_EQ(told, std::vector<double>{86400e3});
    time.next();
    time.at_least(clock.now + 2 * 86400e3);
    EXPECT_EQ(told.size(), 1u);
}

}  // namespace
}  // namespace sbot::base
