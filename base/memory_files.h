#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/files.h"

namespace sbot::base {

/// A disk in memory, for tests and the simulator, that can do what real ones do on bad days.
///
/// What was written reads back at once, but is lost in a `power_cut` unless it was synced; names
/// are lost unless their folder was. Faults stay until `heal`. A folder is there while there
/// are files in it, and always can be made. Locks by itself.
class MemoryFiles : public Files {
 public:
    MemoryFiles();
    ~MemoryFiles() override;

    Result<std::unique_ptr<File>> open(const std::string& path, OpenFile how) override;
    Result<void> rename(const std::string& from, const std::string& to) override;
    Result<void> remove(const std::string& path) override;
    Result<void> sync_folder(const std::string& folder) override;
    Result<FileInfo> info(const std::string& path) override;
    Result<bool> make_folder(const std::string& path) override;
    Result<std::vector<std::string>> list(const std::string& folder) override;

    /// Back to what was synced, plus the first `kept_bytes` of each file's later writes, in their
    /// order (a truncation counts as one byte). Files that are open show it too; better close
    /// them first, as a process that lost power has.
    void power_cut(std::size_t kept_bytes = 0);

    /// The disk takes `bytes` more; a write that needs more puts down what fits and fails.
    void full_after(std::size_t bytes);
    /// After `writes` more changes (writes, truncations) nothing works but reading. The last one
    /// allowed puts down only its first `bytes_of_last` bytes.
    void stop_after(std::size_t writes, std::size_t bytes_of_last = SIZE_MAX);
    void fail_syncs() { syncs_fail_ = true; }
    void fail_reads() { reads_fail_ = true; }
    void heal();

    /// Changes made so far (writes and truncations, also failed ones).
    std::size_t changes() const { return changes_; }

    /// Content as it reads now; empty if there is no such file.
    Bytes content(const std::string& path) const;
    /// Puts a file there as if it had been there always.
    void put(const std::string& path, ByteView content);
    /// The same in place of one that is there, whose inode it gets: real ones do that.
    void replace(const std::string& path, ByteView content);

 private:
    friend class MemoryFile;
    struct Node;
    using Names = std::map<std::string, std::shared_ptr<Node>>;

    Result<void> change(Node& node, std::uint64_t offset, ByteView data,
                        std::optional<std::uint64_t> new_size);

    mutable std::mutex mutex_;
    Names names_;
    Names synced_names_;
    std::optional<std::size_t> space_;
    std::optional<std::size_t> changes_left_;
    std::size_t bytes_of_last_ = SIZE_MAX;
    std::size_t changes_ = 0;
    std::uint64_t nodes_ = 0;
    bool syncs_fail_ = false;
    bool reads_fail_ = false;
};

}  // namespace sbot::base
