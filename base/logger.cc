#include "base/logger.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <string>

namespace sbot::base {
namespace {

// What a peer can make us write into one line.
constexpr std::size_t line_bytes_max = 1000;

spdlog::level::level_enum spdlog_level(LogLevel level) {
    switch (level) {
        case LogLevel::error: return spdlog::level::err;
        case LogLevel::warning: return spdlog::level::warn;
        case LogLevel::notice:
        case LogLevel::info: return spdlog::level::info;
    }
    return spdlog::level::err;
}

}  // namespace

struct Logger::Sink {
    Sink() : logger("sbot", std::make_shared<spdlog::sinks::stderr_sink_mt>()) {
        logger.set_pattern("%Y-%m-%d %H:%M:%S.%e %l %v");
        logger.flush_on(spdlog::level::info);
    }
    spdlog::logger logger;
};

std::optional<LogLevel> parse_log_level(std::string_view name) {
    if (name == "error") return LogLevel::error;
    if (name == "warning") return LogLevel::warning;
    if (name == "notice") return LogLevel::notice;
    if (name == "info") return LogLevel::info;
    return std::nullopt;
}

Logger::Logger(LogLevel up_to) : up_to_(up_to), sink_(std::make_unique<Sink>()) {}
Logger::~Logger() = default;

void Logger::write(LogLevel level, std::string_view category, std::string_view text) {
    if (level > up_to_) return;
    std::string line(text.substr(0, line_bytes_max));
    // A terminal must not obey what a peer sent.
    std::replace_if(
        line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
    sink_->logger.log(spdlog_level(level), "{}: {}", category, line);
}

}  // namespace sbot::base
