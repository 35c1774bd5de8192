// A program that reads the core database and never ends its transaction.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/memory_files.h"
#include "flume/core_builder.h"
#include "flume/core_view.h"
#include "flume/offset_log.h"
#include "tests/flume/support.h"

namespace sbot::flume {
namespace {

std::string message(int number) {
    MessageId key;
    key.bytes.fill(static_cast<std::uint8_t>(number));
    key.bytes[1] = static_cast<std::uint8_t>(number >> 8);
    return R"({"key":")" + key.text() + R"(","value":{"author":")" + FeedId().text() +
           R"(","sequence":)" + std::to_string(number + 1) + R"(,"timestamp":)" +
           std::to_string(1000 + number) + R"(,"content":{"type":"post","text":")" +
           std::string(6000, 'x') + R"("}},"timestamp":)" + std::to_string(2000 + number) + "}";
}

/// Another process, made before this one opens the database: what SQLite knows of locks does not
/// survive a fork. It begins to read at `read`, and says whether its answer is still the same, and
/// whether it was told that the file is an old one, at `end`.
class OtherProcess {
 public:
    explicit OtherProcess(const std::string& path) {
        EXPECT_EQ(::pipe(to_), 0);
        EXPECT_EQ(::pipe(from_), 0);
        child_ = ::fork();
        if (child_ == 0) ::_exit(run(path));
    }
    ~OtherProcess() {
        for (int end : {to_[0], to_[1], from_[0], from_[1]}) ::close(end);
    }
    void read() {
        char byte = 'r';
        EXPECT_EQ(::write(to_[1], &byte, 1), 1);
        EXPECT_EQ(::read(from_[0], &byte, 1), 1);
    }
    int end() {
        char byte = 'e';
        EXPECT_EQ(::write(to_[1], &byte, 1), 1);
        int status = 0;
        ::waitpid(child_, &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }

 private:
    int run(const std::string& path) {
        char byte = 0;
        if (::read(to_[0], &byte, 1) != 1) return 1;
        auto database = sqlite::Database::open(path, {.read_only = true});
        if (!database || !database->run("BEGIN")) return 2;
        auto before = database->number("SELECT count(*) FROM messages");
        if (!before || ::write(from_[1], &byte, 1) != 1) return 3;
        if (::read(to_[0], &byte, 1) != 1) return 4;
        auto after = database->number("SELECT count(*) FROM messages");
        if (!after || *after != *before) return 5;
        if (!database->run("COMMIT")) return 6;
        auto old = database->number("SELECT superseded FROM progress");
        return old && *old == 1 ? 100 : 101;
    }

    int to_[2], from_[2];
    pid_t child_;
};

struct Bench {
    std::uint64_t wal_bytes_max = 2 << 20;
    test::TemporaryFolder folder;
    base::MemoryFiles files;
    std::unique_ptr<OffsetLog> log;
    std::unique_ptr<CoreView> view;
    std::vector<std::uint64_t> stuck;
    int count = 0;

