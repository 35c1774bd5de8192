#include "sbot/feeds.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "friends/contact.h"
#include "message/create.h"
#include "message/private_box.h"
#include "message/signatures.h"
#include "sbot/permit.h"
#include "sbot/remote_error.h"

namespace sbot::app {
namespace {

using message::FeedState;
using muxrpc::RemoteError;
using replication::Taken;

/// A message of a peer that passed every rule.
struct Verified {
    std::optional<MessageId> previous;
    FeedState state;
    std::string record;  // up to the time of reception
};

/// Envelope or bare value.
json::Value value_of(json::Value item) { return item["key"].is_string() ? item["value"] : item; }

}  // namespace

/// A run of one feed's messages, looked at.
struct Feeds::Run {
    FeedId feed;
    std::optional<FeedState> state;  // the one before, then the last one's
    std::vector<Bytes> texts;
    message::SignedRun checked;
    std::vector<Verified> good;  // those of `checked`, then only those whose signatures are right
    Taken::End end = Taken::End::all;
    std::string why;
    bool is_own = false;
    Sequence had = 0;
    Sequence beyond = 0;  // of an own message, signed, that does not follow
    Sequence forked = 0;  // of one that contradicts what we have

    void check(const message::HmacKey& hmac);
    bool check_one(const Bytes& text, json::Document& document, const message::HmacKey& hmac);
    bool is_other_branch(json::Value value, const message::HmacKey& hmac) const;
    void judge_signatures();
    bool bad(std::string text) {
        end = Taken::End::bad;
        why = std::move(text);
        return false;
    }
    static std::vector<Run> verify_all(std::vector<Run> runs, message::HmacKey hmac);
};

/// Parses and checks, all signatures together at the end. Pure; runs in the pool.
std::vector<Feeds::Run> Feeds::Run::verify_all(std::vector<Run> runs, message::HmacKey hmac) {
    std::vector<message::SignedRun*> checked;
    for (Run& run : runs) {
        run.check(hmac);
        checked.push_back(&run.checked);
    }
    message::verify(checked, hmac);
    for (Run& run : runs) run.judge_signatures();
    return runs;
}

void Feeds::Run::check(const message::HmacKey& hmac) {
    good.reserve(texts.size());
    checked.messages.reserve(texts.size());
    had = state ? state->sequence : 0;
    json::Document document;
    for (const Bytes& text : texts) {
        if (!check_one(text, document, hmac)) break;
    }
    texts.clear();
}

/// What else was wrong came behind the first bad signature.
void Feeds::Run::judge_signatures() {
    if (checked.good < good.size()) {
        good.resize(checked.good);
        bad(message::bad_signature().text);
        // It was compared with something that is not ours, but signed it is.
        if (forked > had) beyond = std::max(beyond, forked);
        forked = 0;
    }
    checked.messages.clear();
}

/// Whether a message of the place of our last one, or of the next, is signed by us nevertheless.
/// Anybody may send the last one again.
bool Feeds::Run::is_other_branch(json::Value value, const message::HmacKey& hmac) const {
    if (!is_own) return false;
    auto alone = message::check_alone(value, hmac);
    if (!alone || alone->author != feed) return false;
    if (state && alone->key == state->id) return false;
    return message::verify(*alone, hmac);
}

bool Feeds::Run::check_one(const Bytes& text, json::Document& document,
                           const message::HmacKey& hmac) {
    if (auto ok = document.parse_borrowed(base::text_of(text)); !ok) return bad(ok.error().what);
    json::Value value = value_of(document.root());
    double sequence = value["sequence"].number();
    double have = state ? static_cast<double>(state->sequence) : 0;
    constexpr std::string_view other_branch = "it is of another branch of our own feed";
    if (state && sequence == have && is_other_branch(value, hmac)) {
        forked = state->sequence;
        return bad(std::string(other_branch));
    }
    if (state && sequence <= have) return true;
    if (value["author"].string() != feed.text()) {
        return bad("message of another feed than asked for");
    }
    // A write of ours may have failed, a peer may leave something out or mix up the order.
    if (sequence > have + 1) {
        end = Taken::End::gap;
        if (!is_own) return true;
        auto alone = message::check_alone(value, hmac);
        if (alone && message::verify(*alone, hmac)) beyond = alone->sequence;
        return false;  // one is enough, each costs a signature
    }
    if (auto usual = message::check_add_argument(value); !usual) return bad(usual.refusal().text);
    auto next = message::check(value, state ? &*state : nullptr, hmac);
    if (!next && is_other_branch(value, hmac)) {
        forked = (state ? state->sequence : 0) + 1;
        return bad(std::string(other_branch));
    }
    if (!next) return bad(next.refusal().text);
    std::optional<MessageId> previous;
    if (state) previous = state->id;
    state = next->state();
    // Written with the time of its acceptance, which is not known yet: the text ends before that.
    std::string record = message::envelope(next->key, value, 0);
    record.resize(record.size() - std::string_view("0}").size());
    good.push_back({previous, *state, std::move(record)});
    checked.messages.push_back(std::move(*next));
    return true;
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
        Slot& slot = slots_[keys_.id];
        if (!slot.stored) order_.push_back(keys_.id);
        slot = Slot{state, state};
        time_.at_least(state->timestamp);
    }
    time_.at_least(last_received);
    own_known_.set();
}

