#include "sbot/config.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "sbot/settings.h"

namespace sbot::app {
namespace {

using base::Tree;

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    for (std::size_t at = text.find(from); at != text.npos; at = text.find(from, at + to.size())) {
        text.replace(at, from.size(), to);
    }
    return text;
}

/// A home folder of a test's own, with a working folder in it.
class Home {
 public:
    Home() {
        std::string name = std::filesystem::temp_directory_path() / "sbot-config-XXXXXX";
        path_ = mkdtemp(name.data());
        std::filesystem::create_directories(path_ + "/work/sub");
        around_.home = path_;
        around_.working_folder = path_ + "/work/sub";
    }
    ~Home() { std::filesystem::remove_all(path_); }
    Home(const Home&) = delete;
    Home& operator=(const Home&) = delete;

    void write(const std::string& name, std::string_view text) {
        std::filesystem::path file = path_ + "/" + name;
        std::filesystem::create_directories(file.parent_path());
        std::ofstream(file) << text;
    }
    std::string here(std::string_view text) const {
        return replaced(std::string(text), "$HOME", path_);
    }
    /// The other way round, to compare.
    std::string there(const std::string& text) const { return replaced(text, path_, "$HOME"); }
    const std::string& path() const { return path_; }
    Surroundings& around() { return around_; }

    Result<Config> config(std::vector<std::string> arguments) {
        auto line = CommandLine::parse(arguments);
        if (!line) return std::move(line).error();
        return read_config(*line, around_);
    }
    Result<Settings> settings(std::vector<std::string> arguments) {
        auto line = CommandLine::parse(arguments);
        if (!line) return std::move(line).error();
        return load_settings(*line, around_);
    }
    std::string complaint(std::vector<std::string> arguments) {
        auto read = settings(std::move(arguments));
        return read ? "" : there(read.error().what);
    }

 private:
    std::string path_;
    Surroundings around_;
};

net::InterfaceAddress interface(std::string name, json::Value entry) {
    return {std::move(name), std::string(entry["address"].string()), entry["internal"].is_true(),
            "", static_cast<std::uint32_t>(entry["scopeid"].number())};
}

void set_up(Home& home, json::Value test) {
    for (json::Member file : test["files"].members()) {
        home.write(std::string(file.name), file.value.string());
    }
    for (json::Member each : test["env"].members()) {
        home.around().environment.push_back(std::string(each.name) + "=" +
                                            home.here(each.value.string()));
    }
    home.around().interfaces = {{"lo", "127.0.0.1", true},
                                {"lo", "::1", true},
                                {"eth0", "192.168.1.5"},
                                {"eth0", "fe80::1", false, "", 2}};
    if (!test["interfaces"].exists()) return;
    home.around().interfaces.clear();
    for (json::Member each : test["interfaces"].members()) {
        for (json::Value entry : each.value.elements()) {
            home.around().interfaces.push_back(interface(std::string(each.name), entry));
        }
    }
}

TEST(Config, is_what_the_reference_makes_of_files_environment_and_command_line) {
    std::ifstream file(SBOT_SOURCE_DIR "/tests/vectors/config.jsonl");
    std::size_t count = 0;
    for (std::string line; std::getline(file, line); ++count) {
        auto document = json::Document::parse(line);
        ASSERT_TRUE(document);
        json::Value test = document->root();
        Home home;
        set_up(home, test);
        std::vector<std::string> arguments;
        for (json::Value each : test["args"].elements()) {
            arguments.push_back(home.here(each.string()));
        }
        auto got = home.config(arguments);
        // Not so on purpose: a list is refused, a byte order mark skipped (parse_config_file).
        const std::string_view given = test["files"][".ssb/config"].string();
        if (given == "[1]" || given.starts_with("\xef\xbb\xbf")) {
            EXPECT_EQ(got.has_value(), given != "[1]") << line;
            continue;
        }
        bool refused = test["config"]["error"].exists();
        std::string want = refused ? "error" : json::compact(test["config"]);
        EXPECT_EQ(got ? home.there(got->all.to_json()) : "error", want) << line;
    }
    EXPECT_EQ(count, 65u);
}

TEST(Config, bounds_are_taken_where_they_make_sense) {
    Home home;
    auto plain = home.settings({"start"});
    ASSERT_TRUE(plain) << plain.error().what;
    EXPECT_EQ(plain->inactivity_ms, limits::inactivity_ms_default);
    EXPECT_EQ(plain->hops_max, 2) << "what ssb-config sets";
    EXPECT_EQ(plain->index_lag_records_max, limits::index_lag_records_max_default);
    home.write(".ssb/config", R"({"timers": {"inactivity": 0, "handshake": 0},
        "blobs": {"max": 0}, "friends": {"hops": 0}})");
    auto zero = home.settings({"start"});
    ASSERT_TRUE(zero) << zero.error().what;
    EXPECT_EQ(zero->inactivity_ms, limits::inactivity_ms_default);
    EXPECT_EQ(zero->handshake_ms, limits::handshake_ms_default);
    EXPECT_EQ(zero->hops_max, 3);
    EXPECT_EQ(zero->blob_bytes_max, limits::blob_bytes_max_default);
    home.write(".ssb/config", R"({"timers": {"inactivity": -1}, "blobs": {"max": 2000},
        "friends": {"hops": 0}, "replicate": {"hops": 5},
        "flume": {"walBytesMax": 10000, "indexLagMax": "77"}})");
    auto given = home.settings({"start"});
    ASSERT_TRUE(given) << given.error().what;
    EXPECT_EQ(given->inactivity_ms, 0u);
    EXPECT_EQ(given->hops_max, 5);
    EXPECT_EQ(given->blob_bytes_max, 2000u);
    EXPECT_EQ(given->index_wal_bytes_max, 10000u);
    EXPECT_EQ(given->index_lag_records_max, 77u);
    auto nearer = home.settings({"start", "--friends.hops", "2"});
    ASSERT_TRUE(nearer) << nearer.error().what;
    EXPECT_EQ(nearer->hops_max, 2) << "before replicate.hops";
}

