#include "sbot/index_care.h"

#include <string>
#include <utility>

namespace sbot::app {
namespace {

// A damaged index that could not be replaced (a full disk, say): tried again after that.
constexpr std::uint64_t try_again_ms = 5000;
// Reading all of a large index takes seconds; whoever asks for nonsense shall not cause it often.
constexpr std::uint64_t look_again_ms = 60000;

Result<void> look(flume::CoreView& view) { return view.check(); }

}  // namespace

IndexCare::IndexCare(io::Loop& loop, base::Logger& log, Indexer& indexer, Reading& reading,
                     CommitNews& news)
    : loop_(loop), log_(log), indexer_(indexer), reading_(reading), news_(news) {
    leaving_ = leave_stuck_readers();
    looking_ = look_where_suspected();
    reading_.on_lost([this](Error why) { return replaced(std::move(why)); });
}

io::Async<void> IndexCare::rebuild() {
    if (!is_at_it()) co_await reading_.ready().wait();
    begin(Why::asked);
    co_await done_.wait();
    if (failed_) co_return *failed_;
    co_return {};
}

bool IndexCare::failed(const Error& why) {
    if (why.code != Errc::corrupt) return false;
    if (is_at_it()) return true;
    // At start there is somebody else who sees to it. And without the log, all that still can be
    // read is what is here.
    if (!reading_.ready().is_set() || !indexer_.log_in_place()) return false;
    begin(Why::damaged);
    log_.warning("index", "it is damaged and made anew; reading calls wait for it: " + why.what);
    return true;
}

/// Somebody who reads has met an error. To be damaged is one thing, which takes a long look
/// (`suspected`), to be removed another.
io::Task<bool> IndexCare::replaced(Error why) {
    const bool may_be = why.code == Errc::corrupt || why.code == Errc::io;
    if (!may_be) co_return false;
    if (!is_at_it()) {
        auto there = indexer_.in_place();
        if (there || !failed(there.error())) co_return false;
    }
    co_await done_.wait();
    co_return !failed_;
}

bool IndexCare::begin(Why why) {
    if (is_at_it()) return false;
    done_.reset();
    working_ = make_anew(why);
    return true;
}

io::Task<void> IndexCare::make_anew(Why why) {
    auto making = why == Why::damaged ? replace_damaged() : change(why == Why::asked);
    auto made = co_await making;
    reading_.forget_read_keys();
    failed_.reset();
    if (!made) failed_ = std::move(made).error();
    done_.set();
    texts_ = catch_up_texts();
}

/// An error comes back with whatever is to be indexed next.
io::Task<void> IndexCare::catch_up_texts() {
    auto catching_up = indexer_.catch_up_texts();
    auto ignored = co_await catching_up;
    (void)ignored.has_value();
}

/// Made beside the old one, which answers meanwhile; then readers change over.
io::Async<void> IndexCare::change(bool side_views) {
    auto building = indexer_.build();
    auto built = co_await building;
    if (!built) co_return std::move(built).error();
    co_await reading_.pause();
    auto adopting = indexer_.adopt();
    auto adopted = co_await adopting;
    reading_.go_on();
    if (!adopted || !side_views) co_return adopted;
    auto others = indexer_.rebuild_side_views();
    co_return co_await others;
}

io::Async<void> IndexCare::replace_damaged() {
    co_await reading_.pause();
    while (true) {
        auto filling = fill();
        auto filled = co_await filling;
        if (filled) break;
        log_.error("index", "it cannot be made anew, which is tried again: " + filled.error().what);
        auto nap = loop_.sleep(try_again_ms);
        co_await nap;
    }
    reading_.go_on();
    log_.notice("index", "it is whole again");
    co_return {};
}

io::Async<void> IndexCare::fill() {
    auto renewing = indexer_.renew();
    auto renewed = co_await renewing;
    if (!renewed) co_return renewed;
    auto building = indexer_.build();
    auto built = co_await building;
    if (!built) co_return std::move(built).error();
    auto adopting = indexer_.adopt();
    auto adopted = co_await adopting;
    if (!adopted) co_return adopted;
    auto indexing = indexer_.catch_up();
    auto level = co_await indexing;
    if (!level) co_return std::move(level).error();
    co_return {};
}

/// A program that never ends its transaction keeps the index's write-ahead log from being cut. It
/// keeps the file it reads, then; all others go on with a new one.
io::Task<void> IndexCare::leave_stuck_readers() {
    while (true) {
        co_await news_.stuck().wait();
        if (!reading_.ready().is_set() || !begin(Why::stuck_reader)) continue;
        ++stuck_readers_;
        log_.warning("index",
                     "some program reads flume/core.sqlite and does not end its transaction: its "
                     "write-ahead log has " +
                         std::to_string(news_.stuck_bytes()) +
                         " bytes. The index is made anew beside it; that program keeps the old one "
                         "(see docs/schema.md)");
    }
}

/// What a reader met may also be its question, or the log.
io::Task<void> IndexCare::look_where_suspected() {
    while (true) {
        co_await reading_.suspected().wait();
        if (is_at_it()) continue;
        auto looking = indexer_.with_index(&look);
        auto found = co_await looking;
        if (!found) failed(found.error());
        auto nap = loop_.sleep(look_again_ms);
        co_await nap;
    }
}

}  // namespace sbot::app
