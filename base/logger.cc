#include "base/logger.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <string>
#include <utility>

namespace sbot::base {
namespace {

// What a peer can make us write into one line.
constexpr std::size_t line_bytes_max = 1000;
// Lines of one category, and the time they are for: some megabytes a day.
constexpr std::uint64_t lines_max = 60;
constexpr std::uint64_t lines_ms = 60000;

std::string_view name_of(LogLevel level) {
    switch (level) {
        case LogLevel::error: return "error";
        case LogLevel::warning: return "warning";
        case LogLevel::notice: return "notice";
        case LogLevel::info: return "info";
    }
    return {};
}

}  // namespace

struct Logger::Sink {
    Sink() : logger("sbot", std::make_shared<spdlog::sinks::stderr_sink_mt>()) {
        logger.set_pattern("%Y-%m-%d %H:%M:%S.%e %v");
        logger.flush_on(spdlog::level::info);
    }
    /// spdlog has no level "notice", so ours are part of the text.
    void write(LogLevel level, std::string_view category, std::string_view text) {
        logger.info("{} {}: {}", name_of(level), category, text);
    }
    spdlog::logger logger;
};

std::optional<LogLevel> parse_log_level(std::string_view name) {
    for (auto level : {LogLevel::error, LogLevel::warning, LogLevel::notice, LogLevel::info}) {
        if (name == name_of(level)) return level;
    }
    return std::nullopt;
}

Clock& Logger::system_clock() {
    static SystemClock clock;
    return clock;
}

Logger::Logger(LogLevel up_to, Clock& clock)
    : up_to_(up_to), clock_(clock), sink_(std::make_unique<Sink>()) {}
Logger::~Logger() = default;

std::optional<std::uint64_t> Logger::admit(std::string_view category) {
    std::lock_guard lock(mutex_);
    auto share = shares_.find(category);
    if (share == shares_.end()) share = shares_.emplace(category, Share()).first;
    Share& mine = share->second;
    std::uint64_t now_ms = clock_.steady_ms();
    if (mine.written == 0 || now_ms - mine.since_ms >= lines_ms) {
        mine.since_ms = now_ms;
        mine.written = 0;
    }
    if (mine.written == lines_max) {
        ++mine.left_out;
        return std::nullopt;
    }
    ++mine.written;
    return std::exchange(mine.left_out, 0);
}

void Logger::write(LogLevel level, std::string_view category, std::string_view text) {
    if (level > up_to_) return;
    auto left_out = admit(category);
    if (!left_out) return;
    if (*left_out > 0) {
        sink_->write(level, category, std::to_string(*left_out) + " lines were left out");
    }
    std::string line(text.substr(0, line_bytes_max));
    // A terminal must not obey what a peer sent.
    std::replace_if(
        line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
    sink_->write(level, category, line);
}

}  // namespace sbot::base
