#include "flume/offset_log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <thread>

#include "base/base64.h"
#include "base/json.h"
#include "base/memory_files.h"
#include "base/utf.h"
#include "tests/flume/support.h"

namespace sbot::flume {
namespace {

using base::bytes_of;
using base::MemoryFiles;
using base::to_text;

const std::string path = "/d/log.offset";
constexpr Mode modes[] = {Mode::bits32, Mode::bits48, Mode::bits53};

struct Item {
    Offset offset;
    std::string data;
    bool operator==(const Item&) const = default;
};
void PrintTo(const Item& item, std::ostream* out) { *out << item.offset << " " << item.data; }

OffsetLog::Options in(Mode mode) {
    OffsetLog::Options options;
    options.mode = mode;
    return options;
}

std::unique_ptr<OffsetLog> opened(base::Files& files, Mode mode = Mode::bits32,
                                  const std::string& where = path) {
    auto log = OffsetLog::open(files, where, in(mode));
    EXPECT_TRUE(log) << (log ? "" : log.error().what);
    return log ? std::move(*log) : nullptr;
}

Result<std::vector<Offset>> append(Log& log, const std::vector<std::string>& records) {
    std::vector<ByteView> batch;
    for (const auto& record : records) batch.push_back(bytes_of(record));
    return log.append(batch);
}

std::vector<Item> items(const Log& log, Range range = {}, Damage* damage = nullptr) {
    std::vector<Item> found;
    auto cursor = log.scan(range);
    EXPECT_TRUE(cursor);
    for (;;) {
        auto entry = (*cursor)->next();
        EXPECT_TRUE(entry) << (entry ? "" : entry.error().what);
        if (!entry || !*entry) break;
        found.push_back({(*entry)->offset, to_text((*entry)->data)});
    }
    if (damage != nullptr) *damage = (*cursor)->damage();
    return found;
}

std::vector<Item> backward(const Log& log) {
    Range range;
    range.reverse = true;
    auto found = items(log, range);
    std::reverse(found.begin(), found.end());
    return found;
}

double since(const Log& log) {
    auto at = log.latest();
    return at ? static_cast<double>(*at) : -1;
}

/// A message in the form ssb-db stores, of about `size` bytes.
std::string message(int number, std::size_t size = 40) {
    std::string text = "{\"key\":\"%" + std::to_string(number) + "\",\"value\":\"";
    text.append(size > text.size() + 2 ? size - text.size() - 2 : 0, 'x');
    return text + "\"}";
}

std::vector<std::string> messages(int count) {
    std::vector<std::string> all;
    for (int i = 0; i < count; ++i) all.push_back(message(i, 25 + static_cast<std::size_t>(i * 7)));
    return all;
}

/// The file of a log with these records.
Bytes file_of(const std::vector<std::string>& records, Mode mode) {
    Bytes file;
    for (const auto& record : records) append_record(file, bytes_of(record), file.size(), mode);
    return file;
}

std::vector<std::string> texts(json::Value list) {
    std::vector<std::string> all;
    for (json::Value one : list.elements()) all.emplace_back(one.string());
    return all;
}

Mode mode_of(json::Value vector) {
    double bits = vector["bits"].number();
    return bits == 32 ? Mode::bits32 : bits == 48 ? Mode::bits48 : Mode::bits53;
}

std::vector<Item> items_of(json::Value list) {
    std::vector<Item> all;
    for (json::Value one : list.elements()) {
        all.push_back(
            {static_cast<Offset>(one["seq"].number()), std::string(one["value"].string())});
    }
    return all;
}

void check_write(json::Value vector) {
    MemoryFiles files;
    auto log = opened(files, mode_of(vector));
    ASSERT_TRUE(append(*log, texts(vector["records"])));
    EXPECT_EQ(base::to_hex(files.content(path)), vector["file"].string());
    EXPECT_EQ(since(*log), vector["since"].number());
}

void check_write_big(json::Value vector) {
    MemoryFiles files;
    auto log = opened(files, mode_of(vector));
    std::vector<std::string> records;
    std::string_view letters = vector["fill"].string();
    for (json::Value length : vector["lengths"].elements()) {
        records.emplace_back(static_cast<std::size_t>(length.number()), letters[records.size()]);
    }
    auto offsets = append(*log, records);
    ASSERT_TRUE(offsets);
    EXPECT_EQ(static_cast<double>(log->end()), vector["size"].number());
    for (std::size_t i = 0; i < records.size(); ++i) {
        EXPECT_EQ(static_cast<double>((*offsets)[i]), vector["seqs"].at(i).number());
        EXPECT_EQ(to_text(log->get((*offsets)[i]).value()), records[i]);
    }
    EXPECT_EQ(backward(*log), items(*log));
}

void check_append_one_by_one(json::Value vector) {
    MemoryFiles files;
    auto log = opened(files, mode_of(vector));
    std::size_t i = 0;
    for (const auto& record : texts(vector["records"])) {
        ASSERT_TRUE(append(*log, {record}));
        EXPECT_EQ(since(*log), vector["sinces"].at(i++).number());
    }
    EXPECT_EQ(base::to_hex(files.content(path)), vector["file"].string());
}

/// Where we do better than the reference: what is then found, after its `what`.
struct Better {
    std::string_view what;
    double since;
    std::vector<Offset> offsets;
    std::size_t damaged;
};
const Better better[] = {
    {"three records and 4 bytes which happen to be the size", 39, {0, 19, 39}, 0},
    {"first length of record 1 harmed", 39, {0, 39}, 1},
    {"second length of record 1 harmed", 39, {0, 39}, 1},
    {"end of record 1 harmed", 39, {0, 39}, 1},
    {"first length of last record harmed", 19, {0, 19}, 0},
    {"second length of last record harmed", 19, {0, 19}, 0},
    {"only zero bytes", -1, {}, 0},
};

void check_open(json::Value vector) {
    std::string_view what = vector["what"].string();
    MemoryFiles files;
    files.put(path, *base::from_hex(vector["file"].string()));
    auto log = OffsetLog::open(files, path, in(mode_of(vector)));
    if (what.find("-bit file opened as") != what.npos) {
        ASSERT_FALSE(log);
        EXPECT_EQ(log.error().code, Errc::corrupt);
        EXPECT_EQ(base::to_hex(files.content(path)), vector["file"].string());
        return;
    }
    ASSERT_TRUE(log) << log.error().what;
    Damage damage;
    auto found = items(**log, {}, &damage);
    EXPECT_EQ(backward(**log), found);
    for (const Better& ours : better) {
        if (ours.what != what) continue;
        EXPECT_EQ(since(**log), ours.since);
        EXPECT_EQ(damage.places, ours.damaged);
        std::vector<Offset> offsets;
        for (const Item& item : found) offsets.push_back(item.offset);
        EXPECT_EQ(offsets, ours.offsets);
        return;
    }
    if (vector["throws"].exists()) {
        EXPECT_EQ(log->get()->end(), 0u);
        return;
    }
    // The vectors have harmed text mended as JavaScript does; the log leaves bytes alone.
    for (Item& item : found) item.data = base::to_utf8(bytes_of(item.data));
    EXPECT_EQ(since(**log), vector["since"].number());
    EXPECT_EQ(static_cast<double>((*log)->end()), vector["size"].number());
    EXPECT_EQ(static_cast<double>(files.content(path).size()), vector["size"].number());
    EXPECT_EQ(found, items_of(vector["records"]));
}

void check_stream(json::Value vector) {
    json::Value opts = vector["opts"];
    // Limits and forms of items are not the log's business here; a bound between two records gives
    // garbage in the reference.
    for (std::string_view other : {"seqs", "values", "limit", "start", "end", "min", "max"}) {
        if (opts[other].exists()) return;
    }
    if (opts["lte"].number() == 20 || opts["gt"].is_null()) return;
    MemoryFiles files;
    files.put(path, *base::from_hex(vector["file"].string()));
    auto log = opened(files, mode_of(vector));
    Range range;
    auto bound = [&](std::string_view name, std::optional<Offset>& to) {
        if (opts[name].number(-1) >= 0) to = static_cast<Offset>(opts[name].number());
    };
    bound("gt", range.gt);
    bound("gte", range.gte);
    bound("lt", range.lt);
    bound("lte", range.lte);
    range.reverse = opts["reverse"].is_true();
    EXPECT_EQ(items(*log, range), items_of(vector["items"]));
}

void check_del(json::Value vector) {
    MemoryFiles files;
    files.put(path, *base::from_hex(vector["file"].string()));
    auto log = opened(files, mode_of(vector));
    std::vector<Offset> offsets;
    for (json::Value seq : vector["seqs"].elements()) {
        offsets.push_back(static_cast<Offset>(seq.number()));
    }
    ASSERT_TRUE(log->del(offsets));
    ASSERT_TRUE(log->del(offsets)) << "twice";
    EXPECT_EQ(base::to_hex(files.content(path)), vector["after"].string());
    EXPECT_EQ(since(*log), vector["since"].number());
    Offset at[] = {0, 19, 39};
    for (std::size_t i = 0; i < 3; ++i) {
        auto got = log->get(at[i]);
        json::Value want = vector["get"].at(i);
        if (want.is_string()) {
            EXPECT_EQ(to_text(got.value()), want.string());
        } else {
            ASSERT_FALSE(got);
            EXPECT_TRUE(is_deleted(got.error()));
            EXPECT_EQ(got.error().what, want["error"].string());
        }
    }
    EXPECT_EQ(items(*log), items_of(vector["stream"]));
    EXPECT_EQ(backward(*log), items_of(vector["stream"]));
    Range all;
    all.with_deleted = true;
    std::vector<Offset> listed;
    for (const Item& item : items(*log, all)) listed.push_back(item.offset);
    EXPECT_EQ(listed, (std::vector<Offset>{0, 19, 39}));
}

TEST(OffsetLog, agrees_with_the_vectors_of_flumelog_offset) {
    std::size_t count = 0;
    for (const std::string& line : test::lines_of_vector("offsetlog.jsonl")) {
        SCOPED_TRACE(line.substr(0, 400));
        auto vector = json::Document::parse(line);
        ASSERT_TRUE(vector);
        json::Value root = vector->root();
        if (root["op"].is("write")) check_write(root);
        if (root["op"].is("writeBig")) check_write_big(root);
        if (root["op"].is("appendOneByOne")) check_append_one_by_one(root);
        if (root["op"].is("open")) check_open(root);
        if (root["op"].is("stream")) check_stream(root);
        if (root["op"].is("del")) check_del(root);
        ++count;
    }
    EXPECT_EQ(count, 191u);
}

TEST(OffsetLog, is_cut_back_to_the_last_whole_record_wherever_it_was_torn) {
    for (Mode mode : modes) {
        const auto records = messages(6);
        const Bytes file = file_of(records, mode);
        for (std::size_t cut = 0; cut <= file.size(); ++cut) {
            MemoryFiles files;
            files.put(path, ByteView(file).first(cut));
            auto log = opened(files, mode);
            auto found = items(*log);
            std::size_t whole = 0, end = 0;
            for (const auto& record : records) {
                if (end + record.size() + overhead(mode) > cut) break;
                end += record.size() + overhead(mode);
                ++whole;
            }
            ASSERT_EQ(found.size(), whole) << cut;
            ASSERT_EQ(files.content(path).size(), end) << cut;
            ASSERT_EQ(log->recovery().bytes_cut, cut - end);
            ASSERT_TRUE(append(*log, {"more"}));
            ASSERT_EQ(items(*log).back().data, "more");
        }
    }
}

TEST(OffsetLog, finds_all_other_records_when_one_bit_is_flipped) {
    const auto records = messages(5);
    for (Mode mode : modes) {
        const Bytes file = file_of(records, mode);
        for (std::size_t at = 0; at < file.size(); ++at) {
            Bytes spoilt = file;
            spoilt[at] ^= static_cast<std::uint8_t>(1u << (at % 8));
            MemoryFiles files;
            files.put(path, spoilt);
            auto log = opened(files, mode);
            Damage damage;
            auto found = items(*log, {}, &damage);
            ASSERT_EQ(found, backward(*log)) << at;
            Offset start = 0;
            std::size_t missing = 0;
            for (const auto& record : records) {
                Offset end = start + record.size() + overhead(mode);
                bool intact = at < start || at >= end;
                bool there =
                    std::find(found.begin(), found.end(), Item{start, record}) != found.end();
                ASSERT_TRUE(there || !intact) << at << " " << start;
                if (!there) ++missing;
                start = end;
            }
            ASSERT_EQ(missing, 1u);
            bool in_last = at >= start - records.back().size() - overhead(mode);
            bool in_data = found.size() == records.size();
            ASSERT_EQ(damage.places, in_last || in_data ? 0u : 1u) << at;
        }
    }
}

TEST(OffsetLog, reads_on_behind_damage_of_any_kind) {
    std::mt19937 random(7);
    const auto records = messages(60);
    const Bytes file = file_of(records, Mode::bits32);
    for (int round = 0; round < 300; ++round) {
        Bytes spoilt = file;
        std::size_t from = random() % (file.size() - 700);
        std::size_t count = 1 + random() % 500;
        for (std::size_t i = from; i < from + count; ++i) {
            spoilt[i] = round % 3 == 0 ? 0 : static_cast<std::uint8_t>(random());
        }
        MemoryFiles files;
        files.put(path, spoilt);
        auto log = opened(files);
        Damage damage;
        auto found = items(*log, {}, &damage);
        ASSERT_EQ(found, backward(*log));
        Offset start = 0;
        std::set<Offset> offsets;
        for (const Item& item : found) offsets.insert(item.offset);
        for (const auto& record : records) {
            Offset end = start + record.size() + 12;
            if (end <= from || start >= from + count) {
                ASSERT_TRUE(offsets.contains(start)) << round;
            }
            start = end;
        }
        ASSERT_LE(damage.bytes, count + 2 * 500);
        ASSERT_EQ(spoilt, files.content(path)) << "nothing was cut";
    }
}

TEST(OffsetLog, leaves_a_file_alone_that_is_no_log) {
    MemoryFiles files;
    Bytes other(limits::record_bytes_max + 100, 'x');
    files.put(path, other);
    auto log = OffsetLog::open(files, path, {});
    ASSERT_FALSE(log);
    EXPECT_EQ(log.error().code, Errc::corrupt);
    EXPECT_EQ(files.content(path), other);
}

TEST(OffsetLog, empties_a_small_file_only_if_it_can_be_the_torn_first_record) {
    const Bytes record = file_of(messages(1), Mode::bits32);
    const std::pair<Bytes, bool> cases[] = {
        {Bytes{}, true},
        {Bytes{1, 2, 3}, true},
        {Bytes(300, 0), true},
        {Bytes(record.begin(), record.end() - 1), true},
        {Bytes(300, 'x'), false},
        {base::to_bytes("{\"something\":\"else\"}"), false},
        {Bytes{0, 0, 0, 5, 'h', 'e', 'l', 'l', 'o', 0, 0, 0, 6, 0, 0, 0, 17, 'x'}, false},
    };
    for (const auto& [content, torn] : cases) {
        MemoryFiles files;
        files.put(path, content);
        auto log = OffsetLog::open(files, path, {});
        ASSERT_EQ(log.has_value(), torn) << content.size();
        if (!torn) {
            EXPECT_EQ(log.error().code, Errc::corrupt);
        }
        EXPECT_EQ(files.content(path), torn ? Bytes{} : content);
    }
}

TEST(OffsetLog, takes_bounds_between_records) {
    MemoryFiles files;
    auto log = opened(files);
    ASSERT_TRUE(append(*log, messages(8)));
    ASSERT_TRUE(log->del(std::vector<Offset>{items(*log)[3].offset}));
    const auto all = items(*log);
    for (Offset low = 0; low <= log->end() + 2; ++low) {
        for (Offset high : {low, low + 1, low + 40, low + 120, log->end() + 9}) {
            for (bool reverse : {false, true}) {
                Range closed;
                closed.gte = low;
                closed.lte = high;
                closed.reverse = reverse;
                Range open;
                open.gt = low;
                open.lt = high;
                open.reverse = reverse;
                std::vector<Item> want_closed, want_open;
                for (const Item& item : all) {
                    if (item.offset >= low && item.offset <= high) want_closed.push_back(item);
                    if (item.offset > low && item.offset < high) want_open.push_back(item);
                }
                if (reverse) {
                    std::reverse(want_closed.begin(), want_closed.end());
                    std::reverse(want_open.begin(), want_open.end());
                }
                ASSERT_EQ(items(*log, closed), want_closed) << low << " " << high << reverse;
                ASSERT_EQ(items(*log, open), want_open) << low << " " << high << reverse;
            }
        }
    }
}

TEST(OffsetLog, a_forward_cursor_goes_on_when_the_log_has_grown) {
    MemoryFiles files;
    auto log = opened(files);
    auto cursor = std::move(log->scan({}).value());
    EXPECT_FALSE(cursor->next().value());
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(append(*log, {message(i), message(i, 400)}));
        EXPECT_EQ(to_text(cursor->next().value()->data), message(i));
        auto batch = cursor->next_batch(10);
        ASSERT_EQ(batch->size(), 1u);
        EXPECT_EQ(to_text((*batch)[0].data), message(i, 400));
        EXPECT_FALSE(cursor->next().value());
        EXPECT_TRUE(cursor->next_batch(10)->empty());
    }
    Range from_the_end;
    from_the_end.gt = *log->latest();
    auto live = std::move(log->scan(from_the_end).value());
    EXPECT_FALSE(live->next().value());
    ASSERT_TRUE(append(*log, {message(9)}));
    EXPECT_EQ(to_text(live->next().value()->data), message(9));
}

TEST(OffsetLog, reads_records_longer_than_a_block) {
    MemoryFiles files;
    auto log = opened(files);
    std::vector<std::string> records;
    for (std::size_t size : {3 * limits::log_block_bytes, std::size_t{40}, limits::log_block_bytes,
                             limits::record_bytes_max, limits::log_block_bytes - 12}) {
        records.push_back(message(1, size));
        records.push_back(message(2, 100));
    }
    auto offsets = append(*log, records);
    ASSERT_TRUE(offsets);
    auto found = items(*log);
    ASSERT_EQ(found.size(), records.size());
    EXPECT_EQ(backward(*log), found);
    for (std::size_t i = 0; i < records.size(); ++i) {
        EXPECT_EQ(found[i].data, records[i]);
        EXPECT_EQ(to_text(log->get((*offsets)[i]).value()), records[i]);
    }
    EXPECT_EQ(items(*opened(files)), found);
}

TEST(OffsetLog, hands_out_batches_that_add_up_to_all_entries) {
    MemoryFiles files;
    auto log = opened(files);
    std::vector<std::string> records = messages(40);
    for (int i = 0; i < 8; ++i) records.push_back(message(i, limits::log_block_bytes / 3));
    ASSERT_TRUE(append(*log, records));
    for (bool reverse : {false, true}) {
        for (std::size_t count : {1u, 7u, 1000u}) {
            Range range;
            range.reverse = reverse;
            auto cursor = std::move(log->scan(range).value());
            std::vector<Item> found;
            for (;;) {
                auto batch = cursor->next_batch(count);
                ASSERT_TRUE(batch);
                if (batch->empty()) break;
                ASSERT_LE(batch->size(), count);
                for (const Entry& e : *batch) found.push_back({e.offset, to_text(e.data)});
            }
            EXPECT_EQ(found, items(*log, range));
        }
    }
}

TEST(OffsetLog, get_knows_where_records_begin) {
    MemoryFiles files;
    auto log = opened(files);
    auto offsets = append(*log, messages(5));
    ASSERT_TRUE(offsets);
    for (Offset at = 0; at < log->end() + 3; ++at) {
        bool begins = std::count(offsets->begin(), offsets->end(), at) > 0;
        auto got = log->get(at);
        ASSERT_EQ(got.has_value(), begins) << at;
        if (!begins) {
            EXPECT_EQ(got.error().code, Errc::not_found);
            EXPECT_FALSE(is_deleted(got.error()));
        }
    }
    const Bytes before = files.content(path);
    EXPECT_EQ(log->del(std::vector<Offset>{0, 1}).error().code, Errc::not_found);
    EXPECT_EQ(files.content(path), before);
}

TEST(OffsetLog, refuses_entries_that_would_not_read_back) {
    MemoryFiles files;
    auto log = opened(files);
    EXPECT_EQ(append(*log, {"fine", ""}).error().code, Errc::invalid);
    EXPECT_EQ(append(*log, {std::string(5, '\0')}).error().code, Errc::invalid);
    EXPECT_EQ(append(*log, {std::string(limits::record_bytes_max + 1, 'x')}).error().code,
              Errc::invalid);
    EXPECT_EQ(log->end(), 0u);
    EXPECT_TRUE(append(*log, {std::string("\0x", 2)}));
    EXPECT_EQ(items(*log).size(), 1u);
}

TEST(OffsetLog, refuses_to_write_over_what_another_program_appended) {
    MemoryFiles files;
    auto log = opened(files);
    ASSERT_TRUE(append(*log, {message(1)}));
    auto other = opened(files);
    ASSERT_TRUE(append(*other, {message(2)}));
    auto refused = append(*log, {message(3)});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::denied);
    EXPECT_EQ(items(*other).size(), 2u);
    base::OpenFile how;
    auto file = files.open(path, how);
    ASSERT_TRUE((*file)->truncate(10));
    EXPECT_EQ(append(*log, {message(3)}).error().code, Errc::corrupt);
    EXPECT_EQ(log->get(0).error().code, Errc::corrupt);
    auto cursor = std::move(log->scan({}).value());
    EXPECT_EQ(cursor->next().error().code, Errc::corrupt);
}

