#pragma once

#include <memory>
#include <optional>
#include <string_view>

namespace sbot::base {

/// The reference's levels (ssb-config's `logging.level`), the quietest first.
enum class LogLevel { error, warning, notice, info };
std::optional<LogLevel> parse_log_level(std::string_view name);

/// Lines for whoever runs the server, on standard error, each with time, level and category
/// ("peers", "log", …). Nothing secret and no private text goes in. Thread-safe.
class Logger {
 public:
    explicit Logger(LogLevel up_to);
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
    void write(LogLevel level, std::string_view category, std::string_view text);

    struct Sink;
    LogLevel up_to_;
    std::unique_ptr<Sink> sink_;
};

}  // namespace sbot::base
