#include "sbot/output.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace sbot::app {
namespace {

// Why the first write failed; stdio keeps no more than that one did.
int why_failed = 0;

void note_failure() {
    if (why_failed == 0) why_failed = errno;
}

}  // namespace

void put(std::string_view text) {
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) note_failure();
    if (std::fflush(stdout) != 0) note_failure();
}

bool output_failed() { return why_failed != 0 || std::ferror(stdout) != 0; }

int end_of_output(int status) {
    if (std::fflush(stdout) != 0) note_failure();
    if (!output_failed() || why_failed == EPIPE) return status;
    const char* why = why_failed != 0 ? std::strerror(why_failed) : "it cannot be written";
    std::fprintf(stderr, "Error: standard output: %s\n", why);
    return status == 0 ? 1 : status;
}

bool open_standard_files() {
    for (int file : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        // The lowest number that is free is this one.
        bool closed = fcntl(file, F_GETFD) < 0 && errno == EBADF;
        if (closed && open("/dev/null", O_RDWR) != file) return false;
    }
    return true;
}

}  // namespace sbot::app