/// Nothing is written, nor erased, with words that say why and what helps.
void expect_refusal(OffsetLog& log, const std::string& why) {
    const Offset end = log.end();
    for (int i = 0; i < 2; ++i) {
        auto refused = append(log, {message(3)});
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, Errc::corrupt);
        EXPECT_NE(refused.error().what.find(why), std::string::npos) << refused.error().what;
        EXPECT_NE(refused.error().what.find("put the log back"), std::string::npos);
    }
    const Offset first[] = {0};
    EXPECT_EQ(log.del(first).error().code, Errc::corrupt);
    EXPECT_FALSE(log.in_place());
    EXPECT_EQ(log.end(), end);
    EXPECT_EQ(items(log).size(), 1u);
}

TEST(OffsetLog, takes_nothing_once_its_file_was_removed) {
    MemoryFiles files;
    auto log = opened(files);
    ASSERT_TRUE(append(*log, {message(1)}));
    ASSERT_TRUE(files.remove(path));
    expect_refusal(*log, "was removed or moved away");
}

TEST(OffsetLog, takes_nothing_once_another_file_has_its_name) {
    MemoryFiles files;
    auto log = opened(files);
    ASSERT_TRUE(append(*log, {message(1)}));
    const Bytes same = files.content(path);
    files.put("/d/copy", same);
    ASSERT_TRUE(files.rename(path, "/d/kept"));
    ASSERT_TRUE(files.rename("/d/copy", path));
    expect_refusal(*log, "was replaced by another file");
    EXPECT_EQ(files.content(path), same);
    // Nothing was lost where it comes back.
    ASSERT_TRUE(files.rename("/d/kept", path));
    EXPECT_TRUE(append(*log, {message(2)}));
    EXPECT_EQ(items(*opened(files)).size(), 2u);
}

