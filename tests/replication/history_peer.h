#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "io/loop.h"
#include "io/pipe.h"
#include "muxrpc/session.h"

namespace sbot::replication::test {

inline FeedId feed(std::uint8_t number) {
    FeedId id;
    id.bytes[0] = number;
    return id;
}

/// Gives some items, and then its end, or nothing for ever.
class Items final : public muxrpc::Source {
 public:
    Items(std::vector<std::string> items, bool ends, int& alive)
        : items_(std::move(items)), ends_(ends), alive_(alive) {
        ++alive_;
    }
    ~Items() override { --alive_; }
    muxrpc::AsyncReply<std::optional<muxrpc::Body>> next() override {
        if (at_ == items_.size()) {
            if (ends_) co_return std::nullopt;
            co_await never_.wait();
        }
        co_return std::optional(muxrpc::Body::json(items_[at_++]));
    }

 private:
    std::vector<std::string> items_;
    bool ends_;
    int& alive_;
    std::size_t at_ = 0;
    io::Event never_;
};

/// Such a source, as the answer of a handler.
inline muxrpc::Reply<std::unique_ptr<muxrpc::Source>> source_of(std::vector<std::string> items,
                                                                bool ends, int& alive) {
    return muxrpc::Reply<std::unique_ptr<muxrpc::Source>>(
        std::make_unique<Items>(std::move(items), ends, alive));
}

/// A session with a peer that answers `createHistoryStream` from a list for each feed.
struct HistoryPeer {
    explicit HistoryPeer(bool histories_end) {
        auto open = [this, histories_end](muxrpc::Request request) {
            requests.push_back(json::compact(request.args));
            std::string id(request.arg(0)["id"].string());
            return source_of(items[id], histories_end, alive);
        };
        theirs.source("createHistoryStream", muxrpc::Allow::peer, open);
        io::Pipe pipe = io::make_pipe();
        muxrpc::Caller anybody{muxrpc::Rights::peer, "@x"};
        session = std::make_unique<muxrpc::Session>(loop, std::move(pipe.near), ours, anybody,
                                                    muxrpc::SessionOptions());
        peer = std::make_unique<muxrpc::Session>(loop, std::move(pipe.far), theirs, anybody,
                                                 muxrpc::SessionOptions());
        running = session->run();
        peer_running = peer->run();
    }
    void let_run(int turns = 30) { loop.run(take_turns(turns)); }

    io::Loop loop;
    std::map<std::string, std::vector<std::string>> items;
    std::vector<std::string> requests;
    int alive = 0;  ///< histories
    muxrpc::Router ours, theirs;
    std::unique_ptr<muxrpc::Session> session, peer;
    io::Async<void> running, peer_running;

 private:
    io::Task<void> take_turns(int count) {
        for (int i = 0; i < count; ++i) co_await loop.yield();
    }
};

}  // namespace sbot::replication::test
