#include "base/files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "base/memory_files.h"
#include "tests/flume/support.h"

namespace sbot::base {
namespace {

OpenFile made() {
    OpenFile how;
    how.create = true;
    return how;
}

template <typename Body>
void on_both_disks(Body body) {
    test::TemporaryFolder folder;
    PosixFiles posix;
    body(posix, folder.path("x"));
    MemoryFiles memory;
    body(memory, std::string("/disk/x"));
}

TEST(Files, read_back_what_was_written) {
    on_both_disks([](Files& files, const std::string& path) {
        auto file = files.open(path, made());
        ASSERT_TRUE(file) << file.error().what;
        ASSERT_TRUE((*file)->write_at(0, bytes_of("hello")));
        ASSERT_TRUE((*file)->write_at(8, bytes_of("there")));
        ASSERT_TRUE((*file)->sync());
        Bytes all(20);
        EXPECT_EQ((*file)->read_at(0, all).value(), 13u);
        all.resize(13);
        EXPECT_EQ(to_text(all), std::string("hello\0\0\0there", 13));
        ASSERT_TRUE((*file)->truncate(4));
        EXPECT_EQ((*file)->size().value(), 4u);
        EXPECT_EQ((*file)->read_at(4, all).value(), 0u);
        EXPECT_EQ((*file)->read_at(400, all).value(), 0u);
        EXPECT_EQ(to_text(read_file(files, path, 4).value()), "hell");
        EXPECT_EQ(read_file(files, path, 3).error().code, Errc::limit);
    });
}

TEST(Files, say_not_found_for_a_missing_file) {
    on_both_disks([](Files& files, const std::string& path) {
        EXPECT_EQ(files.open(path, {}).error().code, Errc::not_found);
        EXPECT_EQ(read_file(files, path, 10).error().code, Errc::not_found);
        EXPECT_TRUE(files.remove(path));
        EXPECT_EQ(files.rename(path, path + "y").error().code, Errc::not_found);
    });
}

TEST(Files, list_a_folder_and_know_their_size) {
    on_both_disks([](Files& files, const std::string& path) {
        EXPECT_EQ(files.list(path).error().code, Errc::not_found);
        EXPECT_TRUE(files.make_folder(path).value());
        for (const char* name : {"/b", "/a"}) {
            auto file = files.open(path + name, made());
            ASSERT_TRUE(file) << file.error().what;
            ASSERT_TRUE((*file)->write_at(0, bytes_of("hello")));
        }
        EXPECT_FALSE(files.make_folder(path).value());
        auto names = files.list(path).value();
        std::sort(names.begin(), names.end());
        EXPECT_EQ(names, (std::vector<std::string>{"a", "b"}));
        EXPECT_EQ(files.info(path + "/a").value().bytes, 5u);
        EXPECT_EQ(files.info(path + "/c").error().code, Errc::not_found);
        EXPECT_EQ(files.info(path).error().code, Errc::not_found);
    });
}

TEST(Files, replace_a_file_atomically) {
    on_both_disks([](Files& files, const std::string& path) {
        ASSERT_TRUE(write_file_atomically(files, path, bytes_of("one")));
        ASSERT_TRUE(write_file_atomically(files, path, bytes_of("two")));
        EXPECT_EQ(to_text(read_file(files, path, 100).value()), "two");
        EXPECT_EQ(files.open(path + "~", {}).error().code, Errc::not_found);
    });
}

TEST(Files, give_a_new_file_the_mode_asked_for) {
    test::TemporaryFolder folder;
    PosixFiles files;
    ASSERT_TRUE(write_file_atomically(files, folder.path("secret"), bytes_of("x"), 0400));
    struct stat about {};
    ASSERT_EQ(::stat(folder.path("secret").c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 0777, 0400u);
}

TEST(Files, report_a_folder_that_cannot_be_read_as_a_file) {
    test::TemporaryFolder folder;
    PosixFiles files;
    EXPECT_FALSE(files.open(folder.path("."), {}));
    EXPECT_FALSE(files.sync_folder(folder.path("missing")));
    EXPECT_EQ(folder_of("a/b/c"), "a/b");
    EXPECT_EQ(folder_of("/c"), "/");
    EXPECT_EQ(folder_of("c"), ".");
}

TEST(Files, an_atomic_replacement_is_old_or_new_wherever_the_disk_stops) {
    for (std::size_t stop = 0; stop < 4; ++stop) {
        for (std::size_t part : {0u, 1u, 3u}) {
            MemoryFiles disk;
            disk.put("/d/x", bytes_of("old"));
            disk.stop_after(stop, part);
            bool done = write_file_atomically(disk, "/d/x", bytes_of("new")).has_value();
            disk.power_cut();
            disk.heal();
            auto content = to_text(read_file(disk, "/d/x", 10).value());
            EXPECT_TRUE(content == "old" || content == "new") << content;
            if (done) {
                EXPECT_EQ(content, "new");
            }
        }
    }
}

TEST(MemoryFiles, a_power_cut_loses_what_was_not_synced) {
    MemoryFiles disk;
    auto file = disk.open("/d/x", made());
    ASSERT_TRUE(disk.sync_folder("/d"));
    ASSERT_TRUE((*file)->write_at(0, bytes_of("safe")));
    ASSERT_TRUE((*file)->sync());
    ASSERT_TRUE((*file)->write_at(4, bytes_of("lost")));
    ASSERT_TRUE((*file)->write_at(1, bytes_of("xx")));
    ASSERT_TRUE((*file)->truncate(2));
    EXPECT_EQ(to_text(disk.content("/d/x")), "sx");
    disk.power_cut();
    EXPECT_EQ(to_text(disk.content("/d/x")), "safe");
}

TEST(MemoryFiles, a_power_cut_may_keep_the_first_bytes_written) {
    for (std::size_t kept = 0; kept <= 8; ++kept) {
        MemoryFiles disk;
        disk.put("/d/x", bytes_of("safe"));
        auto file = disk.open("/d/x", {});
        ASSERT_TRUE((*file)->write_at(4, bytes_of("12")));
        ASSERT_TRUE((*file)->write_at(6, bytes_of("34")));
        disk.power_cut(kept);
        EXPECT_EQ(to_text(disk.content("/d/x")),
                  std::string("safe1234").substr(0, 4 + std::min<std::size_t>(kept, 4)));
    }
}

TEST(MemoryFiles, a_full_disk_takes_what_fits) {
    MemoryFiles disk;
    auto file = disk.open("/d/x", made());
    disk.full_after(3);
    EXPECT_EQ((*file)->write_at(0, bytes_of("hello")).error().code, Errc::io);
    EXPECT_EQ(to_text(disk.content("/d/x")), "hel");
    disk.heal();
    EXPECT_TRUE((*file)->write_at(3, bytes_of("lo")));
}

}  // namespace
}  // namespace sbot::base
