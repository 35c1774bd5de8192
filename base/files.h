#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

/// The file system, as far as we need it, behind an interface: so that a test can lose every
/// unsynced byte, cut a write at any length or run out of disk (base/memory_files.h).
///
/// All calls block. Errors: `not_found` and `denied` as the names say, `io` for the rest; each text
/// names the path.
namespace sbot::base {

/// One open file. Closed by its destructor. `read_at` and `size` may be called from any thread,
/// the rest from one at a time.
class File {
 public:
    virtual ~File() = default;

    /// Fills `into` from `offset` on; gives less only where the file ends.
    virtual Result<std::size_t> read_at(std::uint64_t offset, MutableBytes into) const = 0;
    /// Writes all of `data`. After an error any first part of it may be in the file.
    virtual Result<void> write_at(std::uint64_t offset, ByteView data) = 0;
    /// Content and size are on the disk when this returns (fdatasync). After an error nothing is
    /// known about what was written since the last success, and asking again does not help.
    virtual Result<void> sync() = 0;
    virtual Result<void> truncate(std::uint64_t size) = 0;
    virtual Result<std::uint64_t> size() const = 0;
};

struct OpenFile {
    bool create = false;    ///< make it where it is missing, readable to the owner alone
    bool truncate = false;  ///< empty it
    bool write = true;
    unsigned mode = 0600;  ///< of a file that is created
};

/// What a folder knows of a file.
struct FileInfo {
    std::uint64_t bytes = 0;
    double changed_ms = 0;  ///< last change of content or name (ctime), since 1970, whole
    std::uint64_t device = 0, inode = 0;  ///< together: which file it is, whatever its name
    /// When it was made, in nanoseconds since 1970; 0 where the file system does not say. An
    /// inode's number is given again once its file is gone.
    std::uint64_t born_ns = 0;
};

class Files {
 public:
    virtual ~Files() = default;

    virtual Result<std::unique_ptr<File>> open(const std::string& path, OpenFile how) = 0;
    /// Atomic: `to` is the old file or the new one, whatever happens. Durable after `sync_folder`.
    virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
    /// No error if it is not there.
    virtual Result<void> remove(const std::string& path) = 0;
    /// Names made, changed or removed in this folder are on the disk when this returns.
    virtual Result<void> sync_folder(const std::string& folder) = 0;

    /// `not_found` also for what is no regular file.
    virtual Result<FileInfo> info(const std::string& path) = 0;
    /// True if it was not there. Its parent must be; readable to the owner alone.
    virtual Result<bool> make_folder(const std::string& path) = 0;
    /// Names in a folder, of any kind, in no order.
    virtual Result<std::vector<std::string>> list(const std::string& folder) = 0;
};

/// The operating system's. No state; as many as wanted.
class PosixFiles final : public Files {
 public:
    Result<std::unique_ptr<File>> open(const std::string& path, OpenFile how) override;
    Result<void> rename(const std::string& from, const std::string& to) override;
    Result<void> remove(const std::string& path) override;
    Result<void> sync_folder(const std::string& folder) override;
    Result<FileInfo> info(const std::string& path) override;
    Result<bool> make_folder(const std::string& path) override;
    Result<std::vector<std::string>> list(const std::string& folder) override;
};

/// The folder part of a path, "." where there is none.
std::string folder_of(const std::string& path);

/// A whole file. Error `limit` if it is longer than `bytes_max`.
Result<Bytes> read_file(Files& files, const std::string& path, std::size_t bytes_max);

/// Puts `data` in place of a file so that after a crash either the old or the new one is there,
/// whole: written to `path` + "~", synced, renamed, folder synced. On the disk when it returns.
Result<void> write_file_atomically(Files& files, const std::string& path, ByteView data,
                                   unsigned mode = 0600);

}  // namespace sbot::base
