#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/files.h"
#include "message/ids.h"

namespace sbot::app {

/// An invite code as the JavaScript server knows it.
struct JsInvite {
    FeedId guest;  ///< the public half of the code's key pair
    std::uint32_t total = 1;
    std::uint32_t used = 0;
    std::string note;  ///< JSON; empty: none
};

/// The invite codes of the JavaScript server, from its LevelDB in `folder`/invites; nothing where
/// it has none, or has not had it open since `since_ms` (1970). Reads a copy, which is removed
/// again: opening a LevelDB writes to it. Records that it would not understand itself are left out.
/// Blocks. Errors say what to do: `corrupt` for a damaged database, `limit` for one of more than
/// `limits::js_invites_bytes_max`, and those of the disk.
///
/// Protocol source: ssb-invite 2.1 (docs/peers.md).
Result<std::optional<std::vector<JsInvite>>> read_js_invites(base::Files& files,
                                                             const std::string& folder,
                                                             double since_ms);

}  // namespace sbot::app
