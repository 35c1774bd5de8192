// sbot: the server (`sbot start`) and the command line that talks to it.

#include <malloc.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "io/loop.h"
#include "io/signals.h"
#include "io/sync.h"
#include "sbot/arguments.h"
#include "sbot/client.h"
#include "sbot/data_folder.h"
#include "sbot/flume_command.h"
#include "sbot/node.h"
#include "sbot/output.h"
#include "sbot/settings.h"
#include "secret-handshake/keys.h"

namespace {

using namespace sbot;

constexpr const char* program_version = "0.1.0";
// Opened at once: a call takes about ten, a server without a connection about thirty-five.
constexpr std::size_t files_of_a_call = 16;
constexpr std::size_t files_of_a_server = 64;

int complain(const Error& why) {
    std::fprintf(stderr, "sbot: %s\n", why.what.c_str());
    return 1;
}

/// What a person needs next, after the reference's two lines.
void print_welcome(const app::Node& node) {
    const app::Settings& settings = node.settings();
    std::string id = node.id().text();
    const base::Tree& level_tree = settings.all.at("logging.level");
    std::string level = level_tree.is_text() ? level_tree.text() : level_tree.to_json();
    std::printf("sbot %s %s logging.level:%s\n", program_version, settings.folder.c_str(),
                level.c_str());
    std::printf("my key ID: %s\n", id.c_str() + 1);
    if (!settings.bad_log_level.empty()) {
        std::printf("Warning, logging.level configured to an invalid value: %s\n",
                    settings.bad_log_level.c_str());
        std::printf("Should be one of: error, warning, notice, info\n");
    }
    for (const char* scope : {"public", "local", "device"}) {
        std::string address = node.address(scope);
        if (!address.empty()) std::printf("%s address: %s\n", scope, address.c_str());
    }
    std::string folder = " -- --path " + settings.folder;
    std::printf("next: sbot whoami%s\n", folder.c_str());
    std::printf("      sbot publish --type post --text hello%s\n", folder.c_str());
    std::printf("      sbot createLogStream --live%s\n", folder.c_str());
    std::fflush(stdout);
}

/// What ends a server, whichever comes first.
struct End {
    io::Event here;
    std::optional<Error> why;  // none: a signal
};

io::Task<void> index(app::Node& node, End& end) {
    auto indexing = node.index();
    auto indexed = co_await indexing;
    if (indexed) co_return;
    end.why = std::move(indexed).error();
    end.here.set();
}

io::Task<void> wait_for_signal(io::Signals& signals, End& end) {
    auto waiting = signals.next();
    co_await waiting;
    end.here.set();
}

io::Async<void> serve(io::Loop& loop, app::Node& node) {
    io::Signals signals(loop, {SIGTERM, SIGINT});
    End end;
    auto indexing = index(node, end);
    auto waiting = wait_for_signal(signals, end);
    co_await end.here.wait();
    if (end.why) co_return *end.why;
    auto stopping = node.stop();
    co_await stopping;
    co_return {};
}

int start(const app::Settings& settings) {
    base::Logger log(settings.log_level);
    for (const std::string& doubt : settings.doubts) log.warning("config", doubt);
    io::Loop loop;
    auto node = app::Node::start(loop, settings, log);
    if (!node) return complain(app::with_advice(node.error(), settings.folder));
    print_welcome(**node);
    auto served = loop.run(serve(loop, **node));
    if (!served) return complain(app::with_advice(served.error(), settings.folder));
    return 0;
}

/// One thread a core for signatures, and one for name look-ups; read by libuv before its first job.
void size_the_pool() {
    unsigned cores = std::thread::hardware_concurrency();
    setenv("UV_THREADPOOL_SIZE", std::to_string(cores + 1).c_str(), 0);
}

/// As many connections as the system lets us have.
void raise_file_limit() {
    struct rlimit limit {};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/// Messages are made by one thread and freed by another: with a heap for each thread, much of all
/// but one lies empty. A first sync of 100,000 messages takes 91 MB instead of 101, and no more
/// time.
void share_one_heap() { mallopt(M_ARENA_MAX, 1); }

/// A file that may not grow is an error of the write, not the end of the process.
void ignore_file_size_signal() { std::signal(SIGXFSZ, SIG_IGN); }

/// All but the server: its status is that of the process.
int run(const app::CommandLine& line, const app::Settings& settings, const std::string& command) {
    if (command == "flume") return app::run_flume_command(settings, line.command);
    if (command == "config") return app::print_config(settings);
    auto room = app::check_room_for_files(files_of_a_call);
    if (!room) return complain(app::with_advice(room.error(), settings.folder));
    io::Loop loop;
    return app::run_command(loop, settings, line);
}

}  // namespace

int main(int argc, char** argv) {
    if (!app::open_standard_files()) return 1;
    std::vector<std::string> words(argv + 1, argv + argc);
    auto line = app::CommandLine::parse(words);
    if (!line) return complain(line.error());
    if (line->command.words.empty() && line->command.options["version"].truthy()) {
        app::put(std::string(program_version) + "\n");
        return app::end_of_output(0);
    }
    auto settings = app::load_settings(*line, app::Surroundings::of_process());
    if (!settings) return complain(settings.error());
    shs::init();
    size_the_pool();
    std::string command =
        line->command.words.empty() ? std::string() : line->command.words[0].text();
    if (command == "server") {
        std::printf("WARNING-DEPRECATION: `sbot server` has been renamed to `sbot start`\n");
        command = "start";
    }
    if (command == "start") {
        share_one_heap();
        ignore_file_size_signal();
        raise_file_limit();
        auto room = app::check_room_for_files(files_of_a_server);
        return room ? start(*settings) : complain(app::with_advice(room.error(), settings->folder));
    }
    return app::end_of_output(run(*line, *settings, command));
}
