#include "flume/message_rows.h"

#include <algorithm>
#include <cstring>

#include "base/limits.h"
#include "base/random.h"
#include "base/utf.h"
#include "message/refs.h"

namespace sbot::flume {
namespace {

constexpr std::size_t kept_block_bytes = std::size_t{64} << 10;
constexpr std::size_t channel_units_max = 30;

/// The text itself, or a well-formed copy in `copy`.
std::string_view well_formed(std::string_view text, std::string& copy) {
    if (base::is_utf8(text)) return text;
    copy = base::to_utf8(base::bytes_of(text));
    return copy;
}

std::string_view without_query(std::string_view text) { return text.substr(0, text.find('?')); }

/// `#` and a name without blanks; inside text a channel's name may be anything.
bool is_channel(std::string_view text) {
    return text.find_first_of(" #", 1) == text.npos && text.size() > 1 &&
           base::utf16_length(text) < channel_units_max;
}

/// Cut between characters.
std::string_view shortened(std::string_view text, std::size_t bytes_max) {
    if (text.size() <= bytes_max) return text;
    while (bytes_max > 0 && (static_cast<std::uint8_t>(text[bytes_max]) & 0xc0) == 0x80) {
        --bytes_max;
    }
    return text.substr(0, bytes_max);
}

/// Whether SQLite, which reads JSON less deep than we do, can read this: no deeper than
/// `sqlite_json_depth_max`. Brackets inside strings count too, which harms nobody.
bool is_shallow(std::string_view json) {
    std::size_t opened = 0;
    for (char c : json) opened += c == '[' || c == '{';
    if (opened <= limits::sqlite_json_depth_max) return true;
    std::size_t depth = 0, deepest = 0;
    bool quoted = false;
    for (std::size_t at = 0; at < json.size(); ++at) {
        char c = json[at];
        if (quoted) {
            if (c == '\\') ++at;
            quoted = c != '"';
        } else if (c == '"') {
            quoted = true;
        } else if (c == '[' || c == '{') {
            deepest = std::max(deepest, ++depth);
        } else if (c == ']' || c == '}') {
            --depth;
        }
    }
    return deepest <= limits::sqlite_json_depth_max;
}

/// Patchwork keeps a map from messages to feeds under `reply`: each of its names would be a path of
/// its own.
bool is_id(std::string_view name) {
    return !name.empty() && (name[0] == '%' || name[0] == '@' || name[0] == '&') &&
           message::is_link(name);
}

bool lies_in(std::string_view part, ByteView whole) {
    const std::less_equal<> not_behind;
    std::string_view text = base::text_of(whole);
    return not_behind(text.data(), part.data()) &&
           not_behind(part.data() + part.size(), text.data() + text.size());
}

/// What ssb-friends makes of a message with a `contact`; it does not look at the type.
std::optional<int> contact_state(json::Value content) {
    if (!content.is_object() || !message::is_feed(content["contact"].string())) return std::nullopt;
    if (content["blocking"].truthy() || content["flagged"].truthy()) return -1;
    return content["following"].is_true() ? 1 : 0;
}

__extension__ using Wide = unsigned __int128;

std::uint64_t folded_product(std::uint64_t a, std::uint64_t b) {
    auto product = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

}  // namespace

std::optional<std::string> link_name(std::string_view text, bool channel) {
    if (text.empty()) return std::nullopt;
    std::string copy;
    if (channel || (text[0] == '#' && is_channel(text))) {
        auto normal = message::normalize_channel(text);
        if (!normal || normal->size() >= limits::name_bytes_max) return std::nullopt;
        return "#" + std::string(well_formed(*normal, copy));
    }
    if (text[0] != '@' && text[0] != '%' && text[0] != '&') return std::nullopt;
    if (!message::is_link(text) && !message::is_cloaked_msg(text)) return std::nullopt;
    return std::string(well_formed(without_query(text), copy));
}

std::optional<std::string_view> post_text(json::Value content, std::string& copy) {
    if (!content["type"].is("post") || !content["text"].is_string()) return std::nullopt;
    return well_formed(content["text"].string(), copy);
}

void RowBatch::clear() {
    messages_.clear();
    links_.clear();
    if (kept_.size() > 1) kept_.erase(kept_.begin() + 1, kept_.end());
    kept_used_ = 0;
}

std::string_view RowBatch::keep(std::string_view text) {
    if (kept_.empty() || kept_.back().size() - kept_used_ < text.size()) {
        kept_.emplace_back(std::max(kept_block_bytes, text.size()));
        kept_used_ = 0;
    }
    char* to = kept_.back().data() + kept_used_;
    if (!text.empty()) std::memcpy(to, text.data(), text.size());
    kept_used_ += text.size();
    return {to, text.size()};
}

RowMaker::Secret RowMaker::Secret::random() {
    Bytes bytes(16);
    base::SystemRandom().fill(bytes);
    return {base::load_be(bytes, 8), base::load_be(ByteView(bytes).subspan(8), 8)};
}

NameHash RowMaker::hash(std::string_view name) const {
    std::uint64_t a = secret_.first ^ name.size(), b = secret_.second;
    for (std::size_t at = 0; at < name.size(); at += 16) {
        std::uint64_t words[2] = {};
        std::memcpy(words, name.data() + at, std::min<std::size_t>(16, name.size() - at));
        a = folded_product(a ^ words[0], b ^ words[1] ^ 0x9e3779b97f4a7c15U);
        b = folded_product(b ^ words[1], secret_.first ^ words[0] ^ 0xc2b2ae3d27d4eb4fU);
    }
    b = folded_product(b ^ a, secret_.second ^ 0x165667b19e3779f9U);
    return {a, static_cast<std::uint32_t>(b)};
}

Name RowMaker::name(RowBatch& batch, std::string_view text) const {
    std::string copy;
    Name name;
    name.text = batch.keep(well_formed(text, copy));
    name.hash = hash(name.text);
    return name;
}

Name RowMaker::message_link(RowBatch& batch, json::Value value) const {
    if (!message::is_msg_link(value.string())) return {};
    return name(batch, without_query(value.string()));
}

void RowMaker::add(RowBatch& batch, const Entry& entry) {
    if (entry.data.empty()) return;
    MessageRows rows;
    rows.offset = entry.offset;
    rows.links_begin = rows.links_end = batch.links_.size();
    auto envelope = read_envelope(document_, entry.data);
    if (!envelope) {
        std::string copy;
        rows.unreadable = batch.keep(well_formed(envelope.error().what, copy));
        batch.messages_.push_back(rows);
        return;
    }
    rows.id = envelope->key;
    rows.feed = envelope->author;
    rows.key = name(batch, envelope->key.text());
    rows.author = name(batch, envelope->author.text());
    rows.sequence = envelope->sequence;
    rows.received = envelope->received;
    rows.claimed = envelope->claimed;
    rows.resolved = envelope->resolved();
    add_content(batch, readable_content(*envelope, rows), rows);
    // What lies in the entry need not be copied; what was opened, or mended because it was no
    // UTF-8, is gone with the next one.
    if (rows.content && !lies_in(*rows.content, entry.data)) {
        rows.content = batch.keep(*rows.content);
    }
    batch.messages_.push_back(rows);
}

/// The content of a message, opened if it is private and for us.
json::Value RowMaker::readable_content(const Envelope& envelope, MessageRows& rows) {
    rows.privacy = Privacy::none;
    if (!envelope.content.is_string()) return envelope.content;
    rows.privacy = Privacy::sealed;
    if (!unbox_) return envelope.content;
    auto inside = unbox_(envelope.value);
    if (!inside) return envelope.content;
    opened_text_ = std::move(*inside);
    if (!opened_.parse_borrowed(opened_text_)) return envelope.content;
    rows.privacy = Privacy::opened;
    return opened_.root();
}

void RowMaker::add_content(RowBatch& batch, json::Value content, MessageRows& rows) {
    std::string copy;
    std::string cut;
    if (auto type = type_of(content, cut)) rows.type = batch.keep(well_formed(*type, copy));
    if (content.exists() && is_shallow(content.source())) rows.content = content.source();
    if (content.is_object()) {
        rows.root = message_link(batch, content["root"]);
        rows.fork = message_link(batch, content["fork"]);
        json::Value branch = content["branch"];
        rows.branch = message_link(batch, branch.is_array() ? branch.at(0) : branch);
    }
    if (auto text = post_text(content, copy); text && rows.content) rows.text = batch.keep(*text);
    if (auto state = contact_state(content)) {
        rows.contact = ContactRow{name(batch, content["contact"].string()), *state};
    }
    if (content.is_object() || content.is_array()) add_links(batch, content);
    rows.links_end = batch.links_.size();
}

/// One value after another, at any depth, and how it is reached.
struct RowMaker::Walk {
    struct Level {
        json::Members::Iterator member, members_end;
        json::Elements::Iterator element, elements_end;
        bool is_object;
        std::size_t path_bytes;
    };
    std::vector<Level> levels;
    std::string path;

