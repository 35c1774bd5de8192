#pragma once

#include <map>
#include <string>

#include "io/loop.h"
#include "muxrpc/router.h"
#include "muxrpc/session.h"
#include "sbot/blob_keeper.h"

namespace sbot::app {

/// What we and a peer tell each other of blobs over `blobs.createWants`, each on the stream that
/// the other called: we want none, but say which of those that it wants are here, and of every blob
/// that is stored from then on. Protocol source: ssb-blobs 1.2. Loop thread.
class BlobWants {
 public:
    BlobWants(io::Loop& loop, BlobKeeper& blobs);

    /// `blobs.createWants`, called by a peer: an empty item first, then answers without end.
    muxrpc::Reply<std::unique_ptr<muxrpc::Source>> tell(const muxrpc::Request& request);
    /// Hears what a peer wants until the session ends; a peer without that method is left alone. To
    /// be dropped before the session.
    io::Task<void> hear(muxrpc::Session& session);

 private:
    class Answers;

    io::Task<void> answer(std::string peer, muxrpc::Body item);
    io::Task<void> follow_news();

    io::Loop& loop_;
    BlobKeeper& blobs_;
    std::multimap<std::string, Answers*> open_;  // by the id of the peer
    io::Task<void> following_;
};

}  // namespace sbot::app
