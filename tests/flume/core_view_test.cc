#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "base/base64.h"
#include "base/memory_files.h"
#include "flume/core_reader.h"
#include "flume/offset_log.h"
#include "tests/flume/support.h"

namespace sbot::flume {
namespace {

using base::bytes_of;
using base::MemoryFiles;

const std::string log_path = "/d/log.offset";

FeedId feed_of(int number) {
    FeedId id;
    id.bytes.fill(static_cast<std::uint8_t>(number * 37 + 11));
    id.bytes[0] = static_cast<std::uint8_t>(number);
    return id;
}
MessageId key_for(int number) {
    MessageId id;
    id.bytes.fill(7);  // only the end differs: the index by the first bytes must not be enough
    id.bytes[30] = static_cast<std::uint8_t>(number >> 8);
    id.bytes[31] = static_cast<std::uint8_t>(number);
    return id;
}

/// A stored message; what is not given is made up from `number`.
struct Message {
    int number = 0;
    int author = 0;
    int sequence = 1;
    std::string received = "1500000000000";
    std::string claimed = "1499999999999";
    std::string content = R"({"type":"post","text":"hello"})";

    std::string text() const {
        return R"({"key":")" + key_for(number).text() + R"(","value":{"previous":null,"author":")" +
               feed_of(author).text() + R"(","sequence":)" + std::to_string(sequence) +
               R"(,"timestamp":)" + claimed + R"(,"hash":"sha256","content":)" + content +
               R"(,"signature":"x.sig.ed25519"},"timestamp":)" + received + "}";
    }
};

/// A log in memory, a view and a reader of it in a folder of their own.
struct Bench {
    test::TemporaryFolder folder;
    MemoryFiles files;
    std::unique_ptr<OffsetLog> log;
    std::unique_ptr<CoreView> view;
    std::unique_ptr<CoreReader> reader;
    Unbox unbox;
    std::vector<FeedState> kept;

    Bench() {
        log = std::move(OffsetLog::open(files, log_path, {}).value());
        open();
    }
    std::string path() const { return folder.path("core.sqlite"); }
    void open() {
        reader.reset();
        view.reset();
        auto opened = CoreView::open({path(), unbox, [this] { return kept; }});
        ASSERT_TRUE(opened) << opened.error().what;
        view = std::move(*opened);
        open_reader();
    }
    void open_reader() {
        auto opened = CoreReader::open(path());
        ASSERT_TRUE(opened) << opened.error().what;
        reader = std::move(*opened);
    }
    std::vector<Offset> append(const std::vector<std::string>& texts) {
        std::vector<ByteView> batch;
        for (const auto& text : texts) batch.push_back(bytes_of(text));
        auto offsets = log->append(batch).value();
        EXPECT_TRUE(log->sync());
        return offsets;
    }
    Progress catch_up(std::size_t entries_max = 100000) {
        auto progress = flume::catch_up(*view, *log, entries_max);
        EXPECT_TRUE(progress) << (progress ? "" : progress.error().what);
        return progress ? *progress : Progress();
    }
};

using Ask = std::function<CoreReader::Page(const PageOf&)>;

/// All rows, in pages of `limit`.
std::vector<Row> all_of(const Ask& ask, std::size_t limit = 100, PageOf page = {}) {
    std::vector<Row> rows;
    page.limit = limit;
    for (;;) {
        auto got = ask(page);
        EXPECT_TRUE(got) << (got ? "" : got.error().what);
        if (!got) return rows;
        rows.insert(rows.end(), got->begin(), got->end());
        if (got->size() < limit) return rows;
        page.after = got->back();
    }
}

std::vector<Offset> offsets(const std::vector<Row>& rows) {
    std::vector<Offset> all;
    for (const Row& row : rows) all.push_back(row.offset);
    return all;
}

/// Everything a reader can see, to compare two views.
struct Seen {
    std::vector<Row> received, rts, opened, posts, votes;
    std::vector<std::vector<Row>> feeds;
    std::vector<FeedState> states;
    std::uint64_t count = 0;
    std::vector<std::pair<Offset, std::string>> unreadable;
    std::optional<Offset> covered;
    bool operator==(const Seen&) const = default;
};

