#pragma once

#include <uv.h>

#include <string>
#include <string_view>

#include "base/result.h"
#include "io/completion.h"

/// For the sources of io/ only: nothing outside this folder sees libuv.
namespace sbot::io {

/// libuv's negative error number in our words: "connect: connection refused".
inline Error uv_error(std::string_view what, int status) {
    Errc code = Errc::io;
    switch (status) {
        case UV_EOF:
        case UV_ECANCELED:  // libuv's word for "the handle was closed meanwhile"
        case UV_ECONNRESET:
        case UV_EPIPE:
        case UV_ENOTCONN: code = Errc::closed; break;
        case UV_ETIMEDOUT: code = Errc::timeout; break;
        case UV_ENOENT:
        case UV_EAI_NONAME:
        case UV_EAI_NODATA: code = Errc::not_found; break;
        default: break;
    }
    std::string text(what);
    text += ": ";
    text += uv_strerror(status);
    return Error{code, std::move(text)};
}

/// A libuv request that may outlive the task which waits for it; frees itself when libuv is done.
template <typename Uv>
struct Request {
    Uv uv{};
    Completion* waiting = nullptr;

    explicit Request(Completion& for_whom) {
        uv.data = this;
        for_whom.attach(waiting);
    }
    /// The callback to give to libuv.
    static void finished(Uv* uv, int status) {
        auto* self = static_cast<Request*>(uv->data);
        if (self->waiting != nullptr) self->waiting->finish(status);
        delete self;
    }
    /// When libuv refused the request, so that no callback will come.
    void refused(int status) {
        if (waiting != nullptr) waiting->finish(status);
        delete this;
    }
};

}  // namespace sbot::io
