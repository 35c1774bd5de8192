// The invite codes of the JavaScript server, in a LevelDB as it makes one.

#include "sbot/js_invites.h"

#include <gtest/gtest.h>
#include <leveldb/db.h>

#include "sbot/invite_codes.h"
#include "tests/sbot/support.h"

namespace sbot::app {
namespace {

class JsInvitesTest : public testing::Test {
 protected:
    JsInvitesTest() : pool(loop) {}

    /// As its `put`: the last record of a key counts.
    void put(const std::string& key, const std::string& record) {
        leveldb::Options options;
        options.create_if_missing = true;
        leveldb::DB* raw = nullptr;
        ASSERT_TRUE(leveldb::DB::Open(options, folder / "invites", &raw).ok());
        std::unique_ptr<leveldb::DB> database(raw);
        ASSERT_TRUE(database->Put(leveldb::WriteOptions(), key, record).ok());
    }
    void put(std::uint8_t number, const std::string& rest) {
        std::string id = pair_of(number).id.text();
        put(id, R"({"id":")" + id + R"(",)" + rest + "}");
    }
    std::vector<JsInvite> read(double since_ms = 0) {
        auto found = read_js_invites(disk, folder.path(), since_ms);
        EXPECT_TRUE(found.has_value()) << found.error().what;
        return found && *found ? **found : std::vector<JsInvite>();
    }
    std::unique_ptr<InviteCodes> open() {
        auto opened = InviteCodes::open(disk, pool, folder.path());
        EXPECT_TRUE(opened.has_value()) << opened.error().what;
        return std::move(*opened);
    }
    /// "used/total", or nothing.
    std::string uses(std::uint8_t number) {
        auto codes = open();
        const InviteCodes::Code* code = codes->find(pair_of(number).id);
        if (code == nullptr) return "";
        return std::to_string(code->used) + "/" + std::to_string(code->total);
    }

    io::Loop loop;
    io::Pool pool;
    base::PosixFiles disk;
    TemporaryFolder folder;
};

TEST_F(JsInvitesTest, are_read_with_uses_and_notes_and_nothing_is_changed) {
    put(1, R"("total":3,"note":"hé","used":1,"permissions":{"allow":[],"deny":null})");
    put(2, R"("total":1.5,"used":0)");
    auto before = disk.list(folder / "invites");
    auto invites = read();
    ASSERT_EQ(invites.size(), 2u);
    if (invites[0].guest != pair_of(1).id) std::swap(invites[0], invites[1]);
    EXPECT_EQ(invites[0].guest, pair_of(1).id);
    EXPECT_EQ(invites[0].total, 3u);
    EXPECT_EQ(invites[0].used, 1u);
    EXPECT_EQ(invites[0].note, R"("hé")");
    EXPECT_EQ(invites[1].total, 2u);
    EXPECT_EQ(*disk.list(folder / "invites"), *before);
    EXPECT_FALSE(std::filesystem::exists(folder / "invites.copy"));
}

TEST_F(JsInvitesTest, that_make_no_sense_are_left_out) {
    put("no id", R"({"total":1,"used":0})");
    put(pair_of(1).id.text(), "{");
    put(2, R"("total":0,"used":0)");
    put(3, R"("total":1)");
    put(4, R"("total":1e300,"used":-4)");
    auto invites = read();
    ASSERT_EQ(invites.size(), 1u);
    EXPECT_EQ(invites[0].guest, pair_of(4).id);
    EXPECT_EQ(invites[0].total, limits::invite_uses_max);
    EXPECT_EQ(invites[0].used, 0u);
}

TEST_F(JsInvitesTest, are_not_looked_at_again_until_the_folder_changes) {
    EXPECT_TRUE(read().empty());
    put(1, R"("total":1,"used":0)");
    EXPECT_EQ(read().size(), 1u);
    EXPECT_TRUE(read(base::SystemClock().wall_ms() + 1000).empty());
}

TEST_F(JsInvitesTest, count_uses_with_both_servers) {
    put(1, R"("total":4,"used":1)");
    put(2, R"("total":1,"used":1)");
    EXPECT_EQ(uses(1), "1/4");
    EXPECT_EQ(uses(2), "");
    ASSERT_TRUE(loop.run(open()->count_use(pair_of(1).id)));
    EXPECT_EQ(uses(1), "2/4");
    put(1, R"("total":4,"used":2)");  // one more over there, which does not know of ours
    EXPECT_EQ(uses(1), "3/4");
    EXPECT_EQ(uses(1), "3/4");
    put(1, R"("total":4,"used":4)");
    EXPECT_EQ(uses(1), "4/4");
}

TEST_F(JsInvitesTest, of_a_damaged_database_are_an_error_that_says_what_to_do) {
    put(1, R"("total":1,"used":0)");
    folder.put("invites/CURRENT", "MANIFEST-777777\n");
    auto opened = InviteCodes::open(disk, pool, folder.path());
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, Errc::corrupt);
    EXPECT_NE(opened.error().what.find("invites: "), std::string::npos);
    EXPECT_NE(opened.error().what.find("move it away"), std::string::npos);
    EXPECT_FALSE(std::filesystem::exists(folder / "invites.copy"));
}

}  // namespace
}  // namespace sbot::app
