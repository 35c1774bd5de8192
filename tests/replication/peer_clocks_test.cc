// What peers had when they were last here, by our table or the JavaScript server's files.

#include "replication/peer_clocks.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "io/loop.h"

namespace sbot::replication {
namespace {

FeedId id_of(std::uint8_t number) {
    FeedId id;
    for (std::size_t i = 0; i < id.bytes.size(); ++i) {
        id.bytes[i] = static_cast<std::uint8_t>(number * 37 + i * 11);
    }
    return id;
}

class PeerClocksTest : public testing::Test {
 protected:
    PeerClocksTest() : pool(loop) {
        std::string name = (std::filesystem::temp_directory_path() / "sbot-XXXXXX").string();
        folder = ::mkdtemp(name.data());
        open();
    }
    ~PeerClocksTest() override {
        clocks.reset();
        std::filesystem::remove_all(folder);
    }

    void open() {
        clocks.reset();
        auto opened = PeerClocks::open(pool, folder + "/peers.sqlite", folder + "/ebt");
        ASSERT_TRUE(opened) << opened.error().what;
        clocks = std::move(*opened);
    }
    void save(const FeedId& peer, PeerClock clock) {
        clocks->save(peer, std::move(clock));
        loop.run(clocks->flushed());
    }
    /// By the number of the feed, those of `feeds` that are known.
    std::map<int, std::int64_t> load(const FeedId& peer, std::vector<int> feeds) {
        std::set<FeedId> wanted;
        for (int each : feeds) wanted.insert(id_of(static_cast<std::uint8_t>(each)));
        PeerClock clock = loop.run(clocks->load(peer, wanted));
        std::map<int, std::int64_t> out;
        for (int each : feeds) {
            for (const auto& [feed, has] : clock) {
                if (feed == id_of(static_cast<std::uint8_t>(each))) out[each] = has;
            }
        }
        return out;
    }
    /// As ssb-ebt names it.
    void put_js(const FeedId& peer, const std::string& text) {
        std::string name = peer.text();
        name.erase(std::remove(name.begin(), name.end(), '='), name.end());
        std::replace(name.begin(), name.end(), '+', '-');
        std::replace(name.begin(), name.end(), '/', '_');
        std::filesystem::create_directories(folder + "/ebt");
        std::ofstream(folder + "/ebt/" + name) << text;
    }

    using Known = std::map<int, std::int64_t>;
    io::Loop loop;
    io::Pool pool;
    std::string folder;
    std::unique_ptr<PeerClocks> clocks;
};

TEST_F(PeerClocksTest, are_there_after_a_restart) {
    const std::int64_t large = std::int64_t{1} << 40;
    save(id_of(9), {{id_of(1), 0}, {id_of(2), -1}, {id_of(3), large}, {id_of(4), 127}});
    open();
    Known expected = {{1, 0}, {2, -1}, {3, large}, {4, 127}};
    EXPECT_EQ(load(id_of(9), {1, 2, 3, 4, 5}), expected);
    EXPECT_EQ(load(id_of(9), {4}), (Known{{4, 127}}));
    EXPECT_TRUE(load(id_of(8), {1, 2}).empty());
}

TEST_F(PeerClocksTest, come_from_the_javascript_server_until_the_peer_was_here) {
    std::string names[4];
    for (std::uint8_t i = 1; i <= 3; ++i) names[i] = id_of(i).text();
    put_js(id_of(9),
           "{\"" + names[1] + "\":5,\"" + names[2] + "\":-1,\"" + names[3] + "\":null,\"x\":3}");
    EXPECT_EQ(load(id_of(9), {1, 2, 3}), (Known{{1, 5}, {2, -1}}));
    EXPECT_EQ(load(id_of(9), {2}), (Known{{2, -1}}));
    save(id_of(9), {{id_of(1), 7}});
    open();
    EXPECT_EQ(load(id_of(9), {1, 2, 3}), (Known{{1, 7}}));
    for (const char* odd : {"", "{", "[1]", "null"}) {
        put_js(id_of(8), odd);
        EXPECT_TRUE(load(id_of(8), {1}).empty()) << odd;
    }
}

TEST_F(PeerClocksTest, are_forgotten_with_the_files_of_the_javascript_server) {
    put_js(id_of(9), "{\"" + id_of(1).text() + "\":5}");
    save(id_of(8), {{id_of(1), 3}});
    ASSERT_TRUE(clocks->forget());
    EXPECT_TRUE(load(id_of(9), {1}).empty());
    open();
    EXPECT_TRUE(load(id_of(9), {1}).empty());
    EXPECT_TRUE(load(id_of(8), {1}).empty());
    save(id_of(9), {{id_of(1), 6}});
    EXPECT_EQ(load(id_of(9), {1}), (Known{{1, 6}}));
}

TEST_F(PeerClocksTest, of_a_damaged_table_are_made_anew) {
    save(id_of(9), {{id_of(1), 5}});
    clocks.reset();
    std::ofstream(folder + "/peers.sqlite") << std::string(8192, 'x');
    std::filesystem::remove(folder + "/peers.sqlite-wal");
    open();
    EXPECT_TRUE(load(id_of(9), {1}).empty());
    save(id_of(9), {{id_of(1), 6}});
    EXPECT_EQ(load(id_of(9), {1}), (Known{{1, 6}}));
}

}  // namespace
}  // namespace sbot::replication
