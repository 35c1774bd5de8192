#include "flume/sqlite_tree.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/assert.h"

namespace sbot::flume::sqlite {
namespace {

// Longer writes cost more: what is copied has left the processor's cache.
constexpr std::size_t buffer_bytes = std::size_t{32} << 10;
// SQLite locks bytes here and keeps the page free.
constexpr std::uint64_t lock_at = 0x40000000;

// In the file's head.
constexpr std::size_t page_bytes_at = 16, reserved_at = 20, count_at = 28, head_bytes_max = 100;

constexpr std::uint8_t interior_index = 2, interior_table = 5, leaf_index = 10, leaf_table = 13;

/// Big-endian, 7 bits a byte, the ninth byte whole.
std::size_t put_varint(std::uint8_t* to, std::uint64_t value) {
    if (value < 0x80) {
        *to = static_cast<std::uint8_t>(value);
        return 1;
    }
    if (value >> 56 != 0) {
        to[8] = static_cast<std::uint8_t>(value);
        value >>= 8;
        for (int i = 7; i >= 0; --i, value >>= 7) to[i] = static_cast<std::uint8_t>(value | 0x80);
        return 9;
    }
    const auto size = (static_cast<std::size_t>(std::bit_width(value)) + 6) / 7;
    for (std::size_t i = size; i-- > 0; value >>= 7) {
        to[i] = static_cast<std::uint8_t>(value | 0x80);
    }
    to[size - 1] &= 0x7f;
    return size;
}

constexpr std::size_t page_head_bytes(std::size_t level) { return level == 0 ? 8 : 12; }

void append_varint(Bytes& to, std::uint64_t value) {
    std::uint8_t bytes[9];
    base::append(to, ByteView(bytes, put_varint(bytes, value)));
}

void store(Bytes& page, std::size_t at, std::size_t width, std::uint64_t value) {
    base::store_be(MutableBytes(page).subspan(at), width, value);
}

}  // namespace

// --- records

void Record::clear() {
    columns_ = 0;
    data_.resize(head_bytes);
}

void Record::add_type(std::uint64_t type) {
    SBOT_ASSERT(columns_ < columns_max);
    types_[columns_++] = type;
}

void Record::add_big_endian(std::uint64_t value, std::size_t width) {
    const std::size_t at = data_.size();
    data_.resize(at + width);
    store(data_, at, width, value);
}

Record& Record::null() {
    add_type(0);
    return *this;
}

Record& Record::integer(std::int64_t value) {
    if (value == 0 || value == 1) {
        add_type(value == 0 ? 8 : 9);
        return *this;
    }
    const auto bits = static_cast<std::uint64_t>(value < 0 ? ~value : value);
    const std::size_t bytes = static_cast<std::size_t>(std::bit_width(bits)) / 8 + 1;
    const std::size_t width = bytes <= 4 ? bytes : bytes <= 6 ? 6 : 8;
    add_type(width <= 4 ? width : width == 6 ? 5 : 6);
    add_big_endian(static_cast<std::uint64_t>(value), width);
    return *this;
}

Record& Record::real(double value) {
    add_type(7);
    add_big_endian(std::bit_cast<std::uint64_t>(value), 8);
    return *this;
}

Record& Record::text(std::string_view value) {
    add_type(13 + 2 * static_cast<std::uint64_t>(value.size()));
    base::append(data_, base::bytes_of(value));
    return *this;
}

ByteView Record::bytes() {
    std::uint8_t head[head_bytes];
    std::size_t size = 1;
    for (std::size_t i = 0; i < columns_; ++i) {
        // A text is shorter than 2^28 bytes, so no type is longer than five.
        SBOT_ASSERT(types_[i] < std::uint64_t{1} << 35);
        size += put_varint(head + size, types_[i]);
    }
    head[0] = static_cast<std::uint8_t>(size);
    std::memcpy(data_.data() + head_bytes - size, head, size);
    return ByteView(data_).subspan(head_bytes - size);
}

// --- pages

Result<std::unique_ptr<PageFile>> PageFile::open(const std::string& path) {
    base::PosixFiles files;
    auto file = files.open(path, {});
    if (!file) return std::move(file).error();
    Bytes head(head_bytes_max);
    auto got = (*file)->read_at(0, head);
    if (!got) return std::move(got).error();
    auto size = (*file)->size();
    if (!size) return std::move(size).error();
    const std::uint64_t page = base::load_be(ByteView(head).subspan(page_bytes_at), 2);
    if (*got != head.size() || page < 512 || *size % page != 0 || head[reserved_at] != 0) {
        return error(Errc::corrupt, path + ": no database to fill");
    }
    return std::unique_ptr<PageFile>(
        new PageFile(std::move(*file), page, static_cast<std::uint32_t>(*size / page)));
}

PageFile::PageFile(std::unique_ptr<base::File> file, std::size_t page_bytes, std::uint32_t count)
    : file_(std::move(file)), page_bytes_(page_bytes), count_(count), written_(count) {
    buffer_.reserve(buffer_bytes + 2 * page_bytes);
}

std::uint32_t PageFile::after(std::uint32_t number) const {
    return number == lock_at / page_bytes_ ? number + 2 : number + 1;
}

std::uint32_t PageFile::append(ByteView page) {
    SBOT_ASSERT(page.size() == page_bytes_);
    const std::uint32_t number = next();
    buffer_.resize(buffer_.size() + (number - count_ - 1) * page_bytes_);
    base::append(buffer_, page);
    count_ = number;
    if (buffer_.size() >= buffer_bytes) flush();
    return number;
}

void PageFile::flush() {
    if (status_) status_ = file_->write_at(std::uint64_t{written_} * page_bytes_, buffer_);
    buffer_.clear();
    written_ = count_;
}

void PageFile::replace(std::uint32_t number, ByteView page) {
    SBOT_ASSERT(number <= written_ && page.size() == page_bytes_);
    if (status_) status_ = file_->write_at(std::uint64_t{number - 1} * page_bytes_, page);
}

Result<void> PageFile::finish() {
    flush();
    Bytes count(4);
    store(count, 0, 4, count_);
    if (status_) status_ = file_->write_at(count_at, count);
    return status_;
}

// --- trees

Tree::Tree(PageFile& file, Kind kind, std::uint32_t root)
    : file_(file),
      kind_(kind),
      root_(root),
      table_local_max_(file.page_bytes() - 35),
      index_local_max_((file.page_bytes() - 12) * 64 / 255 - 23),
      local_min_((file.page_bytes() - 12) * 32 / 255 - 23),
      overflow_(file.page_bytes()) {
    clear(levels_.emplace_back());
}

void Tree::clear(Level& level) const {
    level.page.assign(file_.page_bytes(), 0);
    level.cells = level.last = 0;
    level.content = file_.page_bytes();
}

void Tree::add(std::int64_t rowid, ByteView row) {
    cell_.clear();
    append_varint(cell_, row.size());
    append_varint(cell_, static_cast<std::uint64_t>(rowid));
    add_payload(row, table_local_max_);
    // Before `put`, which may close the leaf before this row.
    put(0, cell_);
    last_rowid_ = rowid;
}

void Tree::add(ByteView entry) {
    cell_.clear();
    append_varint(cell_, entry.size());
    add_payload(entry, index_local_max_);
    put(0, cell_);
}

/// What does not fit goes to a chain of pages.
void Tree::add_payload(ByteView payload, std::size_t local_max) {
    if (payload.size() <= local_max) return base::append(cell_, payload);
    const std::size_t room = file_.page_bytes() - 4;
    std::size_t local = local_min_ + (payload.size() - local_min_) % room;
    if (local > local_max) local = local_min_;
    base::append(cell_, payload.first(local));
    cell_.resize(cell_.size() + 4);
    store(cell_, cell_.size() - 4, 4, file_.next());
    for (payload = payload.subspan(local); !payload.empty();) {
        const std::size_t part = std::min(room, payload.size());
        std::fill(overflow_.begin(), overflow_.end(), std::uint8_t{0});
        std::memcpy(overflow_.data() + 4, payload.data(), part);
        payload = payload.subspan(part);
        if (!payload.empty()) store(overflow_, 0, 4, file_.after(file_.next()));
        file_.append(overflow_);
    }
}

void Tree::put(std::size_t level, ByteView cell) {
    if (level == levels_.size()) clear(levels_.emplace_back());
    const std::size_t taken = page_head_bytes(level) + 2 * (levels_[level].cells + 1) + cell.size();
    if (taken > levels_[level].content) close(level);
    Level& to = levels_[level];
    to.content -= cell.size();
    to.last = cell.size();
    std::memcpy(to.page.data() + to.content, cell.data(), cell.size());
    store(to.page, page_head_bytes(level) + 2 * to.cells++, 2, to.content);
}

/// Writes a page that is full, and what leads to it one level up: in a table the greatest row id in
/// it, elsewhere its last entry, which moves.
void Tree::close(std::size_t level) {
    Bytes divider(4);
    std::uint32_t right = 0;
    if (level == 0 && kind_ == Kind::table) {
        append_varint(divider, static_cast<std::uint64_t>(last_rowid_));
    } else {
        Level& from = levels_[level];
        SBOT_ASSERT(from.cells > 1);
        ByteView last = ByteView(from.page).subspan(from.content, from.last);
        if (level > 0) {
            right = static_cast<std::uint32_t>(base::load_be(last, 4));
            last = last.subspan(4);
        }
        base::append(divider, last);
        std::memset(from.page.data() + from.content, 0, from.last);
        from.content += from.last;
        store(from.page, page_head_bytes(level) + 2 * --from.cells, 2, 0);
    }
    store(divider, 0, 4, file_.append(sealed(level, right)));
    clear(levels_[level]);
    put(level + 1, divider);
}

/// The page with its head; `right` is its last child.
ByteView Tree::sealed(std::size_t level, std::uint32_t right) {
    Level& from = levels_[level];
    const bool table = kind_ == Kind::table;
    from.page[0] =
        level == 0 ? (table ? leaf_table : leaf_index) : (table ? interior_table : interior_index);
    store(from.page, 3, 2, from.cells);
    store(from.page, 5, 2, from.content);
    if (level > 0) store(from.page, 8, 4, right);
    return from.page;
}

void Tree::finish() {
    std::uint32_t right = 0;
    const std::size_t top = levels_.size() - 1;
    for (std::size_t level = 0; level < top; ++level) right = file_.append(sealed(level, right));
    file_.replace(root_, sealed(top, right));
}

}  // namespace sbot::flume::sqlite
