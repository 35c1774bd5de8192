#pragma once

#include <cstdint>
#include <string>

namespace sbot::muxrpc {

/// Who is on the other side of a connection, as decided at the end of the handshake.
enum class Rights : std::uint8_t {
    peer,    ///< anybody with a key ("anonymous" in the reference)
    invite,  ///< a key that an invite code of ours holds
    local,   ///< the own key, a configured master, the unix socket: everything
};

/// Who may call a method, besides local callers, who may call all.
enum class Allow : std::uint8_t { local, peer, invite };

constexpr bool allows(Allow allow, Rights rights) {
    switch (rights) {
        case Rights::local: return true;
        case Rights::peer: return allow == Allow::peer;
        case Rights::invite: return allow == Allow::invite;
    }
    return false;
}

/// The identity behind a connection. `id` is the feed id's text, empty for the unix socket.
struct Caller {
    Rights rights = Rights::peer;
    std::string id;
};

}  // namespace sbot::muxrpc
