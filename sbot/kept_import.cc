#include "sbot/kept_import.h"

#include <vector>

#include "base/json.h"
#include "base/limits.h"
#include "sbot/js_views.h"

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
    std::vector<flume::FeedState> ends;
    for (json::Member member : document->root().members()) {
        auto feed = FeedId::parse(member.name);
        auto key = MessageId::parse(member.value["key"].string());
        double sequence = member.value["sequence"].number();
        if (!feed || !key || !(sequence >= 1 && sequence < 9007199254740992.0)) return spoilt();
        ends.push_back(
            {*feed, *key, static_cast<Sequence>(sequence), member.value["claimed"].number(), 0});
    }
    if (auto ok = keep_ends(journal, ends); !ok) return ok;
    if (auto ok = files.remove(path); !ok) return ok;
    return files.sync_folder(folder + "/flume");
}

}  // namespace sbot::app
