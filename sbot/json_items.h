#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sbot::app {

/// Cuts a text that comes in pieces into the JSON objects in it, with blanks, line ends or commas
/// between them: a line each, over many lines as sources print them, or all in one list. What is
/// inside an object is left to whoever reads it.
class JsonItems {
 public:
    /// `item_bytes_max`: a longer one is an error, `limit`.
    explicit JsonItems(std::size_t item_bytes_max) : item_bytes_max_(item_bytes_max) {}

    /// Appends the objects that end in this piece. Errors: `invalid` for anything else, behind
    /// which nothing can be added; what came before it is in `out`.
    Result<void> add(std::string_view piece, std::vector<std::string>& out);
    /// Error `invalid`: the text ends inside an object.
    Result<void> finish() const;

 private:
    Error wrong(std::string_view what) const;

    std::size_t item_bytes_max_;
    std::size_t line_ = 1;
    std::size_t depth_ = 0;
    bool in_text_ = false;
    bool escaped_ = false;
    std::string item_;
};

}  // namespace sbot::app
