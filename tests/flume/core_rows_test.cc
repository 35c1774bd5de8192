// The rows of the core database, as people see them, are the same however they came about.
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <random>

#include "base/memory_files.h"
#include "flume/core_builder.h"
#include "flume/core_view.h"
#include "flume/offset_log.h"
#include "tests/environment.h"
#include "tests/flume/support.h"

namespace sbot::flume {
namespace {

using base::bytes_of;

const std::string log_path = "/d/log.offset";

template <typename IdKind>
IdKind id_for(std::uint32_t number) {
    IdKind id;
    std::mt19937 random(number * 2654435761U + 1);
    for (auto& byte : id.bytes) byte = static_cast<std::uint8_t>(random());
    return id;
}

/// Makes up messages whose content is ordinary, odd, or hostile.
class Author {
 public:
    explicit Author(unsigned seed) : random_(seed) {}

    std::string next() {
        if (one_in(40)) return pick({"{", "[]", "{\"key\":\"%odd\"}", "null", "\xff\xfe"});
        const std::uint32_t feed = draw() % 12;
        const std::uint32_t number = count_++;
        // A key may come twice, a feed may be forked, times may tie or step back.
        const std::uint32_t key = one_in(50) && number > 0 ? draw() % number : number;
        const std::uint32_t sequence = one_in(60) ? sequences_[feed] : ++sequences_[feed];
        return R"({"key":")" + id_for<MessageId>(key).text() +
               R"(","value":{"previous":null,"author":")" + id_for<FeedId>(feed).text() +
               R"(","sequence":)" + std::to_string(std::max<std::uint32_t>(sequence, 1)) +
               R"(,"timestamp":)" + time() + R"(,"hash":"sha256","content":)" + content() +
               R"(,"signature":"x.sig.ed25519"},"timestamp":)" + std::to_string(1.6e12 + number) +
               "}";
    }

    /// What is in the boxes that are for us; changes when we learn to open more.
    static std::optional<std::string> open(json::Value value, bool late) {
        std::string_view content = value["content"].string();
        if (content.starts_with("open:") || (late && content.starts_with("late:"))) {
            content.remove_prefix(5);
            content.remove_suffix(4);
            return std::string(content);
        }
        return std::nullopt;
    }

 private:
    std::uint32_t draw() { return static_cast<std::uint32_t>(random_()); }
    bool one_in(std::uint32_t n) { return draw() % n == 0; }
    std::string pick(std::vector<std::string> from) { return from[draw() % from.size()]; }
    std::string time() {
        return pick({std::to_string(1.6e12 + draw() % 3000), "0", "-5", "1e999", "null", "\"x\"",
                     "1600000000000.25"});
    }
    std::string feed() { return id_for<FeedId>(draw() % 14).text(); }
    std::string message() { return id_for<MessageId>(draw() % (count_ + 5)).text(); }
    std::string blob() { return id_for<BlobId>(draw() % 20).text(); }
    static std::string quoted(std::string_view text) {
        std::string out;
        json::append_string(out, text);
        return out;
    }

    std::string content() {
        switch (draw() % 12) {
            case 0: return quoted(pick({"open:", "late:"}) + plain() + ".box");
            case 1: return quoted(pick({"bm90aGluZw==.box", ".box", "x", "open:{.box"}));
            case 2: return odd();
            default: return plain();
        }
    }

