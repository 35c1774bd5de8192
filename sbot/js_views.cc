#include "sbot/js_views.h"

#include <algorithm>
#include <unordered_set>

#include "base/json.h"
#include "base/limits.h"

namespace sbot::app {
namespace {

constexpr double exact_max = 9007199254740992.0;

}  // namespace

std::optional<JsLast> read_js_last(base::Files& files, const std::string& folder,
                                   const FeedId& feed) {
    auto text = base::read_file(files, folder + "/flume/last.json", limits::js_last_bytes_max);
    if (!text) return std::nullopt;
    auto document = json::Document::parse(*text);
    if (!document) return std::nullopt;
    json::Value root = document->root();
    json::Value said = root["value"][feed.text()];
    auto key = MessageId::parse(said["id"].string());
    double sequence = said["sequence"].number(), upto = root["seq"].number();
    bool usable = root["version"].number() == 1 && key && upto >= 0 && upto < exact_max &&
                  sequence >= 1 && sequence < exact_max;
    if (!usable) return std::nullopt;
    JsLast last;
    last.state = {feed, *key, static_cast<Sequence>(sequence), said["ts"].number(), 0};
    last.upto = static_cast<flume::Offset>(upto);
    return last;
}

Result<void> keep_js_end(flume::Journal& journal, const flume::FeedState& end) {
    flume::Deleted entry;
    entry.is_message = true;
    entry.feed = end.feed;
    entry.key = end.key;
    entry.sequence = end.sequence;
    entry.claimed = end.claimed;
    auto at = journal.intend_deletion({&entry, 1});
    if (!at) return std::move(at).error();
    return journal.deletion_done(*at);
}

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
