#include "flume/boot_mark.h"

#include "base/base64.h"
#include "base/random.h"

namespace sbot::flume {
namespace {

constexpr std::size_t name_bytes_max = 256;

/// The kernel's name for this run of the machine. Where it has none, one of this process: then
/// whatever was not closed is made again.
std::string name_of_this_run() {
    base::PosixFiles files;
    auto name = base::read_file(files, "/proc/sys/kernel/random/boot_id", name_bytes_max);
    if (name && !name->empty()) return std::string(base::text_of(*name));
    base::SystemRandom random;
    std::uint8_t bytes[16];
    random.fill(bytes);
    return base::to_hex(bytes) + "\n";
}

const std::string& this_run() {
    static const std::string name = name_of_this_run();
    return name;
}

}  // namespace

BootMark::BootMark(base::Files& files, const std::string& marked)
    : files_(files), path_(marked + "-boot") {}

bool BootMark::intact() const {
    auto name = base::read_file(files_, path_, name_bytes_max);
    if (!name) return name.error().code == Errc::not_found;
    return base::text_of(*name) == this_run();
}

Result<void> BootMark::set() {
    if (set_) return {};
    auto written = base::write_file_atomically(files_, path_, base::bytes_of(this_run()));
    if (written) set_ = true;
    return written;
}

Result<void> BootMark::clear() {
    set_ = false;
    return files_.remove(path_);
}

}  // namespace sbot::flume