/// Counts while messages of our own feed are being checked: what is published just then would be
/// another branch.
class Feeds::OwnRun {
 public:
    explicit OwnRun(Feeds& feeds) : feeds_(feeds) { ++feeds_.own_runs_; }
    ~OwnRun() {
        if (--feeds_.own_runs_ > 0) return;
        feeds_.own_checked_.set();
        feeds_.own_checked_.reset();
    }
    OwnRun(const OwnRun&) = delete;
    OwnRun& operator=(const OwnRun&) = delete;

 private:
    Feeds& feeds_;
};

io::Task<void> Feeds::until_publish_is_safe() {
    while (own_runs_ > 0) co_await own_checked_.wait();
    if (before_publish_) {
        auto waiting = before_publish_();
        co_await waiting;
    }
    while (own_runs_ > 0) co_await own_checked_.wait();
}

muxrpc::AsyncReply<std::string> Feeds::publish(json::Value content) {
    if (auto refused = message::check_publish_argument(content)) co_return remote(*refused);
    const bool is_contact = friends::statement_in(content).has_value();
    auto boxed = message::box_for_recps(content, random_);
    if (!boxed) co_return remote(boxed.refusal());
    if (boxed->has_value()) content = (*boxed)->root();
    std::shared_ptr<Batch> batch;
    std::string record;
    {
        co_await publishing_.acquire();
        Permit permit(publishing_);
        auto asking = writer_.index_works();
        auto works = co_await asking;
        if (!works) co_return remote(std::move(works).error().in("nothing was published"));
        auto waiting = until_publish_is_safe();
        co_await waiting;
        if (own_fork_ > 0) co_return RemoteError{fork_text()};
        if (Sequence have = latest(keys_.id); own_beyond_ > have) {
            co_return RemoteError{"this feed goes on elsewhere: message " +
                                  std::to_string(own_beyond_) + " is signed by us, here are " +
                                  std::to_string(have) +
                                  "; publishing would fork it, wait until a peer brings the rest"};
        }
        auto created = message::publish(content, ahead(keys_.id), keys_, hmac_, time_.next());
        if (!created) co_return remote(created.refusal());
        double received = time_.next();
        record = message::envelope(created->state.id, created->json, received);
        batch = accept(keys_.id, created->state, received, record, Writer::Origin::local);
    }
    auto told = acknowledged(std::move(batch), std::move(record), is_contact);
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
    auto batch = accept(checked->author, checked->state(), received, record, Writer::Origin::local);
    const bool is_contact = friends::statement_in(value["content"]).has_value();
    auto told = acknowledged(std::move(batch), std::move(record), is_contact);
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
                     message::envelope(checked->key, value, received), Writer::Origin::peer);
}

muxrpc::AsyncReply<std::string> Feeds::acknowledged(std::shared_ptr<Batch> batch, std::string text,
                                                    bool is_contact) {
    co_await batch->done.wait();
    if (batch->failed) co_return remote(*batch->failed);
    if (is_contact && after_contact_) {
        auto counting = after_contact_();
        co_await counting;
    }
    co_return text;
}