Seen look(CoreReader& reader) {
    Seen seen;
    seen.received = all_of([&](const PageOf& p) { return reader.by_received(p); });
    seen.rts = all_of([&](const PageOf& p) { return reader.by_rts(p); });
    seen.opened = all_of([&](const PageOf& p) { return reader.by_opened(p); });
    seen.posts = all_of([&](const PageOf& p) { return reader.by_type("post", p); });
    seen.votes = all_of([&](const PageOf& p) { return reader.by_type("vote", p); });
    for (int i = 0; i < 8; ++i) {
        seen.feeds.push_back(
            all_of([&](const PageOf& p) { return reader.by_feed(feed_of(i), p); }));
    }
    seen.states = reader.all_states().value();
    std::sort(seen.states.begin(), seen.states.end(),
              [](const FeedState& a, const FeedState& b) { return a.feed < b.feed; });
    seen.count = reader.count().value();
    seen.unreadable = reader.unreadable(1000).value();
    seen.covered = reader.covered().value();
    return seen;
}

/// A log like a real one: some feeds, times that tie and step back, things that are no messages.
std::vector<std::string> mixed_log(int count, unsigned seed) {
    std::mt19937 random(seed);
    std::vector<std::string> texts;
    std::vector<int> sequences(8);
    for (int i = 0; i < count; ++i) {
        Message message;
        message.number = i;
        message.author = static_cast<int>(random() % 8);
        message.sequence = ++sequences[static_cast<std::size_t>(message.author)];
        message.received = std::to_string(1500000000000 + static_cast<int>(random() % 50)) + ".5";
        message.claimed = std::to_string(1500000000000 + static_cast<int>(random() % 60));
        switch (random() % 6) {
            case 0: message.content = R"({"type":"vote"})"; break;
            case 1: message.content = R"("sealed.box")"; break;
            case 2: message.content = R"("open.box")"; break;
            case 3: message.content = R"({"text":"no type"})"; break;
            default: break;
        }
        texts.push_back(random() % 15 == 0 ? "{\"key\":\"%odd\"}" : message.text());
    }
    return texts;
}

std::optional<std::string> open_boxes(json::Value value) {
    if (!value["content"].is("open.box")) return std::nullopt;
    return R"({"type":"post","text":"psst"})";
}

TEST(CoreView, finds_a_message_in_every_index) {
    Bench bench;
    Message message{.number = 5, .author = 3, .sequence = 17};
    auto at = bench.append({message.text()})[0];
    auto progress = bench.catch_up();
    EXPECT_TRUE(progress.level);
    EXPECT_EQ(progress.applied, 1u);
    CoreReader& reader = *bench.reader;
    EXPECT_EQ(reader.by_key(key_for(5)).value(), at);
    EXPECT_FALSE(reader.by_key(key_for(6)).value());
    std::vector<Row> by_sequence = {{17, at, {}}}, by_time = {{1500000000000, at, {}}};
    std::vector<Row> by_rts = {{1499999999999, at, feed_of(3).text()}};
    EXPECT_EQ(reader.by_feed(feed_of(3), {}).value(), by_sequence);
    EXPECT_TRUE(reader.by_feed(feed_of(4), {}).value().empty());
    EXPECT_EQ(reader.by_received({}).value(), by_time);
    EXPECT_EQ(reader.by_rts({}).value(), by_rts);
    EXPECT_EQ(reader.by_type("post", {}).value(), by_time);
    EXPECT_TRUE(reader.by_type("vote", {}).value().empty());
    FeedState state{feed_of(3), key_for(5), 17, 1499999999999, at};
    EXPECT_EQ(reader.feed_state(feed_of(3)).value(), state);
    EXPECT_FALSE(reader.feed_state(feed_of(4)).value());
    EXPECT_EQ(reader.all_states().value(), std::vector<FeedState>{state});
    EXPECT_EQ(reader.count().value(), 1u);
    EXPECT_EQ(reader.covered().value(), at);
    EXPECT_EQ(bench.view->covered().key, key_for(5).text());
}

