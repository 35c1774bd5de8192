#include "sbot/js_views.h"

#include <algorithm>
#include <unordered_set>

#include "base/json.h"

namespace sbot::app {

Result<void> forget_js_views(base::Files& files, const std::string& folder) {
    for (const char* name : {"last.json", "last.json~", "contacts2.json", "contacts2.json~"}) {
        if (auto ok = files.remove(folder + "/flume/" + name); !ok) return ok;
    }
    return files.sync_folder(folder + "/flume");
}

bool ends_deleted(const std::vector<flume::FeedState>& states, const flume::Journal& journal,
                  std::span<const flume::Deleted> more) {
    const auto& known = journal.last_of_feeds();
    std::unordered_set<MessageId> keys;
    for (const flume::Deleted& entry : more) keys.insert(entry.key);
    return std::any_of(states.begin(), states.end(), [&](const flume::FeedState& state) {
        auto found = known.find(state.feed);
        return keys.contains(state.key) || (found != known.end() && found->second.key == state.key);
    });
}

Result<void> write_js_last(base::Files& files, const std::string& folder,
                           const std::vector<flume::FeedState>& states, flume::Offset upto) {
    json::Writer out;
    out.begin_object().member("seq", static_cast<double>(upto)).member("version", 1.0);
    out.name("value").begin_object();
    for (const flume::FeedState& state : states) {
        out.name(state.feed.text()).begin_object().member("id", state.key.text());
        out.member("sequence", static_cast<double>(state.sequence));
        out.member("ts", state.claimed).end_object();
    }
    out.end_object().end_object();
    return base::write_file_atomically(files, folder + "/flume/last.json",
                                       base::bytes_of(out.text()), 0644);
}

}  // namespace sbot::app
