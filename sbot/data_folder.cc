#include "sbot/data_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "base/files.h"

namespace sbot::app {
namespace {

// The JavaScript server opens these at every start.
constexpr std::string_view locked_views[] = {"keys", "clock", "time", "feed", "links"};
constexpr std::size_t secret_bytes_max = 64 << 10;

/// What a process is called, for people.
std::string process_name(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/cmdline");
    std::string line;
    std::getline(file, line);
    for (char& c : line) {
        if (c == '\0') c = ' ';
    }
    while (!line.empty() && line.back() == ' ') line.pop_back();
    std::string name = "process " + std::to_string(pid);
    return line.empty() ? name : name + " (" + line.substr(0, 200) + ")";
}

Result<int> lock_file(const std::string& path) {
    int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (file < 0) return base::errno_error("open " + path, errno);
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    while (fcntl(file, F_SETLK, &lock) != 0) {
        int why = errno;
        if (why == EINTR) continue;
        struct flock owner {};
        owner.l_type = F_WRLCK;
        owner.l_whence = SEEK_SET;
        bool known = (why == EAGAIN || why == EACCES) && fcntl(file, F_GETLK, &owner) == 0 &&
                     owner.l_type != F_UNLCK;
        close(file);
        if (!known) return base::errno_error("lock " + path, why);
        return error(Errc::denied, "the folder is in use by " + process_name(owner.l_pid) +
                                       ", which holds " + path + "; stop it first");
    }
    return file;
}

/// Takes the right to read away from everybody but the owner.
Result<void> make_private(const std::string& path, base::Logger& log) {
    struct stat info {};
    if (stat(path.c_str(), &info) != 0) return base::errno_error("stat " + path, errno);
    if ((info.st_mode & 077) == 0) return {};
    if (chmod(path.c_str(), info.st_mode & 0700) != 0) {
        int why = errno;
        return base::errno_error(path + " can be read by others, and that cannot be changed", why);
    }
    log.warning("secret", path + " could be read by others; it is private now");
    return {};
}

/// Puts a new file in place whole, or not at all if there is one already.
Result<void> write_new(const std::string& path, std::string_view text) {
    std::string draft = path + ".new-" + std::to_string(getpid());
    base::PosixFiles files;
    if (auto removed = files.remove(draft); !removed) return removed;
    base::OpenFile how;
    how.create = true;
    how.mode = 0400;
    auto file = files.open(draft, how);
    if (!file) return std::move(file).error();
    auto wrote = (*file)->write_at(0, base::bytes_of(text));
    if (wrote) wrote = (*file)->sync();
    if (wrote && link(draft.c_str(), path.c_str()) != 0) {
        wrote = base::errno_error("make " + path, errno);
    }
    auto removed = files.remove(draft);
    if (!wrote) return wrote;
    if (!removed) return removed;
    return files.sync_folder(base::folder_of(path));
}

}  // namespace

Result<FolderLock> FolderLock::take(const std::string& folder) {
    FolderLock lock;
    for (std::string_view view : locked_views) {
        std::string place = folder + "/flume/" + std::string(view);
        if (auto made = make_folders(place); !made) return std::move(made).error();
        auto file = lock_file(place + "/LOCK");
        if (!file) return std::move(file).error();
        lock.files_.push_back(*file);
    }
    return lock;
}

FolderLock::~FolderLock() {
    for (int file : files_) close(file);
}

Result<message::KeyPair> load_secret(const std::string& folder, base::Logger& log) {
    std::string path = folder + "/secret";
    base::PosixFiles files;
    auto text = base::read_file(files, path, secret_bytes_max);
    if (!text) return std::move(text).error();
    if (auto tightened = make_private(path, log); !tightened) return std::move(tightened).error();
    auto keys = message::parse_secret_file(base::text_of(*text));
    explicit_bzero(text->data(), text->size());
    if (!keys) {
        return std::move(keys).error().in(
            path +
            " cannot be used (put a good copy of it in place, or move it away to start as "
            "somebody new)");
    }
    return keys;
}

Result<message::KeyPair> load_or_make_secret(const std::string& folder, base::Random& random,
                                             base::Logger& log) {
    auto keys = load_secret(folder, log);
    if (keys || keys.error().code != Errc::not_found) return keys;
    struct stat link_itself {};
    const std::string secret = folder + "/secret";
    if (lstat(secret.c_str(), &link_itself) == 0) {
        return error(Errc::not_found, secret +
                                          " is a link that leads nowhere: put the secret back "
                                          "where it leads");
    }
    struct stat log_file {};
    std::string messages = folder + "/flume/log.offset";
    if (stat(messages.c_str(), &log_file) == 0 && log_file.st_size > 0) {
        return error(Errc::not_found,
                     folder + "/secret is missing, but there are messages: put it back, or move " +
                         messages + " away to start as somebody new");
    }
    auto fresh = message::KeyPair::generate(random);
    std::string text = message::secret_file_text(fresh);
    auto written = write_new(folder + "/secret", text);
    explicit_bzero(text.data(), text.size());
    if (!written) return std::move(written).error();
    return fresh;
}

Result<void> check_socket_place(const std::string& path) {
    struct stat info {};
    if (lstat(path.c_str(), &info) != 0 || S_ISSOCK(info.st_mode)) return {};
    return error(Errc::denied, path + " is no socket, but we listen there: move it away");
}

Result<void> check_room_for_files(std::size_t count) {
    std::vector<int> files;
    int why = 0;
    while (files.size() < count && why == 0) {
        int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (file < 0) {
            why = errno;
        } else {
            files.push_back(file);
        }
    }
    for (int file : files) close(file);
    if (why == 0) return {};
    return base::errno_error("there is room for " + std::to_string(files.size()) +
                                 " more open files, and " + std::to_string(count) + " are needed",
                             why);
}

Error with_advice(Error why, const std::string& folder) {
    struct Advice {
        const char* text;  // how the error ends
        std::string advice;
    };
    const std::string writable =
        folder +
        "/flume and the files in it must be writable: start as the user whom they belong "
        "to, or give them to this one (chown -R)";
    const Advice all[] = {
        {strerrordesc_np(ENOSPC), "make room on the disk, then start again"},
        {strerrordesc_np(EDQUOT), "make room on the disk, then start again"},
        {strerrordesc_np(EFBIG), "raise the limit for the size of files (ulimit -f)"},
        {strerrordesc_np(EMFILE), "raise the limit for open files (ulimit -n)"},
        {strerrordesc_np(ENFILE), "raise the system's limit for open files (fs.file-max)"},
        {"unable to open database file", writable},
        {"attempt to write a readonly database", writable},
        {"no whole record in it",
         "put a backup in its place; without one, move it away and start with --recover, which "
         "gets your messages from peers again. Keep the secret"},
        {"database or disk is full", "make room on the disk, then start again"},
        {"disk I/O error", "make room on the disk, or see whether it is damaged, then start again"},
        {strerrordesc_np(EROFS), "make the disk writable, then start again"},
        {strerrordesc_np(EACCES),
         "start as the user whom the folder belongs to, or give it to this one (chown -R)"},
        {strerrordesc_np(EPERM),
         "start as the user whom the folder belongs to, or give it to this one (chown -R)"},
        {strerrordesc_np(EISDIR), "there must be a file of this name: move the folder away"},
        {strerrordesc_np(ENOTDIR), "there must be a folder of this name: move the file away"},
        {strerrordesc_np(EADDRINUSE),
         "stop the program that has it, or choose another port (--port)"},
        {strerrordesc_np(EADDRNOTAVAIL), "choose a host that is this machine's (--host)"},
    };
    for (const Advice& each : all) {
        if (why.what.ends_with(each.text)) return error(why.code, why.what + "; " + each.advice);
    }
    return why;
}

Result<void> make_folders(const std::string& folder) {
    std::string path;
    for (std::size_t at = 0; at != std::string::npos;) {
        at = folder.find('/', at + 1);
        path = folder.substr(0, at);
        if (mkdir(path.c_str(), 0700) == 0) continue;
        if (errno != EEXIST) return base::errno_error("make folder " + path, errno);
        struct stat there {};
        if (stat(path.c_str(), &there) != 0 && errno == ENOENT) {
            return error(Errc::not_found, path +
                                              " is a link that leads nowhere: mount what it leads "
                                              "to, or remove the link");
        }
    }
    return {};
}

}  // namespace sbot::app