io::Task<std::vector<Taken>> Feeds::take(std::vector<replication::FeedRun> given) {
    std::optional<OwnRun> own;
    for (const auto& run : given) {
        if (run.feed == keys_.id && !own) own.emplace(*this);
    }
    auto verifying = verified(std::move(given));
    std::vector<Run> runs = co_await verifying;
    std::vector<Taken> answers;
    answers.reserve(runs.size());
    for (Run& run : runs) answers.push_back(accept(run));
    co_return answers;
}

std::string Feeds::fork_text() const {
    return "this feed goes on elsewhere, on another branch: a peer has a message " +
           std::to_string(own_fork_) +
           " that is signed by us and is not ours. The feed was used in two places, and what is "
           "published here is of no use to whoever has the other branch. To go on with that one: "
           "stop the server, move the folder flume away, and start with --recover "
           "(docs/own-feed.md)";
}

void Feeds::seen_fork(Sequence sequence) {
    if (own_fork_ > 0 && own_fork_ <= sequence) return;
    own_fork_ = sequence;
    if (on_own_fork_) on_own_fork_(sequence);
}

Taken Feeds::accept(Run& run) {
    Taken answer{0, run.end, std::move(run.why)};
    if (run.beyond > own_beyond_) {
        own_beyond_ = run.beyond;
        if (on_own_beyond_) on_own_beyond_(own_beyond_);
    }
    if (run.forked > 0) seen_fork(run.forked);
    for (Verified& message : run.good) {
        // Another peer may have brought some of them meanwhile, or a write failed.
        const FeedState* state = ahead(run.feed);
        Sequence have = state != nullptr ? state->sequence : 0;
        if (message.state.sequence <= have) continue;
        if (message.state.sequence != have + 1) {
            answer.end = Taken::End::gap;
            break;
        }
        if (state != nullptr && message.previous != state->id) {
            answer.end = Taken::End::bad;
            answer.why = "two branches of one feed arrived at once";
            if (run.is_own) seen_fork(message.state.sequence);
            break;
        }
        double received = time_.next();
        json::append_number(message.record, received);
        message.record += '}';
        accept(run.feed, message.state, received, std::move(message.record), Writer::Origin::peer);
        ++answer.count;
    }
    return answer;
}

io::Task<std::vector<Feeds::Run>> Feeds::verified(std::vector<replication::FeedRun> given) {
    co_await verifying_.acquire();
    Permit permit(verifying_);
    // Not before: those that wait here for their turn would all find the same room.
    auto room = writer_.room();
    co_await room;
    std::vector<Run> runs(given.size());
    for (std::size_t i = 0; i < given.size(); ++i) {
        runs[i].feed = given[i].feed;
        runs[i].texts = std::move(given[i].messages);
        runs[i].is_own = runs[i].feed == keys_.id;
        runs[i].checked.key_table = key_tables_.find(given[i].feed);
        if (auto* state = ahead(given[i].feed)) runs[i].state = *state;
    }
    auto verifying = pool_.run(&Run::verify_all, std::move(runs), hmac_);
    runs = co_await verifying;
    for (Run& run : runs) {
        if (auto& table = run.checked.key_table) key_tables_.keep(run.feed, std::move(table));
    }
    co_return runs;
}

Sequence Feeds::latest(const FeedId& feed) const {
    const FeedState* state = ahead(feed);
    return state != nullptr ? state->sequence : 0;
}

Sequence Feeds::stored_sequence(const FeedId& feed) const {
    const FeedState* state = stored(feed);
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
                                     std::string text, Writer::Origin origin) {
    slots_[author].ahead = state;
    return writer_.write(Record{author, state, received, std::move(text)}, origin);
}

void Feeds::batch_done(const Batch& batch) {
    for (const Record& record : batch.records) {
        Slot& slot = slots_[record.author];
        if (!batch.failed) {
            if (!slot.stored) order_.push_back(record.author);
            slot.stored = record.state;
        } else {
            slot.ahead = slot.stored;
        }
    }
}

}  // namespace sbot::app
