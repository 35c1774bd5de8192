// view_bench LOG FOLDER: how fast the core view is built and asked. The file goes to FOLDER.

#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "flume/core_builder.h"
#include "flume/core_reader.h"
#include "flume/offset_log.h"
#include "message/private_box.h"

namespace {

using namespace sbot;

double seconds() {
    auto now = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration<double>(now).count();
}

/// What this process has used of the processor: holds on a busy machine too.
double cpu_seconds() {
    timespec used{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

template <typename T>
T must(Result<T> result) {
    if (result) return std::move(*result);
    std::fprintf(stderr, "%s\n", result.error().what.c_str());
    std::exit(1);
}
void must(Result<void> result) {
    if (result) return;
    std::fprintf(stderr, "%s\n", result.error().what.c_str());
    std::exit(1);
}

void wipe(const std::string& path) {
    for (const char* suffix : {"", "-wal", "-shm"}) ::unlink((path + suffix).c_str());
}

void build(const flume::Log& log, const std::string& path) {
    wipe(path);
    auto view = must(flume::CoreView::open({path, {}, {}}));
    double from = seconds(), cpu_from = cpu_seconds();
    std::size_t count = 0;
    for (;;) {
        auto progress = must(flume::catch_up(*view, log, 5000));
        count += progress.applied;
        if (progress.level) break;
    }
    double took = seconds() - from, cpu = cpu_seconds() - cpu_from;
    struct stat about {};
    ::stat(path.c_str(), &about);
    std::printf("build            messages=%zu s=%.2f messagesps=%.0f cpu_s=%.2f MB=%.0f\n", count,
                took, static_cast<double>(count) / took, cpu,
                static_cast<double>(about.st_size) / 1e6);
}

long peak_kib() {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    return used.ru_maxrss;
}

void full_build(const flume::Log& log, const std::string& path) {
    double from = seconds(), cpu_from = cpu_seconds();
    flume::CoreBuilder builder({path, {}, {}});
    auto built = must(builder.build(log));
    double took = seconds() - from, cpu = cpu_seconds() - cpu_from;
    struct stat about {};
    ::stat(path.c_str(), &about);
    std::printf(
        "full-build       messages=%lld s=%.2f messagesps=%.0f cpu_s=%.2f MB=%.0f rss_MB=%ld\n",
        static_cast<long long>(built.count), took, static_cast<double>(built.count) / took, cpu,
        static_cast<double>(about.st_size) / 1e6, peak_kib() / 1024);
}

void full_text(const std::string& path) {
    auto view = must(flume::CoreView::open({path, {}, {}}));
    double from = seconds(), cpu_from = cpu_seconds();
    while (!must(view->catch_up_texts(500))) {
    }
    struct stat about {};
    ::stat(path.c_str(), &about);
    std::printf("full-text        s=%.2f cpu_s=%.2f MB=%.0f\n", seconds() - from,
                cpu_seconds() - cpu_from, static_cast<double>(about.st_size) / 1e6);
}

void apply_singly(const flume::Log& log, const std::string& path) {
    wipe(path);
    auto view = must(flume::CoreView::open({path, {}, {}}));
    auto cursor = must(log.scan({}));
    double from = seconds(), cpu_from = cpu_seconds();
    constexpr int count = 20000;
    for (int i = 0; i < count; ++i) {
        auto entry = must(cursor->next());
        if (!entry) return;
        flume::Entry batch[] = {*entry};
        must(view->apply(batch, flume::Place::next));
    }
    std::printf("apply-one        us=%.1f cpu_us=%.1f\n", (seconds() - from) / count * 1e6,
                (cpu_seconds() - cpu_from) / count * 1e6);
}

template <typename Ask>
void pages(const char* name, bool reverse, Ask ask) {
    flume::PageOf page;
    page.limit = 1000;
    page.reverse = reverse;
    double from = seconds();
    std::size_t rows = 0;
    for (;;) {
        auto got = must(ask(page));
        rows += got.size();
        if (got.size() < page.limit) break;
        page.after = got.back();
    }
    double took = seconds() - from;
    std::printf("%-16s rows=%zu s=%.3f rowsps=%.0f\n", name, rows, took,
                static_cast<double>(rows) / took);
}

void ask(const flume::Log& log, const std::string& path) {
    auto reader = must(flume::CoreReader::open(path));
    using flume::PageOf;
    pages("by-received", false, [&](const PageOf& page) { return reader->by_received(page); });
    pages("by-received-back", true, [&](const PageOf& page) { return reader->by_received(page); });
    pages("by-rts", false, [&](const PageOf& page) { return reader->by_rts(page); });
    pages("by-rts-back", true, [&](const PageOf& page) { return reader->by_rts(page); });
    pages("by-type", false, [&](const PageOf& page) { return reader->by_type("vote", page); });
    double from = seconds();
    auto states = must(reader->all_states());
    std::printf("all-states       feeds=%zu ms=%.2f\n", states.size(), (seconds() - from) * 1e3);
    from = seconds();
    for (const auto& state : states) {
        if (must(reader->by_key(state.key)) != state.offset) std::exit(3);
    }
    std::printf("by-key           us=%.1f\n",
                (seconds() - from) * 1e6 / static_cast<double>(states.size()));
    from = seconds();
    std::size_t rows = 0;
    for (const auto& state : states) rows += must(reader->by_feed(state.feed, {})).size();
    std::printf("by-feed          rows=%zu us_per_feed=%.1f\n", rows,
                (seconds() - from) * 1e6 / static_cast<double>(states.size()));
    (void)log;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) {
        std::fprintf(stderr, "usage: view_bench LOG FOLDER\n");
        return 2;
    }
    base::PosixFiles files;
    auto log = must(flume::OffsetLog::open(files, argv[1], {}));
    const std::string path = std::string(argv[2]) + "/bench-core.sqlite";
    wipe(path);
    full_build(*log, path);
    full_text(path);
    if (argc > 3) return 0;
    apply_singly(*log, path);
    build(*log, path);
    ask(*log, path);
    wipe(path);
    return 0;
}
