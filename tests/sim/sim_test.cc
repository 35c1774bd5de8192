#include <gtest/gtest.h>

#include <cstdio>

#include "tests/environment.h"
#include "tests/sim/world.h"

namespace sbot::sim {
namespace {

/// SIM_SEEDS (how many), SIM_SEED (the first).
TEST(Sim, honest_nodes_are_level_in_the_end_whatever_others_do) {
    std::uint64_t first = number_from("SIM_SEED", 1);
    std::uint64_t count = number_from("SIM_SEEDS", 50);
    std::uint64_t sent = 0, needed = 0;
    for (std::uint64_t seed = first; seed < first + count; ++seed) {
        Options options;
        options.nodes = seed % 50 == 0 ? 120 : 10 + seed % 20;
        Outcome outcome = run(seed, options);
        sent += outcome.sent;
        needed += outcome.needed;
        EXPECT_TRUE(outcome.converged) << outcome.why << "\nto replay: SIM_SEED=" << seed
                                       << " SIM_SEEDS=1 sim_test --gtest_filter='Sim.honest*'";
        if (!outcome.converged) break;
    }
    std::printf("%llu messages crossed links, %llu of them new\n",
                static_cast<unsigned long long>(sent), static_cast<unsigned long long>(needed));
}

}  // namespace
}  // namespace sbot::sim
