#pragma once

#include "base/result.h"
#include "message/refusal.h"
#include "muxrpc/stream.h"

namespace sbot::app {

/// Nothing, as the reference writes undefined.
inline muxrpc::Body nothing() { return muxrpc::Body::json("false"); }

/// What a caller is told: a refusal in the reference's words, as it is.
inline muxrpc::RemoteError remote(const message::Refusal& why) {
    return muxrpc::RemoteError{why.text, why.name};
}

/// The one place where an error of ours becomes text for somebody else. Our errors say where and
/// why and hold no secrets, so the text goes out as it is, under the reference's names.
inline muxrpc::RemoteError remote(const Error& why) {
    return muxrpc::RemoteError{why.what, why.code == Errc::not_found ? "NotFoundError" : "Error"};
}

}  // namespace sbot::app