TEST(CoreView, is_the_same_however_it_was_fed) {
    const auto texts = mixed_log(400, 3);
    Bench whole, pieces, ahead;
    std::mt19937 random(5);
    for (Bench* bench : {&whole, &pieces, &ahead}) {
        bench->unbox = open_boxes;
        bench->open();
        bench->append(texts);
    }
    whole.catch_up();
    while (!pieces.catch_up(1 + random() % 40).level) {
        if (random() % 4 == 0) pieces.open();
    }
    std::vector<Bytes> data;
    std::vector<Entry> some;
    auto cursor = std::move(ahead.log->scan({}).value());
    while (auto entry = cursor->next().value()) {
        if (random() % 5 != 0) continue;
        data.push_back(base::to_bytes(entry->data));
        some.push_back({entry->offset, data.back()});
    }
    std::shuffle(some.begin(), some.end(), random);
    for (const Entry& entry : some) {
        ASSERT_TRUE(ahead.view->apply({&entry, 1}, Place::ahead));
    }
    EXPECT_FALSE(ahead.view->covered().upto);
    EXPECT_GT(ahead.reader->count().value(), 0u);
    ahead.catch_up(100);
    ahead.catch_up();
    const Seen want = look(*whole.reader);
    EXPECT_EQ(want.count + want.unreadable.size(), texts.size());
    EXPECT_FALSE(want.opened.empty());
    EXPECT_TRUE(look(*pieces.reader) == want);
    EXPECT_TRUE(look(*ahead.reader) == want);
    EXPECT_EQ(ahead.view->covered().upto, whole.log->latest());
    // Once more all of it, and a rebuild.
    cursor = std::move(whole.log->scan({}).value());
    ASSERT_TRUE(whole.view->apply(cursor->next_batch(100000).value(), Place::next));
    EXPECT_TRUE(look(*whole.reader) == want);
    ASSERT_TRUE(whole.view->clear(0));
    EXPECT_EQ(whole.reader->count().value(), 0u);
    whole.catch_up(150);
    whole.catch_up();
    EXPECT_TRUE(look(*whole.reader) == want);
}

TEST(CoreReader, pages_in_order_whatever_the_size_of_a_page) {
    Bench bench;
    bench.unbox = open_boxes;
    bench.open();
    bench.append(mixed_log(150, 9));
    bench.catch_up();
    CoreReader& reader = *bench.reader;
    const std::pair<const char*, Ask> asks[] = {
        {"received", [&](const PageOf& p) { return reader.by_received(p); }},
        {"rts", [&](const PageOf& p) { return reader.by_rts(p); }},
        {"opened", [&](const PageOf& p) { return reader.by_opened(p); }},
        {"type", [&](const PageOf& p) { return reader.by_type("post", p); }},
        {"feed", [&](const PageOf& p) { return reader.by_feed(feed_of(2), p); }},
    };
    for (const auto& [name, ask] : asks) {
        SCOPED_TRACE(name);
        const auto all = all_of(ask, 1000);
        ASSERT_GT(all.size(), 5u);
        EXPECT_TRUE(std::is_sorted(all.begin(), all.end(), [](const Row& a, const Row& b) {
            return std::tie(a.at, a.author, a.offset) < std::tie(b.at, b.author, b.offset);
        }));
        auto reversed = all;
        std::reverse(reversed.begin(), reversed.end());
        for (std::size_t limit : {1u, 2u, 7u, 50u}) {
            EXPECT_EQ(all_of(ask, limit), all);
            PageOf backward;
            backward.reverse = true;
            EXPECT_EQ(all_of(ask, limit, backward), reversed);
        }
        for (double at : {all.front().at, all[all.size() / 2].at, all[all.size() / 2].at + 0.25}) {
            for (bool reverse : {false, true}) {
                auto check = [&](Bounds bounds, auto allowed) {
                    PageOf page;
                    page.bounds = bounds;
                    page.reverse = reverse;
                    std::vector<Row> want;
                    for (const Row& row : reverse ? reversed : all) {
                        if (allowed(row.at)) want.push_back(row);
                    }
                    EXPECT_EQ(all_of(ask, 3, page), want);
                };
                check({.gt = at}, [&](double x) { return x > at; });
                check({.gte = at}, [&](double x) { return x >= at; });
                check({.lt = at}, [&](double x) { return x < at; });
                check({.lte = at}, [&](double x) { return x <= at; });
                check({.gt = at, .lte = at + 3}, [&](double x) { return x > at && x <= at + 3; });
                check({.gt = at, .lt = at}, [](double) { return false; });
            }
        }
    }
    PageOf nothing;
    nothing.limit = 0;
    EXPECT_TRUE(reader.by_received(nothing).value().empty());
}