    std::string plain() {
        const std::string reply = one_in(2) ? R"(,"root":")" + message() + R"(","branch":[")" +
                                                  message() + "\",\"" + message() + "\"]"
                                            : "";
        const std::string mentions = R"(,"mentions":[{"link":")" + feed() +
                                     R"(","name":"x"},{"link":")" + blob() + R"(?unbox=a+b"},")" +
                                     message() + "\",\"#Some-Chan!nel\"]";
        switch (draw() % 8) {
            case 0:
                return R"({"type":"vote","vote":{"link":")" + message() + R"(","value":)" +
                       pick({"1", "0", "-1", "1e999", "\"1\"", "null"}) + "}}";
            case 1:
                return R"({"type":"contact","contact":")" + feed() + R"(",)" +
                       pick({"\"following\":true", "\"following\":false", "\"blocking\":true",
                             "\"blocking\":\"no\"", "\"flagged\":{}", "\"x\":1"}) +
                       "}";
            case 2:
                return R"({"type":"about","about":")" + feed() + R"(","name":"n","image":")" +
                       blob() + "\"}";
            case 3:
                return R"({"type":"post","channel":"Ab C#","text":"words and a \ud83d\ude00")" +
                       reply + "}";
            case 4:
                return R"({"type":"post","fork":")" + message() + R"(","text":"more")" + mentions +
                       reply + "}";
            case 5:
                return R"({"type":")" + pick({"git-update", "x", "", "about", "post"}) +
                       R"(","packs":[{"link":")" + blob() + "\"}]}";
            default:
                return R"({"type":"post","text":"hello there)" + std::to_string(count_) + '"' +
                       mentions + reply + "}";
        }
    }

    std::string odd() {
        const int deep = static_cast<int>(draw() % 3000);
        return pick({"null",
                     "true",
                     "0",
                     "-0",
                     "1e308",
                     "1e999",
                     "[]",
                     "[[]]",
                     "{}",
                     "\"\"",
                     R"({"type":null})",
                     R"({"type":{}})",
                     R"({"type":1,"contact":")" + feed() + "\"}",
                     R"({"type":""})",
                     R"({"type":"\u0000"})",
                     R"({"type":"\ud800"})",
                     R"({"type":"a","type":"post","text":"twice"})",
                     R"({"type":"post","text":"half \ud800 a \udc00 pair"})",
                     R"({"type":"post","text":{"a":1}})",
                     R"({"type":"post","text":""})",
                     R"({"type":"post","text":"\u0000\u0001\uffff"})",
                     R"({"type":"post","root":{}})",
                     R"({"type":"post","root":")" + feed() + "\"}",
                     R"({"type":"post","channel":{"link":"#a"}})",
                     R"({"type":"post","channel":"!!!"})",
                     R"({"type":"post","channel":["A","b"]})",
                     R"({"__proto__":{"type":"x"},"link":")" + feed() + "\"}",
                     R"({"0":")" + feed() + R"(","type":"post","1":2})",
                     R"({"type":"contact","contact":null})",
                     R"({"type":"contact","contact":{"link":")" + feed() + "\"}}",
                     R"({"type":"vote","vote":[{"link":")" + message() + R"(","value":1}]})",
                     R"({"type":"vote","vote":{"link":[],"value":"1"}})",
                     R"([{"type":"post"},")" + feed() + "\"]",
                     R"({"a.b":{"link":{"link":")" + feed() + "\"}}}",
                     R"({"\ud800":")" + feed() + "\"}",
                     R"({"type":"post","reply":{")" + message() + R"(":")" + feed() + R"(",")" +
                         message() + R"(":[{"link":")" + feed() + R"("}]},")" + blob() + R"(":")" +
                         feed() + "\"}",
                     R"({")" + std::string(300, 'k') + R"(":")" + feed() + "\"}",
                     R"({"type":")" + std::string(5000, 'y') + "\"}",
                     R"({"type":"post","text":"deep","x":)" + std::string(600, '[') + "\"" +
                         feed() + "\"" + std::string(600, ']') + "}",
                     std::string(static_cast<std::size_t>(deep), '[') +
                         std::string(static_cast<std::size_t>(deep), ']'),
                     R"({"type":"DROP TABLE messages;--'"})"});
    }

    std::mt19937 random_;
    std::uint32_t count_ = 0;
    std::map<std::uint32_t, std::uint32_t> sequences_;
};

