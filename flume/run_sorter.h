#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/files.h"
#include "base/result.h"

/// Sorting more than fits in memory.
namespace sbot::flume {

/// Bytes that are written once, and read until the end of this object: a file without a name.
class SpillFile {
 public:
    /// In the folder of `path`, which must not exist.
    static Result<SpillFile> make(const std::string& path) {
        base::PosixFiles files;
        base::OpenFile how;
        how.create = how.truncate = true;
        auto file = files.open(path, how);
        if (!file) return std::move(file).error();
        if (auto ok = files.remove(path); !ok) return std::move(ok).error();
        return SpillFile(std::move(*file));
    }
    /// Where it lies now.
    Result<std::uint64_t> append(ByteView bytes) {
        const std::uint64_t at = end_;
        // Long writes cost more: what is copied has left the processor's cache.
        for (; !bytes.empty(); bytes = bytes.subspan(std::min(write_bytes, bytes.size()))) {
            ByteView part = bytes.first(std::min(write_bytes, bytes.size()));
            if (auto ok = file_->write_at(end_, part); !ok) return std::move(ok).error();
            end_ += part.size();
        }
        return at;
    }
    Result<std::size_t> read(std::uint64_t at, MutableBytes into) const {
        return file_->read_at(at, into);
    }

 private:
    static constexpr std::size_t write_bytes = std::size_t{32} << 10;

    explicit SpillFile(std::unique_ptr<base::File> file) : file_(std::move(file)) {}
    std::unique_ptr<base::File> file_;
    std::uint64_t end_ = 0;
};

/// Sorts values of one size by `<`: in memory, one run after another, each written away when the
/// next begins; then all runs are merged.
template <typename Value>
class RunSorter {
    static_assert(std::is_trivially_copyable_v<Value>);

 public:
    /// The file outlives the sorter; several may use it.
    RunSorter(SpillFile& file, std::size_t run_bytes)
        : file_(&file), run_values_(std::max<std::size_t>(1, run_bytes / sizeof(Value))) {}

    Result<void> add(const Value& value) {
        if (values_.size() == run_values_) {
            if (auto ok = spill(); !ok) return ok;
        }
        if (values_.capacity() == 0) values_.reserve(std::min(run_values_, values_at_first));
        values_.push_back(value);
        return {};
    }

    /// Gives all values in order to `take`, and forgets them.
    template <typename Take>
    Result<void> drain(Take take) {
        if (runs_.empty()) {
            sort();
            for (const Value& value : values_) take(value);
            values_ = {};
            return {};
        }
        if (auto ok = spill(); !ok) return ok;
        values_ = {};
        for (Run& run : runs_) {
            if (auto ok = refill(run); !ok) return ok;
        }
        return merge(take);
    }

 private:
    static constexpr std::size_t values_at_first = 1024;
    static constexpr std::size_t window_bytes = std::size_t{64} << 10;

    struct Run {
        std::uint64_t at = 0;   // of the part that is not in the window
        std::size_t count = 0;  // of the values there
        std::vector<Value> window = {};
        std::size_t next = 0;

        const Value& head() const { return window[next]; }
    };

    void sort() {
        if (!std::is_sorted(values_.begin(), values_.end())) {
            std::sort(values_.begin(), values_.end());
        }
    }

    Result<void> spill() {
        sort();
        auto at = file_->append({reinterpret_cast<const std::uint8_t*>(values_.data()),
                                 values_.size() * sizeof(Value)});
        if (!at) return std::move(at).error();
        runs_.push_back({*at, values_.size()});
        values_.clear();
        return {};
    }

    Result<void> refill(Run& run) {
        run.next = 0;
        run.window.resize(std::min(run.count, window_bytes / sizeof(Value)));
        const std::size_t bytes = run.window.size() * sizeof(Value);
        auto got = file_->read(run.at, {reinterpret_cast<std::uint8_t*>(run.window.data()), bytes});
        if (!got) return std::move(got).error();
        if (*got != bytes) return error(Errc::io, "sorting: the file is shorter than it was");
        run.at += bytes;
        run.count -= run.window.size();
        return {};
    }

    template <typename Take>
    Result<void> merge(Take take) {
        std::vector<Run*> heap;
        for (Run& run : runs_) heap.push_back(&run);
        auto later = [](const Run* a, const Run* b) { return b->head() < a->head(); };
        std::make_heap(heap.begin(), heap.end(), later);
        while (!heap.empty()) {
            std::pop_heap(heap.begin(), heap.end(), later);
            Run& run = *heap.back();
            // Runs often lie one behind the other: on as long as nobody else's turn comes.
            for (bool first = true; first || heap.size() == 1 || !later(&run, heap.front());
                 first = false) {
                take(run.head());
                if (++run.next < run.window.size()) continue;
                if (auto ok = refill(run); !ok) return ok;
                if (run.window.empty()) break;
            }
            if (run.window.empty()) {
                heap.pop_back();
            } else {
                std::push_heap(heap.begin(), heap.end(), later);
            }
        }
        runs_.clear();
        return {};
    }

    SpillFile* file_;
    std::size_t run_values_;
    std::vector<Value> values_;
    std::vector<Run> runs_;
};

}  // namespace sbot::flume