TEST(CoreReader, orders_equal_resolved_times_by_the_name_of_the_author) {
    Bench bench;
    std::vector<std::string> texts;
    std::vector<std::string> names;
    for (int author : {7, 2, 5, 0, 4}) {
        texts.push_back(Message{.number = author, .author = author, .claimed = "1000"}.text());
        names.push_back(feed_of(author).text());
    }
    bench.append(texts);
    bench.catch_up();
    std::sort(names.begin(), names.end());
    std::vector<std::string> found;
    for (const Row& row : all_of([&](const PageOf& p) { return bench.reader->by_rts(p); }, 2)) {
        found.push_back(row.author);
    }
    EXPECT_EQ(found, names);
}

TEST(CoreView, resolves_times_as_the_feed_view_does) {
    struct Case {
        std::string claimed, received;
        double resolved;
    };
    const Case cases[] = {
        {"1000", "2000", 1000}, {"3000", "2000", 2000}, {"2000", "2000", 2000}, {"0", "2000", 2000},
        {"null", "2000", 2000}, {"-5", "2000", -5},     {"1.5", "2", 1.5},      {"1e999", "7", 7},
    };
    for (const Case& one : cases) {
        Bench bench;
        bench.append({Message{.received = one.received, .claimed = one.claimed}.text()});
        bench.catch_up();
        auto rows = bench.reader->by_rts({}).value();
        ASSERT_EQ(rows.size(), 1u) << one.claimed;
        EXPECT_EQ(rows[0].at, one.resolved) << one.claimed;
    }
}

TEST(CoreView, cuts_types_to_32_characters) {
    const std::string thirty_two(32, 'a');
    const std::string faces = "😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀";  // 16, two units each
    const std::string half = "x😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀\xed\xa0\xbd";
    struct Case {
        std::string type, found_under;
    };
    const Case cases[] = {
        {"", ""},
        {thirty_two, thirty_two},
        {thirty_two + "b", thirty_two},
        {faces, faces},
        {faces + "!", faces},
        {"x" + faces, half},
        {"öööööööööööööööööööööööööööööööö+", "öööööööööööööööööööööööööööööööö"},
        {"nul\\u0000inside", std::string("nul\0inside", 10)},
        {"\\ud800", "\xed\xa0\x80"},
    };
    for (const Case& one : cases) {
        Bench bench;
        bench.append({Message{.content = R"({"type":")" + one.type + R"("})"}.text()});
        bench.catch_up();
        EXPECT_EQ(bench.reader->by_type(one.found_under, {}).value().size(), 1u) << one.type;
        EXPECT_TRUE(bench.reader->by_type(one.found_under + "c", {}).value().empty());
    }
}

TEST(CoreView, indexes_private_messages_it_can_read) {
    Bench bench;
    bench.unbox = [](json::Value value) -> std::optional<std::string> {
        std::string_view content = value["content"].string();
        if (content == "ours.box") return R"({"type":"secret plan"})";
        if (content == "text.box") return R"("no object")";
        if (content == "broken.box") return "{";
        return std::nullopt;
    };
    bench.open();
    std::vector<std::string> texts;
    for (std::string content : {"ours.box", "text.box", "broken.box", "theirs.box", "ours"}) {
        int number = static_cast<int>(texts.size());
        texts.push_back(Message{.number = number,
                                .received = std::to_string(number + 1),
                                .content = '"' + content + '"'}
                            .text());
    }
    auto at = bench.append(texts);
    bench.catch_up();
    EXPECT_EQ(offsets(bench.reader->by_type("secret plan", {}).value()),
              (std::vector<Offset>{at[0]}));
    EXPECT_EQ(offsets(bench.reader->by_opened({}).value()), (std::vector<Offset>{at[0], at[1]}));
    EXPECT_EQ(bench.reader->by_received({}).value().size(), 5u);
}

