// The graph of a large network: 20,000 feeds, 400,000 edges.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <random>

#include "friends/snapshot.h"

namespace {

using namespace sbot;
using friends::Relation;

constexpr std::size_t feeds = 20000, edges = 400000;

friends::News network() {
    std::mt19937_64 random(1);
    friends::News news;
    news.anew = true;
    news.feeds.resize(feeds);
    for (FeedId& feed : news.feeds) {
        for (auto& byte : feed.bytes) byte = static_cast<std::uint8_t>(random());
    }
    // Some are known to many, as in life.
    auto anybody = [&] {
        double at = std::generate_canonical<double, 53>(random);
        return static_cast<friends::FeedIndex>(at * at * feeds);
    };
    for (std::size_t i = 0; i < edges; ++i) {
        bool blocks = random() % 50 == 0;
        news.contacts.push_back(
            {anybody(), anybody(), blocks ? Relation::block : Relation::follow});
    }
    return news;
}

friends::Snapshot loaded(double max) {
    friends::News news = network();
    return friends::Snapshot(news.feeds[0], max).after(news);
}

/// What the pool does when one contact message has come.
void one_change(benchmark::State& state) {
    friends::Snapshot now = loaded(static_cast<double>(state.range(0)));
    friends::News news;
    bool on = false;
    for (auto _ : state) {
        on = !on;
        news.contacts = {{0, 77, on ? Relation::block : Relation::follow}};
        now = now.after(news);
    }
    state.counters["reached"] = static_cast<double>(now.hops().reached.size());
    state.counters["edges"] = static_cast<double>(now.graph().edges->size());
}
BENCHMARK(one_change)->Arg(2)->Arg(3)->Arg(100)->Unit(benchmark::kMillisecond);

/// What the loop thread does then.
void what_changed(benchmark::State& state) {
    friends::Snapshot before = loaded(3);
    friends::News news;
    news.contacts = {{0, 77, Relation::block}};
    friends::Snapshot after = before.after(news);
    for (auto _ : state) benchmark::DoNotOptimize(after.changes_since(before));
}
BENCHMARK(what_changed)->Unit(benchmark::kMillisecond);

void load(benchmark::State& state) {
    friends::News news = network();
    for (auto _ : state) {
        benchmark::DoNotOptimize(friends::Snapshot(news.feeds[0], 3).after(news));
    }
}
BENCHMARK(load)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
