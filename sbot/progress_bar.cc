#include "sbot/progress_bar.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace sbot::app {
namespace {

constexpr auto between = std::chrono::milliseconds(100);
constexpr std::size_t width = 30;

}  // namespace

ProgressBar::ProgressBar(std::string what)
    : what_(std::move(what)), terminal_(isatty(STDERR_FILENO) == 1) {}

ProgressBar::~ProgressBar() {
    if (drawn_) std::fputs("\r\033[K", stderr);
}

void ProgressBar::show(std::uint64_t done, std::uint64_t total) {
    if (!terminal_) return;
    const auto now = Clock::now();
    if (now < next_) return;
    next_ = now + between;
    done_ = std::max(done_, std::min(done, total));
    const double part = total == 0 ? 1 : static_cast<double>(done_) / static_cast<double>(total);
    const auto filled = static_cast<std::size_t>(part * static_cast<double>(width));
    std::string bar = std::string(filled, '=') + std::string(width - filled, ' ');
    const double seconds = std::chrono::duration<double>(now - begun_).count();
    std::string left;
    if (seconds > 1 && part > 0.02 && part < 1) {
        left = ", " + std::to_string(static_cast<int>(seconds * (1 - part) / part) + 1) + " s left";
    }
    std::fprintf(stderr, "\r\033[K%s [%s] %3d %%%s", what_.c_str(), bar.c_str(),
                 static_cast<int>(part * 100), left.c_str());
    std::fflush(stderr);
    drawn_ = true;
}

}  // namespace sbot::app