TEST(CoreView, goes_on_over_odd_content) {
    const std::string contents[] = {"null",
                                    "true",
                                    "false",
                                    "0",
                                    "-0",
                                    "1e308",
                                    "1e999",
                                    "[]",
                                    "[[]]",
                                    "{}",
                                    R"("")",
                                    R"("text")",
                                    R"("x.box")",
                                    R"(".box")",
                                    R"({"type":null})",
                                    R"({"type":{}})",
                                    R"({"type":[]})",
                                    R"({"type":1})",
                                    R"({"type":true})",
                                    R"({"type":""})",
                                    R"({"type":"\u0000"})",
                                    R"({"type":"\ud800"})",
                                    R"({"type":"a","type":"post"})",
                                    R"({"type":"post","root":{}})",
                                    R"({"type":"post","root":{"a":[]}})",
                                    R"({"type":"post","channel":{}})",
                                    R"({"type":"post","channel":[1]})",
                                    R"({"__proto__":{"type":"x"}})",
                                    R"({"constructor":1,"type":"toString"})",
                                    R"({"type":"__proto__"})",
                                    R"({"0":1,"type":"post","1":2})",
                                    R"({"type":"contact","contact":null})",
                                    R"({"type":"about","about":{"link":5}})",
                                    R"({"type":"vote","vote":{"link":[],"value":"1"}})",
                                    R"({"type":"post","mentions":{"link":"%x"}})",
                                    R"({"type":"post","text":"\ufffe\uffff"})",
                                    R"([{"type":"post"}])",
                                    R"({"type":"')" + std::string(5000, 'y') + R"("})",
                                    std::string(60, '[') + std::string(60, ']'),
                                    R"({"type":"DROP TABLE messages;--'"})"};
    Bench bench;
    std::vector<std::string> texts;
    for (const auto& content : contents) {
        int number = static_cast<int>(texts.size());
        texts.push_back(
            Message{.number = number, .sequence = number + 1, .content = content}.text());
    }
    bench.append(texts);
    EXPECT_TRUE(bench.catch_up().level);
    EXPECT_EQ(std::size(contents), 40u);
    EXPECT_EQ(bench.reader->count().value(), std::size(contents));
    EXPECT_TRUE(bench.reader->unreadable(100).value().empty());
    EXPECT_EQ(bench.reader->feed_state(feed_of(0)).value()->sequence, std::size(contents));
}

TEST(CoreView, notes_and_passes_over_what_no_message_is) {
    const std::string good = Message{}.text();
    auto without = [&](std::string what, std::string instead) {
        std::string text = good;
        text.replace(text.find(what), what.size(), instead);
        return text;
    };
    const std::string odd[] = {"x",
                               "{",
                               "[]",
                               "null",
                               "{}",
                               "\"text\"",
                               R"({"key":1})",
                               R"({"key":"%x"})",
                               good.substr(0, good.size() / 2),
                               without(".ed25519", ".ed25518"),
                               without("\"sequence\":1", "\"sequence\":0"),
                               without("\"sequence\":1", "\"sequence\":1.5"),
                               without("\"sequence\":1", "\"sequence\":1e300"),
                               without("\"sequence\":1", "\"sequence\":{}"),
                               without("1500000000000", "1e999"),
                               without("1500000000000", "\"now\""),
                               without("\"value\":", "\"other\":"),
                               std::string("\xff\xfe\x00z", 4),
                               std::string(5000, '[')};
    Bench bench;
    std::vector<std::string> texts(std::begin(odd), std::end(odd));
    texts.push_back(good);
    auto at = bench.append(texts);
    EXPECT_TRUE(bench.catch_up().level);
    EXPECT_EQ(bench.reader->count().value(), 1u);
    auto noted = bench.reader->unreadable(100).value();
    ASSERT_EQ(noted.size(), std::size(odd));
    for (std::size_t i = 0; i < noted.size(); ++i) {
        EXPECT_EQ(noted[i].first, at[i]);
        EXPECT_FALSE(noted[i].second.empty());
    }
    EXPECT_EQ(bench.view->covered().upto, at.back());
}

TEST(CoreView, gives_the_later_of_two_entries_with_one_key_or_sequence) {
    Bench bench;
    Message first{.number = 1, .sequence = 4}, fork{.number = 2, .sequence = 4};
    auto at = bench.append(
        {first.text(), first.text(), fork.text(), Message{.number = 3, .sequence = 2}.text()});
    bench.catch_up();
    EXPECT_EQ(bench.reader->by_key(key_for(1)).value(), at[1]);
    EXPECT_EQ(offsets(bench.reader->by_feed(feed_of(0), {}).value()),
              (std::vector<Offset>{at[3], at[2]}));
    EXPECT_EQ(bench.reader->feed_state(feed_of(0)).value()->key, key_for(2));
    EXPECT_EQ(bench.reader->count().value(), 4u);
}

TEST(CoreView, takes_back_deleted_messages_but_not_how_far_the_feed_is) {
    Bench bench;
    std::vector<std::string> texts;
    for (int i = 1; i <= 3; ++i) texts.push_back(Message{.number = i, .sequence = i}.text());
    texts.push_back("odd");
    auto at = bench.append(texts);
    bench.catch_up();
    const Entry gone[] = {{at[2], bytes_of(texts[2])}, {at[3], bytes_of(texts[3])}};
    for (int twice = 0; twice < 2; ++twice) {
        ASSERT_TRUE(bench.view->retract(gone));
        EXPECT_EQ(bench.reader->count().value(), 2u);
        EXPECT_FALSE(bench.reader->by_key(key_for(3)).value());
        EXPECT_EQ(bench.reader->by_received({}).value().size(), 2u);
        EXPECT_TRUE(bench.reader->unreadable(9).value().empty());
        EXPECT_EQ(bench.reader->feed_state(feed_of(0)).value()->sequence, 3u);
    }
    ASSERT_TRUE(bench.log->del(std::vector<Offset>{at[2], at[3]}));
    EXPECT_FALSE(settle(*bench.view, *bench.log).value());
    bench.open();
    EXPECT_FALSE(settle(*bench.view, *bench.log).value());
    // A rebuild learns from the journal of deletions what the log has forgotten.
    bench.kept = {*bench.reader->feed_state(feed_of(0)).value()};
    ASSERT_TRUE(bench.view->clear(0));
    EXPECT_EQ(bench.reader->feed_state(feed_of(0)).value()->sequence, 3u);
    bench.catch_up();
    EXPECT_EQ(bench.reader->count().value(), 2u);
    EXPECT_EQ(bench.reader->feed_state(feed_of(0)).value()->key, key_for(3));
}

TEST(CoreView, begins_anew_when_the_log_is_another_one) {
    Bench bench;
    std::vector<std::string> texts;
    for (int i = 0; i < 5; ++i) texts.push_back(Message{.number = i, .sequence = i + 1}.text());
    bench.append(texts);
    EXPECT_FALSE(settle(*bench.view, *bench.log).value());
    bench.catch_up();
    EXPECT_FALSE(settle(*bench.view, *bench.log).value());
    auto with = [&](std::vector<std::string> other, std::uint64_t generation = 0) {
        bench.files.put(log_path, {});
        bench.log =
            std::move(OffsetLog::open(bench.files, log_path, {.generation = generation}).value());
        bench.append(other);
        bench.open();
    };
    auto shorter = texts;
    shorter.pop_back();
    with(shorter);
    EXPECT_TRUE(settle(*bench.view, *bench.log).value()) << "shorter";
    EXPECT_FALSE(bench.view->covered().upto);
    EXPECT_EQ(bench.catch_up().applied, 4u);

    auto other = shorter;
    other[3] = Message{.number = 9, .sequence = 4}.text();
    with(other);
    EXPECT_TRUE(settle(*bench.view, *bench.log).value()) << "another message at its end";
    bench.catch_up();
    EXPECT_EQ(bench.reader->count().value(), 4u);

    with({"odd"});
    EXPECT_TRUE(settle(*bench.view, *bench.log).value()) << "no entry there";
    bench.catch_up();

    with({"odd"}, 2);
    EXPECT_TRUE(settle(*bench.view, *bench.log).value()) << "another generation";
    EXPECT_FALSE(settle(*bench.view, *bench.log).value());
    bench.catch_up();
    bench.open();
    EXPECT_EQ(bench.view->covered().generation, 2u);
    EXPECT_FALSE(settle(*bench.view, *bench.log).value());
}

void spoil(const std::string& path, std::size_t from, std::size_t count, char with) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(from));
    file << std::string(count, with);
}

