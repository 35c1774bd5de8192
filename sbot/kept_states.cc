#include "sbot/kept_states.h"

#include <algorithm>

#include "base/json.h"
#include "base/limits.h"

namespace sbot::app {

KeptStates::KeptStates(base::Files& files, const std::string& folder)
    : files_(files), path_(folder + "/flume/kept.json") {}

Result<std::vector<flume::FeedState>> KeptStates::read() const {
    auto text = base::read_file(files_, path_, limits::kept_states_bytes_max);
    if (!text && text.error().code == Errc::not_found) return std::vector<flume::FeedState>();
    if (!text) return std::move(text).error();
    auto document = json::Document::parse(*text);
    auto spoilt = [this] {
        return error(Errc::corrupt, path_ +
                                        ": damaged; restore it, or remove it if none of your "
                                        "own messages was ever deleted");
    };
    if (!document || !document->root().is_object()) return spoilt();
    std::vector<flume::FeedState> states;
    for (json::Member member : document->root().members()) {
        auto feed = FeedId::parse(member.name);
        auto key = MessageId::parse(member.value["key"].string());
        double sequence = member.value["sequence"].number();
        if (!feed || !key || !(sequence >= 1 && sequence < 9007199254740992.0)) return spoilt();
        flume::FeedState state;
        state.feed = *feed;
        state.key = *key;
        state.sequence = static_cast<Sequence>(sequence);
        state.claimed = member.value["claimed"].number();
        states.push_back(state);
    }
    return states;
}

Result<void> KeptStates::keep(const std::vector<flume::FeedState>& states) const {
    auto all = read();
    if (!all) return std::move(all).error();
    for (const flume::FeedState& state : states) {
        auto same = [&](const flume::FeedState& other) { return other.feed == state.feed; };
        auto found = std::find_if(all->begin(), all->end(), same);
        if (found == all->end()) {
            all->push_back(state);
        } else if (found->sequence < state.sequence) {
            *found = state;
        }
    }
    return write(*all);
}

Result<void> KeptStates::keep_only(const FeedId& feed) const {
    auto all = read();
    if (!all) return std::move(all).error();
    if (all->empty()) return {};
    std::erase_if(*all, [&](const flume::FeedState& state) { return state.feed != feed; });
    return write(*all);
}

Result<void> KeptStates::write(const std::vector<flume::FeedState>& states) const {
    json::Writer out;
    out.begin_object();
    for (const flume::FeedState& state : states) {
        out.name(state.feed.text()).begin_object().member("key", state.key.text());
        out.member("sequence", static_cast<double>(state.sequence));
        out.member("claimed", state.claimed).end_object();
    }
    out.end_object();
    return base::write_file_atomically(files_, path_, base::bytes_of(out.text()));
}

Result<void> forget_js_views(base::Files& files, const std::string& folder) {
    // The LevelDB ones meet deleted entries as they go and drop them.
    for (const char* name : {"last.json", "last.json~", "contacts2.json", "contacts2.json~"}) {
        if (auto ok = files.remove(folder + "/flume/" + name); !ok) return ok;
    }
    return files.sync_folder(folder + "/flume");
}

}  // namespace sbot::app
