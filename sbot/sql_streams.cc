#include "sbot/sql_streams.h"

#include <algorithm>
#include <deque>
#include <set>
#include <utility>

#include "flume/live_answer.h"
#include "flume/sql_query.h"
#include "sbot/permit.h"
#include "sbot/remote_error.h"

namespace sbot::app {
namespace {

using flume::Answer;
using flume::SqlQuery;
using muxrpc::AsyncReply;
using muxrpc::Body;

using Asked = std::shared_ptr<const SqlOptions>;
using Brake = std::shared_ptr<SqlQuery::Brake>;

// One job of the pool, and what a stream whose caller is slow keeps of it.
constexpr std::size_t rows_at_once = 256;
constexpr std::size_t bytes_at_once = std::size_t{64} << 10;
constexpr std::chrono::milliseconds time_at_once{10};

struct Opened {
    std::unique_ptr<SqlQuery> query;
    std::vector<std::size_t> key;  // columns
    std::optional<Error> failed;
};

/// Rows as objects can only have columns that are called differently.
Result<void> check_names(const SqlQuery& query) {
    std::set<std::string_view> names;
    for (const std::string& name : query.columns()) {
        if (names.insert(name).second) continue;
        return error(Errc::invalid, "two columns are called \"" + name +
                                        "\": name one of them with AS, or ask for lists: true");
    }
    return {};
}

Result<std::vector<std::size_t>> find_key(const SqlQuery& query,
                                          const std::vector<std::string>& key) {
    std::vector<std::size_t> found;
    const auto& columns = query.columns();
    for (const std::string& name : key) {
        auto at = std::find(columns.begin(), columns.end(), name);
        if (at == columns.end()) {
            return error(Errc::invalid, "key: the answer has no column \"" + name + "\"");
        }
        found.push_back(static_cast<std::size_t>(at - columns.begin()));
    }
    return found;
}

Opened open_query(std::string path, Asked asked, Brake brake) {
    Opened opened;
    auto query = SqlQuery::prepare(path, asked->sql, brake);
    Result<void> good;
    if (!query) good = query.error();
    if (good) good = (*query)->bind(asked->params);
    if (good && !asked->as_lists) good = check_names(**query);
    if (good) {
        auto key = find_key(**query, asked->key);
        if (key) opened.key = std::move(*key);
        if (!key) good = std::move(key).error();
    }
    if (good) {
        opened.query = std::move(*query);
    } else {
        opened.failed = std::move(good).error();
    }
    return opened;
}

struct Chunk {
    std::unique_ptr<SqlQuery> query;  // none: there are no more rows
    std::deque<Body> items;
    std::optional<Error> failed;
};

Chunk read_some(std::unique_ptr<SqlQuery> query, bool as_lists, std::uint64_t rows_max) {
    const auto until = SqlQuery::Brake::Clock::now() + time_at_once;
    Chunk chunk;
    for (std::size_t bytes = 0; chunk.items.size() < rows_max;) {
        auto more = query->step();
        if (!more) chunk.failed = more.error();
        if (!more || !*more) return chunk;
        auto row = query->row(as_lists);
        if (!row) chunk.failed = row.error();
        if (!row) return chunk;
        bytes += row->size();
        chunk.items.push_back(Body::json(*row));
        const bool enough = chunk.items.size() == rows_at_once || bytes >= bytes_at_once ||
                            SqlQuery::Brake::Clock::now() >= until;
        if (!enough) continue;
        if (chunk.items.size() < rows_max) chunk.query = std::move(query);
        return chunk;
    }
    return chunk;
}

/// What a live query finds at a look.
struct Looked {
    std::shared_ptr<const Answer> answer;
    std::string news;  // nothing where nothing has changed
    std::optional<Error> failed;
};

Looked not_looked(Error why) {
    Looked looked;
    looked.failed = std::move(why);
    return looked;
}

Result<void> read_answer(const Opened& opened, const SqlOptions& asked, Answer& answer) {
    while (!asked.limit || answer.rows().size() < *asked.limit) {
        auto more = opened.query->step();
        if (!more) return std::move(more).error();
        if (!*more) break;
        flume::AnswerRow row;
        for (std::size_t column : opened.key) {
            if (!row.key.empty()) row.key += ',';
            opened.query->append_cell(row.key, column);
        }
        auto text = opened.query->row(asked.as_lists);
        if (!text) return std::move(text).error();
        row.text = std::move(*text);
        if (auto ok = answer.add(std::move(row)); !ok) return ok;
    }
    return answer.complete();
}

Looked look(Opened opened, Asked asked, std::shared_ptr<const Answer> before) {
    Looked looked;
    auto answer = std::make_shared<Answer>(asked->keyed());
    if (auto ok = read_answer(opened, *asked, *answer); !ok) {
        looked.failed = std::move(ok).error();
        return looked;
    }
    if (before) {
        auto found = flume::difference(*before, *answer);
        if (!found.empty()) looked.news = found.text();
    }
    looked.answer = std::move(answer);
    return looked;
}

/// Waits until the index has what was asked for.
io::Async<void> reach(SqlServices& services, Asked asked) {
    const auto latest = services.entries->log->latest();
    if (!latest) {
        if (!asked->since) co_return {};
        co_return error(Errc::not_found, "since: the log is empty");
    }
    const double upto = asked->since.value_or(static_cast<double>(*latest));
    const std::string name = std::to_string(static_cast<std::uint64_t>(std::min(upto, 1e18)));
    if (upto > static_cast<double>(*latest)) {
        co_return error(Errc::not_found, "since: the log ends before " + name +
                                             ", its last entry is at " + std::to_string(*latest));
    }
    auto waiting =
        services.indexer.synchronized(static_cast<flume::Offset>(upto), asked->timeout_ms);
    auto reached = co_await waiting;
    if (reached) co_return {};
    Error why = std::move(reached).error();
    if (flume::is_deleted(why)) {
        // The index was level with the log when its last entry was deleted.
        if (!asked->since) co_return {};
        co_return error(Errc::not_found,
                        "since: the entry at " + name + " was deleted: wait for another one");
    }
    if (why.code == Errc::timeout) {
        auto at = services.indexer.indexed();
        co_return error(Errc::timeout, "since: the index has come to " +
                                           (at ? std::to_string(*at) : "nothing") + ", not to " +
                                           name +
                                           ": ask again with a longer timeout, or without "
                                           "since for what is there now");
    }
    co_return error(Errc::not_found, "since: no entry of the log is at " + name);
}

/// The way to an answer, which all queries share. Every job takes a permit, so that the pool is
/// there for others too.
class SqlStream : public muxrpc::Source {
 public:
    SqlStream(SqlServices& services, SqlOptions options)
        : services_(services), asked_(std::make_shared<SqlOptions>(std::move(options))) {
        ++open_ones();
    }
    ~SqlStream() override {
        --open_ones();
        if (brake_) brake_->pull();
    }

