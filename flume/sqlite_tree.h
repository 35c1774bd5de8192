#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/files.h"
#include "base/result.h"

/// Filling the tables of a SQLite database without SQLite, for rows that come in order: each page
/// is made once and written once. A third of the work of inserting them, and a fifth of making an
/// index.
///
/// SQLite makes the file, with its tables and indexes empty; a `Tree` fills one of them; SQLite
/// goes on from there. Format source: https://www.sqlite.org/fileformat2.html, sections 1.2 to 2.1,
/// which every version of SQLite 3 keeps to.
namespace sbot::flume::sqlite {

/// A row, or an entry of an index, as SQLite writes it. Used again and again.
class Record {
 public:
    static constexpr std::size_t columns_max = 12;

    Record() { clear(); }
    void clear();
    Record& null();
    Record& integer(std::int64_t value);
    Record& real(double value);
    Record& text(std::string_view value);

    /// What was put in since `clear`; valid until the next call.
    ByteView bytes();

 private:
    static constexpr std::size_t head_bytes = 64;  // a length and the columns' types, at most

    void add_type(std::uint64_t type);
    void add_big_endian(std::uint64_t value, std::size_t width);

    std::array<std::uint64_t, columns_max> types_{};
    std::size_t columns_ = 0;
    Bytes data_;  // the head right before the values
};

/// The pages of a database file that no connection has open. New ones are written front to back.
/// The first error stays and ends all writing; `finish` tells it, and `status`.
class PageFile {
 public:
    /// A file that SQLite has made. Errors: `corrupt`, `io`.
    static Result<std::unique_ptr<PageFile>> open(const std::string& path);

    /// Bytes of a page, all of which trees may use.
    std::size_t page_bytes() const { return page_bytes_; }
    /// The number that the next page gets; the one that the page after `number` has.
    std::uint32_t next() const { return after(count_); }
    std::uint32_t after(std::uint32_t number) const;
    std::uint32_t append(ByteView page);
    /// For a page that was there when the file was opened.
    void replace(std::uint32_t number, ByteView page);

    const Result<void>& status() const { return status_; }
    Result<void> finish();

 private:
    PageFile(std::unique_ptr<base::File> file, std::size_t page_bytes, std::uint32_t count);
    void flush();

    std::unique_ptr<base::File> file_;
    std::size_t page_bytes_;
    std::uint32_t count_;    // pages there are, the buffered ones too
    std::uint32_t written_;  // those in the file
    Bytes buffer_;
    Result<void> status_;
};

/// One b-tree, an empty one so far: a table or an index.
class Tree {
 public:
    enum class Kind : std::uint8_t { table, index };

    /// `root` as `sqlite_schema` has it. The file outlives the tree.
    Tree(PageFile& file, Kind kind, std::uint32_t root);

    /// For tables with row ids, which ascend.
    void add(std::int64_t rowid, ByteView row);
    /// For indexes and tables without row ids, in SQLite's order of records.
    void add(ByteView entry);
    /// After the last one.
    void finish();

 private:
    struct Level {
        Bytes page;
        std::size_t cells = 0;
        std::size_t content = 0;  // where the last cell begins; they grow downwards
        std::size_t last = 0;     // its length
    };

    void clear(Level& level) const;
    void add_payload(ByteView payload, std::size_t local_max);
    void put(std::size_t level, ByteView cell);
    void close(std::size_t level);
    ByteView sealed(std::size_t level, std::uint32_t right);

    PageFile& file_;
    Kind kind_;
    std::uint32_t root_;
    std::size_t table_local_max_, index_local_max_, local_min_;
    std::int64_t last_rowid_ = 0;
    std::vector<Level> levels_;  // leaves first
    Bytes cell_, overflow_;
};

}  // namespace sbot::flume::sqlite