TEST(OffsetLog, takes_nothing_while_its_folder_is_away) {
    test::TemporaryFolder folder;
    base::PosixFiles files;
    ASSERT_TRUE(files.make_folder(folder.path("flume")));
    auto log = opened(files, Mode::bits32, folder.path("flume/log.offset"));
    ASSERT_TRUE(append(*log, {message(1)}));
    ASSERT_TRUE(files.rename(folder.path("flume"), folder.path("elsewhere")));
    expect_refusal(*log, "was removed or moved away");
    ASSERT_TRUE(files.rename(folder.path("elsewhere"), folder.path("flume")));
    EXPECT_TRUE(append(*log, {message(2)}));
}

TEST(OffsetLog, ends_at_four_gibibytes_in_32_bit_mode) {
    test::TemporaryFolder folder;
    base::PosixFiles files;
    const std::string big = folder.path("log.offset");
    base::OpenFile how;
    how.create = true;
    const Offset start = end_max(Mode::bits32) - 200;
    Bytes record;
    append_record(record, bytes_of(message(1)), start, Mode::bits32);
    ASSERT_TRUE(files.open(big, how).value()->write_at(start, record));
    auto log = opened(files, Mode::bits32, big);
    EXPECT_EQ(log->latest(), start);
    auto full = append(*log, {message(2), message(3, 200)});
    ASSERT_FALSE(full);
    EXPECT_EQ(full.error().code, Errc::limit);
    EXPECT_EQ(log->end(), start + record.size());
    ASSERT_TRUE(append(*log, {std::string(200 - record.size() - 12, 'x')}));
    EXPECT_EQ(log->end(), end_max(Mode::bits32));
    EXPECT_EQ(append(*log, {"x"}).error().code, Errc::limit);
    EXPECT_EQ(to_text(log->get(start).value()), message(1));
}

