#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

/// What a live query remembers and tells: pure values.
namespace sbot::flume {

struct AnswerRow {
    std::string key;   ///< what the row is known by, where a key was declared
    std::string text;  ///< the row

    bool operator==(const AnswerRow&) const = default;
};

/// All rows of one answer, as many as fit into `limits::sql_live_bytes_max`.
class Answer {
 public:
    /// Rows are known by their keys, or else each only by what is in it.
    explicit Answer(bool keyed) : keyed_(keyed) {}

    /// Error `limit`.
    Result<void> add(AnswerRow row);
    /// After the last one. Error `invalid` where two rows have one key.
    Result<void> complete();

    bool keyed() const { return keyed_; }
    /// As they came.
    const std::vector<AnswerRow>& rows() const { return rows_; }
    /// Of rows, by what they are known by; after `complete`.
    const std::vector<std::uint32_t>& order() const { return order_; }
    const std::string& known_by(std::uint32_t row) const {
        return keyed_ ? rows_[row].key : rows_[row].text;
    }

 private:
    bool keyed_;
    std::size_t bytes_ = 0;
    std::vector<AnswerRow> rows_;
    std::vector<std::uint32_t> order_;
};

/// What leads from one answer to another: rows of the one, of the other, and those of the other
/// whose key was there with something else.
struct Difference {
    std::vector<const AnswerRow*> removed, added, changed;  // borrowed from the answers

    bool empty() const { return removed.empty() && added.empty() && changed.empty(); }
    /// `{"added":[…],"removed":[…],"changed":[…]}`, the texts of rows taken as JSON.
    std::string text() const;
};

/// Of two complete answers, both keyed or both not. Rows without a key are counted, so a row that
/// is there twice and then once was removed once.
Difference difference(const Answer& before, const Answer& after);

}  // namespace sbot::flume