    void enter(json::Value value) {
        json::Members members = value.members();
        json::Elements elements = value.elements();
        levels.push_back({members.begin(), members.end(), elements.begin(), elements.end(),
                          value.is_object(), path.size()});
    }
    /// The next value; absent where a level ends.
    json::Value next() {
        Level& level = levels.back();
        path.resize(level.path_bytes);
        if (level.is_object) {
            if (!(level.member != level.members_end)) return leave();
            json::Member member = *level.member;
            ++level.member;
            const bool is_last_of_object = levels.size() > 1 && member.name == "link";
            if (!is_last_of_object && !is_id(member.name) &&
                path.size() <= limits::link_rel_bytes_max) {
                if (!path.empty()) path += '.';
                path += member.name;
            }
            return member.value;
        }
        if (!(level.element != level.elements_end)) return leave();
        json::Value value = *level.element;
        ++level.element;
        return value;
    }
    json::Value leave() {
        levels.pop_back();
        return {};
    }
};

void RowMaker::add_links(RowBatch& batch, json::Value content) {
    const std::size_t begin = batch.links_.size();
    const bool is_vote = content["type"].is("vote") && content["vote"].is_object();
    std::string copy;
    Walk walk;
    walk.enter(content);
    while (!walk.levels.empty()) {
        json::Value value = walk.next();
        if (value.is_object() || value.is_array()) {
            walk.enter(value);
            continue;
        }
        std::string_view text = value.string();
        if (text.empty()) continue;
        const bool channel = walk.path == "channel";
        if (!channel && (text[0] < '#' || text[0] > '@')) continue;
        auto dest = link_name(text, channel);
        if (!dest) continue;
        MessageLink row;
        row.rel = batch.keep(shortened(well_formed(walk.path, copy), limits::link_rel_bytes_max));
        row.dest = name(batch, *dest);
        if (is_vote && row.rel == "vote" && content["vote"]["value"].is_number()) {
            row.value = content["vote"]["value"].number();
        }
        batch.links_.push_back(row);
    }
    auto first = batch.links_.begin() + static_cast<std::ptrdiff_t>(begin);
    auto before = [](const MessageLink& a, const MessageLink& b) {
        return std::tie(a.rel, a.dest.text) < std::tie(b.rel, b.dest.text);
    };
    auto same = [](const MessageLink& a, const MessageLink& b) {
        return a.rel == b.rel && a.dest.text == b.dest.text;
    };
    std::sort(first, batch.links_.end(), before);
    batch.links_.erase(std::unique(first, batch.links_.end(), same), batch.links_.end());
}

}  // namespace sbot::flume
