#include "sbot/feeds.h"

#include <cmath>
#include <thread>
#include <utility>

#include "message/create.h"
#include "message/private_box.h"
#include "sbot/permit.h"
#include "sbot/remote_error.h"

namespace sbot::app {
namespace {

using message::FeedState;
using muxrpc::RemoteError;

/// A message of a peer that passed every rule.
struct Verified {
    std::optional<MessageId> previous;
    FeedState state;
    std::string value;  // compact JSON
};

/// Envelope or bare value.
json::Value value_of(json::Value item) { return item["key"].is_string() ? item["value"] : item; }

}  // namespace

/// A run of one feed's messages, looked at.
struct Feeds::Run {
    std::vector<Verified> good;
    std::optional<message::Refusal> refused;  // the one after the good ones

    static Run verify(FeedId feed, std::optional<FeedState> state, std::vector<Bytes> texts,
                      message::HmacKey hmac);
};

/// Parses and checks. Pure; runs in the pool.
Feeds::Run Feeds::Run::verify(FeedId feed, std::optional<FeedState> state, std::vector<Bytes> texts,
                              message::HmacKey hmac) {
    Run run;
    run.good.reserve(texts.size());
    for (const Bytes& text : texts) {
        json::Document document;
        if (auto ok = document.parse_borrowed(base::text_of(text)); !ok) {
            run.refused = message::Refusal{ok.error().what};
            break;
        }
        json::Value value = value_of(document.root());
        double sequence = value["sequence"].number();
        if (state && sequence <= static_cast<double>(state->sequence)) continue;
        if (auto usual = message::check_add_argument(value); !usual) {
            run.refused = std::move(usual).refusal();
            break;
        }
        auto checked = message::validate(value, state ? &*state : nullptr, hmac);
        if (checked && checked->author != feed) {
            run.refused = message::Refusal{"message of another feed than asked for"};
            break;
        }
        if (!checked) {
            run.refused = std::move(checked).refusal();
            break;
        }
        std::optional<MessageId> previous;
        if (state) previous = state->id;
        state = checked->state();
        run.good.push_back({previous, *state, json::compact(value)});
    }
    return run;
}

namespace {

std::size_t jobs_at_once() {
    unsigned cores = std::thread::hardware_concurrency();
    return cores > 2 ? cores - 1 : 1;
}

}  // namespace

Feeds::Feeds(io::Pool& pool, Writer& writer, const message::KeyPair& keys,
             const message::HmacKey& hmac, base::MonotonicTime& time, base::Random& random)
    : pool_(pool),
      writer_(writer),
      keys_(keys),
      hmac_(hmac),
      time_(time),
      random_(random),
      verifying_(jobs_at_once()) {}

void Feeds::load(std::vector<std::pair<FeedId, FeedState>> states, double last_received) {
    for (auto& [feed, state] : states) {
        Slot& slot = slots_[feed];
        if (!slot.stored) order_.push_back(feed);
        // Our own may have gone on already.
        if (slot.ahead && slot.ahead->sequence >= state.sequence) continue;
        slot = Slot{state, state};
    }
    if (auto* own = stored(keys_.id)) time_.at_least(own->timestamp);
    time_.at_least(last_received);
    own_known_.set();
}

void Feeds::load_own(std::optional<FeedState> state, double last_received) {
    first_new_ = 1;
    if (state) {
        first_new_ = state->sequence + 1;
        slots_[keys_.id] = Slot{state, state};
        order_.push_back(keys_.id);
        time_.at_least(state->timestamp);
    }
    time_.at_least(last_received);
    own_known_.set();
}

muxrpc::AsyncReply<std::string> Feeds::publish(json::Value content) {
    if (auto refused = message::check_publish_argument(content)) co_return remote(*refused);
    auto boxed = message::box_for_recps(content, random_);
    if (!boxed) co_return remote(boxed.refusal());
    if (boxed->has_value()) content = (*boxed)->root();
    auto created = message::publish(content, ahead(keys_.id), keys_, hmac_, time_.next());
    if (!created) co_return remote(created.refusal());
    double received = time_.next();
    std::string record = message::envelope(created->state.id, created->json, received);
    auto batch = accept(keys_.id, created->state, received, record);
    auto told = acknowledged(std::move(batch), std::move(record));
    co_return co_await told;
}

muxrpc::AsyncReply<std::string> Feeds::add(json::Value value) {
    if (auto usual = message::check_add_argument(value); !usual) co_return remote(usual.refusal());
    auto author = FeedId::parse(value["author"].string());
    const FeedState* state = author ? ahead(*author) : nullptr;
    auto checked = message::validate(value, state, hmac_);
    if (!checked) co_return remote(checked.refusal());
    double received = time_.next();
    std::string record = message::envelope(checked->key, value, received);
    auto batch = accept(checked->author, checked->state(), received, record);
    auto told = acknowledged(std::move(batch), std::move(record));
    co_return co_await told;
}

io::Task<std::shared_ptr<Batch>> Feeds::queue(json::Value value) {
    co_await writer_.room();
    auto author = FeedId::parse(value["author"].string());
    const FeedState* state = author ? ahead(*author) : nullptr;
    auto checked = message::validate(value, state, hmac_);
    if (!checked) co_return nullptr;
    double received = time_.next();
    co_return accept(checked->author, checked->state(), received,
                     message::envelope(checked->key, value, received));
}

muxrpc::AsyncReply<std::string> Feeds::acknowledged(std::shared_ptr<Batch> batch,
                                                    std::string text) {
    co_await batch->done.wait();
    if (batch->failed) co_return remote(*batch->failed);
    co_return text;
}

io::Async<std::size_t> Feeds::take(FeedId feed, std::vector<Bytes> messages) {
    auto verifying = verified(feed, std::move(messages));
    Run run = co_await verifying;
    std::size_t taken = 0;
    for (Verified& message : run.good) {
        // Another peer may have brought some of them meanwhile.
        const FeedState* state = ahead(feed);
        Sequence have = state != nullptr ? state->sequence : 0;
        if (message.state.sequence <= have) continue;
        if (message.state.sequence != have + 1) break;
        if (state != nullptr && message.previous != state->id) {
            co_return error(Errc::invalid, "two branches of one feed arrived at once");
        }
        double received = time_.next();
        accept(feed, message.state, received,
               message::envelope(message.state.id, message.value, received));
        ++taken;
    }
    if (run.refused) co_return error(Errc::invalid, run.refused->text);
    co_return taken;
}

io::Task<Feeds::Run> Feeds::verified(FeedId feed, std::vector<Bytes> messages) {
    co_await verifying_.acquire();
    Permit permit(verifying_);
    // Not before: those that wait here for their turn would all find the same room.
    auto room = writer_.room();
    co_await room;
    std::optional<FeedState> before;
    if (auto* state = ahead(feed)) before = *state;
    auto verifying = pool_.run(&Run::verify, feed, before, std::move(messages), hmac_);
    co_return co_await verifying;
}

Sequence Feeds::latest(const FeedId& feed) const {
    const FeedState* state = ahead(feed);
    return state != nullptr ? state->sequence : 0;
}

const FeedState* Feeds::ahead(const FeedId& feed) const {
    auto found = slots_.find(feed);
    return found != slots_.end() && found->second.ahead ? &*found->second.ahead : nullptr;
}

const FeedState* Feeds::stored(const FeedId& feed) const {
    auto found = slots_.find(feed);
    return found != slots_.end() && found->second.stored ? &*found->second.stored : nullptr;
}

std::shared_ptr<Batch> Feeds::accept(const FeedId& author, const FeedState& state, double received,
                                     std::string text) {
    slots_[author].ahead = state;
    return writer_.write(Record{author, state, received, std::move(text)});
}

void Feeds::batch_done(const Batch& batch) {
    for (const Record& record : batch.records) {
        Slot& slot = slots_[record.author];
        if (batch.stored) {
            if (!slot.stored) order_.push_back(record.author);
            slot.stored = record.state;
        } else {
            slot.ahead = slot.stored;
        }
    }
}

}  // namespace sbot::app
