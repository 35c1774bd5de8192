#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace sbot::base {

/// The reference's levels (ssb-config's `logging.level`), the quietest first.
enum class LogLevel { error, warning, notice, info };
std::optional<LogLevel> parse_log_level(std::string_view name);

/// Lines for whoever runs the server, on standard error, each with time, level and category
/// ("peers", "log", …). Nothing secret and no private text goes in. Peers can cause many lines: of
/// each category so many are written in a while, the others are counted. Thread-safe.
class Logger {
 public:
    /// `clock` outlives it.
    explicit Logger(LogLevel up_to, Clock& clock = system_clock());
    ~Logger();
    Logger(const Logger&) = delete;
    Logger& operator=(const Logger&) = delete;

    void error(std::string_view category, std::string_view text) {
        write(LogLevel::error, category, text);
    }
    void warning(std::string_view category, std::string_view text) {
        write(LogLevel::warning, category, text);
    }
    void notice(std::string_view category, std::string_view text) {
        write(LogLevel::notice, category, text);
    }
    void info(std::string_view category, std::string_view text) {
        write(LogLevel::info, category, text);
    }

 private:
    /// How many lines of a category were left out before this one; nothing: it is left out too.
    std::optional<std::uint64_t> admit(std::string_view category);
    void write(LogLevel level, std::string_view category, std::string_view text);

    struct Sink;
    struct Share {
        std::uint64_t since_ms = 0, written = 0, left_out = 0;
    };
    static Clock& system_clock();

    LogLevel up_to_;
    Clock& clock_;
    std::mutex mutex_;
    std::map<std::string, Share, std::less<>> shares_;  // by category, of which there are few
    std::unique_ptr<Sink> sink_;
};

}  // namespace sbot::base
