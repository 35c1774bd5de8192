// log_bench LOG [FOLDER]: how fast the log is read and written, beside a walk over the lengths in
// mapped memory, which no reader can beat by much. Each line is `name key=value …`, the median of
// several rounds. LOG is only read; what is written goes to FOLDER.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "base/json.h"
#include "flume/offset_log.h"

namespace {

using namespace sbot;

constexpr int rounds = 7;

double seconds() {
    auto now = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration<double>(now).count();
}

struct Work {
    std::size_t records = 0;
    std::uint64_t bytes = 0;
};

void report(const char* name, const std::function<Work()>& body) {
    std::vector<double> times;
    Work work;
    for (int i = 0; i < rounds; ++i) {
        double from = seconds();
        work = body();
        times.push_back(seconds() - from);
    }
    std::sort(times.begin(), times.end());
    double median = times[times.size() / 2];
    std::printf("%-16s records=%zu ms=%.2f MBps=%.0f recordsps=%.0f\n", name, work.records,
                median * 1e3, static_cast<double>(work.bytes) / 1e6 / median,
                static_cast<double>(work.records) / median);
    std::fflush(stdout);
}

[[noreturn]] void give_up(const Error& wrong) {
    std::fprintf(stderr, "%s\n", wrong.what.c_str());
    std::exit(1);
}

Work walk(const std::uint8_t* log, std::size_t size) {
    Work work;
    volatile std::uint32_t sink = 0;
    for (std::size_t at = 0; at + 12 <= size;) {
        std::uint32_t length = flume::load_length(log + at);
        if (flume::load_length(log + at + 4 + length) != length) std::exit(4);
        sink = sink + log[at + 4];
        at += length + 12;
        ++work.records;
    }
    work.bytes = size;
    return work;
}

template <typename Each>
Work scan(const flume::Log& log, flume::Range range, Each each) {
    Work work;
    auto cursor = log.scan(range);
    if (!cursor) give_up(cursor.error());
    for (;;) {
        auto entry = (*cursor)->next();
        if (!entry) give_up(entry.error());
        if (!*entry) break;
        each(**entry);
        ++work.records;
    }
    work.bytes = log.end();
    return work;
}

void read_all(const flume::Log& log) {
    volatile std::size_t sink = 0;
    auto touch = [&](const flume::Entry& entry) { sink = sink + entry.data[0]; };
    report("scan", [&] { return scan(log, {}, touch); });
    flume::Range backward;
    backward.reverse = true;
    report("scan-backward", [&] { return scan(log, backward, touch); });
    json::Document document;
    report("scan-json", [&] {
        return scan(log, {}, [&](const flume::Entry& entry) {
            if (auto ok = document.parse_borrowed(base::text_of(entry.data)); !ok) {
                give_up(ok.error());
            }
            sink = sink + document.root()["value"]["author"].string().size();
        });
    });
    std::vector<flume::Offset> offsets;
    scan(log, {}, [&](const flume::Entry& entry) { offsets.push_back(entry.offset); });
    report("get", [&] {
        Work work;
        for (std::size_t i = 0; i < offsets.size(); i += 7) {
            auto data = log.get(offsets[(i * 31337) % offsets.size()]);
            if (!data) give_up(data.error());
            ++work.records;
            work.bytes += data->size();
        }
        return work;
    });
}

void append_all(const flume::Log& from, const std::string& path, std::size_t batch_size) {
    std::vector<Bytes> records;
    scan(from, {},
         [&](const flume::Entry& entry) { records.push_back(base::to_bytes(entry.data)); });
    base::PosixFiles files;
    std::string name = "append-" + std::to_string(batch_size);
    report(name.c_str(), [&] {
        ::unlink(path.c_str());
        auto log = flume::OffsetLog::open(files, path, {});
        if (!log) give_up(log.error());
        std::vector<ByteView> batch;
        for (std::size_t i = 0; i < records.size(); i += batch_size) {
            batch.clear();
            for (std::size_t k = i; k < std::min(i + batch_size, records.size()); ++k) {
                batch.emplace_back(records[k]);
            }
            if (auto ok = (*log)->append(batch); !ok) give_up(ok.error());
        }
        return Work{records.size(), (*log)->end()};
    });
    ::unlink(path.c_str());
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        std::fprintf(stderr, "usage: log_bench LOG [FOLDER]\n");
        return 2;
    }
    int fd = ::open(argv[1], O_RDONLY);
    struct stat about {};
    if (fd < 0 || ::fstat(fd, &about) != 0) return 1;
    auto size = static_cast<std::size_t>(about.st_size);
    void* map = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (map == MAP_FAILED) return 1;
    report("walk-mapped", [&] { return walk(static_cast<const std::uint8_t*>(map), size); });

    base::PosixFiles files;
    report("open", [&] {
        auto log = flume::OffsetLog::open(files, argv[1], {});
        if (!log) give_up(log.error());
        return Work{1, size};
    });
    auto log = flume::OffsetLog::open(files, argv[1], {});
    if (!log) give_up(log.error());
    read_all(**log);
    if (argc > 2) {
        append_all(**log, std::string(argv[2]) + "/bench.offset", 1);
        append_all(**log, std::string(argv[2]) + "/bench.offset", 100);
        append_all(**log, std::string(argv[2]) + "/bench.offset", 1000);
    }
    return 0;
}
