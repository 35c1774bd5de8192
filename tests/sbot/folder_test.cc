// Settings, and the data folder they lead to.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sbot/data_folder.h"
#include "sbot/settings.h"
#include "tests/sbot/support.h"

namespace sbot::app {
namespace {

class SettingsTest : public testing::Test {
 protected:
    SettingsTest() {
        around.home = folder / "home";
        around.working_folder = folder / "work/here";
        // A name of its own keeps the machine's /etc out.
        around.environment = {"ssb_appname=sbottest"};
    }
    Result<Settings> load(std::vector<std::string> words = {}) {
        words.insert(words.begin(), "start");
        auto line = CommandLine::parse(words);
        EXPECT_TRUE(line);
        return load_settings(*line, around);
    }
    double port(std::vector<std::string> words = {}) {
        auto settings = load(std::move(words));
        return settings ? settings->port : 0;
    }

    TemporaryFolder folder;
    Surroundings around;
};

TEST_F(SettingsTest, have_the_defaults_of_the_reference) {
    auto settings = load();
    ASSERT_TRUE(settings);
    EXPECT_EQ(settings->folder, folder / "home/.sbottest");
    EXPECT_EQ(settings->port, 8008);
    EXPECT_EQ(settings->host, "localhost");
    ASSERT_EQ(settings->net.size(), 1U);
    EXPECT_EQ(settings->net[0].host, "::");
    EXPECT_TRUE(settings->unix_socket);
    EXPECT_EQ(settings->handshake_ms, 5000U);
}

TEST_F(SettingsTest, the_nearer_place_wins) {
    EXPECT_EQ(port({"start", "--", "--port", "1000"}), 1000);
    folder.put("home/.config/sbottest/config", R"({"port":1001})");
    EXPECT_EQ(port({"start", "--", "--port", "1000"}), 1001);
    folder.put("home/.sbottest/config", "port = 1002\n");
    EXPECT_EQ(port(), 1002);
    folder.put("home/.sbottestrc", R"({"port":1003})");
    EXPECT_EQ(port(), 1003);
    folder.put("work/.sbottestrc", R"({"port":1004})");
    EXPECT_EQ(port(), 1004);
    folder.put("work/here/.sbottestrc", R"({"port":1005})");
    EXPECT_EQ(port(), 1005);
    folder.put("named", R"({"port":1006})");
    EXPECT_EQ(port({"start", "--config", folder / "named"}), 1006);
    around.environment.emplace_back("sbottest_port=1007");
    EXPECT_EQ(port({"start", "--config", folder / "named"}), 1007);
    EXPECT_EQ(port({"start", "--port", "1008"}), 1008);
}

TEST_F(SettingsTest, a_path_given_means_the_config_in_it) {
    folder.put("home/.sbottest/config", R"({"port":1002})");
    folder.put("other/config", R"({"port":1010})");
    auto settings = load({"start", "--path", folder / "other"});
    ASSERT_TRUE(settings);
    EXPECT_EQ(settings->folder, folder / "other");
    EXPECT_EQ(settings->port, 1010);
    settings = load({"whoami", "--", "--path", "../../other/"});
    ASSERT_TRUE(settings);
    EXPECT_EQ(settings->folder, folder / "other");
    EXPECT_EQ(settings->port, 1010);
}

TEST_F(SettingsTest, wrong_values_are_refused_with_their_name) {
    const std::pair<const char*, const char*> cases[] = {
        {R"({"port":"x"})", "port must be a port, 1 to 65535, not \"x\""},
        {R"({"port":0})", "port must be a port, 1 to 65535, not 0"},
        {R"({"port":65536})", "port must be a port, 1 to 65535, not 65536"},
        {R"({"port":80.5})", "port must be a port, 1 to 65535, not 80.5"},
        {R"({"port":[1]})", "port must be a port, 1 to 65535, not [1]"},
        {R"({"caps":{"shs":"short"}})", "caps.shs must be the base64 of 32 bytes"},
        {R"({"caps":{"sign":"x"}})", "caps.sign must be the base64 of 32 bytes, or null"},
        {R"({"timers":{"handshake":"soon"}})",
         "timers.handshake must be a number of milliseconds, 0 to 1000000000, not \"soon\""},
    };
    for (auto [text, words] : cases) {
        folder.put("home/.sbottest/config", text);
        auto settings = load();
        ASSERT_FALSE(settings) << text;
        EXPECT_EQ(settings.error().what,
                  folder / "home/.sbottest/config" + (": " + std::string(words)));
    }
    folder.put("home/.sbottest/config", "{\"port\":");
    auto settings = load();
    ASSERT_FALSE(settings);
    EXPECT_NE(settings.error().what.find(folder / "home/.sbottest/config"), std::string::npos);
}

TEST_F(SettingsTest, listeners_come_from_connections_where_they_are_told) {
    folder.put("home/.sbottest/config",
               R"({"connections":{"incoming":{"net":[
                   {"port":9000,"scope":["public","local"],"transform":"shs","external":["a.b"]},
                   {"port":9001,"host":"127.0.0.1","scope":"device","transform":"shs"},
                   {"port":9002,"scope":"device","transform":"noauth"}]}}})");
    auto settings = load();
    ASSERT_TRUE(settings);
    ASSERT_EQ(settings->net.size(), 2U);
    EXPECT_EQ(settings->net[0].port, 9000);
    EXPECT_EQ(settings->net[0].external, std::vector<std::string>{"a.b"});
    EXPECT_EQ(settings->net[1].host, "127.0.0.1");
    EXPECT_FALSE(settings->unix_socket);
}

