#pragma once

#include <cstdint>
#include <string>

#include "base/files.h"

namespace sbot::flume {

/// Which file was found under a name, for those who keep it open: whoever removes it, or renames
/// another over it, leaves them with a nameless one, and all that is written there is lost.
class FilePlace {
 public:
    /// Where the file is now. Errors: as `Files::info`.
    static Result<FilePlace> of(base::Files& files, std::string path);

    /// Whether it still has its name. Where we may not look, it is taken to. Errors: `corrupt`,
    /// with words for what was found instead.
    Result<void> check(base::Files& files) const;

 private:
    FilePlace(std::string path, const base::FileInfo& info)
        : path_(std::move(path)), device_(info.device), inode_(info.inode) {}

    std::string path_;
    std::uint64_t device_, inode_;
};

}  // namespace sbot::flume
