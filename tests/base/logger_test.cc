#include "base/logger.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace sbot::base {
namespace {

class SetClock final : public Clock {
 public:
    double wall_ms() override { return 0; }
    std::uint64_t steady_ms() override { return now; }

    std::uint64_t now = 5;
};

class Logging : public testing::Test {
 protected:
    /// Lines on standard error while `write` runs.
    template <typename Write>
    static std::string written(Write write) {
        testing::internal::CaptureStderr();
        write();
        return testing::internal::GetCapturedStderr();
    }
    static std::ptrdiff_t lines(const std::string& text) {
        return std::count(text.begin(), text.end(), '\n');
    }

    SetClock clock;
};

TEST_F(Logging, writes_up_to_its_level) {
    std::string text = written([&] {
        Logger log(LogLevel::warning, clock);
        log.error("a", "one");
        log.warning("a", "two");
        log.notice("a", "three");
        log.info("a", "four");
    });
    EXPECT_EQ(lines(text), 2) << text;
    EXPECT_NE(text.find("a: two"), text.npos);
}

TEST_F(Logging, labels_a_line_with_its_level) {
    std::string text = written([&] {
        Logger log(LogLevel::info, clock);
        log.error("a", "one");
        log.warning("a", "two");
        log.notice("a", "three");
        log.info("a", "four");
    });
    for (const char* line :
         {" error a: one", " warning a: two", " notice a: three", " info a: four"}) {
        EXPECT_NE(text.find(line), text.npos) << line << " in\n" << text;
    }
}

TEST_F(Logging, leaves_out_what_would_flood_and_says_how_much) {
    std::string text = written([&] {
        Logger log(LogLevel::info, clock);
        for (int i = 0; i < 1000; ++i) log.info("peers", "knock");
        log.info("log", "another category");
    });
    EXPECT_EQ(lines(text), 61) << text;
    text = written([&] {
        Logger log(LogLevel::info, clock);
        for (int i = 0; i < 100; ++i) log.info("peers", "knock");
        clock.now += 60000;
        for (int i = 0; i < 2; ++i) log.info("peers", "knock");
    });
    EXPECT_EQ(lines(text), 63) << text;
    EXPECT_NE(text.find("peers: 40 lines were left out"), text.npos) << text;
}

TEST_F(Logging, a_line_is_one_line_and_of_bounded_length) {
    std::string text = written([&] {
        Logger log(LogLevel::info, clock);
        log.info("peers", "a\nb\x1b[31m" + std::string(5000, 'x'));
    });
    EXPECT_EQ(lines(text), 1);
    EXPECT_LT(text.size(), 1100u);
    EXPECT_EQ(text.find('\x1b'), text.npos);
}

}  // namespace
}  // namespace sbot::base
