#include "blobs/store.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace sbot::blobs {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";

std::string hex(ByteView bytes) {
    std::string text;
    text.reserve(bytes.size() * 2);
    for (std::uint8_t byte : bytes) {
        text += hex_digits[byte >> 4];
        text += hex_digits[byte & 15];
    }
    return text;
}

/// The id of a file on a shelf; nothing for what no blob is called.
std::optional<BlobId> id_of(std::uint8_t first_byte, std::string_view name) {
    BlobId id;
    if (name.size() != (id.bytes.size() - 1) * 2) return std::nullopt;
    id.bytes[0] = first_byte;
    for (std::size_t i = 0; i < name.size(); ++i) {
        std::size_t digit = hex_digits.find(name[i]);
        if (digit == std::string_view::npos) return std::nullopt;
        std::uint8_t& byte = id.bytes[1 + i / 2];
        byte = static_cast<std::uint8_t>(std::size_t{byte} << 4 | digit);
    }
    return id;
}

}  // namespace

Store::Store(base::Files& files, std::string folder, std::uint64_t blob_bytes_max)
    : files_(files), folder_(std::move(folder)), blob_bytes_max_(blob_bytes_max) {}

Result<std::unique_ptr<Store>> Store::open(base::Files& files, std::string folder,
                                           std::uint64_t blob_bytes_max) {
    for (const std::string& path : {folder, folder + "/sha256", folder + "/tmp"}) {
        if (auto made = files.make_folder(path); !made) return std::move(made).error();
    }
    const std::string half = folder + "/tmp/";
    auto left_over = files.list(folder + "/tmp");
    if (left_over) {
        // What cannot be removed (a folder somebody put there) does not disturb us.
        for (const std::string& name : *left_over) (void)files.remove(half + name);
    }
    return std::unique_ptr<Store>(new Store(files, std::move(folder), blob_bytes_max));
}

Result<std::unique_ptr<Draft>> Store::begin(double now_ms) const {
    std::string path = folder_ + "/tmp/" + std::to_string(static_cast<std::uint64_t>(now_ms)) +
                       "-" + std::to_string(drafts_++);
    base::OpenFile how;
    how.create = true;
    how.truncate = true;
    auto file = files_.open(path, how);
    if (!file) return std::move(file).error();
    return std::unique_ptr<Draft>(new Draft(*this, std::move(path), std::move(*file)));
}

Result<std::optional<Held>> Store::find(const BlobId& id) const {
    auto info = files_.info(path_of(id));
    if (info) return std::optional(Held{id, info->bytes, info->changed_ms});
    if (info.error().code == Errc::not_found) return std::optional<Held>();
    return std::move(info).error();
}

Result<Bytes> Store::read(const BlobId& id, std::uint64_t offset, std::size_t count) const {
    // Opened anew for each part, so that a reader who waits costs no open file.
    base::OpenFile how;
    how.write = false;
    auto file = files_.open(path_of(id), how);
    if (!file) return std::move(file).error();
    auto size = (*file)->size();
    if (!size) return std::move(size).error();
    Bytes part(std::min<std::uint64_t>(count, *size - std::min(offset, *size)));
    auto got = (*file)->read_at(offset, part);
    if (!got) return std::move(got).error();
    part.resize(*got);
    return part;
}

Result<void> Store::remove(const BlobId& id) const {
    std::string path = path_of(id);
    if (auto info = files_.info(path); !info) return std::move(info).error();
    if (auto removed = files_.remove(path); !removed) return removed;
    return files_.sync_folder(shelf_path(id.bytes[0]));
}

Result<std::vector<Held>> Store::shelf(std::uint8_t first_byte, bool with_sizes) const {
    std::vector<Held> blobs;
    auto names = files_.list(shelf_path(first_byte));
    if (!names && names.error().code == Errc::not_found) return blobs;
    if (!names) return std::move(names).error();
    std::sort(names->begin(), names->end());
    for (const std::string& name : *names) {
        auto id = id_of(first_byte, name);
        if (!id) continue;
        Held blob{*id};
        if (with_sizes) {
            auto found = find(*id);
            if (!found) return std::move(found).error();
            if (!*found) continue;  // removed since
            blob = **found;
        }
        blobs.push_back(blob);
    }
    return blobs;
}

std::string Store::shelf_path(std::uint8_t first_byte) const {
    return folder_ + "/sha256/" + hex(ByteView(&first_byte, 1));
}

std::string Store::path_of(const BlobId& id) const {
    return shelf_path(id.bytes[0]) + "/" + hex(id.view().subspan(1));
}

Draft::Draft(const Store& store, std::string path, std::unique_ptr<base::File> file)
    : store_(store), path_(std::move(path)), file_(std::move(file)) {}

Draft::~Draft() { discard(); }

void Draft::discard() {
    if (is_over()) return;
    file_.reset();
    // Should that fail: the next start removes it.
    (void)store_.files_.remove(path_);
}

Result<void> Draft::write(ByteView part) {
    if (part.size() >= store_.blob_bytes_max_ - bytes_) {
        return error(Errc::limit, "a blob must be smaller than " +
                                      std::to_string(store_.blob_bytes_max_) + " bytes");
    }
    if (auto written = file_->write_at(bytes_, part); !written) return written;
    hasher_.add(part);
    bytes_ += part.size();
    return {};
}

Result<Held> Draft::keep(const std::optional<BlobId>& expected) {
    BlobId id{hasher_.finish()};
    if (expected && *expected != id) {
        discard();
        return error(Errc::invalid,
                     "actual hash:" + id.text() + " did not match expected id:" + expected->text());
    }
    auto placed = put_in_place(id);
    if (!placed) {
        discard();
        return std::move(placed).error();
    }
    return Held{id, bytes_};
}

Result<void> Draft::put_in_place(const BlobId& id) {
    base::Files& files = store_.files_;
    if (auto synced = file_->sync(); !synced) return synced;
    std::string shelf = store_.shelf_path(id.bytes[0]);
    auto made = files.make_folder(shelf);
    if (!made) return std::move(made).error();
    if (*made) {
        if (auto synced = files.sync_folder(base::folder_of(shelf)); !synced) return synced;
    }
    if (auto moved = files.rename(path_, store_.path_of(id)); !moved) return moved;
    file_.reset();
    return files.sync_folder(shelf);
}

}  // namespace sbot::blobs
