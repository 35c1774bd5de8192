#include "base/random.h"

#include <sys/random.h>

#include <cerrno>

#include "base/assert.h"

namespace sbot::base {

void SystemRandom::fill(MutableBytes out) {
    while (!out.empty()) {
        ssize_t got = getrandom(out.data(), out.size(), 0);
        if (got < 0 && errno == EINTR) continue;
        SBOT_ASSERT(got > 0);
        out = out.subspan(static_cast<std::size_t>(got));
    }
}

}  // namespace sbot::base
