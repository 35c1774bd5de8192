#include "flume/journal_text.h"

#include <cmath>

#include "base/assert.h"
#include "base/json.h"
#include "base/number.h"

namespace sbot::flume {
namespace {

Error odd(std::string_view what) {
    return error(Errc::invalid, "journal record with a bad " + std::string(what));
}

std::optional<std::uint64_t> whole(json::Value value) { return base::whole(value.number(-1)); }

Result<Deleted> deleted_of(json::Value item) {
    Deleted entry;
    if (json::Value offset = item["offset"]; offset.exists()) {
        entry.offset = whole(offset);
        if (!entry.offset) return odd("offset");
    }
    if (!item["key"].exists()) return entry;
    auto key = MessageId::parse(item["key"].string());
    auto feed = FeedId::parse(item["feed"].string());
    auto sequence = whole(item["sequence"]);
    if (!key || !feed || !sequence || *sequence == 0) return odd("message");
    entry.is_message = true;
    entry.key = *key;
    entry.feed = *feed;
    entry.sequence = *sequence;
    entry.claimed = item["timestamp"].number();
    if (!std::isfinite(entry.claimed)) return odd("timestamp");
    return entry;
}

void write(json::Writer& out, const Deleted& entry) {
    out.begin_object();
    if (entry.offset) out.member("offset", static_cast<double>(*entry.offset));
    if (entry.is_message) {
        out.member("feed", entry.feed.text())
            .member("sequence", static_cast<double>(entry.sequence));
        out.member("key", entry.key.text()).member("timestamp", entry.claimed);
    }
    out.end_object();
}

}  // namespace

std::string text_of(const Change& change) {
    json::Writer out;
    out.begin_object();
    switch (change.kind) {
        case Change::Kind::generation:
            out.member("generation", static_cast<double>(change.generation));
            break;
        case Change::Kind::del:
            out.name("del").begin_array();
            for (const Deleted& entry : change.deleted) write(out, entry);
            out.end_array();
            break;
        case Change::Kind::done: out.member("done", static_cast<double>(change.done)); break;
        case Change::Kind::rewind: out.member("rewind", static_cast<double>(change.to)); break;
        case Change::Kind::reindex:
            out.name("reindex").begin_array();
            for (Offset offset : change.offsets) out.value(static_cast<double>(offset));
            out.end_array();
            break;
        case Change::Kind::other: SBOT_ASSERT(false);
    }
    out.end_object();
    return std::move(out).text();
}

Result<Change> change_of(std::string_view text) {
    json::Document document;
    if (auto ok = document.parse_borrowed(text); !ok) return odd("text");
    json::Value root = document.root();
    if (!root.is_object()) return odd("text");
    Change change;
    auto number = [&](std::string_view name, Change::Kind kind, std::uint64_t& into) {
        auto value = whole(root[name]);
        if (value) change.kind = kind;
        into = value.value_or(0);
        return value.has_value();
    };
    if (root["generation"].exists()) {
        bool good = number("generation", Change::Kind::generation, change.generation);
        if (!good || change.generation == 0) return odd("generation");
    } else if (root["done"].exists()) {
        if (!number("done", Change::Kind::done, change.done)) return odd("end of a deletion");
    } else if (root["rewind"].exists()) {
        if (!number("rewind", Change::Kind::rewind, change.to)) return odd("rewind");
    } else if (root["del"].is_array()) {
        change.kind = Change::Kind::del;
        for (json::Value item : root["del"].elements()) {
            auto entry = deleted_of(item);
            if (!entry) return std::move(entry).error();
            change.deleted.push_back(*entry);
        }
    } else if (root["reindex"].is_array()) {
        change.kind = Change::Kind::reindex;
        for (json::Value item : root["reindex"].elements()) {
            auto offset = whole(item);
            if (!offset) return odd("offset");
            change.offsets.push_back(*offset);
        }
    }
    return change;
}

}  // namespace sbot::flume
