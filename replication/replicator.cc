#include "replication/replicator.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/limits.h"
#include "replication/peek.h"

namespace sbot::replication {
namespace {

using muxrpc::AsyncReply;
using muxrpc::Body;
using muxrpc::RemoteError;

constexpr std::uint64_t tick_ms = 1000;
// A peer that opened no EBT stream by then, or says nothing on ours, is asked the older way too.
// The second is long: a server with thousands of feeds that has just started is slow to speak, and
// as many history streams make it slower.
constexpr std::uint64_t opened_wait_ms = 2000;
constexpr std::uint64_t silent_wait_ms = 15000;
// Longer items of notes are parsed and printed in the pool, and taken in slices.
constexpr std::size_t large_item_bytes = 16 << 10;
constexpr std::size_t notes_slice = 500;
constexpr std::size_t items_before_yield = 64;
constexpr std::size_t looks_before_yield = 10000;  // some 100 µs
// Runs of so many messages are fetched: for shorter ones another stream costs more than it saves.
constexpr Sequence fetch_min = 8;

EbtItem read_in_pool(Bytes text) { return read_item(base::text_of(text)); }

std::string print_in_pool(std::vector<FeedNote> notes) { return notes_text(notes); }

}  // namespace

/// One `ebt.replicate` stream. Lives in the frame of whoever opened it.
struct Replicator::Stream {
    Stream(Replicator& its_owner, muxrpc::Session& session, FeedId its_peer, Ebt::Role its_role,
           muxrpc::Source& from, muxrpc::Sink& to)
        : owner(its_owner),
          peer(its_peer),
          role(its_role),
          in(from),
          out(to),
          fetcher(owner.loop_, session, owner.fetches_of(*this)) {}
    ~Stream() { owner.finish(*this); }
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    void stop(std::optional<RemoteError> reason) {
        if (over.is_set()) return;
        why = std::move(reason);
        over.set();
        news.set();
    }

    Replicator& owner;
    FeedId peer;
    Ebt::Role role;
    muxrpc::Source& in;
    muxrpc::Sink& out;
    std::optional<Slot> slot;
    bool heard = false;     // it has said something
    bool replaced = false;  // another stream with this peer has begun
    bool blocked = false;   // by us
    int waiting = 0;        // readers whose messages wait here for their turn
    std::shared_ptr<Incoming::Share> share = std::make_shared<Incoming::Share>();
    io::Event work;  // there is something to send
    io::Event news;  // heard or over
    io::Event over;
    std::optional<RemoteError> why;
    Fetcher fetcher;
};

/// A peer that is asked by `createHistoryStream`, until it speaks EBT after all.
struct Replicator::Legacy {
    Legacy(Replicator& its_owner, muxrpc::Session& session, FeedId its_peer)
        : owner(its_owner),
          peer(its_peer),
          puller(owner.loop_, session, owner.intake_,
                 [this](auto& feed, auto& why) { owner.on_trouble_(peer, feed, why.what); }) {
        owner.legacy_.push_back(this);
    }
    ~Legacy() { owner.legacy_.remove(this); }
    Legacy(const Legacy&) = delete;
    Legacy& operator=(const Legacy&) = delete;