/// Everything there is, as the SQL views show it.
std::vector<std::string> rows_of(const std::string& path) {
    auto database = std::move(sqlite::Database::open(path, {.read_only = true}).value());
    std::vector<std::string> rows;
    auto collect = [&](const std::string& sql) {
        auto row = database.prepare(sql);
        ASSERT_TRUE(row) << sql << row.error().what;
        for (;;) {
            auto more = row->step();
            ASSERT_TRUE(more) << sql << more.error().what;
            if (!*more) return;
            rows.push_back(sql.substr(14, 12) + ": " + std::string(row->text(0)));
        }
    };
    const std::pair<const char*, const char*> tables[] = {
        {"message",
         "offset||key||author||sequence||'|'||received||'|'||claimed||'|'||rts||'|'||"
         "ifnull(hex(type),'-')||privacy||ifnull(root,'-')||ifnull(fork,'-')||"
         "ifnull(branch,'-')||ifnull(content,'-')"},
        {"link", "offset||key||author||hex(rel)||dest||ifnull(value,'-')"},
        {"vote", "offset||author||dest||value"},
        {"contact", "offset||author||contact||state||decrypted"},
        {"about", "offset||author||about"},
        {"author", "author||sequence||'|'||claimed"},
        {"blob", "blob"},
        {"channel", "channel"},
        {"unreadable", "offset||why"},
        {"progress", "upto||key||count"},
    };
    for (auto [name, columns] : tables) {
        collect("SELECT printf('" + std::string(name) + ":%s'," + columns + ") FROM " + name);
    }
    for (const char* word : {"words", "hello", "more", "deep", "half"}) {
        collect("SELECT printf('text:" + std::string(word) +
                ":%d',rowid) FROM texts WHERE texts MATCH '" + word + "'");
    }
    std::sort(rows.begin(), rows.end());
    return rows;
}

struct Trial {
    test::TemporaryFolder folder;
    base::MemoryFiles files;
    std::unique_ptr<OffsetLog> log = std::move(OffsetLog::open(files, log_path, {}).value());
    std::vector<std::pair<Offset, std::string>> entries;
    bool late = false;
    std::vector<FeedState> kept;
    std::mt19937 random;
    std::unique_ptr<CoreView> view;

    explicit Trial(unsigned seed, std::size_t count) : random(seed) {
        Author author(seed);
        for (std::size_t i = 0; i < count; ++i) entries.emplace_back(0, author.next());
        view = std::move(CoreView::open(options("incremental")).value());
    }
    CoreView::Options options(const std::string& name) {
        return {folder.path(name), [this](json::Value v) { return Author::open(v, late); },
                [this] { return kept; }};
    }
    void append(std::size_t from, std::size_t to) {
        std::vector<ByteView> batch;
        for (std::size_t i = from; i < to; ++i) batch.push_back(bytes_of(entries[i].second));
        auto at = log->append(batch).value();
        EXPECT_TRUE(log->sync());
        for (std::size_t i = from; i < to; ++i) entries[i].first = at[i - from];
    }
    Entry entry(std::size_t i) { return {entries[i].first, bytes_of(entries[i].second)}; }

