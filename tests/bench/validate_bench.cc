// A message's whole validation (parse, rules, canonical text, hash, signature) against the
// signature check alone. The ratio of the two is what everything of our own costs.

#include <benchmark/benchmark.h>
#include <sodium.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "message/create.h"
#include "message/signatures.h"

namespace {

using namespace sbot;

/// A post of some 800 bytes, the second of its feed, as it comes over the wire.
struct Sample {
    message::KeyPair keys = message::KeyPair::from_seed(std::array<std::uint8_t, 32>{1});
    message::HmacKey hmac;
    message::FeedState before{MessageId{}, 1, 1491901740000};
    message::Created message;

    Sample() {
        std::string content =
            R"({"type":"post","root":"%XdXhjh6Yv3MjLxeT3EPBfG7b3hjlozTnH5Dg/xRBpmw=.sha256",)"
            R"("branch":["%XdXhjh6Yv3MjLxeT3EPBfG7b3hjlozTnH5Dg/xRBpmw=.sha256"],"text":")";
        for (int i = 0; i < 6; ++i) content += "A typical post says a few things, twice.\\n";
        auto document = json::Document::parse(content + "\",\"mentions\":[],\"channel\":\"x\"}");
        auto made = message::create(document->root(), &before, keys, hmac, 1491901741000);
        message = std::move(*made);
    }
};

const Sample& sample() {
    static const Sample made;
    return made;
}

void whole_validation(benchmark::State& state) {
    const Sample& s = sample();
    json::Document document;
    for (auto _ : state) {
        if (!document.parse_borrowed(s.message.json)) std::abort();
        if (!message::validate(document.root(), &s.before, s.hmac)) std::abort();
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * s.message.json.size()));
}
BENCHMARK(whole_validation);

void all_but_the_signature(benchmark::State& state) {
    const Sample& s = sample();
    json::Document document;
    for (auto _ : state) {
        if (!document.parse_borrowed(s.message.json)) std::abort();
        auto checked = message::check(document.root(), &s.before, s.hmac);
        benchmark::DoNotOptimize(checked);
    }
}
BENCHMARK(all_but_the_signature);

void signature_alone(benchmark::State& state) {
    const Sample& s = sample();
    json::Document document;
    if (!document.parse_borrowed(s.message.json)) std::abort();
    auto checked = message::check(document.root(), &s.before, s.hmac);
    for (auto _ : state) {
        if (!message::verify(*checked, s.hmac)) std::abort();
    }
}
BENCHMARK(signature_alone);

void parse_alone(benchmark::State& state) {
    json::Document document;
    for (auto _ : state) {
        auto parsed = document.parse_borrowed(sample().message.json);
        benchmark::DoNotOptimize(parsed);
    }
}
BENCHMARK(parse_alone);

void canonical_text_alone(benchmark::State& state) {
    json::Document document;
    if (!document.parse_borrowed(sample().message.json)) std::abort();
    for (auto _ : state) benchmark::DoNotOptimize(message::canonical(document.root()));
}
BENCHMARK(canonical_text_alone);

void key_alone(benchmark::State& state) {
    for (auto _ : state) benchmark::DoNotOptimize(message::key_of(sample().message.text));
}
BENCHMARK(key_alone);

/// Signed messages of `feeds` feeds with `length` each; items are messages.
struct Runs {
    std::vector<message::SignedRun> runs;
    std::vector<message::SignedRun*> all;

    Runs(std::size_t feeds, std::size_t length) : runs(feeds) {
        const Sample& s = sample();
        json::Document document;
        if (!document.parse_borrowed(s.message.json)) std::abort();
        auto checked = message::check(document.root(), &s.before, s.hmac);
        for (std::size_t i = 0; i < feeds; ++i) {
            std::array<std::uint8_t, 32> seed{7};
            std::memcpy(seed.data(), &i, sizeof i);
            auto keys = message::KeyPair::from_seed(seed);
            for (std::size_t j = 0; j < length; ++j) {
                message::Checked& each = runs[i].messages.emplace_back(*checked);
                each.author = keys.id;
                each.signed_text += std::to_string(j);
                each.signature = message::sign(keys, s.hmac, each.signed_text);
            }
            all.push_back(&runs[i]);
        }
    }
    std::int64_t messages() const {
        return static_cast<std::int64_t>(runs.size() * runs[0].messages.size());
    }
};

void by_libsodium(benchmark::State& state, std::size_t feeds, std::size_t length) {
    Runs given(feeds, length);
    for (auto _ : state) {
        for (const message::SignedRun& run : given.runs) {
            for (const message::Checked& each : run.messages) {
                if (!message::verify(each, sample().hmac)) std::abort();
            }
        }
    }
    state.SetItemsProcessed(state.iterations() * given.messages());
}

void in_runs(benchmark::State& state, std::size_t feeds, std::size_t length) {
    Runs given(feeds, length);
    for (auto _ : state) {
        for (message::SignedRun& run : given.runs) run.key_table = nullptr;
        message::verify(given.all, sample().hmac);
        for (const message::SignedRun& run : given.runs) {
            if (run.good != run.messages.size()) std::abort();
        }
    }
    state.SetItemsProcessed(state.iterations() * given.messages());
}

BENCHMARK_CAPTURE(by_libsodium, signature_in_runs_of_100, 3, 100);
BENCHMARK_CAPTURE(in_runs, signature_in_runs_of_100, 3, 100);
BENCHMARK_CAPTURE(by_libsodium, signature_in_runs_of_10, 30, 10);
BENCHMARK_CAPTURE(in_runs, signature_in_runs_of_10, 30, 10);
BENCHMARK_CAPTURE(by_libsodium, signature_each_of_another_feed, 256, 1);
BENCHMARK_CAPTURE(in_runs, signature_each_of_another_feed, 256, 1);

}  // namespace

int main(int argc, char** argv) {
    if (sodium_init() < 0) return 1;
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}
