#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "message/ids.h"

namespace sbot::flume {

/// What every view wants to know of a stored message, `{"key":…,"value":{…},"timestamp":…}`.
struct Envelope {
    MessageId key;
    FeedId author;
    Sequence sequence = 0;
    double received = 0;  ///< milliseconds since 1970, finite
    double claimed = 0;   ///< what the author says; 0 if that is no number
    json::Value value;    ///< the signed message; borrows from the document
    json::Value content;  ///< of `value`, as stored

    /// The time to show it under: the claimed one, unless that is missing or later than received.
    double resolved() const { return claimed != 0 && claimed <= received ? claimed : received; }
};

/// Parses an entry of the log. `document` keeps the text and is reused from call to call; `data`
/// must outlive the use of the values. Errors: `invalid`, for what no message is.
Result<Envelope> read_envelope(json::Document& document, ByteView data);

/// The type a message is indexed under: `content.type` if that is a string, cut to 32 characters as
/// the JavaScript does (UTF-16 units). The result may borrow from the document or from `cut`.
std::optional<std::string_view> type_of(json::Value content, std::string& cut);

}  // namespace sbot::flume