TEST(OffsetLog, cuts_back_what_a_full_disk_took) {
    for (std::size_t space = 0; space < 60; ++space) {
        MemoryFiles files;
        auto log = opened(files);
        ASSERT_TRUE(append(*log, {message(1)}));
        const Bytes before = files.content(path);
        files.full_after(space);
        EXPECT_EQ(append(*log, {message(2), message(3)}).error().code, Errc::io);
        EXPECT_EQ(files.content(path), before);
        EXPECT_EQ(items(*log).size(), 1u);
        files.heal();
        ASSERT_TRUE(append(*log, {message(4)}));
        EXPECT_EQ(items(*log).back().data, message(4));
    }
}

TEST(OffsetLog, cuts_back_later_what_it_could_not_cut_back_at_once) {
    MemoryFiles files;
    auto log = opened(files);
    ASSERT_TRUE(append(*log, {message(1)}));
    const std::size_t before = files.content(path).size();
    files.stop_after(1, 20);
    EXPECT_EQ(append(*log, {message(2)}).error().code, Errc::io);
    EXPECT_EQ(files.content(path).size(), before + 20);
    EXPECT_EQ(items(*log).size(), 1u);
    EXPECT_EQ(append(*log, {message(2)}).error().code, Errc::io);
    files.heal();
    ASSERT_TRUE(append(*log, {message(3)}));
    EXPECT_EQ(items(*log), items(*opened(files)));
    EXPECT_EQ(items(*log).size(), 2u);
}