TEST(CoreView, is_built_again_when_its_file_is_no_use) {
    Bench bench;
    bench.append(mixed_log(200, 1));
    bench.catch_up();
    const Seen want = look(*bench.reader);
    auto rebuilt = [&](const char* how) {
        bench.open();
        ASSERT_TRUE(settle(*bench.view, *bench.log)) << how;
        bench.catch_up();
        EXPECT_TRUE(look(*bench.reader) == want) << how;
        bench.reader.reset();
        bench.view.reset();
    };
    rebuilt("untouched");
    std::filesystem::remove(bench.path());
    rebuilt("missing");
    std::ofstream(bench.path()) << std::string(20000, 'x');
    rebuilt("another file");
    spoil(bench.path(), 0, 100, '\0');
    rebuilt("no header");
    spoil(bench.path(), 100, 4000, 'z');
    rebuilt("no schema");
    std::filesystem::resize_file(bench.path(), 5000);
    rebuilt("cut off");
    std::ofstream(bench.path() + "-wal") << std::string(70000, 'w');
    rebuilt("with a strange journal");
    {
        auto other = sqlite::Database::open(bench.path(), {});
        ASSERT_TRUE(other->run("PRAGMA user_version=77; DROP TABLE messages"));
    }
    rebuilt("another version");
    {
        auto other = sqlite::Database::open(bench.path(), {});
        ASSERT_TRUE(other->run("DELETE FROM progress"));
    }
    rebuilt("no progress");
    std::filesystem::remove(bench.path());
    std::ofstream(bench.path()) << "";
    rebuilt("empty");
}

