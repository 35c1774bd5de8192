#include "base/fifo.h"

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <random>

namespace sbot::base {
namespace {

TEST(Fifo, GivesWhatCameFirst) {
    Fifo<int> fifo(std::vector<int>{1, 2});
    fifo.push(3);
    EXPECT_EQ(fifo.size(), 3U);
    EXPECT_EQ(fifo.pop(), 1);
    EXPECT_EQ(fifo.pop(), 2);
    EXPECT_EQ(fifo.pop(), 3);
    EXPECT_TRUE(fifo.empty());
    fifo.push(4);
    EXPECT_EQ(fifo.pop(), 4);
}

TEST(Fifo, KeepsNothingAfterClear) {
    auto item = std::make_shared<int>(1);
    Fifo<std::shared_ptr<int>> fifo;
    fifo.push(item);
    fifo.push(item);
    fifo.pop();
    fifo.clear();
    EXPECT_TRUE(fifo.empty());
    EXPECT_EQ(item.use_count(), 1);
}

TEST(Fifo, DoesAsADequeDoes) {
    std::mt19937 random(1);
    Fifo<unsigned> fifo;
    std::deque<unsigned> deque;
    for (unsigned step = 0; step < 20000; ++step) {
        // Longer and longer in one phase, emptied in the next.
        bool push = random() % 8 < (step / 1000 % 2 == 0 ? 6U : 2U);
        if (push) {
            fifo.push(step);
            deque.push_back(step);
        } else if (!deque.empty()) {
            ASSERT_EQ(fifo.pop(), deque.front());
            deque.pop_front();
        }
        ASSERT_EQ(fifo.size(), deque.size());
        ASSERT_EQ(fifo.empty(), deque.empty());
    }
}

}  // namespace
}  // namespace sbot::base
