#pragma once

#include <optional>
#include <string_view>
#include <utility>

#include "message/ids.h"

namespace sbot::replication {

/// Author and sequence of a message in the form in which every server writes it, without parsing
/// it: `{"previous":…,"author":…,"sequence":…` or with the two swapped. Nothing for any other text,
/// which has to be read properly. Whoever takes the message checks both again.
std::optional<std::pair<FeedId, Sequence>> peek_message(std::string_view text);

}  // namespace sbot::replication