/// Those are enough for opening.
void spoil_behind_the_first_pages(Bench& bench) {
    bench.reader.reset();
    bench.view.reset();
    const std::size_t intact = 4096 * 60;
    spoil(bench.path(), intact, std::filesystem::file_size(bench.path()) - intact, '\x55');
    auto view = CoreView::open({bench.path(), {}, {}});
    ASSERT_TRUE(view);
    bench.view = std::move(*view);
    bench.open_reader();
}

TEST(CoreView, can_be_cleared_when_damage_shows_in_use) {
    Bench bench;
    bench.append(mixed_log(2000, 1));
    bench.catch_up();
    const Seen want = look(*bench.reader);
    ASSERT_NO_FATAL_FAILURE(spoil_behind_the_first_pages(bench));
    ASSERT_EQ(bench.view->covered().upto, bench.log->latest());
    auto got = bench.reader->by_received({.limit = 1000});
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, Errc::corrupt);
    ASSERT_TRUE(bench.view->clear(0));
    bench.catch_up();
    EXPECT_TRUE(look(*bench.reader) == want);
}

TEST(CoreView, is_replaced_where_its_file_is_damaged) {
    Bench bench;
    bench.append(mixed_log(2000, 1));
    bench.catch_up();
    const Seen want = look(*bench.reader);
    EXPECT_TRUE(bench.view->check());
    ASSERT_NO_FATAL_FAILURE(spoil_behind_the_first_pages(bench));
    auto checked = bench.view->check();
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().code, Errc::corrupt);
    // While somebody reads the old one.
    ASSERT_TRUE(bench.view->renew(5));
    EXPECT_TRUE(bench.view->check());
    EXPECT_EQ(bench.view->covered().generation, 5u);
    EXPECT_EQ(bench.view->covered().upto, std::nullopt);
    ASSERT_TRUE(bench.view->renew(0));
    bench.open_reader();
    bench.catch_up();
    EXPECT_TRUE(look(*bench.reader) == want);
}

TEST(CoreView, commits_nothing_to_files_that_were_removed) {
    for (const char* suffix : {"", "-wal", "-shm"}) {
        Bench bench;
        bench.append(mixed_log(400, 1));
        bench.catch_up();
        EXPECT_TRUE(bench.view->in_place());
        EXPECT_TRUE(bench.view->check());
        const auto upto = bench.view->covered().upto;
        ASSERT_TRUE(std::filesystem::remove(bench.path() + suffix));
        bench.append(mixed_log(500, 2));
        auto progress = flume::catch_up(*bench.view, *bench.log, 1000);
        ASSERT_FALSE(progress) << suffix;
        EXPECT_EQ(progress.error().code, Errc::corrupt);
        EXPECT_NE(progress.error().what.find(bench.path() + suffix + " was removed"),
                  std::string::npos)
            << progress.error().what;
        EXPECT_EQ(bench.view->covered().upto, upto);
        EXPECT_EQ(bench.view->in_place().error().code, Errc::corrupt);
        EXPECT_EQ(bench.view->check().error().code, Errc::corrupt);
        ASSERT_TRUE(bench.view->renew(0));
        EXPECT_TRUE(bench.view->in_place());
        bench.catch_up();
        EXPECT_EQ(bench.view->covered().upto, bench.log->latest());
    }
}