    /// Everything that happens to an index in its life, in some order.
    void live() {
        std::size_t there = 0;
        while (there < entries.size()) {
            std::size_t to = std::min(entries.size(), there + 1 + random() % 400);
            append(there, to);
            there = to;
            while (random() % 3 != 0) step(there);
        }
        while (!catch_up(*view, *log, 1 + random() % 300).value().level) {
        }
        while (!view->catch_up_texts(1 + random() % 100).value()) {
        }
    }
    void step(std::size_t there) {
        const std::size_t at = random() % there;
        const Entry one[] = {entry(at)};
        switch (random() % 7) {
            case 0: ASSERT_TRUE(catch_up(*view, *log, 1 + random() % 500)); break;
            case 1: {
                const Entry newest[] = {entry(there - 1)};
                if (!entries[there - 1].second.empty()) {
                    ASSERT_TRUE(view->apply(newest, Place::ahead));
                }
                break;
            }
            case 2:
                if (!entries[at].second.empty() && random() % 4 == 0) remove(at);
                break;
            case 3:  // looked at again
                if (entries[at].second.empty()) break;
                ASSERT_TRUE(view->retract(one));
                ASSERT_TRUE(view->apply(one, Place::ahead));
                break;
            case 4:
                ASSERT_TRUE(view->catch_up_texts(1 + random() % 50));
                ASSERT_TRUE(view->merge_texts());
                break;
            case 5:
                if (random() % 10 == 0) {
                    view.reset();
                    view = std::move(CoreView::open(options("incremental")).value());
                }
                break;
            case 6: several(); break;
        }
    }
    /// In one transaction; now and then it ends with the process.
    void several() {
        ASSERT_TRUE(view->hold());
        for (auto i = random() % 4; i > 0; --i) {
            ASSERT_TRUE(catch_up(*view, *log, 1 + random() % 50));
            ASSERT_TRUE(view->catch_up_texts(random() % 20));
        }
        if (random() % 4 != 0) {
            ASSERT_TRUE(view->commit());
            return;
        }
        view.reset();
        view = std::move(CoreView::open(options("incremental")).value());
    }
    void remove(std::size_t at) {
        const Entry one[] = {entry(at)};
        // What the journal of deletions would keep.
        json::Document document;
        if (auto envelope = read_envelope(document, one[0].data)) {
            kept.push_back({envelope->author, envelope->key, envelope->sequence, envelope->claimed,
                            entries[at].first});
        }
        ASSERT_TRUE(view->apply(one, Place::ahead));
        ASSERT_TRUE(view->retract(one));
        ASSERT_TRUE(log->del(std::vector<Offset>{entries[at].first}));
        entries[at].second.clear();
    }
    std::vector<std::string> built() {
        std::sort(kept.begin(), kept.end(), [](const FeedState& a, const FeedState& b) {
            return std::pair(a.sequence, a.offset) > std::pair(b.sequence, b.offset);
        });
        auto how = options("built");
        CoreBuilder builder({how.path, how.unbox, how.kept});
        auto done = builder.build(*log);
        EXPECT_TRUE(done) << done.error().what;
        auto whole = std::move(CoreView::open(how).value());
        while (!whole->catch_up_texts(1000).value()) {
        }
        whole.reset();
        auto database = std::move(sqlite::Database::open(how.path, {.read_only = true}).value());
        auto sound = std::move(database.prepare("PRAGMA integrity_check").value());
        EXPECT_TRUE(sound.step().value());
        EXPECT_EQ(sound.text(0), "ok");
        return rows_of(how.path);
    }
};

void expect_equal(const std::vector<std::string>& got, const std::vector<std::string>& want,
                  unsigned seed) {
    if (got == want) return;
    std::vector<std::string> more, missing;
    std::set_difference(got.begin(), got.end(), want.begin(), want.end(), std::back_inserter(more));
    std::set_difference(want.begin(), want.end(), got.begin(), got.end(),
                        std::back_inserter(missing));
    ADD_FAILURE() << "seed " << seed << ": " << more.size() << " rows more, " << missing.size()
                  << " missing, " << (more.empty() ? "" : more[0]) << " / "
                  << (missing.empty() ? "" : missing[0]);
}

/// SBOT_SEEDS (how many), SBOT_MESSAGES (of each).
TEST(CoreRows, are_the_same_from_a_full_build_and_from_a_life) {
    const auto seeds = static_cast<unsigned>(number_from("SBOT_SEEDS", 3));
    const auto messages = number_from("SBOT_MESSAGES", 700);
    for (unsigned seed = 1; seed <= seeds; ++seed) {
        Trial trial(seed, messages);
        trial.live();
        trial.view.reset();
        expect_equal(rows_of(trial.folder.path("incremental")), trial.built(), seed);
        if (::testing::Test::HasFailure()) return;
    }
}

TEST(CoreBuilder, leaves_nothing_behind_where_it_does_not_come_to_an_end) {
    Trial trial(3, 20);
    trial.append(0, 20);
    const std::string path = trial.folder.path("draft");
    CoreBuilder builder({path, trial.view->options().unbox, {}});
    builder.stop();
    EXPECT_EQ(builder.build(*trial.log).error().code, Errc::cancelled);
    EXPECT_EQ(base::PosixFiles().info(path).error().code, Errc::not_found);
}

