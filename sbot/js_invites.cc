#include "sbot/js_invites.h"

#include <leveldb/db.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <utility>

#include "base/json.h"
#include "base/limits.h"

namespace sbot::app {
namespace {

/// Removes what a crash has left, and what is there when it goes.
class Copy {
 public:
    explicit Copy(std::string path) : path_(std::move(path)) { remove(); }
    ~Copy() { remove(); }
    Copy(const Copy&) = delete;
    Copy& operator=(const Copy&) = delete;

    const std::string& path() const { return path_; }

 private:
    void remove() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    std::string path_;
};

/// The files that are the database: not its lock, which is held by our own process and would be
/// lost with the first close, nor its reports.
bool is_data(std::string_view name) {
    return name != "LOCK" && !name.starts_with("LOG") && !name.starts_with(".");
}

Result<void> copy_files(base::Files& files, const std::string& from, const std::string& to,
                        const std::vector<std::string>& names) {
    if (auto made = files.make_folder(to); !made) return std::move(made).error();
    const std::string source = from + "/", target = to + "/";
    std::size_t room = limits::js_invites_bytes_max;
    for (const std::string& name : names) {
        const std::string path = source + name;
        if (!files.info(path)) continue;  // a folder
        auto data = base::read_file(files, path, room);
        if (!data) return std::move(data).error();
        room -= data->size();
        base::OpenFile how;
        how.create = true;
        auto file = files.open(target + name, how);
        if (!file) return std::move(file).error();
        if (auto ok = (*file)->write_at(0, *data); !ok) return ok;
    }
    return {};
}

/// A number of uses as JavaScript compares it, `used < total`: a half counts as a whole one.
std::uint32_t uses_of(json::Value value) {
    double number = std::ceil(value.number());
    return number >= 1 ? static_cast<std::uint32_t>(
                             std::min(number, static_cast<double>(limits::invite_uses_max)))
                       : 0;
}

std::optional<JsInvite> invite_of(std::string_view key, std::string_view record) {
    auto guest = FeedId::parse(key);
    auto document = json::Document::parse(record);
    if (!guest || !document) return std::nullopt;
    json::Value root = document->root();
    JsInvite invite;
    invite.guest = *guest;
    invite.total = uses_of(root["total"]);
    invite.used = uses_of(root["used"]);
    if (invite.total == 0 || !root["used"].is_number()) return std::nullopt;
    if (json::Value note = root["note"]; note.truthy()) invite.note = json::compact(note);
    if (invite.note.size() > limits::invite_note_bytes_max) invite.note.clear();
    return invite;
}

Error damaged(const std::string& folder, const leveldb::Status& status) {
    std::string advice = "; put it back as it was, or move it away to start without its invites";
    return error(Errc::corrupt, folder + ": " + status.ToString() + advice);
}

}  // namespace

Result<std::optional<std::vector<JsInvite>>> read_js_invites(base::Files& files,
                                                             const std::string& folder,
                                                             double since_ms) {
    using None = std::optional<std::vector<JsInvite>>;
    const std::string theirs = folder + "/invites";
    auto names = files.list(theirs);
    if (!names || std::find(names->begin(), names->end(), "CURRENT") == names->end()) return None();
    std::erase_if(*names, [](const std::string& name) { return !is_data(name); });
    bool is_news = std::any_of(names->begin(), names->end(), [&](const std::string& name) {
        auto info = files.info(theirs + "/" + name);
        return info && info->changed_ms >= since_ms;
    });
    if (!is_news) return None();

    Copy copy(folder + "/invites.copy");
    if (auto ok = copy_files(files, theirs, copy.path(), *names); !ok) {
        return std::move(ok).error();
    }
    leveldb::DB* raw = nullptr;
    leveldb::Status opened = leveldb::DB::Open(leveldb::Options(), copy.path(), &raw);
    if (!opened.ok()) return damaged(theirs, opened);
    std::unique_ptr<leveldb::DB> database(raw);
    leveldb::ReadOptions reading;
    reading.verify_checksums = true;
    std::unique_ptr<leveldb::Iterator> at(database->NewIterator(reading));
    std::vector<JsInvite> invites;
    for (at->SeekToFirst(); at->Valid(); at->Next()) {
        auto invite = invite_of({at->key().data(), at->key().size()},
                                {at->value().data(), at->value().size()});
        if (invite) invites.push_back(std::move(*invite));
    }
    if (!at->status().ok()) return damaged(theirs, at->status());
    return std::optional(std::move(invites));
}

}  // namespace sbot::app
