#include "sbot/doorstep.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace sbot::app {
namespace {

/// Callers by number; who was sent away is told in that order.
class DoorstepTest : public testing::Test {
 protected:
    void come(const std::string& host, std::uint64_t now_ms) {
        int number = static_cast<int>(callers.size());
        callers.push_back(std::make_unique<Doorstep::Caller>(
            door, host, now_ms, [this, number] { gone.push_back(number); }));
    }

    Doorstep door;
    std::vector<int> gone;
    std::vector<std::unique_ptr<Doorstep::Caller>> callers;
};

TEST_F(DoorstepTest, sends_away_one_of_the_address_with_the_most) {
    come("192.0.2.1", 0);
    for (std::uint64_t i = 1; i < 4; ++i) come("192.0.2.2", i);
    auto away = *door.send_one_away(300);
    EXPECT_EQ(away.from, "192.0.2.2");
    EXPECT_EQ(away.count, 3u);
    EXPECT_EQ(gone, std::vector<int>{1});
    EXPECT_TRUE(callers[1]->sent_away());
    EXPECT_FALSE(callers[0]->sent_away());
    EXPECT_EQ(door.count(), 3u);
    EXPECT_EQ(door.alive(), 4u);
    callers.clear();
    EXPECT_EQ(door.alive(), 0u);
}

TEST_F(DoorstepTest, prefers_who_moves_on_to_who_says_nothing_behind_one_address) {
    for (std::uint64_t i = 0; i < 4; ++i) come("127.0.0.1", i);
    callers[0]->moved_on(5);
    callers[2]->moved_on(5);
    for (int i = 0; i < 4; ++i) door.send_one_away(300);
    EXPECT_EQ(gone, (std::vector<int>{1, 3, 0, 2}));
}

TEST_F(DoorstepTest, spares_a_newcomer_as_long_as_others_have_stalled) {
    // They spoke once, to be taken for honest.
    for (std::uint64_t i = 0; i < 3; ++i) {
        come("2001:db8::" + std::to_string(i), i);
        callers.back()->moved_on(i);
    }
    come("192.0.2.1", 1500);
    come("192.0.2.1", 1500);
    for (int i = 0; i < 3; ++i) door.send_one_away(1800);
    EXPECT_EQ(gone, (std::vector<int>{0, 1, 2}));
}

TEST_F(DoorstepTest, leaves_everybody_the_time_for_a_step) {
    come("192.0.2.1", 0);
    come("192.0.2.1", 200);
    EXPECT_FALSE(door.send_one_away(249));
    EXPECT_TRUE(door.send_one_away(250));
    EXPECT_FALSE(door.send_one_away(300));
    EXPECT_EQ(gone, std::vector<int>{0});
    EXPECT_TRUE(door.send_one_away(450));
    EXPECT_FALSE(door.send_one_away(9000)) << "nobody is left";
}

TEST_F(DoorstepTest, takes_an_ipv6_network_of_64_bits_for_one_address) {
    come("192.0.2.1", 0);
    come("2001:db8:0:1::1", 1);
    come("2001:db8:0:1:ffff::2", 2);
    come("2001:db8:0:2::1", 3);
    auto away = *door.send_one_away(300);
    EXPECT_EQ(away.from, "2001:db8:0:1::/64");
    EXPECT_EQ(away.count, 2u);
    EXPECT_EQ(gone, std::vector<int>{1});
}

TEST_F(DoorstepTest, lets_a_caller_end_while_it_is_sent_away) {
    std::unique_ptr<Doorstep::Caller> only;
    only = std::make_unique<Doorstep::Caller>(door, "fe80::1%eth0", 0, [&only] { only.reset(); });
    EXPECT_EQ(door.send_one_away(300)->from, "fe80::/64");
    EXPECT_EQ(door.alive(), 0u);
}

}  // namespace
}  // namespace sbot::app
