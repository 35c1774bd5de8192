#include "flume/file_place.h"

#include <utility>

namespace sbot::flume {

Result<FilePlace> FilePlace::of(base::Files& files, std::string path) {
    auto info = files.info(path);
    if (!info) return std::move(info).error();
    return FilePlace(std::move(path), *info);
}

Result<void> FilePlace::check(base::Files& files) const {
    auto now = files.info(path_);
    if (now && now->device == device_ && now->inode == inode_) return {};
    if (!now && now.error().code == Errc::denied) return {};
    const char* found = now ? " was replaced by another file while it was open"
                            : " was removed or moved away while it was open";
    return error(Errc::corrupt, path_ + found);
}

}  // namespace sbot::flume
