// view_bench LOG FOLDER [PARTS]: how fast the core database is built and asked, beside the least
// that rows in SQLite cost (`floor`). Its file stays in FOLDER for parts that are run later. Run it
// where docs/schema.md is.

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "base/limits.h"
#include "flume/core_builder.h"
#include "flume/core_reader.h"
#include "flume/offset_log.h"
#include "flume/sqlite.h"

namespace {

using namespace sbot;

double seconds() {
    auto now = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration<double>(now).count();
}

/// What this process has used of the processor: holds on a busy machine too.
double cpu_seconds() {
    timespec used{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

template <typename T>
T must(Result<T> result) {
    if (result) return std::move(*result);
    std::fprintf(stderr, "%s\n", result.error().what.c_str());
    std::exit(1);
}
void must(Result<void> result) {
    if (result) return;
    std::fprintf(stderr, "%s\n", result.error().what.c_str());
    std::exit(1);
}

void wipe(const std::string& path) {
    for (const char* suffix : {"", "-wal", "-shm", "-journal"}) ::unlink((path + suffix).c_str());
}

double megabytes(const std::string& path) {
    struct stat about {};
    ::stat(path.c_str(), &about);
    return static_cast<double>(about.st_size) / 1e6;
}

/// What a part has done since it began.
class Stopwatch {
 public:
    void tell(const char* name, std::size_t messages, double log_megabytes,
              const std::string& path) const {
        const double took = seconds() - from_, cpu = cpu_seconds() - cpu_from_;
        std::printf("%-12s messages=%zu s=%.2f cpu_s=%.2f MBps=%.1f messagesps=%.0f MB=%.0f", name,
                    messages, took, cpu, log_megabytes / took, static_cast<double>(messages) / took,
                    megabytes(path));
    }

 private:
    double from_ = seconds(), cpu_from_ = cpu_seconds();
};

/// The least that an index in SQLite costs, one row a message, as others build it: keys and authors
/// as text that is unique, the content, three indexes made last; one thread, nothing journalled.
void row_floor(const flume::Log& log, const std::string& path) {
    wipe(path);
    const Stopwatch watch;
    auto database = must(flume::sqlite::Database::open_unjournalled(path, std::size_t{512} << 20));
    must(database.run(
        "CREATE TABLE keys(id INTEGER PRIMARY KEY,key TEXT UNIQUE);"
        "CREATE TABLE authors(id INTEGER PRIMARY KEY,author TEXT UNIQUE);"
        "CREATE TABLE messages(flume_seq INTEGER PRIMARY KEY,key_id INTEGER UNIQUE,seq INTEGER,"
        "  received REAL,asserted REAL,root_id INTEGER,author_id INTEGER,type TEXT,content TEXT);"
        "BEGIN"));
    auto key = must(database.prepare("INSERT INTO keys(key) VALUES(?)"));
    auto row = must(database.prepare("INSERT INTO messages VALUES(?,?,?,?,?,?,?,?,?)"));
    auto cursor = must(log.scan({}));
    std::int64_t count = 0;
    for (;; ++count) {
        auto entry = must(cursor->next());
        if (!entry) break;
        const std::string_view text = base::text_of(entry->data);
        const std::size_t author = text.find("\"author\":\"");
        const std::size_t content = text.find("\"content\":", author) + 10;
        const std::size_t end = text.find(",\"signature\":", content);
        const std::size_t type = text.find("\"type\":\"", content) + 8;
        if (end == text.npos) continue;
        must(key.bind(1, flume::key_of(entry->data)).run());
        const std::int64_t id = database.inserted();
        row.bind(1, static_cast<std::int64_t>(entry->offset)).bind(2, id).bind(3, count);
        row.bind(4, 1.5e12 + static_cast<double>(count)).bind(5, 1.5e12).bind(6, id / 3 + 1);
        row.bind(7, static_cast<std::int64_t>(text[author + 12]) * 64 + text[author + 13]);
        row.bind_null(8).bind(9, text.substr(content, end - content));
        if (type < end) row.bind(8, text.substr(type, text.find('"', type) - type));
        must(row.run());
    }
    must(
        database.run("CREATE INDEX t ON messages(type);CREATE INDEX r ON messages(root_id);"
                     "CREATE INDEX a ON messages(author_id);COMMIT"));
    watch.tell("floor", static_cast<std::size_t>(count), static_cast<double>(log.end()) / 1e6,
               path);
}

void full_build(const flume::Log& log, const std::string& path) {
    const Stopwatch watch;
    flume::CoreBuilder builder({path, {}, {}});
    auto built = must(builder.build(log));
    watch.tell("build", static_cast<std::size_t>(built.count), static_cast<double>(log.end()) / 1e6,
               path);
}

/// All posts that are missing, as the server does it where nobody waits.
double catch_up_texts(flume::CoreView& view) {
    double longest = 0;
    for (bool level = false; !level;) {
        const double from = seconds();
        must(view.hold());
        for (std::size_t i = 0; !level && i < limits::texts_job_posts_max;) {
            level = must(view.catch_up_texts(limits::texts_slice_posts));
            i += limits::texts_slice_posts;
        }
        must(view.commit());
        longest = std::max(longest, seconds() - from);
    }
    return longest;
}

void full_text(const flume::Log& log, const std::string& path) {
    auto view = must(flume::CoreView::open({path, {}, {}}));
    const Stopwatch watch;
    const double longest = catch_up_texts(*view);
    watch.tell("text", 0, static_cast<double>(log.end()) / 1e6, path);
    std::printf(" longest_ms=%.0f\n", longest * 1e3);
    const Stopwatch then;
    double longest_merge = 0;
    for (bool tidy = false; !tidy;) {
        const double from = seconds();
        tidy = must(view->merge_texts());
        longest_merge = std::max(longest_merge, seconds() - from);
    }
    then.tell("text merge", 0, static_cast<double>(log.end()) / 1e6, path);
    std::printf(" longest_ms=%.0f", longest_merge * 1e3);
}

/// How late a thread wakes that wants to every two milliseconds, and what the newest fifty messages
/// take that it asks for now and then.
struct Served {
    std::vector<double> lag_ms, page_ms;

    void serve(const std::string& path, const std::atomic<bool>& done) {
        auto reader = must(flume::CoreReader::open(path));
        flume::PageOf newest;
        newest.reverse = true;
        newest.limit = 50;
        for (int turn = 1; !done; ++turn) {
            const double from = seconds();
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
            lag_ms.push_back((seconds() - from) * 1e3 - 2);
            if (turn % 20 != 0) continue;
            const double asked = seconds();
            must(reader->by_received(newest));
            page_ms.push_back((seconds() - asked) * 1e3);
        }
    }
    static double part(std::vector<double>& values, double part) {
        if (values.empty()) return 0;
        std::sort(values.begin(), values.end());
        return values[static_cast<std::size_t>(part * static_cast<double>(values.size() - 1))];
    }
};

/// Row by row into a file that others read: write-ahead log, all indexes there, in the server's
/// portions, with somebody who asks meanwhile.
void live(const flume::Log& log, const std::string& path) {
    wipe(path);
    auto view = must(flume::CoreView::open({path, {}, {}}));
    const Stopwatch watch;
    std::atomic<bool> done{false};
    Served served;
    std::thread other([&] { served.serve(path, done); });
    std::size_t count = 0;
    double longest = 0;
    for (bool level = false; !level;) {
        const double from = seconds();
        must(view->hold());
        for (std::size_t i = 0; !level && i < limits::index_job_records_max;) {
            auto progress = must(flume::catch_up(*view, log, limits::index_slice_records));
            i += progress.applied;
            level = progress.level;
            count += progress.applied;
        }
        must(view->commit());
        longest = std::max(longest, seconds() - from);
    }
    done = true;
    other.join();
    const double megabytes_read = static_cast<double>(log.end()) / 1e6;
    watch.tell("live", count, megabytes_read, path);
    std::printf(" longest_ms=%.0f lag_p99_ms=%.2f page_ms=%.2f page_p99_ms=%.2f\n", longest * 1e3,
                Served::part(served.lag_ms, 0.99), Served::part(served.page_ms, 0.5),
                Served::part(served.page_ms, 0.99));
    const Stopwatch then;
    catch_up_texts(*view);
    then.tell("live text", 0, megabytes_read, path);
}

/// One transaction a message, as when something is published.
void apply_singly(const flume::Log& log, const std::string& path) {
    auto view = must(flume::CoreView::open({path, {}, {}}));
    flume::Range newest;
    newest.reverse = true;
    auto cursor = must(log.scan(newest));
    std::vector<std::pair<flume::Offset, Bytes>> entries;
    while (entries.size() < 10000) {
        auto entry = must(cursor->next());
        if (!entry) break;
        entries.emplace_back(entry->offset, base::to_bytes(entry->data));
    }
    double spent = 0, cpu_spent = 0;
    for (const auto& [offset, data] : entries) {
        const flume::Entry entry[] = {{offset, data}};
        must(view->retract(entry));
        const double from = seconds(), cpu_from = cpu_seconds();
        must(view->apply(entry, flume::Place::ahead));
        spent += seconds() - from;
        cpu_spent += cpu_seconds() - cpu_from;
    }
    const auto count = static_cast<double>(entries.size());
    std::printf("%-12s us=%.1f cpu_us=%.1f", "one", spent / count * 1e6, cpu_spent / count * 1e6);
}

/// Indexes on members of the content, made where all is there.
void json_index(const flume::Log& log, const std::string& path) {
    auto view = must(flume::CoreView::open({path, {}, {}}));
    const Stopwatch watch;
    must(view->make_index({"bench", {"$.about"}}));
    watch.tell("json", 0, static_cast<double>(log.end()) / 1e6, path);
    must(view->drop_index("bench"));
}

template <typename Ask>
void pages(const char* name, bool reverse, Ask ask) {
    flume::PageOf page;
    page.limit = 1000;
    page.reverse = reverse;
    double from = seconds();
    std::size_t rows = 0;
    for (;;) {
        auto got = must(ask(page));
        rows += got.size();
        if (got.size() < page.limit) break;
        page.after = got.back();
    }
    double took = seconds() - from;
    std::printf("%-16s rows=%zu s=%.3f rowsps=%.0f\n", name, rows, took,
                static_cast<double>(rows) / took);
}

void ask(const flume::Log&, const std::string& path) {
    auto reader = must(flume::CoreReader::open(path));
    using flume::PageOf;
    pages("by-received", false, [&](const PageOf& page) { return reader->by_received(page); });
    pages("by-received-back", true, [&](const PageOf& page) { return reader->by_received(page); });
    pages("by-rts", false, [&](const PageOf& page) { return reader->by_rts(page); });
    pages("by-rts-back", true, [&](const PageOf& page) { return reader->by_rts(page); });
    pages("by-type", false, [&](const PageOf& page) { return reader->by_type("vote", page); });
    double from = seconds();
    auto states = must(reader->all_states());
    std::printf("all-states       feeds=%zu ms=%.2f\n", states.size(), (seconds() - from) * 1e3);
    from = seconds();
    for (const auto& state : states) {
        if (must(reader->by_key(state.key)) != state.offset) std::exit(3);
    }
    std::printf("by-key           us=%.1f\n",
                (seconds() - from) * 1e6 / static_cast<double>(states.size()));
    from = seconds();
    std::size_t rows = 0;
    for (const auto& state : states) rows += must(reader->by_feed(state.feed, {})).size();
    std::printf("by-feed          rows=%zu us_per_feed=%.1f\n", rows,
                (seconds() - from) * 1e6 / static_cast<double>(states.size()));
}

void time_query(int number, const char* who, flume::sqlite::Statement& query) {
    double best = 1e9;
    std::size_t rows = 0;
    for (int i = 0; i < 5; ++i) {
        const double from = cpu_seconds();
        for (rows = 0; must(query.step()); ++rows) {
        }
        best = std::min(best, cpu_seconds() - from);
        query.reset();
    }
    std::printf("query %d%s rows=%zu ms=%.2f\n", number, who, rows, best * 1e3);
}

/// Questions of docs/schema.md and of issue 5: the best of five, warm.
void questions(const flume::Log&, const std::string& path) {
    auto database = must(flume::sqlite::Database::open(path, {.read_only = true}));
    auto one_text = [&](const char* sql) {
        auto row = must(database.prepare(sql));
        return must(row.step()) ? std::string(row.text(0)) : std::string();
    };
    const std::string busiest = one_text("SELECT name FROM authors ORDER BY sequence DESC LIMIT 1");
    const std::string rare = one_text(
        "SELECT a.name FROM messages m JOIN authors a ON a.id=m.author WHERE m.root IS NOT NULL "
        "GROUP BY m.author ORDER BY count(*),a.sequence DESC LIMIT 1");
    const std::string thread = one_text(
        "SELECT n.name FROM messages m JOIN names n ON n.id=m.root JOIN messages r ON r.key=m.root "
        "GROUP BY m.root ORDER BY count(*) DESC LIMIT 1");
    const std::pair<const char*, const std::string&> names[] = {
        {":me", busiest}, {":feed", busiest}, {":message", thread}};
    const std::pair<std::string, std::string> words[] = {
        {"#new-people", one_text("SELECT n.name FROM links l JOIN names n ON n.id=l.dest WHERE "
                                 "l.rel=(SELECT id FROM rels WHERE name='channel') LIMIT 1")},
        {"hello", one_text("SELECT substr(t,1,instr(t||' ',' ')-1) FROM (SELECT "
                           "json_extract(content,'$.text') t FROM post LIMIT 1)")}};
    std::ifstream page("docs/schema.md");
    std::string sql;
    bool inside = false;
    int number = 0;
    for (std::string line; std::getline(page, line);) {
        if (line == "```sql") {
            inside = true;
            sql.clear();
        } else if (inside && line == "```") {
            inside = false;
            // Words that are in this log.
            for (const auto& [word, other] : words) {
                if (auto at = sql.find(word); at != sql.npos) sql.replace(at, word.size(), other);
            }
            auto query = must(database.prepare(sql));
            for (const auto& [name, text] : names) query.bind(name, text);
            time_query(++number, "", query);
            if (sql.find(":me)") == sql.npos && sql.find(":me ") == sql.npos) continue;
            query.bind(":me", rare);
            time_query(number, " rare", query);
        } else if (inside) {
            sql += line + "\n";
        }
    }
}

/// Each part in a process of its own, so that its memory is its own.
void part(const char* name, const char* wanted, void (*run)(const flume::Log&, const std::string&),
          const flume::Log& log, const std::string& path) {
    if (wanted != nullptr && std::string_view(wanted).find(name) == std::string_view::npos) return;
    std::fflush(stdout);
    const pid_t child = ::fork();
    if (child == 0) {
        run(log, path);
        std::fflush(stdout);
        ::_exit(0);
    }
    int status = 0;
    rusage used{};
    ::wait4(child, &status, 0, &used);
    std::printf(" rss_MB=%ld\n", used.ru_maxrss / 1024);
    if (status != 0) std::exit(1);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) {
        std::fprintf(stderr,
                     "usage: view_bench LOG FOLDER [floor,build,text,ask,queries,one,json,live]\n");
        return 2;
    }
    base::PosixFiles files;
    auto log = must(flume::OffsetLog::open(files, argv[1], {}));
    const std::string path = std::string(argv[2]) + "/bench-core.sqlite";
    const std::string other = std::string(argv[2]) + "/bench-other.sqlite";
    const char* wanted = argc > 3 ? argv[3] : nullptr;
    part("floor", wanted, row_floor, *log, other);
    part("build", wanted, full_build, *log, path);
    part("text", wanted, full_text, *log, path);
    part("ask", wanted, ask, *log, path);
    part("queries", wanted, questions, *log, path);
    part("one", wanted, apply_singly, *log, path);
    part("json", wanted, json_index, *log, path);
    part("live", wanted, live, *log, other);
    wipe(other);
    return 0;
}
