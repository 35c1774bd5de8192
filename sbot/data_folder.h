#pragma once

#include <string>
#include <vector>

#include "base/logger.h"
#include "base/random.h"
#include "base/result.h"
#include "message/keys.h"

/// The folder of an identity (`~/.ssb`), shared with the JavaScript server: same files, same forms.
/// Protocol source: ssb-keys 8.5 `storage.js`, ssb-db 20.4 (docs/folder.md).
namespace sbot::app {

/// Holds the folder against other servers while it lives.
///
/// The locks are those of the JavaScript server's own databases (fcntl on `flume/keys/LOCK` and so
/// on), so neither starts beside the other. They go with the process, however it ends. The files
/// must not be opened elsewhere in this process.
class FolderLock {
 public:
    /// Makes the folder where it is missing. Error `denied` names the process that holds it.
    static Result<FolderLock> take(const std::string& folder);
    ~FolderLock();
    FolderLock(FolderLock&& other) noexcept : files_(std::move(other.files_)) {
        other.files_.clear();
    }
    FolderLock& operator=(FolderLock&&) = delete;
    FolderLock(const FolderLock&) = delete;
    FolderLock& operator=(const FolderLock&) = delete;

 private:
    FolderLock() = default;
    std::vector<int> files_;
};

/// Reads `secret`. A file that others can read is made private, with a warning. Errors:
/// `not_found`, or why it cannot be used, with its name.
Result<message::KeyPair> load_secret(const std::string& folder, base::Logger& log);

/// The same, but makes a new pair where there is no file, unless the folder has a log: then the
/// file was lost, and a new identity is not what anybody wants. Never touches one that is there,
/// whatever is in it.
Result<message::KeyPair> load_or_make_secret(const std::string& folder, base::Random& random,
                                             base::Logger& log);

/// Only a socket may stand where ours is to be: anything else is not ours to remove.
Result<void> check_socket_place(const std::string& path);

/// Whether so many more files can be opened: with less, not even libuv gets what it needs, and it
/// does not forgive that.
Result<void> check_room_for_files(std::size_t count);

/// What a person can do about a start that failed because of the disk or the network, put behind
/// the error's text; nothing where we have no advice. SQLite does not say where it was: in
/// `folder`.
Error with_advice(Error why, const std::string& folder);

/// `mkdir -p`, private to the owner where folders are made.
Result<void> make_folders(const std::string& folder);

}  // namespace sbot::app
