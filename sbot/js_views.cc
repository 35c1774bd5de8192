#include "sbot/js_views.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "base/json.h"
#include "base/limits.h"

namespace sbot::app {
namespace {

constexpr double exact_max = 9007199254740992.0;

}  // namespace

const flume::FeedState* JsLast::of(const FeedId& feed) const {
    auto found = std::find_if(states.begin(), states.end(),
                              [&feed](const auto& each) { return each.feed == feed; });
    return found == states.end() ? nullptr : &*found;
}

std::optional<JsLast> read_js_last(base::Files& files, const std::string& folder) {
    auto text = base::read_file(files, folder + "/flume/last.json", limits::js_last_bytes_max);
    if (!text) return std::nullopt;
    auto document = json::Document::parse(*text);
    if (!document) return std::nullopt;
    json::Value root = document->root();
    double upto = root["seq"].number(-1);
    if (root["version"].number() != 1 || !(upto >= 0 && upto < exact_max)) return std::nullopt;
    JsLast last;
    last.upto = static_cast<flume::Offset>(upto);
    for (json::Member member : root["value"].members()) {
        auto feed = FeedId::parse(member.name);
        auto key = MessageId::parse(member.value["id"].string());
        double sequence = member.value["sequence"].number();
        if (!feed || !key || !(sequence >= 1 && sequence < exact_max)) continue;
        last.states.push_back(
            {*feed, *key, static_cast<Sequence>(sequence), member.value["ts"].number(), 0});
    }
    return last;
}

std::vector<flume::FeedState> js_ends_beyond(const JsLast& last,
                                             const std::vector<flume::FeedState>& states) {
    std::unordered_map<FeedId, Sequence> ours;
    for (const flume::FeedState& state : states) ours[state.feed] = state.sequence;
    std::vector<flume::FeedState> ends;
    for (const flume::FeedState& state : last.states) {
        auto found = ours.find(state.feed);
        if (found == ours.end() || found->second < state.sequence) ends.push_back(state);
    }
    return ends;
}

Result<void> keep_ends(flume::Journal& journal, std::span<const flume::FeedState> ends) {
    std::vector<flume::Deleted> entries;
    entries.reserve(ends.size());
    for (const flume::FeedState& end : ends) {
        flume::Deleted entry;
        entry.is_message = true;
        entry.feed = end.feed;
        entry.key = end.key;
        entry.sequence = end.sequence;
        entry.claimed = end.claimed;
        entries.push_back(entry);
    }
    for (std::span<const flume::Deleted> rest(entries); !rest.empty();) {
        auto some = rest.first(std::min(rest.size(), limits::journal_entries_max));
        auto at = journal.intend_deletion(some);
        if (!at) return std::move(at).error();
        if (auto ok = journal.deletion_done(*at); !ok) return ok;
        rest = rest.subspan(some.size());
    }
    return {};
}

void add_kept(std::vector<flume::FeedState>& states, const flume::Journal& journal) {
    std::unordered_map<FeedId, std::size_t> places;
    const auto& kept = journal.last_of_feeds();
    if (kept.empty()) return;
    for (std::size_t i = 0; i < states.size(); ++i) places.emplace(states[i].feed, i);
    for (const auto& [feed, entry] : kept) {
        flume::FeedState state{feed, entry.key, entry.sequence, entry.claimed,
                               entry.offset.value_or(0)};
        auto found = places.find(feed);
        if (found == places.end()) {
            states.push_back(state);
        } else if (states[found->second].sequence < state.sequence) {
            states[found->second] = state;
        }
    }
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