TEST(CoreView, keeps_rows_and_coverage_together_wherever_its_journal_ends) {
    Bench bench;
    const auto texts = mixed_log(60, 8);
    bench.append(texts);
    for (int i = 0; i < 6; ++i) bench.catch_up(10);
    // What a crash leaves: the file as it was, and any first part of its journal.
    const auto journal_bytes = std::filesystem::file_size(bench.path() + "-wal");
    for (std::uintmax_t cut = 0; cut <= journal_bytes; cut += journal_bytes / 40) {
        test::TemporaryFolder elsewhere;
        const std::string copy = elsewhere.path("core.sqlite");
        std::filesystem::copy_file(bench.path(), copy);
        std::filesystem::copy_file(bench.path() + "-wal", copy + "-wal");
        std::filesystem::resize_file(copy + "-wal", cut);
        auto view = CoreView::open({copy, {}, {}});
        ASSERT_TRUE(view) << view.error().what;
        auto reader = std::move(CoreReader::open(copy).value());
        auto upto = (*view)->covered().upto;
        auto rows = reader->by_received({.limit = 1000}).value();
        auto odd = reader->unreadable(1000).value();
        std::size_t want = 0;
        auto cursor = std::move(bench.log->scan({.lte = upto}).value());
        while (upto && cursor->next().value()) ++want;
        EXPECT_EQ(rows.size() + odd.size(), want);
        ASSERT_TRUE(catch_up(**view, *bench.log, 1000));
        EXPECT_TRUE(look(*reader) == look(*bench.reader));
    }
}

TEST(CoreView, keeps_its_file_to_itself) {
    Bench bench;
    bench.append({Message{}.text()});
    bench.catch_up();
    for (const char* suffix : {"", "-wal", "-shm"}) {
        struct stat about {};
        ASSERT_EQ(::stat((bench.path() + suffix).c_str(), &about), 0) << suffix;
        EXPECT_EQ(about.st_mode & 0777, 0600u) << suffix;
    }
    EXPECT_FALSE(CoreView::open({bench.folder.path("no/such/folder"), {}, {}}));
    EXPECT_FALSE(CoreReader::open(bench.folder.path("missing.sqlite")));
}

TEST(CoreView, steps_over_damage_in_the_log_and_says_so) {
    Bench bench;
    std::vector<std::string> texts;
    for (int i = 0; i < 9; ++i) texts.push_back(Message{.number = i, .sequence = i + 1}.text());
    auto at = bench.append(texts);
    Bytes file = bench.files.content(log_path);
    file[at[4]] = 1;
    bench.files.put(log_path, file);
    bench.log = std::move(OffsetLog::open(bench.files, log_path, {}).value());
    auto progress = bench.catch_up();
    EXPECT_EQ(progress.applied, 8u);
    EXPECT_EQ(progress.damage.places, 1u);
    EXPECT_EQ(progress.damage.first, at[4]);
    EXPECT_EQ(progress.damage.bytes, at[5] - at[4]);
}

TEST(CoreReader, reads_in_another_thread_while_the_view_is_written) {
    Bench bench;
    bench.append(mixed_log(3000, 2));
    std::atomic<bool> done = false;
    std::thread other([&] {
        std::size_t before = 0;
        while (!done) {
            auto rows = all_of([&](const PageOf& p) { return bench.reader->by_received(p); }, 500);
            ASSERT_GE(rows.size(), before);
            before = rows.size();
            ASSERT_TRUE(bench.reader->all_states());
        }
    });
    while (!bench.catch_up(50).level) {
    }
    done = true;
    other.join();
    EXPECT_EQ(bench.reader->count().value(), look(*bench.reader).received.size());
}

}  // namespace
}  // namespace sbot::flume
