#pragma once

#include <string>

#include "base/files.h"

namespace sbot::flume {

/// For a file that is written without ever being synced, because it can be made again: a word
/// beside it, itself synced, that says in which run of the machine it is being written. A process
/// that is killed leaves what the kernel still brings to the disk; a machine that stops leaves
/// anything.
class BootMark {
 public:
    /// Of the file at `marked`; the mark is `marked` + "-boot".
    BootMark(base::Files& files, const std::string& marked);

    /// False: the machine stopped while the file was being written. Nothing in it means anything,
    /// whatever it looks like.
    bool intact() const;
    /// Before the first write. On the disk when it returns, from then on free.
    Result<void> set();
    /// Once all of the file is on the disk.
    Result<void> clear();
    bool is_set() const { return set_; }

 private:
    base::Files& files_;
    std::string path_;
    bool set_ = false;
};

}  // namespace sbot::flume
