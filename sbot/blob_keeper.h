#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "blobs/store.h"
#include "io/lane.h"
#include "io/loop.h"
#include "io/sync.h"
#include "io/task_group.h"
#include "muxrpc/stream.h"

namespace sbot::app {

/// The blob store as the loop thread uses it: all work on files is done in two lanes, one that
/// writes and one that reads, so that nobody who reads waits for a sync. Loop thread.
class BlobKeeper {
 public:
    /// All outlive this; this outlives all that call it.
    BlobKeeper(io::Loop& loop, const blobs::Store& store, base::Clock& clock);
    ~BlobKeeper();

    /// Stores what comes, holding one part of it at a time; it is on the disk and known to all when
    /// this returns. Given up before its end (by an error of the source, or dropped), it leaves
    /// nothing.
    muxrpc::AsyncReply<BlobId> add(std::optional<BlobId> expected,
                                   std::unique_ptr<muxrpc::Source> from);

    /// For each id what is here, in the same order.
    io::Async<std::vector<std::optional<blobs::Held>>> find(std::vector<BlobId> ids);
    /// See blobs::Store for these.
    io::Async<Bytes> read(BlobId id, std::uint64_t offset, std::size_t count);
    io::Async<std::vector<blobs::Held>> shelf(std::uint8_t first_byte, bool with_sizes);
    io::Async<void> remove(BlobId id);

    /// Where in the sequence of all blobs stored by this process we are.
    std::uint64_t news_end() const { return first_news_ + news_.size(); }
    /// Waits for the blob stored at a place of that sequence. Error `limit` if so many followed
    /// that it is forgotten.
    io::Async<blobs::Held> news(std::uint64_t at);

    const blobs::Store& store() const { return store_; }

 private:
    /// Drafts are thrown away in the lane, too, wherever they are dropped.
    struct Discard {
        BlobKeeper* keeper = nullptr;
        void operator()(blobs::Draft* draft) const;
    };
    using DraftInHand = std::unique_ptr<blobs::Draft, Discard>;
    struct Written;
    struct Ending;

    static Written write_part(BlobKeeper* keeper, DraftInHand draft, Bytes part, double now_ms);
    static Written finish(BlobKeeper* keeper, DraftInHand draft, Bytes part, double now_ms,
                          std::optional<BlobId> expected);
    io::Task<void> finish_and_tell(DraftInHand draft, Bytes part, std::optional<BlobId> expected,
                                   std::shared_ptr<Ending> ending);
    static io::Task<void> discard(io::Lane& lane, std::unique_ptr<blobs::Draft> draft);
    void stored(blobs::Held blob);

    const blobs::Store& store_;
    base::Clock& clock_;
    bool closing_ = false;
    std::uint64_t first_news_ = 0;
    std::deque<blobs::Held> news_;
    io::Event something_new_;
    io::Lane writing_;
    io::Lane reading_;
    io::TaskGroup discarding_;
    io::TaskGroup finishing_;
};

}  // namespace sbot::app
