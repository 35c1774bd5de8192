#include "blobs/store.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "base/memory_files.h"
#include "tests/flume/support.h"

namespace sbot::blobs {
namespace {

constexpr std::uint64_t bytes_max = 1000;
// printf hello | sha256sum
const char* const hello_path =
    "/sha256/2c/f24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
const char* const hello_id = "&LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=.sha256";

std::unique_ptr<Store> open_store(base::Files& files, const std::string& folder = "/blobs") {
    auto store = Store::open(files, folder, bytes_max);
    EXPECT_TRUE(store) << store.error().what;
    return std::move(*store);
}

Result<Held> add(const Store& store, std::string_view content,
                 std::optional<BlobId> expected = std::nullopt) {
    auto draft = store.begin(12345);
    if (!draft) return std::move(draft).error();
    // In two parts, as streams come.
    ByteView bytes = base::bytes_of(content);
    std::size_t half = bytes.size() / 2;
    if (auto ok = (*draft)->write(bytes.first(half)); !ok) return std::move(ok).error();
    if (auto ok = (*draft)->write(bytes.subspan(half)); !ok) return std::move(ok).error();
    return (*draft)->keep(expected);
}

std::vector<std::string> drafts(base::Files& files, const std::string& folder = "/blobs") {
    return files.list(folder + "/tmp").value_or({});
}

TEST(BlobStore, keeps_a_blob_where_multiblob_looks_for_it) {
    base::MemoryFiles disk;
    auto store = open_store(disk);
    auto kept = add(*store, "hello");
    ASSERT_TRUE(kept) << kept.error().what;
    EXPECT_EQ(kept->id.text(), hello_id);
    EXPECT_EQ(kept->bytes, 5u);
    EXPECT_EQ(base::to_text(disk.content(std::string("/blobs") + hello_path)), "hello");
    EXPECT_TRUE(drafts(disk).empty());
    EXPECT_EQ(store->find(kept->id).value()->bytes, 5u);
    EXPECT_EQ(base::to_text(store->read(kept->id, 1, 3).value()), "ell");
    EXPECT_EQ(base::to_text(store->read(kept->id, 3, 100).value()), "lo");
    EXPECT_TRUE(store->read(kept->id, 5, 100).value().empty());
    EXPECT_TRUE(store->read(kept->id, UINT64_MAX, 100).value().empty());
}

TEST(BlobStore, works_on_a_real_disk) {
    test::TemporaryFolder temporary;
    base::PosixFiles files;
    std::string folder = temporary.path("blobs");
    auto store = open_store(files, folder);
    auto kept = add(*store, "hello");
    ASSERT_TRUE(kept) << kept.error().what;
    EXPECT_TRUE(std::filesystem::exists(folder + hello_path));
    EXPECT_GT(store->find(kept->id).value()->since_ms, 1.6e12);
    auto shelf = store->shelf(0x2c, true);
    ASSERT_TRUE(shelf && shelf->size() == 1);
    EXPECT_EQ(shelf->front().bytes, 5u);
    EXPECT_TRUE(store->shelf(0x2d, true).value().empty());
    ASSERT_TRUE(store->remove(kept->id));
    EXPECT_FALSE(store->find(kept->id).value());
    EXPECT_EQ(store->remove(kept->id).error().code, Errc::not_found);
    EXPECT_EQ(store->read(kept->id, 0, 1).error().code, Errc::not_found);
}

TEST(BlobStore, keeps_the_empty_blob) {
    base::MemoryFiles disk;
    auto store = open_store(disk);
    auto kept = add(*store, "");
    ASSERT_TRUE(kept) << kept.error().what;
    EXPECT_EQ(kept->id.text(), "&47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=.sha256");
    EXPECT_EQ(store->find(kept->id).value()->bytes, 0u);
}

TEST(BlobStore, refuses_what_is_not_the_expected_blob_and_leaves_nothing) {
    base::MemoryFiles disk;
    auto store = open_store(disk);
    auto expected = BlobId::parse(hello_id);
    auto kept = add(*store, "jello", expected);
    ASSERT_FALSE(kept);
    EXPECT_EQ(kept.error().code, Errc::invalid);
    EXPECT_EQ(kept.error().what,
              "actual hash:&GHybzuuRnhs+bSD6UOyr99nVC1ND6Pmj2RKrsTkpEC4=.sha256 did not match "
              "expected id:" +
                  std::string(hello_id));
    EXPECT_FALSE(store->find(*expected).value());
    EXPECT_TRUE(drafts(disk).empty());
    EXPECT_TRUE(add(*store, "hello", expected));
}

TEST(BlobStore, refuses_a_blob_of_the_limit_and_takes_one_byte_less) {
    base::MemoryFiles disk;
    auto store = open_store(disk);
    auto kept = add(*store, std::string(bytes_max, 'x'));
    ASSERT_FALSE(kept);
    EXPECT_EQ(kept.error().code, Errc::limit);
    EXPECT_TRUE(drafts(disk).empty());
    EXPECT_TRUE(add(*store, std::string(bytes_max - 1, 'x')));
}

TEST(BlobStore, throws_away_what_is_not_finished) {
    base::MemoryFiles disk;
    auto store = open_store(disk);
    {
        auto draft = store->begin(1);
        ASSERT_TRUE((*draft)->write(base::bytes_of("half a")));
        EXPECT_EQ(drafts(disk).size(), 1u);
    }
    EXPECT_TRUE(drafts(disk).empty());
    disk.put("/blobs/tmp/123-0", base::bytes_of("of a crash"));
    store = open_store(disk);
    EXPECT_TRUE(drafts(disk).empty());
}

TEST(BlobStore, lists_blobs_and_nothing_else) {
    base::MemoryFiles disk;
    auto store = open_store(disk);
    std::vector<BlobId> added;
    for (int i = 0; i < 600; ++i) added.push_back(add(*store, std::to_string(i))->id);
    disk.put("/blobs/sha256/2c/README", base::bytes_of("x"));
    disk.put("/blobs/sha256/2c/" + std::string(62, 'G'), base::bytes_of("x"));
    disk.put("/blobs/sha256/2c/" + std::string(62, 'A'), base::bytes_of("x"));
    std::sort(added.begin(), added.end());
    std::vector<BlobId> listed;
    for (unsigned first = 0; first < 256; ++first) {
        auto shelf = store->shelf(static_cast<std::uint8_t>(first), first % 2 == 0);
        ASSERT_TRUE(shelf) << shelf.error().what;
        for (const Held& blob : *shelf) listed.push_back(blob.id);
    }
    EXPECT_EQ(listed, added);
}

TEST(BlobStore, stores_one_blob_that_many_add_at_once) {
    test::TemporaryFolder temporary;
    base::PosixFiles files;
    std::string folder = temporary.path("blobs");
    auto store = open_store(files, folder);
    std::vector<std::thread> threads;
    std::atomic<int> kept = 0;
    for (int i = 0; i < 8; ++i) {
        threads.emplace_back([&] {
            for (int j = 0; j < 5; ++j)
                kept += add(*store, "hello", BlobId::parse(hello_id)) ? 1 : 0;
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(kept, 40);
    EXPECT_TRUE(drafts(files, folder).empty());
    EXPECT_EQ(base::to_text(store->read(*BlobId::parse(hello_id), 0, 100).value()), "hello");
}

TEST(BlobStore, says_that_the_disk_is_full_and_leaves_nothing) {
    for (std::size_t space = 0; space < 5; ++space) {
        base::MemoryFiles disk;
        auto store = open_store(disk);
        disk.full_after(space);
        auto kept = add(*store, "hello");
        ASSERT_FALSE(kept);
        EXPECT_EQ(kept.error().code, Errc::io);
        EXPECT_TRUE(drafts(disk).empty());
        disk.heal();
        EXPECT_FALSE(store->find(*BlobId::parse(hello_id)).value());
        EXPECT_TRUE(add(*store, "hello"));
    }
}

TEST(BlobStore, acknowledges_nothing_that_is_not_synced) {
    base::MemoryFiles disk;
    auto store = open_store(disk);
    disk.fail_syncs();
    EXPECT_FALSE(add(*store, "hello"));
    EXPECT_TRUE(drafts(disk).empty());
}

TEST(BlobStore, has_whole_blobs_or_none_after_a_power_cut) {
    BlobId id = *BlobId::parse(hello_id);
    for (std::size_t changes = 0; changes < 4; ++changes) {
        for (std::size_t kept_bytes : {0, 1, 4, 100}) {
            base::MemoryFiles disk;
            auto store = open_store(disk);
            ASSERT_TRUE(add(*store, "there before"));
            disk.stop_after(changes, 2);
            bool acknowledged = add(*store, "hello").has_value();
            disk.heal();
            disk.power_cut(kept_bytes);
            store = open_store(disk);
            auto found = store->find(id).value();
            EXPECT_EQ(found.has_value(), acknowledged);
            if (found) {
                EXPECT_EQ(base::to_text(store->read(id, 0, 100).value()), "hello");
            }
            EXPECT_TRUE(drafts(disk).empty());
        }
    }
}

TEST(BlobStore, says_what_cannot_be_opened) {
    test::TemporaryFolder temporary;
    base::PosixFiles files;
    auto store = Store::open(files, temporary.path("missing") + "/blobs", bytes_max);
    ASSERT_FALSE(store);
    EXPECT_NE(store.error().what.find("missing/blobs"), std::string::npos);
}

}  // namespace
}  // namespace sbot::blobs
