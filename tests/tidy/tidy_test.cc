// Tests about the source itself, and for each rule a test that it can be broken.

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include "tests/tidy/rules.h"

namespace sbot::tidy {
namespace {

const std::vector<File>& all_files() {
    static const std::vector<File> files = repository();
    return files;
}

/// Applies a rule to files and prints each complaint as a failure of its own.
void expect_none(const std::vector<File>& files, Complaints (*rule)(const File&)) {
    ASSERT_GT(files.size(), 10U);
    for (const File& file : files) {
        for (const std::string& complaint : rule(file)) ADD_FAILURE() << complaint;
    }
}

struct Shell {
    int status;
    std::string output;
};

Shell shell(const std::string& command) {
    Shell result{-1, {}};
    FILE* pipe = popen((command + " 2>&1").c_str(), "r");
    if (pipe == nullptr) return result;
    std::array<char, 4096> piece{};
    while (std::fgets(piece.data(), static_cast<int>(piece.size()), pipe) != nullptr) {
        if (result.output.size() < 20000) result.output += piece.data();
    }
    result.status = pclose(pipe);
    return result;
}

TEST(Tidy, includes_follow_the_arrows) { expect_none(sources(all_files()), &wrong_includes); }

TEST(Tidy, no_co_await_holds_a_shape_that_is_miscompiled) {
    expect_none(sources(all_files()), &wrong_co_awaits);
}

TEST(Tidy, lines_and_files_are_short_and_hold_no_notes_to_self) {
    expect_none(all_files(), &wrong_lines);
}

TEST(Tidy, lock_files_name_no_downloads) { expect_none(all_files(), &named_downloads); }

TEST(Tidy, folders_have_a_readme) {
    for (const std::string& complaint : missing_readmes(all_files())) ADD_FAILURE() << complaint;
}

TEST(Tidy, the_source_is_formatted) {
    const Shell checked = shell(SBOT_SOURCE_DIR "/scripts/format --check");
    EXPECT_EQ(checked.status, 0) << checked.output;
}

Complaints includes_of(std::string path, std::string line) {
    return wrong_includes({std::move(path), std::move(line)});
}

TEST(Rules, an_arrow_upwards_is_refused) {
    EXPECT_TRUE(includes_of("message/x.cc", "#include \"base/json.h\"").empty());
    EXPECT_TRUE(includes_of("message/x.cc", "#include \"message/ids.h\"").empty());
    EXPECT_FALSE(includes_of("base/x.cc", "#include \"message/ids.h\"").empty());
    EXPECT_FALSE(includes_of("muxrpc/x.cc", "#include \"message/ids.h\"").empty());
    EXPECT_FALSE(includes_of("message/x.cc", "#include \"ids.h\"").empty());
    EXPECT_FALSE(includes_of("elsewhere/x.cc", "#include \"base/json.h\"").empty());
}

TEST(Rules, a_library_stays_in_its_folder) {
    EXPECT_TRUE(includes_of("io/loop.cc", "#include <uv.h>").empty());
    EXPECT_FALSE(includes_of("net/x.cc", "#include <uv.h>").empty());
    EXPECT_TRUE(includes_of("flume/sqlite.cc", "#include <sqlite3.h>").empty());
    EXPECT_FALSE(includes_of("flume/log.cc", "#include <sqlite3.h>").empty());
    EXPECT_TRUE(includes_of("base/logger.cc", "#include <spdlog/spdlog.h>").empty());
    EXPECT_FALSE(includes_of("base/logger.h", "#include <spdlog/spdlog.h>").empty());
    EXPECT_FALSE(includes_of("message/x.cc", "#include <unistd.h>").empty());
    EXPECT_FALSE(includes_of("message/x.cc", "#include <curl/curl.h>").empty());
    EXPECT_TRUE(includes_of("message/x.cc", "#include <vector>").empty());
}

bool refused(const std::string& statement) {
    return !wrong_co_awaits({"io/x.cc", statement}).empty();
}

TEST(Rules, a_braced_value_inside_a_co_await_is_refused) {
    EXPECT_TRUE(refused("co_await dial({.host = h, .port = p});"));
    EXPECT_TRUE(refused("auto x = co_await send(a, {\"a\", \"b\"});"));
    EXPECT_TRUE(refused("co_await Options{1};"));
    EXPECT_FALSE(refused("if (co_await dial(std::move(to))) { stop(); }"));
    EXPECT_FALSE(refused("co_await run(&f, int{byte}, std::uint8_t{1});"));
    EXPECT_FALSE(refused("DialOptions to{h, p}; co_await dial(to);"));
}

TEST(Rules, a_lambda_with_captures_inside_a_co_await_is_refused) {
    EXPECT_TRUE(refused("co_await pool.run([b = std::move(b)] { return f(b); });"));
    EXPECT_TRUE(refused("co_await pool.run(x, [&](int i) { return i; });"));
    EXPECT_FALSE(refused("co_await pool.run(&verify_batch, std::move(b));"));
    EXPECT_FALSE(refused("co_await pool.run([](int i) { return i ? 1 : 2; }, 5);"));
    EXPECT_FALSE(refused("co_await tasks[i + 1].done();"));
}

TEST(Rules, a_choice_inside_a_co_await_is_refused) {
    EXPECT_TRUE(refused("co_await (fast ? a() : b());"));
    EXPECT_TRUE(refused("co_await f(fast ? a() : b());"));
    EXPECT_FALSE(refused("fast ? co_await a() : co_await b();"));
    EXPECT_FALSE(refused("co_await task.as<T>().next(); int x = y ? 1 : 2;"));
}

TEST(Rules, comments_and_literals_are_no_code) {
    EXPECT_FALSE(refused("// co_await dial({1});"));
    EXPECT_FALSE(refused("/* co_await dial({1}); */ co_await f('{', \"{?\", R\"(\"{)\");"));
    EXPECT_FALSE(refused("co_await sleep(10'000); char c = '?';"));
    EXPECT_TRUE(refused("co_await f(\"x\" /* { */, {1});"));
}

TEST(Rules, long_lines_and_notes_to_self_are_refused) {
    EXPECT_TRUE(wrong_lines({"base/x.cc", std::string(100, 'x') + "\n"}).empty());
    EXPECT_FALSE(wrong_lines({"base/x.cc", std::string(101, 'x') + "\n"}).empty());
    EXPECT_FALSE(wrong_lines({"base/x.cc", std::string("// TO") + "DO: later\n"}).empty());
    EXPECT_TRUE(wrong_lines({"base/x.cc", "\"/folder-XXXXXX\"\n"}).empty());
    EXPECT_FALSE(wrong_lines({"base/x.cc", "x \n"}).empty());
    EXPECT_FALSE(wrong_lines({"base/x.cc", "x"}).empty());
    std::string tall;
    for (int line = 0; line <= 800; ++line) tall += "x\n";
    EXPECT_FALSE(wrong_lines({"base/x.cc", tall}).empty());
}

TEST(Rules, a_folder_without_a_readme_and_a_lock_with_downloads_are_refused) {
    EXPECT_FALSE(missing_readmes({{"base/x.cc", ""}}).empty());
    EXPECT_TRUE(missing_readmes({{"base/x.cc", ""}, {"base/README.md", ""}}).empty());
    EXPECT_FALSE(named_downloads({"a/package-lock.json", "{\"resolved\": \"x\"}"}).empty());
}

}  // namespace
}  // namespace sbot::tidy
