#include "sbot/blob_keeper.h"

#include <utility>

#include "base/limits.h"
#include "sbot/remote_error.h"

namespace sbot::app {

using muxrpc::AsyncReply;
using muxrpc::Body;
using muxrpc::RemoteError;

namespace {

Result<std::vector<std::optional<blobs::Held>>> find_all(const blobs::Store* store,
                                                         std::vector<BlobId> ids) {
    std::vector<std::optional<blobs::Held>> found;
    found.reserve(ids.size());
    for (const BlobId& id : ids) {
        auto one = store->find(id);
        if (!one) return std::move(one).error();
        found.push_back(*one);
    }
    return found;
}

Result<Bytes> read_part(const blobs::Store* store, BlobId id, std::uint64_t offset,
                        std::size_t count) {
    return store->read(id, offset, count);
}

Result<std::vector<blobs::Held>> list_shelf(const blobs::Store* store, std::uint8_t first_byte,
                                            bool with_sizes) {
    return store->shelf(first_byte, with_sizes);
}

Result<void> remove_one(const blobs::Store* store, BlobId id) { return store->remove(id); }

void throw_away(std::unique_ptr<blobs::Draft> draft) { draft->discard(); }

/// Small items are put together, so that each trip to the disk is worth it.
void put_behind(Bytes& part, Bytes more) {
    if (part.empty()) {
        part = std::move(more);
    } else {
        base::append(part, more);
    }
}

}  // namespace

/// What a job of the writing lane gives back.
struct BlobKeeper::Written {
    DraftInHand draft;
    Result<std::optional<blobs::Held>> outcome = std::optional<blobs::Held>();
};

/// How an add came out, for whoever still waits for it.
struct BlobKeeper::Ending {
    io::Event here;
    std::optional<Result<BlobId>> outcome;
};

BlobKeeper::BlobKeeper(io::Loop& loop, const blobs::Store& store, base::Clock& clock)
    : store_(store), clock_(clock), writing_(loop, "blob writer"), reading_(loop, "blob reader") {}

BlobKeeper::~BlobKeeper() { closing_ = true; }

void BlobKeeper::Discard::operator()(blobs::Draft* draft) const {
    std::unique_ptr<blobs::Draft> owned(draft);
    if (owned->is_over() || keeper->closing_) return;
    keeper->discarding_.add(discard(keeper->writing_, std::move(owned)));
}

io::Task<void> BlobKeeper::discard(io::Lane& lane, std::unique_ptr<blobs::Draft> draft) {
    auto discarding = lane.run(&throw_away, std::move(draft));
    co_await discarding;
}

/// In the lane.
BlobKeeper::Written BlobKeeper::write_part(BlobKeeper* keeper, DraftInHand draft, Bytes part,
                                           double now_ms) {
    Written result;
    result.draft = std::move(draft);
    if (!result.draft) {
        auto begun = keeper->store_.begin(now_ms);
        if (!begun) {
            result.outcome = std::move(begun).error();
            return result;
        }
        result.draft = DraftInHand(begun->release(), Discard{keeper});
    }
    if (auto written = result.draft->write(part); !written) {
        result.draft->discard();
        result.outcome = std::move(written).error();
    }
    return result;
}

/// In the lane.
BlobKeeper::Written BlobKeeper::finish(BlobKeeper* keeper, DraftInHand draft, Bytes part,
                                       double now_ms, std::optional<BlobId> expected) {
    Written result = write_part(keeper, std::move(draft), std::move(part), now_ms);
    if (!result.outcome) return result;
    auto kept = result.draft->keep(expected);
    if (kept) {
        result.outcome = std::optional(*kept);
    } else {
        result.outcome = std::move(kept).error();
    }
    return result;
}

AsyncReply<BlobId> BlobKeeper::add(std::optional<BlobId> expected,
                                   std::unique_ptr<muxrpc::Source> from) {
    DraftInHand draft;
    Bytes part;
    while (true) {
        auto item = co_await from->next();
        if (!item) co_return std::move(item).error();
        if (!item->has_value()) break;
        if ((*item)->encoding == muxrpc::Encoding::json) {
            co_return RemoteError{"a blob is made of buffers or strings"};
        }
        put_behind(part, std::move((*item)->data));
        if (part.size() < limits::blob_part_bytes) continue;
        auto writing = writing_.run(&write_part, this, std::move(draft),
                                    std::exchange(part, Bytes()), clock_.wall_ms());
        Written written = co_await writing;
        if (!written.outcome) co_return remote(written.outcome.error());
        draft = std::move(written.draft);
    }
    // What came in whole is stored even if the caller is gone by then, as the reference's command
    // line is.
    auto ending = std::make_shared<Ending>();
    finishing_.add(finish_and_tell(std::move(draft), std::move(part), expected, ending));
    co_await ending->here.wait();
    if (!*ending->outcome) co_return remote(ending->outcome->error());
    co_return **ending->outcome;
}

io::Task<void> BlobKeeper::finish_and_tell(DraftInHand draft, Bytes part,
                                           std::optional<BlobId> expected,
                                           std::shared_ptr<Ending> ending) {
    auto finishing =
        writing_.run(&finish, this, std::move(draft), std::move(part), clock_.wall_ms(), expected);
    Written finished = co_await finishing;
    if (finished.outcome) {
        stored(**finished.outcome);
        ending->outcome = (*finished.outcome)->id;
    } else {
        ending->outcome = std::move(finished.outcome).error();
    }
    ending->here.set();
}

void BlobKeeper::stored(blobs::Held blob) {
    blob.since_ms = clock_.wall_ms();
    news_.push_back(blob);
    if (news_.size() > limits::blob_news_max) {
        news_.pop_front();
        ++first_news_;
    }
    something_new_.set();
    something_new_.reset();
}

io::Async<blobs::Held> BlobKeeper::news(std::uint64_t at) {
    while (at >= news_end()) co_await something_new_.wait();
    if (at < first_news_) co_return error(Errc::limit, "too slow for all the new blobs");
    co_return news_[at - first_news_];
}

io::Async<std::vector<std::optional<blobs::Held>>> BlobKeeper::find(std::vector<BlobId> ids) {
    std::vector<std::optional<blobs::Held>> all;
    all.reserve(ids.size());
    for (std::size_t done = 0; done < ids.size(); done += limits::blobs_asked_max) {
        std::size_t upto = std::min(done + limits::blobs_asked_max, ids.size());
        std::vector<BlobId> some(ids.begin() + static_cast<std::ptrdiff_t>(done),
                                 ids.begin() + static_cast<std::ptrdiff_t>(upto));
        auto finding = reading_.run(&find_all, &store_, std::move(some));
        auto found = co_await finding;
        if (!found) co_return std::move(found).error();
        all.insert(all.end(), found->begin(), found->end());
    }
    co_return all;
}

io::Async<Bytes> BlobKeeper::read(BlobId id, std::uint64_t offset, std::size_t count) {
    auto reading = reading_.run(&read_part, &store_, id, offset, count);
    co_return co_await reading;
}

io::Async<std::vector<blobs::Held>> BlobKeeper::shelf(std::uint8_t first_byte, bool with_sizes) {
    auto listing = reading_.run(&list_shelf, &store_, first_byte, with_sizes);
    co_return co_await listing;
}

io::Async<void> BlobKeeper::remove(BlobId id) {
    auto removing = writing_.run(&remove_one, &store_, id);
    co_return co_await removing;
}

}  // namespace sbot::app
