#include "base/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>

namespace sbot::base {
namespace {

Error failed(std::string_view what, const std::string& path, int error_number) {
    Error wrong = errno_error(std::string(what) + " " + path, error_number);
    if (error_number == ENOENT) wrong.code = Errc::not_found;
    if (error_number == EACCES || error_number == EPERM || error_number == EROFS) {
        wrong.code = Errc::denied;
    }
    return wrong;
}

/// Calls again what a signal interrupted.
template <typename Call>
auto patiently(Call call) {
    for (;;) {
        auto got = call();
        if (got >= 0 || errno != EINTR) return got;
    }
}

class PosixFile final : public File {
 public:
    PosixFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
    ~PosixFile() override { ::close(fd_); }
    PosixFile(const PosixFile&) = delete;
    PosixFile& operator=(const PosixFile&) = delete;

    Result<std::size_t> read_at(std::uint64_t offset, MutableBytes into) const override {
        std::size_t done = 0;
        while (done < into.size()) {
            auto got = patiently([&] {
                return ::pread(fd_, into.data() + done, into.size() - done,
                               static_cast<off_t>(offset + done));
            });
            if (got < 0) return failed("read", path_, errno);
            if (got == 0) break;
            done += static_cast<std::size_t>(got);
        }
        return done;
    }

    Result<void> write_at(std::uint64_t offset, ByteView data) override {
        std::size_t done = 0;
        while (done < data.size()) {
            auto put = patiently([&] {
                return ::pwrite(fd_, data.data() + done, data.size() - done,
                                static_cast<off_t>(offset + done));
            });
            if (put < 0) return failed("write", path_, errno);
            done += static_cast<std::size_t>(put);
        }
        return {};
    }

    Result<void> sync() override {
        if (patiently([&] { return ::fdatasync(fd_); }) < 0) return failed("sync", path_, errno);
        return {};
    }

    Result<void> truncate(std::uint64_t size) override {
        if (patiently([&] { return ::ftruncate(fd_, static_cast<off_t>(size)); }) < 0) {
            return failed("truncate", path_, errno);
        }
        return {};
    }

    Result<std::uint64_t> size() const override {
        struct stat about {};
        if (::fstat(fd_, &about) < 0) return failed("stat", path_, errno);
        return static_cast<std::uint64_t>(about.st_size);
    }

 private:
    int fd_;
    std::string path_;
};

}  // namespace

Result<std::unique_ptr<File>> PosixFiles::open(const std::string& path, OpenFile how) {
    int flags = O_CLOEXEC | (how.write ? O_RDWR : O_RDONLY);
    if (how.create) flags |= O_CREAT;
    if (how.truncate) flags |= O_TRUNC;
    int fd = patiently([&] { return ::open(path.c_str(), flags, how.mode); });
    if (fd < 0) return failed("open", path, errno);
    return std::unique_ptr<File>(std::make_unique<PosixFile>(fd, path));
}

Result<void> PosixFiles::rename(const std::string& from, const std::string& to) {
    if (::rename(from.c_str(), to.c_str()) < 0) {
        return failed("rename " + from + " to", to, errno);
    }
    return {};
}

Result<void> PosixFiles::remove(const std::string& path) {
    if (::unlink(path.c_str()) < 0 && errno != ENOENT) return failed("remove", path, errno);
    return {};
}

Result<void> PosixFiles::sync_folder(const std::string& folder) {
    int fd = patiently([&] { return ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
    if (fd < 0) return failed("open", folder, errno);
    int done = patiently([&] { return ::fsync(fd); });
    int why = errno;
    ::close(fd);
    if (done < 0) return failed("sync", folder, why);
    return {};
}

Result<FileInfo> PosixFiles::info(const std::string& path) {
    struct statx about {};
    unsigned wanted = STATX_BASIC_STATS | STATX_BTIME;
    if (::statx(AT_FDCWD, path.c_str(), 0, wanted, &about) < 0) return failed("stat", path, errno);
    if (!S_ISREG(about.stx_mode)) return error(Errc::not_found, "stat " + path + ": no file");
    FileInfo info;
    info.bytes = about.stx_size;
    info.changed_ms = std::round(static_cast<double>(about.stx_ctime.tv_sec) * 1e3 +
                                 static_cast<double>(about.stx_ctime.tv_nsec) / 1e6);
    info.device = makedev(about.stx_dev_major, about.stx_dev_minor);
    info.inode = about.stx_ino;
    if ((about.stx_mask & STATX_BTIME) != 0) {
        info.born_ns = static_cast<std::uint64_t>(about.stx_btime.tv_sec) * 1'000'000'000 +
                       about.stx_btime.tv_nsec;
    }
    return info;
}

Result<bool> PosixFiles::make_folder(const std::string& path) {
    if (::mkdir(path.c_str(), 0700) == 0) return true;
    if (errno == EEXIST) return false;
    return failed("make folder", path, errno);
}

Result<std::vector<std::string>> PosixFiles::list(const std::string& folder) {
    DIR* open = ::opendir(folder.c_str());
    if (open == nullptr) return failed("open", folder, errno);
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = ::readdir(open)) {
        const char* name = entry->d_name;
        if (std::strcmp(name, ".") != 0 && std::strcmp(name, "..") != 0) names.emplace_back(name);
        errno = 0;
    }
    int why = errno;
    ::closedir(open);
    if (why != 0) return failed("read", folder, why);
    return names;
}

std::string folder_of(const std::string& path) {
    std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

Result<Bytes> read_file(Files& files, const std::string& path, std::size_t bytes_max) {
    OpenFile how;
    how.write = false;
    auto file = files.open(path, how);
    if (!file) return std::move(file).error();
    auto size = (*file)->size();
    if (!size) return std::move(size).error();
    // One byte more than expected, so that a file which grows meanwhile is noticed. Sizes of
    // special files say nothing, hence the reading until the end.
    Bytes content;
    std::size_t wanted = static_cast<std::size_t>(std::min<std::uint64_t>(*size, bytes_max)) + 1;
    for (;;) {
        std::size_t before = content.size();
        content.resize(before + wanted);
        auto got = (*file)->read_at(before, MutableBytes(content).subspan(before));
        if (!got) return std::move(got).error();
        content.resize(before + *got);
        if (content.size() > bytes_max) {
            return error(Errc::limit, path + ": longer than " + std::to_string(bytes_max));
        }
        if (*got < wanted) return content;
        wanted = content.size() + 1;
    }
}

Result<void> write_file_atomically(Files& files, const std::string& path, ByteView data,
                                   unsigned mode) {
    const std::string draft = path + "~";
    // A left-over of a crash would keep its own mode.
    if (auto ok = files.remove(draft); !ok) return ok;
    OpenFile how;
    how.create = true;
    how.truncate = true;
    how.mode = mode;
    auto file = files.open(draft, how);
    if (!file) return std::move(file).error();
    if (auto ok = (*file)->write_at(0, data); !ok) return ok;
    if (auto ok = (*file)->sync(); !ok) return ok;
    if (auto ok = files.rename(draft, path); !ok) return ok;
    return files.sync_folder(folder_of(path));
}

}  // namespace sbot::base
