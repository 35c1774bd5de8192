#include "base/memory_files.h"

#include <algorithm>

namespace sbot::base {

struct MemoryFiles::Node {
    /// One write or truncation since the last sync, with what is needed to take it back.
    struct Change {
        std::uint64_t offset;
        Bytes before;  // what was overwritten or cut off, from `offset` on
        Bytes after;   // what was written
        std::size_t size_before;
        std::size_t size_after;
    };

    explicit Node(std::uint64_t its_number) : number(its_number), born(its_number) {}

    std::uint64_t number;      // among all there ever were, unless it was given another's
    const std::uint64_t born;  // likewise, without exception
    Bytes content;
    std::vector<Change> unsynced;

    void apply(std::uint64_t offset, ByteView data, std::size_t new_size) {
        Change change{offset, {}, to_bytes(data), content.size(), new_size};
        std::size_t from = std::min<std::size_t>(offset, content.size());
        std::size_t upto = new_size < content.size()
                               ? content.size()
                               : std::min<std::size_t>(offset + data.size(), content.size());
        if (from < upto) {
            change.before.assign(content.begin() + static_cast<std::ptrdiff_t>(from),
                                 content.begin() + static_cast<std::ptrdiff_t>(upto));
        }
        content.resize(new_size);
        if (!data.empty()) {
            std::copy(data.begin(), data.end(),
                      content.begin() + static_cast<std::ptrdiff_t>(offset));
        }
        unsynced.push_back(std::move(change));
    }

    void take_back(const Change& change) {
        content.resize(change.size_before);
        std::copy(change.before.begin(), change.before.end(),
                  content.begin() + static_cast<std::ptrdiff_t>(
                                        std::min<std::size_t>(change.offset, change.size_before)));
    }

    void power_cut(std::size_t kept_bytes) {
        for (auto it = unsynced.rbegin(); it != unsynced.rend(); ++it) take_back(*it);
        auto lost = std::move(unsynced);
        unsynced.clear();
        for (const Change& change : lost) {
            if (kept_bytes == 0) break;
            std::size_t part = std::min(kept_bytes, change.after.size());
            bool all = part == change.after.size();
            std::size_t size =
                all ? change.size_after
                    : std::max<std::size_t>(change.size_before, change.offset + part);
            apply(change.offset, ByteView(change.after).first(part), size);
            kept_bytes -= std::max<std::size_t>(part, 1);
            if (!all) break;
        }
        unsynced.clear();
    }
};

class MemoryFile final : public File {
 public:
    MemoryFile(MemoryFiles& disk, std::shared_ptr<MemoryFiles::Node> node, bool writable)
        : disk_(disk), node_(std::move(node)), writable_(writable) {}

    Result<std::size_t> read_at(std::uint64_t offset, MutableBytes into) const override {
        std::lock_guard lock(disk_.mutex_);
        if (disk_.reads_fail_) return error(Errc::io, "read: the disk failed");
        const Bytes& content = node_->content;
        if (offset >= content.size()) return std::size_t{0};
        std::size_t count = std::min<std::size_t>(into.size(), content.size() - offset);
        std::copy_n(content.begin() + static_cast<std::ptrdiff_t>(offset), count, into.begin());
        return count;
    }

    Result<void> write_at(std::uint64_t offset, ByteView data) override {
        std::lock_guard lock(disk_.mutex_);
        if (!writable_) return error(Errc::denied, "write: opened for reading");
        return disk_.change(*node_, offset, data, std::nullopt);
    }

    Result<void> truncate(std::uint64_t size) override {
        std::lock_guard lock(disk_.mutex_);
        if (!writable_) return error(Errc::denied, "truncate: opened for reading");
        return disk_.change(*node_, size, {}, size);
    }

    Result<void> sync() override {
        std::lock_guard lock(disk_.mutex_);
        if (disk_.syncs_fail_ || disk_.changes_left_ == 0) {
            return error(Errc::io, "sync: the disk failed");
        }
        node_->unsynced.clear();
        return {};
    }

    Result<std::uint64_t> size() const override {
        std::lock_guard lock(disk_.mutex_);
        return node_->content.size();
    }

