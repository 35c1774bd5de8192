#include "sbot/blob_wants.h"

#include <cmath>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/limits.h"
#include "io/sync.h"

namespace sbot::app {
namespace {

using blobs::Held;
using muxrpc::AsyncReply;
using muxrpc::Body;

std::string sizes_text(const std::vector<Held>& found) {
    json::Writer out;
    out.begin_object();
    for (const Held& each : found) {
        out.member(each.id.text(), static_cast<double>(each.bytes));
    }
    return std::move(out.end_object()).text();
}

/// The blobs that an item asks for: those with a whole number below zero.
std::vector<BlobId> wanted_in(json::Value item) {
    std::vector<BlobId> wanted;
    for (json::Member each : item.members()) {
        double hops = each.value.number();
        if (!(hops < 0) || hops != std::floor(hops)) continue;
        auto id = BlobId::parse(each.name);
        if (id && wanted.size() < limits::blobs_asked_max) wanted.push_back(*id);
    }
    return wanted;
}

}  // namespace

/// One stream of ours to a peer.
class BlobWants::Answers final : public muxrpc::Source {
 public:
    Answers(BlobWants& owner, std::string peer) : owner_(owner) {
        place_ = owner_.open_.emplace(std::move(peer), this);
        items_.emplace_back("{}");
    }
    ~Answers() override { owner_.open_.erase(place_); }

    AsyncReply<std::optional<Body>> next() override {
        while (items_.empty()) {
            something_.reset();
            co_await something_.wait();
        }
        std::string item = std::move(items_.front());
        items_.pop_front();
        co_return std::optional(Body::json(item));
    }

    /// One that does not read forgoes what was said longest ago: it may ask again.
    void add(std::string item) {
        if (items_.size() >= limits::blob_answers_max) items_.pop_front();
        items_.push_back(std::move(item));
        something_.set();
    }

 private:
    BlobWants& owner_;
    std::multimap<std::string, Answers*>::iterator place_;
    std::deque<std::string> items_;
    io::Event something_;
};

BlobWants::BlobWants(io::Loop& loop, BlobKeeper& blobs) : loop_(loop), blobs_(blobs) {
    following_ = follow_news();
}

muxrpc::Reply<std::unique_ptr<muxrpc::Source>> BlobWants::tell(const muxrpc::Request& request) {
    return std::unique_ptr<muxrpc::Source>(std::make_unique<Answers>(*this, request.caller.id));
}

io::Task<void> BlobWants::hear(muxrpc::Session& session) {
    co_await loop_.yield();  // until the session runs
    auto wants = session.source("blobs.createWants", "[]");
    while (true) {
        auto hearing = wants->next();
        auto item = co_await hearing;
        if (!item || !*item) co_return;
        auto answering = answer(session.caller().id, std::move(**item));
        co_await answering;
    }
}

io::Task<void> BlobWants::answer(std::string peer, Body item) {
    auto document = json::Document::parse(item.text());
    if (!document) co_return;
    std::vector<BlobId> wanted = wanted_in(document->root());
    if (wanted.empty()) co_return;
    auto finding = blobs_.find(std::move(wanted));
    auto found = co_await finding;
    if (!found) co_return;
    std::vector<Held> here;
    for (const auto& each : *found) {
        if (each && each->bytes > 0) here.push_back(*each);
    }
    if (here.empty()) co_return;
    std::string text = sizes_text(here);
    auto [first, last] = open_.equal_range(peer);
    for (auto at = first; at != last; ++at) at->second->add(text);
}

/// Every peer hears of what is stored, whether it asked or not.
io::Task<void> BlobWants::follow_news() {
    std::uint64_t at = blobs_.news_end();
    while (true) {
        auto waiting = blobs_.news(at);
        auto fresh = co_await waiting;
        at = fresh ? at + 1 : blobs_.news_end();
        if (!fresh || fresh->bytes == 0) continue;
        std::string text = sizes_text({*fresh});
        for (auto& [peer, answers] : open_) answers->add(text);
    }
}

}  // namespace sbot::app