 protected:
    /// Waits, if that is wanted.
    io::Async<void> begin() {
        if (open_ones() > limits::sql_queries_max) {
            co_return error(Errc::limit, std::to_string(limits::sql_queries_max) +
                                             (asked_->live ? " live" : "") +
                                             " queries are open: end some of them first");
        }
        if (!asked_->wait) {
            auto waiting = services_.indexer.local_level();
            co_await waiting;
            co_return {};
        }
        auto reaching = reach(services_, asked_);
        co_return co_await reaching;
    }

    /// On the file that has the name now, whatever takes its place while it is read.
    io::Task<Opened> open() {
        auto placing = services_.reading.in_place();
        co_await placing;
        co_await services_.running.acquire();
        Permit permit(services_.running);
        co_await services_.reading.usable().wait();
        Reading::Use use(services_.reading);
        brake_ = std::make_shared<SqlQuery::Brake>(std::chrono::milliseconds(asked_->timeout_ms));
        auto opening = services_.pool.run(&open_query, services_.index_path, asked_, brake_);
        co_return co_await opening;
    }

    muxrpc::RemoteError told(const Error& why) {
        services_.reading.suspect(why);
        return remote(why);
    }
    /// Who holds many live ones keeps nobody from asking.
    std::size_t& open_ones() { return asked_->live ? services_.live : services_.open; }

    SqlServices& services_;
    Asked asked_;
    Brake brake_;
};

class OnceStream final : public SqlStream {
 public:
    using SqlStream::SqlStream;

    AsyncReply<std::optional<Body>> next() override {
        if (!begun_) {
            begun_ = true;
            auto starting = start();
            auto started = co_await starting;
            if (!started) co_return told(started.error());
        }
        while (items_.empty()) {
            if (expired_) co_return remote(too_slow());
            if (failed_) co_return told(*failed_);
            if (!query_) co_return std::optional<Body>();
            auto fetching = fetch();
            co_await fetching;
        }
        Body item = std::move(items_.front());
        items_.pop_front();
        co_return std::optional(std::move(item));
    }

