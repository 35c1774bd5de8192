#include "sbot/kept_import.h"

#include <algorithm>
#include <vector>

#include "base/json.h"
#include "base/limits.h"

namespace sbot::app {

Result<void> import_kept_states(base::Files& files, const std::string& folder,
                                flume::Journal& journal) {
    const std::string path = folder + "/flume/kept.json";
    auto text = base::read_file(files, path, limits::kept_states_bytes_max);
    if (!text && text.error().code == Errc::not_found) return {};
    if (!text) return std::move(text).error();
    auto document = json::Document::parse(*text);
    auto spoilt = [&path] {
        return error(Errc::corrupt, path +
                                        ": damaged; restore it, or remove it if none of your "
                                        "own messages was ever deleted");
    };
    if (!document || !document->root().is_object()) return spoilt();
    std::vector<flume::Deleted> entries;
    for (json::Member member : document->root().members()) {
        auto feed = FeedId::parse(member.name);
        auto key = MessageId::parse(member.value["key"].string());
        double sequence = member.value["sequence"].number();
        if (!feed || !key || !(sequence >= 1 && sequence < 9007199254740992.0)) return spoilt();
        flume::Deleted entry;
        entry.is_message = true;
        entry.feed = *feed;
        entry.key = *key;
        entry.sequence = static_cast<Sequence>(sequence);
        entry.claimed = member.value["claimed"].number();
        entries.push_back(entry);
    }
    for (std::span<const flume::Deleted> rest(entries); !rest.empty();) {
        auto some = rest.first(std::min(rest.size(), limits::journal_entries_max));
        auto at = journal.intend_deletion(some);
        if (!at) return std::move(at).error();
        if (auto ok = journal.deletion_done(*at); !ok) return ok;
        rest = rest.subspan(some.size());
    }
    if (auto ok = files.remove(path); !ok) return ok;
    return files.sync_folder(folder + "/flume");
}

}  // namespace sbot::app
