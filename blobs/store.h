#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/result.h"
#include "message/ids.h"
#include "message/sha256.h"

/// Blobs: files named by their SHA-256, in the layout of npm multiblob 1.13 (docs: README.md).
namespace sbot::blobs {

/// A blob that is here.
struct Held {
    BlobId id;
    std::uint64_t bytes = 0;
    double since_ms = 0;  ///< when it came, since 1970
};

class Draft;

/// The folder `blobs` of a data folder: `sha256/<2 hex>/<62 hex>`, a file that is there is a blob;
/// `tmp/`, what is being written. All calls block. They may be made from any thread, at the same
/// time, except that a draft is one thread's at a time. Paths are made from ids alone.
class Store {
 public:
    /// Makes the folders where they are missing and throws away what an earlier process did not
    /// finish. `files` outlives the store. A blob has fewer than `blob_bytes_max` bytes.
    static Result<std::unique_ptr<Store>> open(base::Files& files, std::string folder,
                                               std::uint64_t blob_bytes_max);

    /// A new blob, to be written. It must not outlive the store. `now_ms` is for its file's name.
    Result<std::unique_ptr<Draft>> begin(double now_ms) const;

    /// Nothing if it is not here.
    Result<std::optional<Held>> find(const BlobId& id) const;
    /// At most `count` bytes from `offset` on, fewer only at the end. Error `not_found`.
    Result<Bytes> read(const BlobId& id, std::uint64_t offset, std::size_t count) const;
    /// Error `not_found`. On the disk when it returns.
    Result<void> remove(const BlobId& id) const;

    /// The blobs whose id begins with this byte, in the order of their ids: the store is listed in
    /// 256 pieces. Sizes and times only if asked for.
    Result<std::vector<Held>> shelf(std::uint8_t first_byte, bool with_sizes) const;

    std::string path_of(const BlobId& id) const;
    std::uint64_t blob_bytes_max() const { return blob_bytes_max_; }

 private:
    friend class Draft;
    Store(base::Files& files, std::string folder, std::uint64_t blob_bytes_max);

    std::string shelf_path(std::uint8_t first_byte) const;

    base::Files& files_;
    std::string folder_;
    std::uint64_t blob_bytes_max_;
    mutable std::atomic<std::uint64_t> drafts_{0};
};

/// A blob being written: a file in `tmp` and the hash so far. Dropped unfinished, it takes its file
/// with it.
class Draft {
 public:
    ~Draft();
    Draft(const Draft&) = delete;
    Draft& operator=(const Draft&) = delete;

    /// Error `limit` if the blob would be too large; nothing is written then.
    Result<void> write(ByteView part);
    /// Puts the blob in its place: synced, renamed, its folder synced, so it is on the disk when
    /// this returns. Error `invalid`, and nothing stored, if it is not the blob that was expected.
    Result<Held> keep(const std::optional<BlobId>& expected);
    /// Removes the file. Nothing but the destructor may follow.
    void discard();
    /// Kept or discarded: nothing is left to clean up.
    bool is_over() const { return file_ == nullptr; }

 private:
    friend class Store;
    Draft(const Store& store, std::string path, std::unique_ptr<base::File> file);

    Result<void> put_in_place(const BlobId& id);

    const Store& store_;
    std::string path_;
    std::unique_ptr<base::File> file_;
    message::Sha256 hasher_;
    std::uint64_t bytes_ = 0;
};

}  // namespace sbot::blobs