TEST(Config, of_the_folder_given_takes_the_place_of_the_one_at_home) {
    Home home;
    home.write(".ssb/config", R"({"port": 1111, "x": 1})");
    home.write("other/config", R"({"host": "127.0.0.1"})");
    for (const char* cut : {"--", ""}) {
        std::vector<std::string> line = {"start", "--path", home.path() + "/other"};
        if (*cut != '\0') line.insert(line.begin() + 1, cut);
        auto settings = home.settings(line);
        ASSERT_TRUE(settings) << settings.error().what;
        EXPECT_EQ(settings->folder, home.path() + "/other");
        EXPECT_EQ(settings->port, 8008);
        EXPECT_EQ(settings->host, "127.0.0.1");
        EXPECT_TRUE(settings->all["x"].is_null());
    }
}

TEST(Config, of_a_method_call_with_a_cut_is_what_stands_behind_it) {
    Home home;
    home.write("other/config", R"({"x": 1})");
    std::string other = home.path() + "/other";
    auto cut = home.settings(
        {"sql.index", "--path", "$.items", "--port", "9", "--", "--path", other, "--port", "77"});
    ASSERT_TRUE(cut) << cut.error().what;
    EXPECT_EQ(cut->folder, other);
    EXPECT_EQ(cut->port, 77);
    EXPECT_EQ(cut->all["x"].number(), 1);
    auto nothing = home.settings({"sql.index", "--path", "$.items", "--"});
    ASSERT_TRUE(nothing) << nothing.error().what;
    EXPECT_EQ(nothing->folder, home.path() + "/.ssb");
    auto plain = home.settings({"whoami", "--path", other});
    ASSERT_TRUE(plain) << plain.error().what;
    EXPECT_EQ(plain->folder, other);
    auto start = home.settings({"start", "--path", other, "--", "--port", "78"});
    ASSERT_TRUE(start) << start.error().what;
    EXPECT_EQ(start->folder, other);
    EXPECT_EQ(start->port, 78);
}

TEST(Config, of_a_folder_named_behind_the_cut_gives_way_to_what_is_named_there) {
    Home home;
    const std::string id = "@" + std::string(43, 'A') + "=.ed25519";
    home.write(".ssb/config", R"({"port": 1111})");
    std::string other = home.path() + "/other";
    for (const char* text :
         {R"({"port": 2222, "host": "127.0.0.1"})",
          R"({"connections": {"incoming": {"net": [{"scope": "device", "port": 2222,
              "host": "127.0.0.1", "transform": "shs"}]}}})"}) {
        home.write("other/config", text);
        auto named = home.settings(
            {"whoami", "--", "--path", other, "--port", "77", "--host", "::1", "--key", id});
        ASSERT_TRUE(named) << named.error().what;
        EXPECT_EQ(named->folder, other);
        EXPECT_EQ(named->port, 77);
        EXPECT_EQ(named->host, "::1");
        EXPECT_EQ(named->key->text(), id);
        EXPECT_TRUE(named->server_named);
        auto plain = home.settings({"whoami", "--", "--path", other});
        ASSERT_TRUE(plain) << plain.error().what;
        EXPECT_EQ(plain->port, 2222);
        EXPECT_FALSE(plain->server_named);
    }
    // As the reference has it where no folder is named, and for a server.
    EXPECT_EQ(home.settings({"whoami", "--", "--port", "77"})->port, 1111);
    home.write("other/config", R"({"port": 2222})");
    EXPECT_EQ(home.settings({"start", "--", "--path", other, "--port", "77"})->port, 2222);
}