TEST(OffsetLog, trusts_no_disk_that_failed_to_sync) {
    MemoryFiles files;
    auto log = opened(files);
    ASSERT_TRUE(append(*log, {message(1)}));
    files.fail_syncs();
    EXPECT_EQ(log->sync().error().code, Errc::io);
    files.heal();
    EXPECT_FALSE(log->sync());
    EXPECT_FALSE(append(*log, {message(2)}));
    EXPECT_EQ(items(*log).size(), 1u) << "reading goes on";
    log = opened(files);
    EXPECT_TRUE(append(*log, {message(2)}));
    EXPECT_TRUE(log->sync());
}

TEST(OffsetLog, passes_on_errors_of_the_disk) {
    MemoryFiles files;
    auto log = opened(files);
    ASSERT_TRUE(append(*log, {message(1)}));
    files.fail_reads();
    EXPECT_EQ(log->get(0).error().code, Errc::io);
    EXPECT_EQ(log->scan({}).value()->next().error().code, Errc::io);
    Range range;
    range.reverse = true;
    EXPECT_EQ(log->scan(range).value()->next_batch(3).error().code, Errc::io);
    EXPECT_FALSE(OffsetLog::open(files, path, {}));
    files.heal();
    files.stop_after(0);
    EXPECT_EQ(log->del(std::vector<Offset>{0}).error().code, Errc::io);
    EXPECT_FALSE(OffsetLog::open(files, "/d/other", {}));
    files.heal();
    files.put(path, bytes_of("torn"));
    files.stop_after(0);
    EXPECT_FALSE(OffsetLog::open(files, path, {}));
}

