#include "flume/live_answer.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/limits.h"

namespace sbot::flume {
namespace {

// What a row takes besides its text.
constexpr std::size_t row_bytes = 2 * sizeof(std::string) + 2 * sizeof(std::uint32_t);

void append_rows(std::string& out, const char* name, const std::vector<const AnswerRow*>& rows) {
    out += '"';
    out += name;
    out += "\":[";
    for (const AnswerRow* row : rows) {
        if (row != rows.front()) out += ',';
        out += row->text;
    }
    out += ']';
}

}  // namespace

Result<void> Answer::add(AnswerRow row) {
    bytes_ += row.key.size() + row.text.size() + row_bytes;
    if (bytes_ > limits::sql_live_bytes_max) {
        return error(Errc::limit, "a live query remembers its answer, and this one is too large (" +
                                      std::to_string(limits::sql_live_bytes_max) +
                                      " bytes): ask for fewer rows or columns");
    }
    rows_.push_back(std::move(row));
    return {};
}

Result<void> Answer::complete() {
    order_.resize(rows_.size());
    std::iota(order_.begin(), order_.end(), 0);
    std::sort(order_.begin(), order_.end(),
              [this](std::uint32_t a, std::uint32_t b) { return known_by(a) < known_by(b); });
    if (!keyed_) return {};
    for (std::size_t i = 1; i < order_.size(); ++i) {
        const std::string& key = rows_[order_[i]].key;
        if (key != rows_[order_[i - 1]].key) continue;
        return error(Errc::invalid, "two rows of the answer have the key [" + key +
                                        "]: name more columns in key, or none");
    }
    return {};
}

Difference difference(const Answer& before, const Answer& after) {
    Difference found;
    auto old = before.order().begin();
    auto now = after.order().begin();
    const auto old_end = before.order().end();
    const auto now_end = after.order().end();
    while (old != old_end || now != now_end) {
        int which = old == old_end ? 1 : -1;
        if (old != old_end && now != now_end) {
            which = before.known_by(*old).compare(after.known_by(*now));
        }
        if (which < 0) {
            found.removed.push_back(&before.rows()[*old++]);
        } else if (which > 0) {
            found.added.push_back(&after.rows()[*now++]);
        } else {
            const AnswerRow& row = after.rows()[*now++];
            if (before.rows()[*old++].text != row.text) found.changed.push_back(&row);
        }
    }
    return found;
}

std::string Difference::text() const {
    std::string out = "{";
    append_rows(out, "added", added);
    out += ',';
    append_rows(out, "removed", removed);
    out += ',';
    append_rows(out, "changed", changed);
    out += '}';
    return out;
}

}  // namespace sbot::flume
