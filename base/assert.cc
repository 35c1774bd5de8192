#include "base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace sbot::base {

void assertion_failed(const char* what, const char* file, int line) noexcept {
    std::fprintf(stderr, "sbot: internal error, please report: %s (%s:%d)\n", what, file, line);
    std::abort();
}

}  // namespace sbot::base
