// The secret handshake and the box-stream in memory: what the cryptography costs, no network.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <utility>

#include "base/random.h"
#include "secret-handshake/box_stream.h"
#include "secret-handshake/handshake.h"

namespace {

using namespace sbot;

constexpr std::size_t stream_bytes = std::size_t{1} << 20;

void move_owed(shs::Handshake& from, shs::Handshake& to) {
    Bytes owed = base::to_bytes(from.to_send());
    from.sent(owed.size());
    if (!to.received(owed)) std::abort();
}

struct People {
    base::SystemRandom random;
    shs::NetworkKey network;
    shs::KeyPair alice = shs::KeyPair::generate(random);
    shs::KeyPair bob = shs::KeyPair::generate(random);

    shs::Outcome meet() {
        auto client = *shs::Handshake::client(network, alice, bob.public_key, random);
        auto server = *shs::Handshake::server(network, bob, random);
        move_owed(client, server);
        move_owed(server, client);
        move_owed(client, server);
        server.accept();
        move_owed(server, client);
        return std::move(client).outcome();
    }
};

/// Both roles: what one core does of client and server together.
void handshake_both_roles(benchmark::State& state) {
    People people;
    for (auto _ : state) benchmark::DoNotOptimize(people.meet());
    state.SetItemsProcessed(state.iterations());
}
// The node does this on its pool: two threads show what two cores give.
BENCHMARK(handshake_both_roles)->Threads(1)->Threads(2)->UseRealTime();

/// What a stranger who does not know the network can make a server do.
void handshake_refused_hello(benchmark::State& state) {
    People people;
    Bytes hello(64);
    for (auto _ : state) {
        auto server = *shs::Handshake::server(people.network, people.bob, people.random);
        benchmark::DoNotOptimize(server.received(hello).has_value());
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(handshake_refused_hello);

/// `range(0)`: bytes written at once.
void box_stream_write(benchmark::State& state) {
    base::Secret<32> key;
    shs::BoxWriter writer(key, {});
    Bytes plain(static_cast<std::size_t>(state.range(0)));
    Bytes wire;
    for (auto _ : state) {
        wire.clear();
        for (std::size_t at = 0; at < stream_bytes; at += plain.size()) {
            writer.write(plain, wire);
        }
        benchmark::DoNotOptimize(wire.data());
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(stream_bytes));
}
BENCHMARK(box_stream_write)->Arg(64)->Arg(1024)->Arg(4096)->Arg(65536);

/// `range(0)`: bytes written at once; `range(1)`: bytes the network gives at once.
void box_stream_read(benchmark::State& state) {
    base::Secret<32> key;
    shs::BoxWriter writer(key, {});
    Bytes chunk(static_cast<std::size_t>(state.range(0)));
    auto piece = static_cast<std::size_t>(state.range(1));
    Bytes wire;
    for (std::size_t at = 0; at < stream_bytes; at += chunk.size()) writer.write(chunk, wire);
    Bytes plain;
    for (auto _ : state) {
        shs::BoxReader reader(key, {});
        for (std::size_t at = 0; at < wire.size(); at += piece) {
            plain.clear();
            std::size_t count = std::min(piece, wire.size() - at);
            if (!reader.read(ByteView(wire).subspan(at, count), plain)) std::abort();
            benchmark::DoNotOptimize(plain.data());
        }
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(stream_bytes));
}
BENCHMARK(box_stream_read)
    ->Args({64, 65536})
    ->Args({1024, 65536})
    ->Args({4096, 65536})
    ->Args({4096, 1448});

}  // namespace

BENCHMARK_MAIN();
