// A log that another program changes just while it is opened.
#include <gtest/gtest.h>

#include "base/memory_files.h"
#include "flume/offset_log.h"

namespace sbot::flume {
namespace {

/// A file that somebody cuts to `bytes` right after its size was asked for.
class FileCutMeanwhile final : public base::File {
 public:
    FileCutMeanwhile(std::unique_ptr<base::File> under, std::unique_ptr<base::File> other,
                     std::uint64_t bytes)
        : under_(std::move(under)), other_(std::move(other)), bytes_(bytes) {}
    Result<std::size_t> read_at(std::uint64_t offset, MutableBytes into) const override {
        return under_->read_at(offset, into);
    }
    Result<void> write_at(std::uint64_t offset, ByteView data) override {
        return under_->write_at(offset, data);
    }
    Result<void> sync() override { return under_->sync(); }
    Result<void> truncate(std::uint64_t size) override { return under_->truncate(size); }
    Result<std::uint64_t> size() const override {
        auto before = under_->size();
        EXPECT_TRUE(other_->truncate(bytes_));
        return before;
    }

 private:
    std::unique_ptr<base::File> under_, other_;
    std::uint64_t bytes_;
};

class FilesCutMeanwhile final : public base::MemoryFiles {
 public:
    std::uint64_t bytes = 0;
    Result<std::unique_ptr<base::File>> open(const std::string& at, base::OpenFile how) override {
        auto file = MemoryFiles::open(at, how);
        auto other = MemoryFiles::open(at, {});
        if (!file || !other || bytes == 0) return file;
        return std::unique_ptr<base::File>(
            new FileCutMeanwhile(std::move(*file), std::move(*other), bytes));
    }
};

TEST(OffsetLog, a_torn_end_that_the_writer_cuts_while_another_opens_the_log_is_no_damage) {
    const std::string path = "/d/log.offset";
    FilesCutMeanwhile files;
    auto log = std::move(OffsetLog::open(files, path, {}).value());
    const ByteView batch[] = {base::bytes_of("{\"a\":1}"), base::bytes_of("{\"b\":2}")};
    ASSERT_TRUE(log->append(batch));
    const Offset whole = log->end();
    const auto latest = log->latest();
    log.reset();
    ASSERT_TRUE((*files.open(path, {}))->write_at(whole, Bytes(100, 7)));
    files.bytes = whole;
    OffsetLog::Options options;
    options.read_only = true;
    auto reader = OffsetLog::open(files, path, options);
    ASSERT_TRUE(reader) << reader.error().what;
    EXPECT_EQ((*reader)->end(), whole);
    EXPECT_EQ((*reader)->latest(), latest);
}

}  // namespace
}  // namespace sbot::flume
