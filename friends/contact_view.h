#pragma once

#include <memory>
#include <optional>
#include <string>

#include "flume/core_view.h"
#include "flume/sqlite.h"
#include "flume/view.h"
#include "friends/graph.h"

namespace sbot::friends {

/// The contact messages in the log, public ones and private ones that we can open, in
/// `flume/contacts.sqlite`: every one of them, so that the one before counts again when the last is
/// deleted. What it takes in, it also has as news for whoever keeps the graph.
///
/// Entries without any contact are passed over at the cost of a look at their text, and how far
/// that has gone is written only now and then: after a crash some entries are met again.
class ContactView final : public flume::View {
 public:
    struct Options {
        std::string path;
        FeedId own;          ///< the graph's first feed
        flume::Unbox unbox;  ///< may be empty: then private contacts do not count
    };

    /// Opens the file, makes it where it is missing, and begins anew where it is damaged, of
    /// another version, or another feed's; call `settle` and `catch_up` next.
    static Result<std::unique_ptr<ContactView>> open(Options options);
    ~ContactView() override;

    ContactView(const ContactView&) = delete;
    ContactView& operator=(const ContactView&) = delete;

    std::string_view name() const override { return "contacts"; }
    int version() const override { return 1; }
    flume::Coverage covered() const override { return covered_; }
    Result<void> apply(std::span<const flume::Entry> batch, flume::Place place) override;
    /// Looks at offsets alone.
    Result<void> retract(std::span<const flume::Entry> entries) override;
    Result<void> clear(std::uint64_t generation) override;

    /// What has come since the last call: after opening, clearing and deleting, everything.
    Result<News> take_news();

 private:
    struct Found {
        flume::Offset offset;
        FeedId author;
        Statement statement;
    };
    struct Statements;

    explicit ContactView(Options options);

    Result<void> start();
    Result<void> create(std::uint64_t generation);
    Result<void> load();
    std::optional<Found> found_in(const flume::Entry& entry);
    Result<void> store(std::span<const Found> found, const flume::Coverage& after);
    Result<FeedIndex> index_of(const FeedId& feed);
    Result<void> write_progress(const flume::Coverage& coverage);
    Result<void> retract_durably(std::span<const flume::Entry> entries);
    Result<News> read_all();

    Options options_;
    std::optional<flume::sqlite::Database> database_;
    std::unique_ptr<Statements> statements_;
    flume::Coverage covered_;
    std::size_t unsaved_entries_ = 0;  // taken in since progress was last written
    flume::Offset end_ = 0;            // behind the last contact
    News news_;
    json::Document document_, opened_;
};

}  // namespace sbot::friends
