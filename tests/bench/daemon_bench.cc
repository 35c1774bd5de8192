// daemon_bench [OPTION...]: what a running server gives a client in C++, which takes a part of the
// time that npm ssb-client needs. Options say which server, as for `sbot`: --path DIR (the unix
// socket), also --port N (net~shs). Publishes some thousand messages there. Each line is
// `name key=value …`.

#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "base/json.h"
#include "io/loop.h"
#include "muxrpc/session.h"
#include "sbot/arguments.h"
#include "sbot/client_connect.h"
#include "sbot/settings.h"
#include "secret-handshake/keys.h"

namespace {

using namespace sbot;

double seconds() {
    auto now = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration<double>(now).count();
}

/// Calls that several workers share.
struct Work {
    std::string method;
    std::vector<std::string> args;  // of call i: args[i % args.size()]
    std::size_t count;
    std::size_t next = 0, failed = 0;
    std::vector<std::string> answers{};
};

io::Task<void> worker(muxrpc::Session& session, Work& work) {
    while (work.next < work.count) {
        std::size_t i = work.next++;
        auto calling = session.async(work.method, work.args[i % work.args.size()]);
        auto answer = co_await calling;
        if (!answer) {
            ++work.failed;
            continue;
        }
        if (work.answers.size() < 1000) work.answers.emplace_back(answer->text());
    }
}

io::Task<void> report(muxrpc::Session& session, Work& work, std::size_t in_flight) {
    double from = seconds();
    work.next = 0;
    std::vector<io::Task<void>> workers;
    for (std::size_t i = 0; i < in_flight; ++i) workers.push_back(worker(session, work));
    for (auto& each : workers) co_await std::move(each);
    double took = seconds() - from;
    std::printf("%s in_flight=%zu calls=%zu failed=%zu per_s=%.0f\n", work.method.c_str(),
                in_flight, work.count, work.failed, static_cast<double>(work.count) / took);
}

io::Task<void> stream(muxrpc::Session& session, const char* method, const char* args) {
    double from = seconds();
    auto items = session.source(method, args);
    std::size_t count = 0, bytes = 0;
    while (true) {
        auto some = co_await items->next_batch(1000);
        if (!some || some->empty()) break;
        count += some->size();
        for (const muxrpc::Body& item : *some) bytes += item.data.size();
    }
    double took = seconds() - from;
    std::printf("%s items=%zu per_s=%.0f MB_per_s=%.0f\n", method, count,
                static_cast<double>(count) / took, static_cast<double>(bytes) / took / 1e6);
}

io::Task<void> everything(muxrpc::Session& session) {
    std::string text(200, 'x');
    Work whoami{"whoami", {"[]"}, 5000};
    co_await report(session, whoami, 1);
    Work publish{"publish", {"[{\"type\":\"post\",\"text\":\"" + text + "\"}]"}, 500};
    co_await report(session, publish, 1);
    publish.count = 10000;
    co_await report(session, publish, 100);
    Work get{"get", {}, 5000};
    for (const std::string& answer : publish.answers) {
        auto message = json::Document::parse(answer);
        if (message) get.args.push_back("[" + json::compact(message->root()["key"]) + "]");
    }
    co_await report(session, get, 1);
    get.count = 20000;
    co_await report(session, get, 64);
    co_await stream(session, "createLogStream", "[]");
    co_await stream(session, "createLogStream", "[]");
}

io::Task<int> run(io::Loop& loop, const app::Settings& settings) {
    auto dialling = app::dial_server(loop, settings);
    auto connected = co_await dialling;
    if (!connected) {
        std::fprintf(stderr, "%s\n", connected.error().what.c_str());
        co_return 1;
    }
    muxrpc::Router nothing;
    muxrpc::SessionOptions options;
    options.frame_bytes_max = limits::frame_bytes_max_self;
    muxrpc::Caller server{muxrpc::Rights::peer, {}};
    muxrpc::Session session(loop, std::move(*connected), nothing, server, options);
    auto running = session.run();
    co_await everything(session);
    session.close();
    auto ended = co_await running;
    (void)ended;
    co_return 0;
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<std::string> words = {"bench", "--"};
    words.insert(words.end(), argv + 1, argv + argc);
    auto line = app::CommandLine::parse(words);
    if (!line) return 64;
    auto settings = app::load_settings(*line, app::Surroundings::of_process());
    if (!settings) {
        std::fprintf(stderr, "%s\n", settings.error().what.c_str());
        return 1;
    }
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    shs::init();
    io::Loop loop;
    return loop.run(run(loop, *settings));
}
