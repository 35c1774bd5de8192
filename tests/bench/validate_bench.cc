// A message's whole validation (parse, rules, canonical text, hash, signature) against the
// signature check alone. The ratio of the two is what everything of our own costs.

#include <benchmark/benchmark.h>
#include <sodium.h>

#include <cstdio>
#include <cstdlib>

#include "message/create.h"

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

}  // namespace

int main(int argc, char** argv) {
    if (sodium_init() < 0) return 1;
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}