TEST(OffsetLog, loses_no_synced_entry_wherever_the_disk_stops) {
    // A fixed program of appends, syncs and deletions; the disk stops in the middle of one of its
    // writes and power fails, keeping any first part of what was not synced.
    auto run = [](Log& log, std::vector<std::string>& acknowledged) {
        std::vector<std::string> pending;
        for (int i = 0; i < 6; ++i) {
            std::vector<std::string> batch = {message(i), message(i + 100, 60)};
            if (!append(log, batch)) return;
            pending.insert(pending.end(), batch.begin(), batch.end());
            if (i % 2 == 1) continue;
            if (!log.sync()) return;
            acknowledged.insert(acknowledged.end(), pending.begin(), pending.end());
            pending.clear();
        }
    };
    std::size_t total = 0;
    {
        MemoryFiles files;
        auto log = opened(files);
        std::vector<std::string> ignored;
        run(*log, ignored);
        total = files.changes();
    }
    for (std::size_t stop = 0; stop <= total; ++stop) {
        for (std::size_t part : {0u, 1u, 11u, 13u, 50u, 70u, 1000u}) {
            for (std::size_t kept : {0u, 1u, 30u, 53u, 124u, 1000u}) {
                MemoryFiles files;
                auto log = opened(files);
                std::vector<std::string> acknowledged;
                files.stop_after(stop, part);
                run(*log, acknowledged);
                log.reset();
                files.power_cut(kept);
                files.heal();
                log = opened(files);
                auto found = items(*log);
                ASSERT_GE(found.size(), acknowledged.size()) << stop << " " << part << " " << kept;
                for (std::size_t i = 0; i < acknowledged.size(); ++i) {
                    ASSERT_EQ(found[i].data, acknowledged[i]);
                }
                ASSERT_TRUE(append(*log, {"after"}));
                ASSERT_EQ(items(*opened(files)).back().data, "after");
            }
        }
    }
}

