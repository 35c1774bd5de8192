// Writer and Feeds on a disk that does what real ones do on bad days.

#include "sbot/writer.h"

#include <gtest/gtest.h>

#include "flume/sqlite.h"
#include "sbot/feeds.h"
#include "tests/sbot/support.h"

namespace sbot::app {
namespace {

using replication::Taken;

constexpr std::string_view a_post = R"({"type":"post","text":"some words"})";

class WriterTest : public testing::Test {
 protected:
    WriterTest() : store(loop) {}

    std::vector<muxrpc::AsyncReply<std::string>> publish_many(int count) {
        std::vector<muxrpc::AsyncReply<std::string>> waiting;
        auto document = json::Document::parse(a_post);
        for (int i = 0; i < count; ++i) waiting.push_back(store.feeds->publish(document->root()));
        return waiting;
    }
    /// How many were acknowledged.
    int acknowledged(std::vector<muxrpc::AsyncReply<std::string>> waiting) {
        int count = 0;
        for (auto& each : waiting) {
            if (loop.run(std::move(each))) ++count;
        }
        return count;
    }
    Sequence stored() const {
        auto* state = store.feeds->stored(store.own.id);
        return state != nullptr ? state->sequence : 0;
    }

    io::Loop loop;
    Store store;
};

TEST_F(WriterTest, publishes_at_once_form_one_chain_in_few_batches) {
    EXPECT_EQ(acknowledged(publish_many(50)), 50);
    EXPECT_EQ(stored(), 50U);
    EXPECT_LE(store.batches, 2);
    store.close();
    store.open();
    EXPECT_EQ(stored(), 50U);
    EXPECT_EQ(store.feeds->ahead(store.own.id)->sequence, 50U);
}

TEST_F(WriterTest, the_text_of_many_posts_is_found_when_it_is_quiet) {
    EXPECT_EQ(acknowledged(publish_many(700)), 700);
    loop.run(store.indexer->level());
    auto index =
        std::move(flume::sqlite::Database::open(store.view->path(), {.read_only = true}).value());
    const char* const found = "SELECT count(*) FROM texts WHERE texts MATCH 'words'";
    for (int i = 0; i < 500 && index.number(found).value() < 700; ++i) {
        loop.run([](io::Loop& its_loop) -> io::Task<void> {
            auto nap = its_loop.sleep(20);
            co_await nap;
        }(loop));
    }
    EXPECT_EQ(index.number(found).value(), 700);
    EXPECT_EQ(index.number("SELECT upto=texts_upto FROM progress").value(), 1);
}

TEST_F(WriterTest, a_full_disk_fails_all_that_wait_and_passes) {
    store.publish(a_post);
    store.disk.full_after(100);
    auto waiting = publish_many(10);
    loop.run(turns(loop, 1));
    auto more = publish_many(5);
    EXPECT_EQ(store.feeds->ahead(store.own.id)->sequence, 16U);
    EXPECT_EQ(acknowledged(std::move(waiting)), 0);
    EXPECT_EQ(acknowledged(std::move(more)), 0);
    EXPECT_EQ(store.feeds->ahead(store.own.id)->sequence, 1U);
    EXPECT_NE(store.publish(a_post).find("the log could not be written"), std::string::npos);

    store.disk.heal();
    EXPECT_EQ(acknowledged(publish_many(3)), 3);
    EXPECT_EQ(stored(), 4U);
    store.close();
    store.disk.power_cut();
    store.open();
    EXPECT_EQ(stored(), 4U);
}

TEST_F(WriterTest, what_was_acknowledged_survives_wherever_the_disk_stops) {
    for (std::size_t writes = 0; writes < 8; ++writes) {
        Sequence before = stored();
        store.disk.stop_after(writes, 30);
        int count = 0;
        for (int round = 0; round < 5; ++round) count += acknowledged(publish_many(3));
        store.close();
        store.disk.power_cut(writes * 100);
        store.disk.heal();
        store.open();
        EXPECT_GE(stored(), before + static_cast<Sequence>(count));
        EXPECT_EQ(acknowledged(publish_many(1)), 1);
    }
}

TEST_F(WriterTest, after_a_failed_sync_nothing_is_acknowledged_until_reopened) {
    EXPECT_EQ(acknowledged(publish_many(2)), 2);
    store.disk.fail_syncs();
    EXPECT_EQ(acknowledged(publish_many(2)), 0);
    // What may not be on the disk is in no index.
    loop.run(store.indexer->level());
    EXPECT_LT(*store.indexer->indexed(), *store.log->latest());
    store.disk.heal();
    EXPECT_EQ(acknowledged(publish_many(2)), 0);
    EXPECT_EQ(stored(), 2U);
    EXPECT_EQ(store.feeds->ahead(store.own.id)->sequence, 2U);
    store.close();
    store.open();
    EXPECT_GE(stored(), 2U);
    EXPECT_EQ(acknowledged(publish_many(2)), 2);
}

/// Notes what is done to files, in order.
class RecordingFiles final : public base::Files {
 public:
    RecordingFiles(base::Files& under, std::vector<std::string>& notes)
        : under_(under), notes_(notes) {}
    Result<std::unique_ptr<base::File>> open(const std::string& path, base::OpenFile how) override;
    Result<void> rename(const std::string& from, const std::string& to) override {
        return under_.rename(from, to);
    }
    Result<void> remove(const std::string& path) override { return under_.remove(path); }
    Result<void> sync_folder(const std::string& folder) override {
        return under_.sync_folder(folder);
    }
    Result<base::FileInfo> info(const std::string& path) override { return under_.info(path); }
    Result<bool> make_folder(const std::string& path) override { return under_.make_folder(path); }
    Result<std::vector<std::string>> list(const std::string& folder) override {
        return under_.list(folder);
    }