TEST(CoreRows, follow_what_can_be_opened_later) {
    Trial trial(99, 500);
    trial.append(0, 500);
    ASSERT_TRUE(catch_up(*trial.view, *trial.log, 10000));
    for (std::size_t i = 0; i < 500; ++i) {
        const Entry one[] = {trial.entry(i)};
        trial.late = false;
        ASSERT_TRUE(trial.view->retract(one));
        trial.late = true;
        ASSERT_TRUE(trial.view->apply(one, Place::ahead));
    }
    trial.view.reset();
    expect_equal(rows_of(trial.folder.path("incremental")), trial.built(), 99);
}

TEST(CoreRows, survive_a_change_of_files) {
    Trial trial(7, 900);
    trial.append(0, 500);
    ASSERT_TRUE(catch_up(*trial.view, *trial.log, 10000));
    auto old = std::move(
        sqlite::Database::open(trial.folder.path("incremental"), {.read_only = true}).value());
    auto before = old.number("SELECT count(*) FROM messages").value();
    trial.view->start_building();
    CoreBuilder builder({trial.view->building_path(), trial.view->options().unbox, {}});
    ASSERT_TRUE(builder.build(*trial.log));
    // Meanwhile life goes on.
    trial.append(500, 900);
    for (std::size_t at : {3, 499, 700}) trial.remove(at);
    ASSERT_TRUE(trial.view->adopt(*trial.log));
    EXPECT_EQ(old.number("SELECT superseded FROM progress").value(), 1);
    EXPECT_GE(old.number("SELECT count(*) FROM messages").value() + 3, before);
    while (!trial.view->catch_up_texts(1000).value()) {
    }
    trial.view.reset();
    expect_equal(rows_of(trial.folder.path("incremental")), trial.built(), 7);
}

/// In a process of its own, until it is killed: indexes a log in all the ways there are.
[[noreturn]] void index_for_ever(const OffsetLog& log, const std::string& path, Unbox unbox) {
    for (std::size_t chunk = 1;; chunk = chunk * 3 % 301) {
        auto view = CoreView::open({path, unbox, {}});
        if (!view || !settle(**view, log)) _exit(1);
        for (int i = 0; i < 5; ++i) {
            if (!catch_up(**view, log, chunk) || !(*view)->catch_up_texts(chunk)) _exit(2);
        }
        (*view)->start_building();
        CoreBuilder builder({(*view)->building_path(), unbox, {}});
        if (!builder.build(log) || !(*view)->adopt(log)) _exit(3);
        if (!(*view)->clear(log.generation())) _exit(4);
    }
}

TEST(CoreRows, are_whole_after_a_kill_at_any_time) {
    const auto rounds = number_from("SBOT_KILLS", 5);
    Trial trial(5, 800);
    base::PosixFiles files;
    trial.log = std::move(OffsetLog::open(files, trial.folder.path("log"), {}).value());
    trial.append(0, 800);
    const Unbox unbox = trial.view->options().unbox;
    trial.view.reset();
    const std::string path = trial.folder.path("incremental");
    for (std::uint64_t round = 0; round < rounds; ++round) {
        const pid_t child = ::fork();
        if (child == 0) index_for_ever(*trial.log, path, unbox);
        ::usleep(1000 * (5 + static_cast<unsigned>(trial.random() % 400)));
        ::kill(child, SIGKILL);
        int how = 0;
        ASSERT_EQ(::waitpid(child, &how, 0), child);
        ASSERT_TRUE(WIFSIGNALED(how)) << "the child gave up with " << WEXITSTATUS(how);
    }
    trial.view = std::move(CoreView::open(trial.options("incremental")).value());
    ASSERT_TRUE(settle(*trial.view, *trial.log));
    while (!catch_up(*trial.view, *trial.log, 1000).value().level) {
    }
    while (!trial.view->catch_up_texts(1000).value()) {
    }
    trial.view.reset();
    expect_equal(rows_of(path), trial.built(), 5);
}

}  // namespace
}  // namespace sbot::flume
