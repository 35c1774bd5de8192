#include "flume/run_sorter.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/flume/support.h"

namespace sbot::flume {
namespace {

struct Pair {
    std::uint64_t first;
    std::uint32_t second;
    bool operator<(const Pair& other) const {
        return std::tie(first, second) < std::tie(other.first, other.second);
    }
};

TEST(RunSorter, gives_everything_in_order) {
    test::TemporaryFolder folder;
    auto file = std::move(SpillFile::make(folder.path("spill")).value());
    std::mt19937 random(3);
    for (std::size_t run_values : {1, 7, 1000, 100000}) {
        for (std::size_t count : {0, 1, 7, 8, 14, 1000, 30000}) {
            if (count / run_values > 2000) continue;
            for (std::uint32_t range : {1u, 10u, 1u << 30}) {
                RunSorter<Pair> one(file, run_values * sizeof(Pair));
                RunSorter<Pair> two(file, run_values * sizeof(Pair));
                std::vector<Pair> all;
                for (std::size_t i = 0; i < count; ++i) {
                    all.push_back({random() % range, static_cast<std::uint32_t>(random())});
                    ASSERT_TRUE(one.add(all.back()));
                    ASSERT_TRUE(two.add(all.back()));
                }
                std::sort(all.begin(), all.end());
                for (auto* sorter : {&two, &one}) {
                    std::vector<Pair> got;
                    ASSERT_TRUE(sorter->drain([&](const Pair& pair) { got.push_back(pair); }));
                    ASSERT_EQ(got.size(), all.size());
                    for (std::size_t i = 0; i < got.size(); ++i) {
                        ASSERT_EQ(got[i].first, all[i].first);
                        ASSERT_EQ(got[i].second, all[i].second);
                    }
                }
            }
        }
    }
    base::PosixFiles files;
    EXPECT_TRUE(files.list(folder.path(".")).value().empty());
}

}  // namespace
}  // namespace sbot::flume