    void open() {
        log = std::move(OffsetLog::open(files, "/log.offset", {}).value());
        CoreView::Options options;
        options.path = path();
        options.wal_bytes_max = wal_bytes_max;
        options.wal_stuck = [this](std::uint64_t bytes) { stuck.push_back(bytes); };
        view = std::move(CoreView::open(std::move(options)).value());
    }
    std::string path() const { return folder.path("core.sqlite"); }
    std::uint64_t wal_bytes() const {
        std::error_code none;
        auto bytes = std::filesystem::file_size(path() + "-wal", none);
        return none ? 0 : bytes;
    }
    void add(int messages) {
        for (; messages > 0; --messages) {
            const std::string text = message(count++);
            const ByteView batch[] = {base::bytes_of(text)};
            ASSERT_TRUE(log->append(batch));
            ASSERT_TRUE(log->sync());
            ASSERT_TRUE(catch_up(*view, *log, 100));
        }
    }
    /// All in one transaction.
    void add_together(int messages) {
        std::vector<std::string> texts;
        for (; messages > 0; --messages) texts.push_back(message(count++));
        std::vector<ByteView> batch;
        for (const std::string& text : texts) batch.push_back(base::bytes_of(text));
        ASSERT_TRUE(log->append(batch));
        ASSERT_TRUE(log->sync());
        ASSERT_TRUE(catch_up(*view, *log, 100));
    }
};

TEST(WriteAheadLog, is_cut_at_its_bound_where_nobody_reads) {
    Bench bench;
    bench.open();
    bench.add(400);
    EXPECT_LT(bench.wal_bytes(), bench.wal_bytes_max + (1 << 20));
    EXPECT_TRUE(bench.stuck.empty());
}

TEST(WriteAheadLog, is_brought_into_the_file_on_demand_or_at_its_longest) {
    Bench bench;
    bench.wal_bytes_max = 0;
    bench.open();
    while (!bench.view->log_is_long() && bench.count < 20000) bench.add_together(100);
    ASSERT_TRUE(bench.view->log_is_long());
    const auto bytes = bench.wal_bytes();
    ASSERT_TRUE(bench.view->checkpoint());
    EXPECT_FALSE(bench.view->log_is_long());
    // Begun anew, in the same file.
    bench.add_together(100);
    EXPECT_FALSE(bench.view->log_is_long());
    EXPECT_EQ(bench.wal_bytes(), bytes);
    constexpr std::uint64_t longest = std::uint64_t{limits::core_view_log_pages_max} * 5000;
    std::uint64_t most = 0;
    for (bool was_long = false; bench.count < 40000; was_long = bench.view->log_is_long()) {
        bench.add_together(100);
        most = std::max(most, bench.wal_bytes());
        if (was_long && !bench.view->log_is_long()) break;
    }
    EXPECT_FALSE(bench.view->log_is_long());
    EXPECT_GT(most, bytes);
    EXPECT_LT(most, longest);
}

TEST(WriteAheadLog, gives_its_room_back_after_a_write_that_failed) {
    Bench bench;
    bench.wal_bytes_max = 0;
    bench.open();
    bench.add(200);
    const auto before = bench.wal_bytes() + std::filesystem::file_size(bench.path());
    bench.view->make_room();
    EXPECT_EQ(bench.wal_bytes(), 0u);
    // A page was in there as often as it was written.
    EXPECT_LT(std::filesystem::file_size(bench.path()), before / 2);
    bench.add(1);
    EXPECT_EQ(bench.view->covered().upto, bench.log->latest());
    // Not in the middle of a transaction.
    ASSERT_TRUE(bench.view->hold());
    bench.view->make_room();
    EXPECT_GT(bench.wal_bytes(), 0u);
    ASSERT_TRUE(bench.view->commit());
}

TEST(WriteAheadLog, that_a_reader_of_another_process_holds_up_is_told_and_left_to_it) {
    Bench bench;
    OtherProcess other(bench.path());
    bench.open();
    bench.add(5);
    other.read();
    while (bench.stuck.empty() && bench.count < 2000) bench.add(1);
    ASSERT_EQ(bench.stuck.size(), 1u);
    EXPECT_GE(bench.stuck[0], bench.wal_bytes_max);
    // It is not told again for every message.
    bench.add(3);
    EXPECT_EQ(bench.stuck.size(), 1u);
    // What the server does: another file, in which the log can be cut.
    bench.view->start_building();
    CoreBuilder builder({bench.view->building_path(), {}, {}});
    ASSERT_TRUE(builder.build(*bench.log));
    ASSERT_TRUE(bench.view->adopt(*bench.log));
    bench.add(400);
    EXPECT_LT(bench.wal_bytes(), bench.wal_bytes_max + (1 << 20));
    EXPECT_EQ(bench.stuck.size(), 1u);
    // The other process has seen its own snapshot all the time, and now that there is a newer file.
    EXPECT_EQ(other.end(), 100);
}

}  // namespace
}  // namespace sbot::flume
