#include "sbot/json_items.h"

#include <utility>

namespace sbot::app {

Error JsonItems::wrong(std::string_view what) const {
    return error(Errc::invalid, "line " + std::to_string(line_) + ": " + std::string(what));
}

Result<void> JsonItems::add(std::string_view piece, std::vector<std::string>& out) {
    for (char c : piece) {
        if (c == '\n') ++line_;
        if (depth_ == 0 && c != '{') {
            constexpr std::string_view between = " \t\r\n,[]";
            if (between.find(c) == std::string_view::npos) return wrong("no JSON object");
            continue;
        }
        if (item_.size() == item_bytes_max_) {
            return error(Errc::limit, "line " + std::to_string(line_) +
                                          ": an object of more than " +
                                          std::to_string(item_bytes_max_) + " bytes");
        }
        item_ += c;
        if (in_text_) {
            bool ends = c == '"' && !escaped_;
            escaped_ = c == '\\' && !escaped_;
            in_text_ = !ends;
        } else if (c == '"') {
            in_text_ = true;
        } else if (c == '{') {
            ++depth_;
        } else if (c == '}' && --depth_ == 0) {
            out.push_back(std::exchange(item_, {}));
        }
    }
    return {};
}

Result<void> JsonItems::finish() const {
    if (depth_ > 0) return wrong("the text ends inside an object");
    return {};
}

}  // namespace sbot::app
