// Any bytes as a log file: opening cuts it back to a whole record at most, forwards and backwards
// give the same entries if nothing is damaged, and the log can be appended to and read again.

#include <cstdlib>
#include <vector>

#include "base/memory_files.h"
#include "flume/offset_log.h"

namespace {

using namespace sbot;

void must(bool true_of_all_logs) {
    if (!true_of_all_logs) std::abort();
}

struct Found {
    flume::Offset offset;
    Bytes data;
    bool operator==(const Found&) const = default;
};

std::vector<Found> read(const flume::Log& log, bool reverse, bool& damaged) {
    flume::Range range;
    range.reverse = reverse;
    range.with_deleted = true;
    auto cursor = log.scan(range);
    must(cursor.has_value());
    std::vector<Found> all;
    for (;;) {
        auto entry = (*cursor)->next();
        must(entry.has_value());
        if (!*entry) break;
        all.push_back({(*entry)->offset, base::to_bytes((*entry)->data)});
    }
    damaged = (*cursor)->damage().places > 0;
    if (reverse) return {all.rbegin(), all.rend()};
    return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    constexpr flume::Mode modes[] = {flume::Mode::bits32, flume::Mode::bits48, flume::Mode::bits53};
    flume::OffsetLog::Options options;
    options.mode = modes[data[0] % 3];
    ByteView file(data + 1, size - 1);
    base::MemoryFiles disk;
    disk.put("/log", file);
    auto log = flume::OffsetLog::open(disk, "/log", options);
    if (!log) {
        must(disk.content("/log") == base::to_bytes(file));
        return 0;
    }
    must(disk.content("/log") == base::to_bytes(file.first((*log)->end())));
    bool damaged = false, damaged_backward = false;
    auto found = read(**log, false, damaged);
    auto backward = read(**log, true, damaged_backward);
    // Behind damage a file made for it can have records that overlap.
    must(damaged || (found == backward && !damaged_backward));
    must(backward.empty() == !(*log)->latest());
    if (!backward.empty()) must(backward.back().offset == (*log)->latest());
    for (const Found& one : found) {
        auto got = (*log)->get(one.offset);
        must(got.has_value() ? *got == one.data : one.data.empty());
    }
    const Bytes more = base::to_bytes(std::string_view("more"));
    ByteView batch[] = {more};
    auto offsets = (*log)->append(batch);
    must(offsets.has_value());
    found.push_back({offsets->front(), more});
    auto again = flume::OffsetLog::open(disk, "/log", options);
    must(again && (*again)->recovery().bytes_cut == 0 && read(**again, false, damaged) == found);
    return 0;
}
