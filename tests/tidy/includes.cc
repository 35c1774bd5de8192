// Who may include whom. Changing the architecture means changing these tables.

#include <algorithm>
#include <filesystem>
#include <initializer_list>
#include <string_view>

#include "tests/tidy/rules.h"

namespace sbot::tidy {
namespace {

using Names = std::initializer_list<std::string_view>;

struct Arrow {
    std::string_view from;  // the longest prefix of a path that fits counts
    Names folders;          // besides its own
    bool system;            // may use headers of POSIX: sockets, files, processes
};

const Arrow arrows[] = {
    {"base/", {}, true},
    {"io/", {"base"}, true},
    {"message/", {"base"}, false},
    {"secret-handshake/", {"base"}, false},
    {"flume/", {"base", "message"}, true},
    {"friends/", {"base", "message", "flume"}, false},
    {"blobs/", {"base", "message"}, true},
    {"muxrpc/", {"base", "io"}, false},
    {"muxrpc/codec", {"base"}, false},
    {"net/", {"base", "io", "message", "secret-handshake"}, true},
    {"net/address", {"base", "message"}, false},
    {"replication/ebt", {"base", "message"}, false},
    {"replication/", {"base", "io", "message", "flume", "friends", "blobs", "muxrpc"}, false},
    {"sbot/",
     {"base", "io", "message", "secret-handshake", "flume", "friends", "blobs", "muxrpc", "net",
      "replication"},
     true},
    {"bindings/", {"flume"}, false},
    {"tests/",
     {"base", "io", "message", "secret-handshake", "flume", "friends", "blobs", "muxrpc", "net",
      "replication", "sbot"},
     true},
    {"tests/oracle/",
     {"base", "message", "secret-handshake", "flume", "friends", "muxrpc", "net", "replication"},
     false},
    {"tests/shs1_testee/", {"base", "secret-handshake"}, true},
};

struct Library {
    std::string_view header;  // prefix
    Names users;              // prefixes of paths
    bool heavy = false;       // costs seconds a file: never in a header of ours
};

const Library libraries[] = {
    {"uv.h", {"io/"}},
    {"sqlite3.h", {"flume/sqlite.", "flume/sqlite_"}},
    {"node_api.h", {"bindings/node/"}},
    {"stddef.h", {"flume/flume.h"}},  // a header for C
    {"stdint.h", {"flume/flume.h"}},
    {"sodium", {"message/", "secret-handshake/", "tests/"}},
    {"nettle/", {"message/sha256.h"}},
    {"rapidjson/", {"base/"}, true},
    {"spdlog/", {"base/log"}, true},
    {"fmt/", {"base/log"}, true},
    {"boost/", {"friends/hops.cc"}, true},
    {"leveldb/", {"sbot/js_invites.cc", "tests/sbot/js_invites"}},
    {"CLI/", {"sbot/"}, true},
    {"ini.h", {"sbot/"}},
    {"gtest/", {"tests/"}},
    {"gmock/", {"tests/"}},
    {"benchmark/", {"tests/bench/"}},
};

const Names posix = {"arpa/",     "dirent.h", "errno.h",  "fcntl.h",  "ifaddrs.h", "limits.h",
                     "linux/",    "net/if.h", "netdb.h",  "netinet/", "malloc.h",  "poll.h",
                     "pthread.h", "pwd.h",    "signal.h", "stdio.h",  "stdlib.h",  "string.h",
                     "sys/",      "time.h",   "unistd.h"};

bool starts_with_any(std::string_view text, Names prefixes) {
    return std::any_of(prefixes.begin(), prefixes.end(),
                       [&](std::string_view prefix) { return text.starts_with(prefix); });
}

const Arrow* arrow_of(const File& file) {
    const Arrow* longest = nullptr;
    for (const Arrow& arrow : arrows) {
        if (file.starts_with(arrow.from) &&
            (longest == nullptr || arrow.from.size() > longest->from.size())) {
            longest = &arrow;
        }
    }
    return longest;
}

/// What is wrong with one `#include "header"`; empty if nothing.
std::string judge_own(const File& file, const Arrow& arrow, std::string_view header) {
    if (!std::filesystem::exists(std::filesystem::path(SBOT_SOURCE_DIR) / header)) {
        return "is not a path from the root";
    }
    const std::string_view folder = header.substr(0, header.find('/'));
    if (folder == file.folder()) return {};
    const bool drawn =
        std::find(arrow.folders.begin(), arrow.folders.end(), folder) != arrow.folders.end();
    return drawn ? "" : "is an arrow that is not in the table";
}

/// The same for `#include <header>`.
std::string judge_foreign(const File& file, const Arrow& arrow, std::string_view header) {
    for (const Library& library : libraries) {
        if (!header.starts_with(library.header)) continue;
        if (library.heavy && file.ends_with(".h")) return "is heavy: it belongs into one .cc";
        return starts_with_any(file.path, library.users) ? "" : "is a library of other folders";
    }
    if (starts_with_any(header, posix)) {
        return arrow.system ? "" : "is of the system, and this code is pure";
    }
    const bool standard = header.find_first_of("./") == std::string_view::npos;
    return standard ? "" : "is of a library that is not in the table";
}

}  // namespace

Complaints wrong_includes(const File& file) {
    const Arrow* arrow = arrow_of(file);
    if (arrow == nullptr) return {file.path + ": its folder is not in the table"};
    Complaints complaints;
    std::size_t number = 0;
    for (std::string_view line : lines_of(file.text)) {
        ++number;
        constexpr std::string_view word = "#include ";
        if (!line.starts_with(word)) continue;
        const std::string_view header = line.substr(word.size());
        const std::size_t end = header.find_first_of("\">", 1);
        if (end == std::string_view::npos) continue;
        const std::string_view name = header.substr(1, end - 1);
        const std::string wrong =
            header[0] == '"' ? judge_own(file, *arrow, name) : judge_foreign(file, *arrow, name);
        if (wrong.empty()) continue;
        complaints.push_back(file.path + ":" + std::to_string(number) + ": " +
                             std::string(header.substr(0, end + 1)) + " " + wrong);
    }
    return complaints;
}

}  // namespace sbot::tidy