TEST(Config, refuses_a_wrong_server_behind_the_cut_even_where_a_file_overrides_it) {
    Home home;
    home.write(".ssb/config", R"({"port": 1111})");
    EXPECT_EQ(home.complaint({"whoami", "--", "--port", "abc"}),
              "the command line, behind --: port must be a port, 1 to 65535, not \"abc\"");
    EXPECT_EQ(home.complaint({"whoami", "--", "--path", home.path(), "--key", "B"}),
              "the command line, behind --: key must be the id of a server, @….ed25519, not \"B\"");
}

TEST(Config, names_a_server_by_address_or_key) {
    Home home;
    const std::string id = "@" + std::string(43, 'A') + "=.ed25519";
    home.write(".ssb/config", R"({"port": 1234, "host": "127.0.0.1"})");
    auto plain = home.settings({"whoami"});
    ASSERT_TRUE(plain) << plain.error().what;
    EXPECT_FALSE(plain->server_named) << "that is where our own server listens";
    EXPECT_FALSE(plain->key);
    for (std::vector<std::string> line : {std::vector<std::string>{"whoami", "--port", "1"},
                                          {"whoami", "--host", "localhost"},
                                          {"whoami", "--", "--port", "1"},
                                          {"whoami", "--caps.shs", std::string(43, 'A') + "="}}) {
        auto named = home.settings(line);
        ASSERT_TRUE(named) << named.error().what;
        EXPECT_TRUE(named->server_named) << line[1];
    }
    home.around().environment = {"ssb_port=31201", "ssb_key=" + id};
    auto by_environment = home.settings({"whoami"});
    ASSERT_TRUE(by_environment) << by_environment.error().what;
    EXPECT_TRUE(by_environment->server_named);
    EXPECT_EQ(by_environment->key->text(), id);
    EXPECT_EQ(by_environment->port, 31201);
    home.around().environment = {};
    home.write(".ssb/config", R"({"key": ")" + id + R"("})");
    auto by_file = home.settings({"whoami"});
    ASSERT_TRUE(by_file) << by_file.error().what;
    EXPECT_EQ(by_file->key->text(), id);
    EXPECT_EQ(home.complaint({"whoami", "--key", "B"}),
              "the command line: key must be the id of a server, @….ed25519, not \"B\"");
}

TEST(Config, keeps_what_nobody_knows) {
    Home home;
    home.write(".ssb/config", R"({"mine": {"deep": [1, {"a": null}]}, "ws": {"port": 9000}})");
    auto settings = home.settings({});
    ASSERT_TRUE(settings);
    EXPECT_EQ(settings->all["mine"].to_json(), R"({"deep":[1,{"a":null}]})");
}

TEST(Config, takes_numbers_that_are_texts) {
    Home home;
    home.write(".ssb/config", "port = 1234\ntimeout = 77\n[friends]\nhops = 3\n");
    auto settings = home.settings({});
    ASSERT_TRUE(settings) << settings.error().what;
    EXPECT_EQ(settings->port, 1234);
    EXPECT_EQ(settings->handshake_ms, 77u);
}

TEST(Config, listens_on_every_address_where_no_host_is_named) {
    Home home;
    auto settings = home.settings({});
    ASSERT_TRUE(settings);
    ASSERT_EQ(settings->net.size(), 1u);
    EXPECT_EQ(settings->net[0].host, "::");
    EXPECT_EQ(settings->host, "localhost");
}

