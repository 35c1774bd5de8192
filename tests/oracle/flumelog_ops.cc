#include "base/base64.h"
#include "base/memory_files.h"
#include "flume/offset_log.h"
#include "tests/oracle/ops.h"

namespace sbot::oracle {
namespace {

const std::string path = "/log.offset";

Bytes decoded(json::Value value) { return base::from_base64_lenient(value.string()); }

Result<std::unique_ptr<flume::OffsetLog>> open(base::MemoryFiles& disk, json::Value request) {
    flume::OffsetLog::Options options;
    double bits = request["bits"].number();
    options.mode = bits == 48   ? flume::Mode::bits48
                   : bits == 53 ? flume::Mode::bits53
                                : flume::Mode::bits32;
    if (request["file"].is_string()) disk.put(path, decoded(request["file"]));
    return flume::OffsetLog::open(disk, path, options);
}

void add_since(json::Writer& answer, const flume::Log& log) {
    auto latest = log.latest();
    answer.member("since", latest ? static_cast<double>(*latest) : -1.0);
}

bool write(json::Value request, json::Writer& answer) {
    base::MemoryFiles disk;
    auto log = open(disk, request);
    if (!log) return false;
    std::vector<Bytes> records;
    for (json::Value record : request["records"].elements()) records.push_back(decoded(record));
    std::vector<ByteView> batch(records.begin(), records.end());
    if (batch.empty() || !(*log)->append(batch)) return false;
    answer.member("file", base::to_base64(disk.content(path)));
    add_since(answer, **log);
    return true;
}

bool read(json::Value request, json::Writer& answer) {
    base::MemoryFiles disk;
    auto log = open(disk, request);
    if (!log) return false;
    add_since(answer, **log);
    answer.member("size", static_cast<double>((*log)->end())).name("records").begin_array();
    auto cursor = (*log)->scan({});
    if (!cursor) return false;
    for (;;) {
        auto entry = (*cursor)->next();
        if (!entry) return false;
        if (!*entry) break;
        answer.begin_object()
            .member("seq", static_cast<double>((*entry)->offset))
            .member("value", base::to_base64((*entry)->data))
            .end_object();
    }
    answer.end_array();
    return true;
}

bool del(json::Value request, json::Writer& answer) {
    base::MemoryFiles disk;
    auto log = open(disk, request);
    if (!log) return false;
    std::vector<flume::Offset> offsets;
    for (json::Value seq : request["seqs"].elements()) {
        double number = seq.number(-1);
        if (!(number >= 0 && number <= 9007199254740991.0)) return false;
        offsets.push_back(static_cast<flume::Offset>(number));
    }
    if (!(*log)->del(offsets)) return false;
    answer.member("file", base::to_base64(disk.content(path)));
    return true;
}

constexpr NamedOp ops[] = {
    {"flumelog.write", write}, {"flumelog.read", read}, {"flumelog.del", del}};

}  // namespace

std::span<const NamedOp> flumelog_ops() { return ops; }

}  // namespace sbot::oracle
