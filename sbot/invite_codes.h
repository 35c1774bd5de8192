#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/files.h"
#include "io/pool.h"
#include "io/sync.h"
#include "message/ids.h"
#include "sbot/js_invites.h"

namespace sbot::app {

/// The invite codes that this server gave out and how often each was used: `invites.json`, by the
/// key pair that a code holds. The seed itself is in the code alone. Codes that the JavaScript
/// server gave out in this folder are taken over whenever it has run. Loop thread; the file is
/// written in the pool.
class InviteCodes {
 public:
    struct Code {
        FeedId guest;  ///< the public half of the code's key pair
        std::uint32_t total = 1;
        std::uint32_t used = 0;
        std::uint32_t used_js = 0;  ///< of these, with the JavaScript server
        std::string note;           ///< JSON; empty: none

        bool live() const { return used < total; }
    };

    /// Reads the file, if there is one, and what the JavaScript server did since. Error `corrupt`
    /// for a file that cannot be read: forgetting that a code is spent would let it be used again.
    /// And those of `read_js_invites`.
    static Result<std::unique_ptr<InviteCodes>> open(base::Files& files, io::Pool& pool,
                                                     const std::string& folder);

    /// Null for a key of no code. Not to be kept across a wait.
    const Code* find(const FeedId& guest) const;
    std::size_t count() const { return codes_.size(); }

    /// A new code, on the disk when this returns. Error `limit` if there are too many live ones.
    io::Async<void> add(Code code);
    /// One use more, on the disk when this returns. It counts from the call on, so of many calls at
    /// once only as many succeed as there are uses left. Errors: `denied` if none is, `not_found`;
    /// with any other error it has not been counted.
    io::Async<void> count_use(FeedId guest);

 private:
    InviteCodes(base::Files& files, io::Pool& pool, std::string path)
        : files_(files), pool_(pool), path_(std::move(path)) {}

    Code* at(const FeedId& guest);
    Result<void> read(std::string_view text);
    void take_over(const std::vector<JsInvite>& invites);
    std::string text() const;
    bool make_room();
    io::Async<void> save();

    base::Files& files_;
    io::Pool& pool_;
    std::string path_;
    std::vector<Code> codes_;  // the oldest first
    io::Semaphore turn_{1};    // one writer of the file at a time
};

}  // namespace sbot::app
