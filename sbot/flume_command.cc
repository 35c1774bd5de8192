#include "sbot/flume_command.h"

#include <algorithm>
#include <cinttypes>
#include <csignal>
#include <cstdio>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <thread>
#include <unordered_set>
#include <utility>
#include <vector>

#include "flume/boot_mark.h"
#include "flume/check.h"
#include "flume/core_builder.h"
#include "flume/core_tables.h"
#include "flume/deletion.h"
#include "flume/index_keeper.h"
#include "flume/offset_log.h"
#include "flume/sqlite.h"
#include "flume/watch.h"
#include "message/content_opener.h"
#include "sbot/data_folder.h"
#include "sbot/progress_bar.h"

namespace sbot::app {
namespace {

constexpr int good = 0, spoilt = 1, failed = 2;
constexpr std::size_t news_at_once = 10000;
constexpr int wait_ms = 60000;

constexpr const char* usage =
    "usage: sbot flume index --db FILE [--log PATH] [--follow]   messages into a database of "
    "yours\n"
    "       sbot flume check    compare log, journal and index; changes nothing\n"
    "       sbot flume repair   make log and journal whole again\n"
    "       sbot flume rebuild  make the index anew\n"
    "       sbot flume stats    what is in the log\n"
    "The folder is that of the configuration (--path). repair and rebuild want it for "
    "themselves.\n";

int complain(const Error& why) {
    std::fprintf(stderr, "sbot: %s\n", why.what.c_str());
    return failed;
}

std::string log_path(const Settings& settings) { return settings.folder + "/flume/log.offset"; }
std::string index_path(const Settings& settings) { return settings.folder + "/flume/core.sqlite"; }

// What the configuration takes from the command line, for any command.
constexpr std::string_view settings_options[] = {"path", "config", "logging", "caps", "flume"};
constexpr std::string_view index_options[] = {"db", "log", "follow"};

bool is_among(std::string_view name, std::span<const std::string_view> names) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

/// The first option that means nothing here.
std::optional<std::string> unknown_option(const base::Tree& options, bool is_index) {
    for (auto& [name, value] : options.members()) {
        if (is_among(name, settings_options)) continue;
        if (is_index && is_among(name, index_options)) continue;
        return name;
    }
    return std::nullopt;
}

/// A database that was made of another log stays as it is.
Result<void> check_same_log(flume::IndexKeeper& keeper, const std::string& path,
                            const std::string& database) {
    auto other = keeper.is_of_another_log();
    if (!other) return std::move(other).error();
    if (!*other) return {};
    return error(Errc::invalid, database + " was made of another log, of which nothing is in " +
                                    path +
                                    ": name another file with --db, or remove this one first");
}

volatile std::sig_atomic_t stopped = 0;
void stop(int) { stopped = 1; }

/// Takes in what there is, and with `follow` what comes, until it is stopped.
Result<void> keep_level(flume::IndexKeeper& keeper, const std::string& path, bool follow) {
    flume::LogWatch watch(path);
    ProgressBar bar("indexing");
    bool told = false;
    while (stopped == 0) {
        auto more = keeper.process(news_at_once);
        if (!more && follow && more.error().code == Errc::timeout) {
            if (!std::exchange(told, true)) {
                complain(std::move(more).error().in(
                    "waiting for the program that writes to the database"));
            }
            continue;
        }
        if (!more) return std::move(more).error();
        told = false;
        bar.show(keeper.follower().position().next, keeper.follower().log_end());
        if (*more) continue;
        if (!follow) return {};
        watch.wait(wait_ms);
    }
    return {};
}

int index(const Settings& settings, const base::Tree& options) {
    const std::string path =
        options.at("log").is_text() ? options.at("log").text() : log_path(settings);
    if (!options.at("db").is_text()) {
        std::fputs(usage, stderr);
        return failed;
    }
    const std::string database = options.at("db").text();
    base::PosixFiles files;
    auto keeper = flume::IndexKeeper::open(files, path, database);
    if (!keeper) return complain(keeper.error());
    const bool follow = options.at("follow").truthy();
    if (auto there = files.info(path); !there && !follow) return complain(there.error());
    if (auto same = check_same_log(**keeper, path, database); !same) return complain(same.error());
    std::signal(SIGINT, &stop);
    std::signal(SIGTERM, &stop);
    if (auto ok = keep_level(**keeper, path, follow); !ok) return complain(ok.error());
    const flume::Follower& follower = (*keeper)->follower();
    if (follower.damage().places > 0) {
        std::fprintf(stderr, "sbot: %" PRIu64 " bytes of the log are damaged, and passed over\n",
                     follower.damage().bytes);
    }
    if (follower.log_end() > follower.position().next) {
        std::fprintf(stderr, "sbot: the last %" PRIu64 " bytes of %s are no whole entries\n",
                     follower.log_end() - follower.position().next, path.c_str());
    }
    auto count = (*keeper)->index().count();
    if (!count) return complain(count.error());
    std::printf("%" PRId64 " messages, up to byte %" PRIu64 " of the log\n", *count,
                follower.position().next);
    return good;
}

int check(const Settings& settings) {
    base::PosixFiles files;
    ProgressBar bar("checking");
    auto report =
        flume::check(files, log_path(settings), index_path(settings),
                     [&bar](flume::Offset done, flume::Offset total) { bar.show(done, total); });
    if (!report) return complain(report.error());
    std::printf("log      %" PRIu64 " bytes, %" PRIu64 " entries: %" PRIu64 " messages of %" PRIu64
                " feeds, %" PRIu64 " deleted\n",
                report->bytes, report->entries, report->messages, report->feeds, report->deleted);
    if (report->has_journal) {
        std::printf("journal  %" PRIu64 " bytes\n", report->journal_bytes);
    } else {
        std::printf("journal  none\n");
    }
    if (!report->has_index) {
        std::printf("index    none\n");
    } else if (report->index_damaged) {
        std::printf("index    damaged\n");
    } else if (report->index_behind > 0) {
        std::printf("index    %" PRIu64 " bytes of the log behind\n", report->index_behind);
    } else {
        std::printf("index    level with the log\n");
    }
    for (const std::string& each : report->troubles) std::printf("trouble  %s\n", each.c_str());
    if (report->trouble_count > report->troubles.size()) {
        std::printf("trouble  and %" PRIu64 " more\n",
                    report->trouble_count - report->troubles.size());
    }
    std::printf(report->good() ? "all is well\n"
                               : "see docs/flume-tools.md for what can be done\n");
    return report->good() ? good : spoilt;
}

Result<void> remove_index(base::Files& files, const std::string& path) {
    if (files.info(path)) {
        auto old = flume::sqlite::Database::open(path, {});
        if (old) flume::CoreTables::supersede(*old);
    }
    if (auto ok = flume::sqlite::remove_database(files, path); !ok) return ok;
    if (auto ok = flume::BootMark(files, path).clear(); !ok) return ok;
    return files.sync_folder(base::folder_of(path));
}

int repair(const Settings& settings) {
    auto lock = FolderLock::take(settings.folder);
    if (!lock) return complain(lock.error());
    base::PosixFiles files;
    if (auto there = files.info(log_path(settings)); !there) return complain(there.error());
    auto done = flume::repair(files, log_path(settings));
    if (!done) return complain(with_advice(done.error(), settings.folder));
    if (!done->anything()) {
        std::printf("nothing to repair\n");
        return good;
    }
    if (auto ok = remove_index(files, index_path(settings)); !ok) return complain(ok.error());
    std::printf("%" PRIu64 " bytes of unfinished writes cut off\n", done->bytes_cut);
    std::printf("%" PRIu64 " damaged places made blank entries, their bytes in log.damaged-*\n",
                done->places);
    std::printf("%" PRIu64 " spoilt records left out of the journal\n", done->journal_records);
    std::printf("%" PRIu64 " deletions carried out in the log, %" PRIu64 " noted in the journal\n",
                done->deletions, done->noted);
    std::printf("the index will be made anew by the next start\n");
    return good;
}

/// Makes the index beside the log and puts it in place.
Result<std::int64_t> rebuild_core(const Settings& settings, const message::KeyPair& keys) {
    base::PosixFiles files;
    base::SystemRandom random;
    auto journal = flume::Journal::open(files, flume::journal_path(log_path(settings)), random);
    if (!journal) return std::move(journal).error();
    flume::OffsetLog::Options how;
    how.generation = (*journal)->generation();
    auto log = flume::OffsetLog::open(files, log_path(settings), how);
    if (!log) return std::move(log).error();
    auto finished = flume::finish_deletions(**log, **journal);
    if (!finished) return std::move(finished).error();
    const message::Unboxer unboxer(keys);
    const message::ContentOpener opener(unboxer, random);
    const std::string path = index_path(settings);
    flume::CoreBuilder::Options options;
    options.path = path + ".new";
    options.unbox = [&opener](json::Value value) { return opener.open(value); };
    options.kept = [&journal] { return flume::kept_states(**journal); };
    flume::CoreBuilder builder(std::move(options));
    std::atomic<bool> done = false;
    std::thread watching([&] {
        ProgressBar bar("rebuilding core");
        while (!done) {
            bar.show(builder.reached(), (*log)->end());
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
        }
    });
    auto built = builder.build(**log);
    done = true;
    watching.join();
    if (!built) return std::move(built).error();
    // From here on no mark says that it is not on the disk.
    auto file = files.open(path + ".new", {});
    if (!file) return std::move(file).error();
    if (auto ok = (*file)->sync(); !ok) return std::move(ok).error();
    if (auto ok = remove_index(files, path); !ok) return std::move(ok).error();
    if (auto ok = files.rename(path + ".new", path); !ok) return std::move(ok).error();
    if (auto ok = files.sync_folder(base::folder_of(path)); !ok) return std::move(ok).error();
    return built->count;
}

int rebuild(const Settings& settings, const Arguments& command) {
    if (command.words.size() > 2 && command.words[2].text() != "core") {
        std::fprintf(stderr, "sbot: the index is called core\n");
        return failed;
    }
    auto lock = FolderLock::take(settings.folder);
    if (!lock) return complain(lock.error());
    base::Logger log(settings.log_level);
    auto keys = load_secret(settings.folder, log);
    if (!keys) return complain(keys.error());
    auto count = rebuild_core(settings, *keys);
    if (!count) return complain(with_advice(count.error(), settings.folder));
    std::printf("core: %" PRId64 " messages\n", *count);
    return good;
}

int stats(const Settings& settings) {
    base::PosixFiles files;
    flume::OffsetLog::Options how;
    how.read_only = true;
    auto log = flume::OffsetLog::open(files, log_path(settings), how);
    if (!log) return complain(log.error());
    flume::Range all;
    all.with_deleted = true;
    auto cursor = (*log)->scan(all);
    if (!cursor) return complain(cursor.error());
    std::uint64_t messages = 0, deleted = 0, sealed = 0, odd = 0;
    std::unordered_set<FeedId> feeds;
    std::map<std::string, std::uint64_t> types;
    json::Document document;
    ProgressBar bar("reading");
    for (;;) {
        auto entry = (*cursor)->next();
        if (!entry) return complain(entry.error());
        if (!*entry) break;
        bar.show((*entry)->offset, (*log)->end());
        if ((*entry)->data.empty()) {
            ++deleted;
            continue;
        }
        auto envelope = flume::read_envelope(document, (*entry)->data);
        if (!envelope) {
            ++odd;
            continue;
        }
        ++messages;
        feeds.insert(envelope->author);
        std::string cut;
        auto type = flume::type_of(envelope->content, cut);
        if (type) ++types[std::string(*type)];
        if (envelope->content.is_string()) ++sealed;
    }
    std::vector<std::pair<std::uint64_t, std::string>> common;
    common.reserve(types.size());
    for (auto& [type, count] : types) common.emplace_back(count, type);
    std::sort(common.rbegin(), common.rend());
    common.resize(std::min<std::size_t>(common.size(), 20));
    json::Writer out;
    out.begin_object().member("bytes", static_cast<double>((*log)->end()));
    out.member("messages", static_cast<double>(messages));
    out.member("feeds", static_cast<double>(feeds.size()));
    out.member("private", static_cast<double>(sealed));
    out.member("deleted", static_cast<double>(deleted));
    out.member("noMessages", static_cast<double>(odd));
    out.member("damagedBytes", static_cast<double>((*cursor)->damage().bytes));
    // Large where some program reads the index and does not end its transaction.
    for (auto [name, suffix] : {std::pair("indexBytes", ""), std::pair("walBytes", "-wal")}) {
        auto file = files.info(index_path(settings) + suffix);
        out.member(name, file ? static_cast<double>(file->bytes) : 0);
    }
    out.name("types").begin_object();
    for (auto& [count, type] : common) out.member(type, static_cast<double>(count));
    out.end_object().end_object();
    std::string pretty;
    auto document_out = json::Document::parse(out.text());
    json::append_pretty(pretty, document_out->root());
    std::printf("%s\n", pretty.c_str());
    return good;
}

}  // namespace

int run_flume_command(const Settings& settings, const Arguments& command) {
    const std::string what = command.words.size() > 1 ? command.words[1].text() : std::string();
    if (auto unknown = unknown_option(command.options, what == "index")) {
        std::fprintf(stderr, "sbot: there is no option --%s\n%s", unknown->c_str(), usage);
        return failed;
    }
    if (what == "index") return index(settings, command.options);
    if (what == "check") return check(settings);
    if (what == "repair") return repair(settings);
    if (what == "rebuild") return rebuild(settings, command);
    if (what == "stats") return stats(settings);
    std::fputs(usage, stderr);
    return failed;
}

}  // namespace sbot::app