class SecretFile : public testing::Test {
 protected:
    unsigned mode() const {
        struct stat info {};
        EXPECT_EQ(stat(file.c_str(), &info), 0);
        return info.st_mode & 07777;
    }
    std::string text() const {
        std::ifstream in(file);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    Result<message::KeyPair> load() { return load_or_make_secret(folder.path(), random, log); }

    TemporaryFolder folder;
    std::string file = folder / "secret";
    base::SystemRandom random;
    base::Logger log{base::LogLevel::error};
};

TEST_F(SecretFile, is_made_for_the_owner_to_read_only) {
    EXPECT_EQ(load_secret(folder.path(), log).error().code, Errc::not_found);
    auto made = load();
    ASSERT_TRUE(made);
    EXPECT_EQ(mode(), 0400U);
    auto again = load();
    ASSERT_TRUE(again);
    EXPECT_EQ(again->id, made->id);
    std::size_t files = 0;
    for ([[maybe_unused]] const auto& each : std::filesystem::directory_iterator(folder.path())) {
        ++files;
    }
    EXPECT_EQ(files, 1U) << "a draft was left";
}

TEST_F(SecretFile, keeps_its_mode_unless_others_can_read_it) {
    folder.put("secret", message::secret_file_text(pair_of(1)));
    for (auto [before, after] : {std::pair{0600U, 0600U}, {0400U, 0400U}, {0644U, 0600U}}) {
        chmod(file.c_str(), before);
        auto keys = load();
        ASSERT_TRUE(keys);
        EXPECT_EQ(keys->id, pair_of(1).id);
        EXPECT_EQ(mode(), after);
    }
}

TEST_F(SecretFile, a_spoilt_one_is_refused_and_never_overwritten) {
    std::string good = message::secret_file_text(pair_of(1));
    for (const std::string& spoilt :
         {std::string(), std::string("{}"), good.substr(0, good.size() / 2), std::string("# x\n"),
          std::string(100000, 'x')}) {
        folder.put("secret", spoilt);
        auto keys = load();
        ASSERT_FALSE(keys);
        EXPECT_NE(keys.error().code, Errc::not_found);
        EXPECT_NE(keys.error().what.find(file), std::string::npos);
        EXPECT_EQ(text(), spoilt);
    }
}

TEST(Files, are_said_to_lack_room_before_anything_fails_for_it) {
    EXPECT_TRUE(check_room_for_files(10));
    struct rlimit before {};
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit few = before;
    few.rlim_cur = 30;
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
    auto some = check_room_for_files(5);
    auto many = check_room_for_files(30);
    setrlimit(RLIMIT_NOFILE, &before);
    EXPECT_TRUE(some);
    ASSERT_FALSE(many);
    std::string told = with_advice(many.error(), "/f").what;
    EXPECT_NE(told.find("30 are needed: Too many open files; raise the limit"), told.npos) << told;
}

TEST(FolderLock, names_the_process_that_holds_the_folder) {
    TemporaryFolder folder;
    int up[2], down[2];
    ASSERT_EQ(pipe(up) + pipe(down), 0);
    pid_t child = fork();
    if (child == 0) {
        auto lock = FolderLock::take(folder.path());
        char told = lock ? 'y' : 'n';
        (void)!write(up[1], &told, 1);
        (void)!read(down[0], &told, 1);  // until killed
        _exit(0);
    }
    char told = 0;
    ASSERT_EQ(read(up[0], &told, 1), 1);
    ASSERT_EQ(told, 'y');
    auto refused = FolderLock::take(folder.path());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::denied);
    EXPECT_NE(refused.error().what.find("process " + std::to_string(child)), std::string::npos)
        << refused.error().what;
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    EXPECT_TRUE(FolderLock::take(folder.path()).has_value());
    for (int end : {up[0], up[1], down[0], down[1]}) close(end);
}

TEST(FolderLock, a_folder_that_is_a_link_leading_nowhere_is_named) {
    TemporaryFolder place;
    const std::string folder = place / "data", disk = place / "unplugged";
    ASSERT_EQ(symlink(disk.c_str(), folder.c_str()), 0);
    auto refused = FolderLock::take(folder);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().what, folder +
                                        " is a link that leads nowhere: mount what it leads "
                                        "to, or remove the link");
    ASSERT_TRUE(make_folders(disk));
    EXPECT_TRUE(FolderLock::take(folder));
}

TEST(FolderLock, makes_folders_for_the_owner) {
    TemporaryFolder folder;
    ASSERT_TRUE(FolderLock::take(folder / "a/b").has_value());
    struct stat info {};
    ASSERT_EQ(stat((folder / "a/b/flume/keys").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0700U);
    folder.put("file", "x");
    EXPECT_FALSE(make_folders(folder / "file/inside").has_value());
}

}  // namespace
}  // namespace sbot::app