TEST(OffsetLog, can_be_read_by_many_while_one_writes_and_deletes) {
    test::TemporaryFolder folder;
    base::PosixFiles files;
    auto log = opened(files, Mode::bits32, folder.path("log.offset"));
    ASSERT_TRUE(append(*log, {message(0)}));
    std::atomic<bool> done = false;
    auto read = [&](bool reverse) {
        std::size_t last = 0;
        while (!done) {
            Range range;
            range.reverse = reverse;
            range.with_deleted = true;
            auto at = log->latest();
            auto cursor = std::move(log->scan(range).value());
            std::size_t count = 0;
            bool saw_latest = false;
            while (auto entry = cursor->next().value()) {
                std::string_view text = base::text_of(entry->data);
                if (!text.empty()) {
                    ASSERT_TRUE(text.starts_with("{\"key\":") && text.ends_with("}"));
                }
                saw_latest = saw_latest || entry->offset == at;
                ++count;
            }
            ASSERT_TRUE(saw_latest);
            ASSERT_GE(count, last);
            ASSERT_EQ(cursor->damage().places, 0u);
            last = count;
        }
    };
    std::thread forward(read, false), reverse(read, true);
    for (int i = 1; i < 400; ++i) {
        auto offsets = append(*log, {message(i, 50), message(i, 300), message(i, 4000)});
        ASSERT_TRUE(offsets);
        if (i % 5 == 0) {
            ASSERT_TRUE(log->del(std::vector<Offset>{(*offsets)[2]}));
        }
        if (i % 50 == 0) {
            ASSERT_TRUE(log->sync());
        }
    }
    done = true;
    forward.join();
    reverse.join();
    EXPECT_EQ(items(*log).size(), 1u + 3 * 399 - 79);
}

}  // namespace
}  // namespace sbot::flume