TEST(Config, says_which_file_which_key_and_what_was_expected) {
    struct Wrong {
        const char* file;
        const char* complaint;
    };
    const Wrong all[] = {
        {R"({"port": "no"})", R"(port must be a port, 1 to 65535, not "no")"},
        {R"({"host": 5})", "host must be a name or an address, not 5"},
        {R"({"key": "@B"})", R"(key must be the id of a server, @….ed25519, not "@B")"},
        {R"({"caps": "BASE64"})", "caps must be an object that holds shs, the base64 of 32 bytes"},
        {R"({"caps": 5})", "caps must be an object that holds shs, the base64 of 32 bytes"},
        {R"({"caps": null})", "caps must be an object that holds shs, the base64 of 32 bytes"},
        {R"({"caps": {"shs": null}})", "caps.shs must be the base64 of 32 bytes"},
        {R"({"caps": {"shs": 5}})", "caps.shs must be the base64 of 32 bytes"},
        {R"({"caps": {"shs": "c2hvcnQ="}})", "caps.shs must be the base64 of 32 bytes"},
        {R"({"caps": {"sign": "c2hvcnQ="}})", "caps.sign must be the base64 of 32 bytes, or null"},
        {R"({"caps": {"sign": 5}})", "caps.sign must be the base64 of 32 bytes, or null"},
        {R"({"master": ["@me"]})", R"(master must be a feed id, or a list of them, not ["@me"])"},
        {R"({"master": {"a": 1}})", R"(master must be a feed id, or a list of them, not {"a":1})"},
        {R"({"seeds": ["nope"]})",
         R"(seeds must be an address, net:HOST:PORT~shs:KEY, or a list of them, not ["nope"])"},
        {R"({"friends": 5})", "friends must be an object, not 5"},
        {R"({"friends": {"hops": -1}})", "friends.hops must be a number, 0 or more, not -1"},
        {R"({"timers": "x"})", R"(timers must be an object, not "x")"},
        {R"({"timers": {"handshake": "soon"}})",
         R"(timers.handshake must be a number of milliseconds, 0 to 1000000000, not "soon")"},
        {R"({"timers": {"handshake": -5}})",
         "timers.handshake must be a number of milliseconds, 0 to 1000000000, not -5"},
        {R"({"ws": 5})", "ws must be an object, not 5"},
        {R"({"ws": {"port": "abc"}})", R"(ws.port must be a port, 1 to 65535, not "abc")"},
        {R"({"gossip": 5})", "gossip must be an object, not 5"},
        {R"({"gossip": {"local": "maybe"}})", R"(gossip.local must be true or false, not "maybe")"},
        {R"({"blobs": {"max": "x"}})",
         R"(blobs.max must be a number of bytes, 0 (as usual) to 1073741824, not "x")"},
        {R"({"blobs": {"max": -5}})",
         "blobs.max must be a number of bytes, 0 (as usual) to 1073741824, not -5"},
        {R"({"flume": {"indexLagMax": "x"}})",
         R"(flume.indexLagMax must be a number of messages, 1 to 100000, not "x")"},
        {R"({"recover": "x"})", R"(recover must be true or false, not "x")"},
        {R"({"connections": {"outgoing": 5}})", "connections.outgoing must be an object, not 5"},
        {R"({"logging": "x"})", R"(logging must be an object, not "x")"},
        {R"({"connections": {"incoming": {"net": {"port": 1}}}})",
         R"(connections.incoming.net must be a list, not {"port":1})"},
        {R"({"connections": {"incoming": {"net":
            [{"scope": "public", "transform": "shs"}, {"scope": ["device", "devise"]}]}}})",
         "connections.incoming.net[1].scope must be device, local, private or public, or a list of "
         "them, not [\"device\",\"devise\"]"},
        {R"({"connections": {"incoming": {"net": [{"scope": "device", "port": 99999}]}}})",
         "connections.incoming.net[0].port must be a port, 1 to 65535, not 99999"},
        {R"({"connections": {"incoming": {"unix": [{"scope": "all"}]}}})",
         "connections.incoming.unix[0].scope must be device, local, private or public, or a list "
         "of them, not \"all\""},
    };
    Home home;
    for (const Wrong& each : all) {
        home.write(".ssbrc", each.file);
        EXPECT_EQ(home.complaint({"start"}), std::string("$HOME/.ssbrc: ") + each.complaint);
    }
    home.write(".ssbrc", R"({"port": "no"})");
    EXPECT_EQ(home.complaint({"--port", "70000"}),
              "the command line: port must be a port, 1 to 65535, not 70000");
    home.around().environment = {"ssb_port=0"};
    EXPECT_EQ(home.complaint({}), "the environment: port must be a port, 1 to 65535, not \"0\"");
    home.around().environment = {};
    home.write(".ssbrc", "{\"port\": 1,\n}");
    EXPECT_EQ(home.complaint({}).find("the configuration file $HOME/.ssbrc: line 2: "), 0u)
        << home.complaint({});
    home.write(".ssbrc", "port = 1\n = 2\n");
    EXPECT_EQ(home.complaint({}),
              "the configuration file $HOME/.ssbrc: line 2: value without a key");
}

