#include "net/interfaces.h"

#include <gtest/gtest.h>

namespace sbot::net {
namespace {

constexpr std::uint32_t address = 0x0a4d0001;  // 10.77.0.1

TEST(Broadcast, goes_where_the_system_was_told) {
    EXPECT_EQ(broadcast_for(address, 0xffffff00, 0x0a4d00ff), 0x0a4d00ffu);
    EXPECT_EQ(broadcast_for(address, 0xffffff00, 0xffffffff), 0xffffffffu);
    // The other end of `10.77.0.1 peer 10.77.0.2`.
    EXPECT_EQ(broadcast_for(address, 0xffffffff, 0x0a4d0002), 0x0a4d0002u);
}

TEST(Broadcast, goes_to_the_last_address_of_the_network_where_none_was_set) {
    for (std::uint32_t unset : {std::uint32_t{0}, address}) {
        EXPECT_EQ(broadcast_for(address, 0xffffff00, unset), 0x0a4d00ffu);
        EXPECT_EQ(broadcast_for(address, 0xff000000, unset), 0x0affffffu);
        EXPECT_EQ(broadcast_for(address, 0xfffffffc, unset), 0x0a4d0003u);
    }
}

TEST(Broadcast, goes_to_everybody_from_a_network_too_small_to_have_one) {
    EXPECT_EQ(broadcast_for(address, 0xfffffffe, address), 0xffffffffu);
    EXPECT_EQ(broadcast_for(address, 0xffffffff, address), 0xffffffffu);
    EXPECT_EQ(broadcast_for(address, 0xffffffff, 0), 0xffffffffu);
}

}  // namespace
}  // namespace sbot::net