    Replicator& owner;
    FeedId peer;
    Puller puller;
    io::Event over;
};

Replicator::Replicator(io::Loop& loop, io::Pool& pool, Intake& intake, History& history,
                       PeerClocks& clocks, Options options, OnTrouble on_trouble)
    : loop_(loop),
      pool_(pool),
      intake_(intake),
      history_(history),
      clocks_(clocks),
      own_(options.own),
      rank_(std::move(options.rank)),
      on_trouble_(std::move(on_trouble)),
      ebt_(own_, options.salt, fetch_min),
      incoming_(
          loop, intake,
          [this](const FeedId& feed, const FeedId& peer, const Taken& how) {
              if (how.end == Taken::End::bad) {
                  on_trouble_(peer, feed, how.why);
                  ebt_.refused(feed, peer);
              } else {
                  ebt_.missed(feed);
              }
              settle();
          },
          rank_) {
    wants_.set(own_, true);
}

Replicator::~Replicator() = default;

void Replicator::start() {
    for (const FeedId& feed : wants_.feeds())
        ebt_.request(feed, true, intake_.stored_sequence(feed));
    ready_.set();
    timer_ = keep_time();
}

void Replicator::request(const FeedId& feed, bool wanted) {
    if (feed == own_ || !wants_.set(feed, wanted)) return;
    if (!ready_.is_set()) return;
    ebt_.request(feed, wanted, intake_.stored_sequence(feed));
    for (Legacy* each : legacy_) each->puller.update(wants_, rank_);
    wants_changed_.set();
    wants_changed_.reset();
    settle();
}

void Replicator::block(const FeedId& from, const FeedId& to, bool blocked) {
    ebt_.block(from, to, blocked);
    settle();
}

void Replicator::stored(const FeedId& feed, Sequence latest) { ebt_.stored(feed, latest); }

void Replicator::lost(const FeedId& feed) { ebt_.missed(feed); }

void Replicator::settle() {
    for (Slot slot : ebt_.take_awake()) {
        auto found = streams_.find(slot);
        if (found == streams_.end()) continue;
        take_fetches(*found->second);
        found->second->work.set();
    }
}

io::Task<void> Replicator::keep_time() {
    while (true) {
        auto nap = loop_.sleep(tick_ms);
        co_await nap;
        // Whose messages wait here for their turn is not silent.
        for (auto& [slot, stream] : streams_) {
            if (stream->waiting > 0) ebt_.heard(slot, loop_.now_ms());
        }
        ebt_.tick(loop_.now_ms());
        settle();
    }
}

// --- one stream

void Replicator::begin(Stream& stream, const PeerClock& saved) {
    if (auto older = ebt_.slot_of(stream.peer)) {
        Stream& old = *streams_.at(*older);
        old.replaced = true;
        finish(old);
        old.stop(RemoteError{"reconnected to peer"});
    }
    stream.slot = ebt_.open(stream.peer, stream.role, saved, loop_.now_ms());
    streams_[*stream.slot] = &stream;
    settle();
}

void Replicator::finish(Stream& stream) {
    if (!stream.slot) return;
    stream.fetcher.stop();
    streams_.erase(*stream.slot);
    clocks_.save(stream.peer, ebt_.close(*stream.slot));
    stream.slot.reset();
    settle();
}

/// Runs the stream to its end; `why` then says whether it was an error.
io::Task<void> Replicator::converse(Stream& stream) {
    co_await ready_.wait();
    {
        // Gone before the conversation: both are as large as the list of all wanted feeds.
        auto loading = clocks_.load(stream.peer, wants_.feeds());
        PeerClock saved = co_await loading;
        begin(stream, saved);
    }
    auto reading = read(stream);
    auto writing = write(stream);
    co_await stream.over.wait();
    finish(stream);
}

io::Task<void> Replicator::read(Stream& stream) {
    std::size_t items = 0;
    while (!stream.over.is_set()) {
        auto item = co_await stream.in.next();
        if (!item) {
            stream.stop(std::move(item).error());
            co_return;
        }
        if (!item->has_value() || stream.over.is_set()) break;
        if (!stream.heard) hear(stream);
        auto taking = take_item(stream, std::move(**item));
        auto taken = co_await taking;
        if (!taken) break;
        if (++items % items_before_yield == 0) co_await loop_.yield();
    }
    stream.stop(std::nullopt);
}

/// It was only slow: whatever is asked the older way meanwhile would come twice, and thousands of
/// streams cost more than one.
void Replicator::hear(Stream& stream) {
    stream.heard = true;
    stream.news.set();
    for (Legacy* each : legacy_) {
        if (each->peer == stream.peer) each->over.set();
    }
}

io::Async<void> Replicator::take_item(Stream& stream, Body item) {
    auto peeked = peek_message(item.text());
    if (!peeked) {
        auto taking = take_notes(stream, std::move(item));
        co_return co_await taking;
    }
    auto [feed, sequence] = *peeked;
    ++traffic_.received;
    if (ebt_.message(*stream.slot, feed, sequence, loop_.now_ms())) {
        incoming_.add(feed, stream.peer, std::move(item.data), stream.share);
    } else {
        settle();
    }
    ++stream.waiting;
    while (incoming_.is_full(*stream.share)) {
        co_await incoming_.room().wait();
        if (!stream.slot) co_return error(Errc::closed, "replaced");
    }
    --stream.waiting;
    co_return {};
}

/// Notes, or a message in an odd form.
io::Async<void> Replicator::take_notes(Stream& stream, Body body) {
    EbtItem item;
    if (body.data.size() > large_item_bytes) {
        auto reading = pool_.run(&read_in_pool, body.data);
        item = co_await reading;
        if (!stream.slot) co_return error(Errc::closed, "replaced");
    } else {
        item = read_item(body.text());
    }
    if (item.is_message) {
        if (item.author &&
            ebt_.message(*stream.slot, *item.author, item.sequence, loop_.now_ms())) {
            incoming_.add(*item.author, stream.peer, std::move(body.data), stream.share);
        }
        settle();
        co_return {};
    }
    std::span<const FeedNote> left(item.notes);
    do {
        auto slice = left.subspan(0, std::min(left.size(), notes_slice));
        left = left.subspan(slice.size());
        ebt_.notes(*stream.slot, slice, loop_.now_ms());
        if (left.empty()) break;
        co_await loop_.yield();
        if (!stream.slot) co_return error(Errc::closed, "replaced");
    } while (true);
    settle();
    co_return {};
}

io::Task<void> Replicator::write(Stream& stream) {
    while (stream.slot) {
        if (ebt_.must_end(*stream.slot)) {
            stream.blocked = true;
            stream.stop(std::nullopt);
            co_return;
        }
        muxrpc::Reply<void> sent;
        if (auto notes = ebt_.take_notes(*stream.slot)) {
            auto saying = say(stream, std::move(*notes));
            sent = co_await saying;
        } else if (auto span = ebt_.next_to_send(*stream.slot)) {
            auto sending = send_messages(stream, *span);
            sent = co_await sending;
        } else {
            stream.work.reset();
            co_await stream.work.wait();
        }
        if (!sent) {
            stream.stop(std::move(sent).error());
            co_return;
        }
    }
}

AsyncReply<void> Replicator::say(Stream& stream, std::vector<FeedNote> notes) {
    std::size_t from = 0;
    if (notes.size() > 1) notes = nearer_first(std::move(notes), rank_);
    do {
        std::size_t upto = std::min(notes.size(), from + limits::ebt_notes_per_item_max);
        std::vector<FeedNote> part(notes.begin() + static_cast<std::ptrdiff_t>(from),
                                   notes.begin() + static_cast<std::ptrdiff_t>(upto));
        from = upto;
        std::string text;
        if (part.size() > notes_slice) {
            auto printing = pool_.run(&print_in_pool, std::move(part));
            text = co_await printing;
        } else {
            text = notes_text(part);
        }
        auto sending = stream.out.send(Body::json(text));
        auto sent = co_await sending;
        if (!sent) co_return std::move(sent).error();
    } while (from < notes.size());
    co_return {};
}

AsyncReply<void> Replicator::send_messages(Stream& stream, Ebt::Span span) {
    auto reading = history_.read(span.feed, span.first, span.last);
    auto page = co_await reading;
    if (!stream.slot) co_return {};
    if (!page || page->empty()) {
        ebt_.cannot_send(*stream.slot, span.feed);
        co_return {};
    }
    // A note made meanwhile goes first: it may be the one about this feed.
    if (auto notes = ebt_.take_notes(*stream.slot)) {
        auto saying = say(stream, std::move(*notes));
        auto said = co_await saying;
        if (!said) co_return std::move(said).error();
        if (!stream.slot) co_return {};
    }
    span.last = span.first + page->size() - 1;
    if (!ebt_.sending(*stream.slot, span)) co_return {};
    for (Bytes& message : *page) {
        Body body{muxrpc::Encoding::json, std::move(message)};
        ++traffic_.sent;
        auto sending = stream.out.send(std::move(body));
        auto sent = co_await sending;
        if (!sent) co_return std::move(sent).error();
    }
    co_return {};
}

/// Those of which the peer has a long run, where we may fetch that.
void Replicator::take_fetches(Stream& stream) {
    for (const FeedId& feed : ebt_.take_fetches(*stream.slot)) {
        stream.fetcher.add(feed, rank_(feed));
    }
}

Fetcher::Hooks Replicator::fetches_of(Stream& stream) {
    Fetcher::Hooks hooks;
    hooks.next = [this, &stream](const FeedId& feed) -> std::optional<Sequence> {
        auto span = ebt_.to_fetch(*stream.slot, feed);
        if (!span) return std::nullopt;
        return span->first;
    };
    hooks.take = [this, &stream](Body item) { return take_fetched(stream, std::move(item)); };
    hooks.ended = [this, &stream](const FeedId& feed, bool useful) {
        ebt_.fetched(*stream.slot, feed, useful);
        settle();
    };
    return hooks;
}

io::Task<void> Replicator::take_fetched(Stream& stream, Body item) {
    auto taking = take_item(stream, std::move(item));
    auto taken = co_await taking;
    // The stream is over otherwise.
    (void)taken.has_value();
}

// --- both roles

AsyncReply<void> Replicator::serve(muxrpc::Request request, std::unique_ptr<muxrpc::Source> in,
                                   std::unique_ptr<muxrpc::Sink> out) {
    json::Value options = request.arg(0);
    if (!options.is_object() || !options["version"].is_number() ||
        options["version"].number() != 3) {
        co_return RemoteError{"expected ebt.replicate({version: 3})"};
    }
    json::Value format = options["format"];
    if (format.exists() && !format.is("classic")) {
        std::string name =
            format.is_string() ? std::string(format.string()) : json::compact(format);
        co_return RemoteError{"Unknown format: " + name};
    }
    auto peer = FeedId::parse(request.caller.id);
    if (!peer || *peer == own_) co_return RemoteError{"ebt.replicate is for peers"};
    Stream stream(*this, *request.session, *peer, Ebt::Role::called, *in, *out);
    auto conversing = converse(stream);
    co_await conversing;
    if (stream.replaced) co_return *stream.why;
    co_return {};
}

io::Task<void> Replicator::accompany(muxrpc::Session& session, FeedId peer, bool we_dialled) {
    if (peer == own_) co_return;
    if (!we_dialled) {
        co_await ready_.wait();
        auto nap = loop_.sleep(opened_wait_ms);
        co_await nap;
        if (ebt_.slot_of(peer)) co_return;
        auto pulling = pull(session, peer);
        co_await pulling;
        co_return;
    }
    auto channel = session.duplex("ebt.replicate", R"([{"version":3}])");
    Stream stream(*this, session, peer, Ebt::Role::dialled, *channel, *channel);
    auto conversing = converse(stream);
    auto watching = watch(session, stream);
    co_await conversing;
    if (stream.replaced) {
        channel->fail(*stream.why);
    } else {
        channel->end();
    }
    co_await watching;
}

/// For a stream that we opened: asks the older way where it leads to nothing.
io::Task<void> Replicator::watch(muxrpc::Session& session, Stream& stream) {
    co_await ready_.wait();
    auto hearing = io::timeout(loop_, silent_wait_ms, io::wait_for(stream.news));
    auto heard = co_await hearing;
    (void)heard;
    if (!stream.news.is_set()) {
        auto pulling = pull(session, stream.peer);
        co_await pulling;
    }
    if (stream.heard) co_await stream.over.wait();
    if (stream.replaced || stream.blocked || !session.is_open()) co_return;
    if (stream.over.is_set() && !stream.why) co_return;
    auto pulling = pull(session, stream.peer);
    co_await pulling;
}

io::Task<void> Replicator::pull(muxrpc::Session& session, FeedId peer) {
    Legacy legacy(*this, session, peer);
    legacy.puller.update(wants_, rank_);
    co_await legacy.over.wait();
}

io::Task<Ebt::Progress> Replicator::progress() {
    if (!counting_progress_ && progress_until_ms_ <= loop_.now_ms()) {
        counting_progress_ = true;
        progress_known_.reset();
        counting_ = count_progress();
    }
    co_await progress_known_.wait();
    co_return progress_;
}

io::Task<void> Replicator::count_progress() {
    std::uint64_t began_ms = loop_.now_ms();
    Ebt::ProgressCount count;
    while (!ebt_.count_progress(count, looks_before_yield)) co_await loop_.yield();
    progress_ = count.sum;
    counting_progress_ = false;
    std::uint64_t now_ms = loop_.now_ms();
    progress_until_ms_ = now_ms + 10 * (now_ms - began_ms);
    progress_known_.set();
}

}  // namespace sbot::replication