TEST(Config, takes_what_is_found_in_the_wild) {
    Home home;
    const std::string id = "@" + std::string(43, 'A') + "=.ed25519";
    home.write(".ssb/config", R"({"ws": false, "gossip": {"connections": 3, "local": false},
        "friends": {"dunbar": 150, "hops": "2"}, "timers": {"inactivity": -1, "keepalive": 3},
        "replicate": {"legacy": false}, "blobs": {"sympathy": 3, "max": 10000000},
        "caps": {"sign": null}, "master": ")" +
                                  id + R"(", "seeds": null, "logging": {"level": "info"},
        "connections": {"incoming": {
            "net": [{"scope": ["public", "private"], "port": "8008", "transform": "shs",
                     "external": ["a.example.org"]}, {"scope": "device", "transform": "noauth"}],
            "unix": [{"scope": ["device", "local", "public"], "transform": "noauth"}]},
            "outgoing": {"net": [{"transform": "shs"}], "onion": [{"transform": "shs"}]}},
        "plugins": {"ssb-backlinks": true}, "autoinvite": "x"})");
    auto settings = home.settings({"start"});
    ASSERT_TRUE(settings) << settings.error().what;
    EXPECT_EQ(settings->hops_max, 2);
    EXPECT_EQ(settings->masters, std::set<std::string>{id});
    ASSERT_EQ(settings->net.size(), 1u);
    EXPECT_EQ(settings->net[0].port, 8008);
    EXPECT_TRUE(settings->unix_socket);
    ASSERT_EQ(settings->doubts.size(), 1u);
    EXPECT_EQ(settings->doubts[0],
              "nothing listens for connections.incoming.net[1]: its transform must be \"shs\", and "
              "there is \"noauth\"");
}

TEST(Config, doubts_listeners_that_do_not_listen) {
    Home home;
    EXPECT_TRUE(home.settings({"start"})->doubts.empty());
    home.write(".ssb/config", R"({"connections": {"incoming": {"net": [{"scope": "public"}]}}})");
    auto plain = home.settings({"start"})->doubts;
    ASSERT_EQ(plain.size(), 2u);
    EXPECT_NE(plain[0].find("connections.incoming.net[0]"), std::string::npos) << plain[0];
    EXPECT_NE(plain[0].find("no transform"), std::string::npos) << plain[0];
    EXPECT_NE(plain[1].find("nobody can connect"), std::string::npos) << plain[1];
    home.write(".ssb/config",
               R"({"connections": {"incoming": {"ws": [{"scope": "public", "transform": "shs"}],
                   "unix": [{"scope": "device", "transform": "noauth"}]}}})");
    auto web = home.settings({"start"})->doubts;
    ASSERT_EQ(web.size(), 1u);
    EXPECT_EQ(web[0],
              "connections.incoming.ws is left alone: this server listens on net and unix "
              "only");
}

TEST(Config, asks_of_a_method_call_only_what_leads_to_the_server) {
    Home home;
    home.write(".ssb/config", R"({"friends": 5, "seeds": ["nope"], "timers": {"handshake": -5}})");
    EXPECT_EQ(home.complaint({"whoami"}), "");
    EXPECT_EQ(home.complaint({"publish", "--type", "x", "--gossip", "y", "--ws", "3"}), "");
    home.write(".ssb/config", R"({"caps": "BASE64"})");
    EXPECT_NE(home.complaint({"whoami"}), "");
}

TEST(Config, takes_switches_that_are_texts_at_their_word) {
    Home home;
    home.around().environment = {"ssb_offline=false", "ssb_recover=0", "ssb_allowPrivate=1",
                                 "ssb_gossip__pub=false"};
    auto settings = home.settings({"start", "--lan.legacy", "false"});
    ASSERT_TRUE(settings) << settings.error().what;
    EXPECT_TRUE(settings->all["offline"].is_false());
    EXPECT_TRUE(settings->all["recover"].is_false());
    EXPECT_TRUE(settings->all["allowPrivate"].is_true());
    EXPECT_TRUE(settings->all.at("gossip.pub").is_false());
    EXPECT_TRUE(settings->all.at("lan.legacy").is_false());
}

TEST(Config, leaves_a_bad_log_level_to_a_warning) {
    Home home;
    auto settings = home.settings({"--logging.level", "loud"});
    ASSERT_TRUE(settings);
    EXPECT_EQ(settings->bad_log_level, "loud");
    EXPECT_EQ(settings->log_level, base::LogLevel::notice);
}

}  // namespace
}  // namespace sbot::app