 private:
    io::Async<void> start() {
        auto beginning = begin();
        auto begun = co_await beginning;
        if (!begun) co_return begun;
        auto opening = open();
        Opened opened = co_await opening;
        if (opened.failed) co_return std::move(*opened.failed);
        query_ = std::move(opened.query);
        left_ = asked_->limit.value_or(UINT64_MAX);
        expiring_ = expire();
        co_return {};
    }

    io::Task<void> fetch() {
        auto query = std::move(query_);
        co_await services_.running.acquire();
        Permit permit(services_.running);
        auto reading = services_.pool.run(&read_some, std::move(query), asked_->as_lists, left_);
        Chunk chunk = co_await reading;
        query_ = std::move(chunk.query);
        items_ = std::move(chunk.items);
        left_ -= items_.size();
        failed_ = std::move(chunk.failed);
        if (late_) let_go();
    }

    /// A caller that does not read on does not keep the write-ahead log from being cut for longer.
    io::Task<void> expire() {
        co_await services_.loop.sleep(asked_->timeout_ms);
        late_ = true;
        let_go();
    }
    /// Of what a job has just now: when the job is done.
    void let_go() {
        expired_ = query_ != nullptr;
        query_.reset();
    }
    Error too_slow() const {
        return error(Errc::timeout, "the answer was not read in " +
                                        std::to_string(asked_->timeout_ms) +
                                        " ms: read on faster, ask for less, or for more time with "
                                        "timeout");
    }

    bool begun_ = false;
    bool late_ = false;
    bool expired_ = false;             // and not all had been read
    std::unique_ptr<SqlQuery> query_;  // while there are more rows and no job has it
    std::uint64_t left_ = 0;
    std::deque<Body> items_;
    std::optional<Error> failed_;
    io::Task<void> expiring_;
};

class LiveStream final : public SqlStream {
 public:
    using SqlStream::SqlStream;

    AsyncReply<std::optional<Body>> next() override {
        if (!answer_) {
            auto beginning = begin();
            auto begun = co_await beginning;
            if (!begun) co_return told(begun.error());
            auto looking = look_again();
            auto looked = co_await looking;
            if (looked.failed) co_return told(*looked.failed);
        }
        if (at_ < answer_->rows().size()) {
            co_return std::optional(Body::json(answer_->rows()[at_++].text));
        }
        if (!marked_) {
            marked_ = true;
            co_return std::optional(Body::json("{\"sync\":true}"));
        }
        while (true) {
            auto changing = changed();
            co_await changing;
            auto looking = look_again();
            auto looked = co_await looking;
            if (looked.failed) co_return told(*looked.failed);
            at_ = answer_->rows().size();
            if (!looked.news.empty()) co_return std::optional(Body::json(looked.news));
        }
    }

 private:
    io::Task<Looked> look_again() {
        const auto counts = services_.news->counts();
        const std::uint64_t from_ms = services_.loop.now_ms();
        auto opening = open();
        Opened opened = co_await opening;
        if (opened.failed) co_return not_looked(std::move(*opened.failed));
        reads_ = opened.query->reads();
        seen_ = CommitNews::count_of(counts, reads_);
        co_await services_.running.acquire();
        Permit permit(services_.running);
        auto looking = services_.pool.run(&look, std::move(opened), asked_, answer_);
        Looked looked = co_await looking;
        if (looked.answer) answer_ = looked.answer;
        // A costly one leaves others as much time as it takes.
        const std::uint64_t now_ms = services_.loop.now_ms();
        next_ms_ = std::max(from_ms + limits::sql_live_ms_min, now_ms + (now_ms - from_ms));
        co_return looked;
    }

    /// Waits until something that the query reads has changed, and it is time to look.
    io::Task<void> changed() {
        while (CommitNews::count_of(services_.news->counts(), reads_) == seen_) {
            co_await services_.news->committed().wait();
        }
        const std::uint64_t now_ms = services_.loop.now_ms();
        if (now_ms < next_ms_) co_await services_.loop.sleep(next_ms_ - now_ms);
    }

    std::shared_ptr<const Answer> answer_;  // the last one
    std::size_t at_ = 0;                    // the next row to give
    bool marked_ = false;
    flume::Parts reads_ = 0;
    std::uint64_t seen_ = 0;
    std::uint64_t next_ms_ = 0;
};

}  // namespace

std::unique_ptr<muxrpc::Source> sql_stream(SqlServices& services, SqlOptions options) {
    if (options.live) return std::make_unique<LiveStream>(services, std::move(options));
    return std::make_unique<OnceStream>(services, std::move(options));
}

}  // namespace sbot::app
