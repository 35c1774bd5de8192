// The word beside a file that nobody syncs, and the core view, which is such a file.
#include "flume/boot_mark.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/memory_files.h"
#include "flume/core_reader.h"
#include "flume/core_view.h"
#include "flume/offset_log.h"
#include "tests/flume/records.h"
#include "tests/flume/support.h"

namespace sbot::flume {
namespace {

const std::string another_run = "00000000-0000-0000-0000-000000000000\n";

TEST(BootMark, of_this_run_tells_of_no_harm) {
    base::MemoryFiles files;
    EXPECT_TRUE(BootMark(files, "/f/a").intact());
    BootMark mark(files, "/f/a");
    ASSERT_TRUE(mark.set());
    EXPECT_TRUE(mark.is_set());
    EXPECT_TRUE(BootMark(files, "/f/a").intact()) << "a process was killed";
    ASSERT_TRUE(mark.clear());
    EXPECT_TRUE(BootMark(files, "/f/a").intact());
}

TEST(BootMark, is_on_the_disk_before_what_it_marks) {
    base::MemoryFiles files;
    BootMark mark(files, "/f/a");
    ASSERT_TRUE(mark.set());
    files.power_cut();
    EXPECT_FALSE(files.content("/f/a-boot").empty());
}

TEST(BootMark, of_another_run_or_of_none_tells_of_harm) {
    base::MemoryFiles files;
    for (const std::string& said : {another_run, std::string(), std::string(5000, 'x')}) {
        files.put("/f/a-boot", base::bytes_of(said));
        EXPECT_FALSE(BootMark(files, "/f/a").intact()) << said.size();
    }
    BootMark mark(files, "/f/a");
    ASSERT_TRUE(mark.set());
    EXPECT_TRUE(BootMark(files, "/f/a").intact());
}

TEST(BootMark, that_cannot_be_written_is_not_set) {
    base::MemoryFiles files;
    files.full_after(3);
    BootMark mark(files, "/f/a");
    EXPECT_FALSE(mark.set());
    EXPECT_FALSE(mark.is_set());
    files.heal();
    EXPECT_TRUE(mark.set());
}

class MarkedView : public testing::Test {
 protected:
    MarkedView() : log(std::move(OffsetLog::open(files, "/log", {}).value())) {
        for (int i = 0; i < 10; ++i) {
            const std::string text = message(i, R"({"type":"post","text":"hello"})");
            const ByteView batch[] = {base::bytes_of(text)};
            EXPECT_TRUE(log->append(batch));
        }
        EXPECT_TRUE(log->sync());
    }
    std::unique_ptr<CoreView> opened() {
        auto view = CoreView::open({path(), {}, {}});
        EXPECT_TRUE(view) << (view ? "" : view.error().what);
        return view ? std::move(*view) : nullptr;
    }
    std::string path() const { return folder.path("core.sqlite"); }
    std::string mark() const { return path() + "-boot"; }
    /// What is there while it is being written, in another folder.
    std::string copied() {
        const std::string copy = elsewhere.path("core.sqlite");
        for (const char* suffix : {"", "-wal", "-boot"}) {
            std::filesystem::copy_file(path() + suffix, copy + suffix,
                                       std::filesystem::copy_options::overwrite_existing);
        }
        return copy;
    }

    test::TemporaryFolder folder, elsewhere;
    base::MemoryFiles files;
    std::unique_ptr<OffsetLog> log;
};

TEST_F(MarkedView, is_marked_from_its_first_row_until_it_is_closed) {
    auto view = opened();
    ASSERT_TRUE(catch_up(*view, *log, 100));
    EXPECT_TRUE(std::filesystem::exists(mark()));
    ASSERT_TRUE(view->close());
    EXPECT_FALSE(std::filesystem::exists(mark()));
    view = opened();
    EXPECT_EQ(view->covered().upto, log->latest());
    EXPECT_FALSE(std::filesystem::exists(mark())) << "nothing was written";
}

TEST_F(MarkedView, of_a_process_that_was_killed_is_used_again) {
    auto view = opened();
    ASSERT_TRUE(catch_up(*view, *log, 100));
    auto again = CoreView::open({copied(), {}, {}});
    ASSERT_TRUE(again);
    EXPECT_FALSE((*again)->was_spoilt());
    EXPECT_EQ((*again)->covered().upto, log->latest());
}

TEST_F(MarkedView, of_a_machine_that_stopped_begins_anew_however_whole_it_looks) {
    auto view = opened();
    ASSERT_TRUE(catch_up(*view, *log, 100));
    const std::string copy = copied();
    base::PosixFiles posix;
    ASSERT_TRUE(base::write_file_atomically(posix, copy + "-boot", base::bytes_of(another_run)));
    auto again = CoreView::open({copy, {}, {}});
    ASSERT_TRUE(again);
    EXPECT_TRUE((*again)->was_spoilt());
    EXPECT_EQ((*again)->covered().upto, std::nullopt);
    ASSERT_TRUE(catch_up(**again, *log, 100));
    EXPECT_EQ((*again)->covered().upto, log->latest());
    ASSERT_TRUE((*again)->close());
    auto reader = CoreReader::open(copy);
    ASSERT_TRUE(reader);
    EXPECT_EQ((*reader)->by_received({.limit = 100}).value().size(), 10u);
}

TEST_F(MarkedView, takes_in_nothing_that_it_cannot_mark) {
    auto view = opened();
    ASSERT_TRUE(view->close());
    view = opened();
    // What is written beside the mark, before it gets its name.
    ASSERT_TRUE(std::filesystem::create_directory(mark() + "~"));
    auto refused = catch_up(*view, *log, 100);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().what.find("core.sqlite-boot"), std::string::npos)
        << refused.error().what;
    EXPECT_EQ(view->covered().upto, std::nullopt);
    auto not_made = view->make_index({"texts", {"$.text"}});
    ASSERT_FALSE(not_made);
    EXPECT_NE(not_made.error().what.find("core.sqlite-boot"), std::string::npos)
        << not_made.error().what;
    ASSERT_TRUE(std::filesystem::remove(mark() + "~"));
    ASSERT_TRUE(catch_up(*view, *log, 100));
    EXPECT_EQ(view->covered().upto, log->latest());
}

}  // namespace
}  // namespace sbot::flume