 private:
    MemoryFiles& disk_;
    std::shared_ptr<MemoryFiles::Node> node_;
    bool writable_;
};

MemoryFiles::MemoryFiles() = default;
MemoryFiles::~MemoryFiles() = default;

/// A write, or with `new_size` a truncation, with the faults that were asked for.
Result<void> MemoryFiles::change(Node& node, std::uint64_t offset, ByteView data,
                                 std::optional<std::uint64_t> new_size) {
    ++changes_;
    if (changes_left_ == 0) return error(Errc::io, "write: the disk stopped");
    std::size_t allowed = data.size();
    if (changes_left_ && --*changes_left_ == 0) allowed = std::min(allowed, bytes_of_last_);
    if (space_) {
        allowed = std::min(allowed, *space_);
        *space_ -= allowed;
    }
    std::size_t size = new_size ? static_cast<std::size_t>(*new_size)
                                : std::max<std::size_t>(node.content.size(), offset + allowed);
    if (new_size || allowed > 0) node.apply(offset, data.first(allowed), size);
    if (allowed < data.size()) return error(Errc::io, "write: no space left, or the disk stopped");
    return {};
}

Result<std::unique_ptr<File>> MemoryFiles::open(const std::string& path, OpenFile how) {
    std::lock_guard lock(mutex_);
    auto found = names_.find(path);
    if (found == names_.end()) {
        if (!how.create) return error(Errc::not_found, "open " + path + ": no such file");
        if (changes_left_ == 0) return error(Errc::io, "open: the disk stopped");
        found = names_.emplace(path, std::make_shared<Node>(++nodes_)).first;
    } else if (how.truncate) {
        if (auto ok = change(*found->second, 0, {}, 0); !ok) return std::move(ok).error();
    }
    return std::unique_ptr<File>(std::make_unique<MemoryFile>(*this, found->second, how.write));
}

Result<void> MemoryFiles::rename(const std::string& from, const std::string& to) {
    std::lock_guard lock(mutex_);
    if (changes_left_ == 0) return error(Errc::io, "rename: the disk stopped");
    auto found = names_.find(from);
    if (found == names_.end()) return error(Errc::not_found, "rename " + from + ": no such file");
    names_[to] = found->second;
    names_.erase(from);
    return {};
}

Result<void> MemoryFiles::remove(const std::string& path) {
    std::lock_guard lock(mutex_);
    if (changes_left_ == 0) return error(Errc::io, "remove: the disk stopped");
    names_.erase(path);
    return {};
}

Result<void> MemoryFiles::sync_folder(const std::string& folder) {
    std::lock_guard lock(mutex_);
    if (syncs_fail_ || changes_left_ == 0) return error(Errc::io, "sync: the disk failed");
    auto inside = [&](const auto& name) { return folder_of(name.first) == folder; };
    std::erase_if(synced_names_, inside);
    for (const auto& name : names_) {
        if (inside(name)) synced_names_.insert(name);
    }
    return {};
}

Result<FileInfo> MemoryFiles::info(const std::string& path) {
    std::lock_guard lock(mutex_);
    auto found = names_.find(path);
    if (found == names_.end()) return error(Errc::not_found, "stat " + path + ": no such file");
    const Node& node = *found->second;
    return FileInfo{node.content.size(), 0, 0, node.number, node.born};
}

Result<bool> MemoryFiles::make_folder(const std::string& path) {
    std::lock_guard lock(mutex_);
    if (changes_left_ == 0) return error(Errc::io, "make folder " + path + ": the disk stopped");
    auto inside = names_.lower_bound(path + "/");
    return inside == names_.end() || !inside->first.starts_with(path + "/");
}

Result<std::vector<std::string>> MemoryFiles::list(const std::string& folder) {
    std::lock_guard lock(mutex_);
    const std::string prefix = folder + "/";
    std::vector<std::string> names;
    for (auto at = names_.lower_bound(prefix); at != names_.end(); ++at) {
        if (!at->first.starts_with(prefix)) break;
        std::string name = at->first.substr(prefix.size());
        name = name.substr(0, name.find('/'));
        if (names.empty() || names.back() != name) names.push_back(std::move(name));
    }
    if (names.empty()) return error(Errc::not_found, "open " + folder + ": no such folder");
    return names;
}

void MemoryFiles::power_cut(std::size_t kept_bytes) {
    std::lock_guard lock(mutex_);
    names_ = synced_names_;
    for (auto& [path, node] : names_) node->power_cut(kept_bytes);
}

void MemoryFiles::full_after(std::size_t bytes) {
    std::lock_guard lock(mutex_);
    space_ = bytes;
}

void MemoryFiles::stop_after(std::size_t writes, std::size_t bytes_of_last) {
    std::lock_guard lock(mutex_);
    changes_left_ = writes;
    bytes_of_last_ = bytes_of_last;
}

void MemoryFiles::heal() {
    std::lock_guard lock(mutex_);
    space_.reset();
    changes_left_.reset();
    bytes_of_last_ = SIZE_MAX;
    syncs_fail_ = false;
    reads_fail_ = false;
}

Bytes MemoryFiles::content(const std::string& path) const {
    std::lock_guard lock(mutex_);
    auto found = names_.find(path);
    return found == names_.end() ? Bytes() : found->second->content;
}

void MemoryFiles::replace(const std::string& path, ByteView content) {
    auto number = info(path).value().inode;
    put(path, content);
    std::lock_guard lock(mutex_);
    names_.at(path)->number = number;
}

void MemoryFiles::put(const std::string& path, ByteView content) {
    std::lock_guard lock(mutex_);
    auto node = std::make_shared<Node>(++nodes_);
    node->content = to_bytes(content);
    names_[path] = node;
    synced_names_[path] = node;
}

}  // namespace sbot::base