 private:
    base::Files& under_;
    std::vector<std::string>& notes_;
};

class RecordingFile final : public base::File {
 public:
    RecordingFile(std::unique_ptr<base::File> under, std::vector<std::string>& notes)
        : under_(std::move(under)), notes_(notes) {}
    Result<std::size_t> read_at(std::uint64_t offset, MutableBytes into) const override {
        return under_->read_at(offset, into);
    }
    Result<void> write_at(std::uint64_t offset, ByteView data) override {
        notes_.emplace_back("write");
        return under_->write_at(offset, data);
    }
    Result<void> sync() override {
        notes_.emplace_back("sync");
        return under_->sync();
    }
    Result<void> truncate(std::uint64_t size) override { return under_->truncate(size); }
    Result<std::uint64_t> size() const override { return under_->size(); }

 private:
    std::unique_ptr<base::File> under_;
    std::vector<std::string>& notes_;
};

Result<std::unique_ptr<base::File>> RecordingFiles::open(const std::string& path,
                                                         base::OpenFile how) {
    auto file = under_.open(path, how);
    if (!file) return std::move(file).error();
    return std::unique_ptr<base::File>(new RecordingFile(std::move(*file), notes_));
}

TEST_F(WriterTest, appends_then_syncs_then_tells_then_indexes) {
    std::vector<std::string> notes;
    RecordingFiles recording(store.disk, notes);
    store.close();
    store.open(&recording);
    notes.clear();
    auto document = json::Document::parse(a_post);
    auto publishing = store.feeds->publish(document->root());
    EXPECT_FALSE(publishing.done());
    EXPECT_EQ(stored(), 0U);
    auto done = loop.run(std::move(publishing));
    ASSERT_TRUE(done);
    EXPECT_EQ(notes, (std::vector<std::string>{"write", "sync"}));
    EXPECT_EQ(stored(), 1U);
    loop.run(store.indexer->level());
    auto envelope = json::Document::parse(*done);
    auto reader = flume::CoreReader::open(store.view->path());
    auto found = (*reader)->by_key(*MessageId::parse(envelope->root()["key"].string()));
    EXPECT_TRUE(found && found->has_value());
    store.close();
}

TEST_F(WriterTest, an_index_that_cannot_be_written_costs_no_message_and_is_made_up_for) {
    store.publish(a_post);
    loop.run(store.indexer->level());
    auto other = flume::sqlite::Database::open(store.view->path(), {});
    ASSERT_TRUE(other && other->run("BEGIN IMMEDIATE"));
    EXPECT_EQ(acknowledged(publish_many(3)), 3);
    EXPECT_EQ(stored(), 4U);
    loop.run(store.indexer->level());
    EXPECT_NE(store.index_error.find("the index cannot be written"), std::string::npos);
    ASSERT_TRUE(other->run("COMMIT"));
    loop.run(store.indexer->level());
    EXPECT_EQ(store.indexer->indexed(), store.log->latest());
    EXPECT_EQ(store.indexer->behind(), 0U);
    auto reader = flume::CoreReader::open(store.view->path());
    EXPECT_EQ((*reader)->all_states()->at(0).sequence, 4U);
    // A live stream from here on begins behind what was made up for.
    auto options = json::Document::parse(R"({"live":true,"old":false,"keys":false})");
    auto live = store.reading->stream({}, lenient_options(options->root()));
    auto next = live->next();
    loop.run(turns(loop, 20));
    store.publish(R"({"type":"post","text":"the fifth"})");
    auto item = loop.run(std::move(next));
    ASSERT_TRUE(item && item->has_value());
    EXPECT_NE((*item)->text().find("the fifth"), std::string_view::npos) << (*item)->text();
}

TEST_F(WriterTest, what_comes_in_quick_succession_is_indexed_together) {
    auto document = json::Document::parse(a_post);
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(loop.run(store.feeds->publish(document->root())));
    loop.run(store.indexer->level());
    EXPECT_EQ(store.batches, 100);
    EXPECT_EQ(store.indexer->indexed(), store.log->latest());
    EXPECT_LT(store.index_jobs, 100);
}

TEST_F(WriterTest, peers_wait_for_an_index_that_is_as_far_behind_as_it_may) {
    store.close();
    store.lag_records_max = 10;
    store.open();
    const message::KeyPair peer = pair_of(7);
    const std::vector<Bytes> texts = as_bytes(feed_of(peer, 400));
    std::size_t farthest = 0;
    for (auto from = texts.begin(); from != texts.end(); from += 20) {
        EXPECT_EQ(store.take(peer.id, {from, from + 20}).count, 20u);
        farthest = std::max(farthest, store.indexer->behind());
    }
    EXPECT_LE(farthest, store.lag_records_max + 20);
    loop.run(store.indexer->level());
    EXPECT_EQ(store.indexer->indexed(), store.log->latest());
}

TEST_F(WriterTest, takes_runs_of_peers_and_keeps_what_is_good) {
    auto other = pair_of(2);
    auto messages = feed_of(other, 5);
    auto taken = store.take(other.id, as_bytes({messages[0], messages[1]}));
    EXPECT_EQ(taken.count, 2U);
    EXPECT_EQ(taken.end, Taken::End::all);
    // Known ones are passed over, an envelope is as good as the value.
    std::string envelope = R"({"key":"%x","value":)" + messages[2] + ",\"timestamp\":1}";
    taken = store.take(other.id, as_bytes({messages[1], envelope}));
    EXPECT_EQ(taken.count, 1U);
    std::string forged = messages[4];
    forged.replace(forged.find("\"n\":5"), 5, "\"n\":6");
    taken = store.take(other.id, as_bytes({messages[3], forged}));
    EXPECT_EQ(taken.count, 1U);
    EXPECT_EQ(taken.end, Taken::End::bad);
    EXPECT_EQ(store.feeds->latest(other.id), 4U);
    EXPECT_EQ(store.feeds->stored(other.id)->sequence, 4U);

    auto third = feed_of(pair_of(3), 5);
    EXPECT_EQ(store.take(other.id, as_bytes({third[4]})).end, Taken::End::bad);
    EXPECT_EQ(store.take(other.id, as_bytes({"{", "null"})).end, Taken::End::bad);
    EXPECT_EQ(store.feeds->latest(pair_of(3).id), 0U);
    EXPECT_EQ(store.feeds->latest(other.id), 4U);
}

TEST_F(WriterTest, a_gap_is_no_fault_of_whoever_sent_it) {
    auto other = pair_of(2);
    auto messages = feed_of(other, 5);
    auto taken = store.take(other.id, as_bytes({messages[1]}));
    EXPECT_EQ(taken.end, Taken::End::gap);
    taken = store.take(other.id, as_bytes({messages[0], messages[1], messages[3]}));
    EXPECT_EQ(taken.count, 2U);
    EXPECT_EQ(taken.end, Taken::End::gap);
    EXPECT_EQ(store.feeds->stored(other.id)->sequence, 2U);
}

TEST_F(WriterTest, disorder_and_repeats_cost_nothing) {
    auto other = pair_of(2);
    auto messages = feed_of(other, 5);
    auto mixed_up = {messages[2], messages[0], messages[0], messages[1], messages[4],
                     messages[2], messages[3], messages[1], messages[4]};
    auto taken = store.take(other.id, as_bytes(mixed_up));
    EXPECT_EQ(taken.count, 5U);
    EXPECT_EQ(taken.end, Taken::End::gap);
    EXPECT_EQ(store.feeds->stored(other.id)->sequence, 5U);
}

TEST_F(WriterTest, what_follows_messages_that_a_full_disk_refused_is_a_gap) {
    auto other = pair_of(2);
    auto messages = feed_of(other, 6);
    store.take(other.id, as_bytes({messages[0]}));
    store.disk.full_after(10);
    store.take(other.id, as_bytes({messages[1], messages[2]}));
    EXPECT_EQ(store.feeds->latest(other.id), 1U);
    EXPECT_EQ(store.take(other.id, as_bytes({messages[3]})).end, Taken::End::gap);
}

TEST_F(WriterTest, one_job_takes_runs_of_several_feeds) {
    std::vector<replication::FeedRun> runs;
    for (std::uint8_t i = 2; i < 6; ++i) {
        auto keys = pair_of(i);
        runs.push_back({keys.id, as_bytes(feed_of(keys, i))});
    }
    auto taken = loop.run(store.feeds->take(std::move(runs)));
    ASSERT_EQ(taken.size(), 4U);
    for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(taken[i].count, i + 2);
    loop.run(store.writer->flushed());
    EXPECT_EQ(store.feeds->stored(pair_of(5).id)->sequence, 5U);
}

TEST_F(WriterTest, what_comes_behind_a_bad_signature_is_not_taken) {
    auto other = pair_of(2);
    auto messages = feed_of(other, 5);
    // Signed by somebody else, and the one behind it follows on what it pretends to be.
    message::KeyPair thief = pair_of(9);
    thief.id = pair_of(4).id;
    auto stolen = feed_of(thief, 5);
    auto broken = messages;
    std::size_t digit = broken[2].find("\"signature\":\"") + 20;
    broken[2][digit] = broken[2][digit] == 'A' ? 'B' : 'A';
    std::vector<replication::FeedRun> runs;
    runs.push_back({other.id, as_bytes(broken)});
    runs.push_back({thief.id, as_bytes(stolen)});
    runs.push_back({pair_of(3).id, as_bytes(feed_of(pair_of(3), 5))});
    auto taken = loop.run(store.feeds->take(std::move(runs)));
    ASSERT_EQ(taken.size(), 3U);
    EXPECT_EQ(taken[0].count, 2U);
    EXPECT_EQ(taken[1].count, 0U);
    for (std::size_t i = 0; i < 2; ++i) {
        EXPECT_EQ(taken[i].end, Taken::End::bad);
        EXPECT_EQ(taken[i].why, "invalid signature");
    }
    EXPECT_EQ(taken[2].count, 5U);
    EXPECT_EQ(taken[2].end, Taken::End::all);
    // The honest rest follows on the last good one.
    EXPECT_EQ(store.take(other.id, as_bytes({messages[2], messages[3], messages[4]})).count, 3U);
    EXPECT_EQ(store.take(thief.id, as_bytes(feed_of(pair_of(4), 5))).count, 5U);
}

TEST_F(WriterTest, a_message_comes_in_once_though_two_peers_bring_it) {
    auto other = pair_of(2);
    auto messages = feed_of(other, 60);
    auto run = [&] {
        std::vector<replication::FeedRun> runs(1);
        runs[0] = {other.id, as_bytes(messages)};
        return runs;
    };
    auto one = store.feeds->take(run());
    auto two = store.feeds->take(run());
    auto first = loop.run(std::move(one));
    auto second = loop.run(std::move(two));
    EXPECT_EQ(first[0].count + second[0].count, 60U);
    loop.run(store.writer->flushed());
    EXPECT_EQ(store.feeds->stored(other.id)->sequence, 60U);
}

TEST_F(WriterTest, add_takes_any_author_and_refuses_gaps) {
    auto messages = feed_of(pair_of(2), 3);
    auto add = [this](const std::string& text) {
        auto document = json::Document::parse(text);
        return loop.run(store.feeds->add(document->root())).has_value();
    };
    EXPECT_TRUE(add(messages[0]));
    EXPECT_FALSE(add(messages[2]));
    EXPECT_FALSE(add(messages[0]));
    EXPECT_TRUE(add(messages[1]));
    EXPECT_FALSE(add("{}"));
    EXPECT_FALSE(add("null"));
}

TEST_F(WriterTest, can_be_dropped_while_it_writes) {
    auto waiting = publish_many(20);
    auto room = store.writer->room();
    auto flushed = store.writer->flushed();
    waiting.resize(10);
    flushed.drop();
    waiting.clear();
    store.close();
    store.open();
    EXPECT_EQ(acknowledged(publish_many(1)), 1);
}

}  // namespace
}  // namespace sbot::app
