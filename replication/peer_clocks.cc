#include "replication/peer_clocks.h"

#include <cstdint>
#include <cstring>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/files.h"
#include "base/json.h"
#include "base/limits.h"
#include "flume/sqlite.h"

namespace sbot::replication {
namespace {

namespace sqlite = flume::sqlite;

constexpr std::size_t cache_bytes = 1 << 20;
constexpr std::size_t prefix_bytes = 8;

// A feed is found again by the first bytes of its id: two that share them cost a note too many.
std::uint64_t prefix_of(const FeedId& feed) {
    std::uint64_t prefix;
    std::memcpy(&prefix, feed.bytes.data(), prefix_bytes);
    return prefix;
}

/// For each feed the beginning of its id, then its sequence + 1 in groups of seven bits.
Bytes pack(const PeerClock& clock) {
    Bytes out;
    for (const auto& [feed, has] : clock) {
        if (out.size() > limits::peer_clock_bytes_max || has < -1) break;
        out.insert(out.end(), feed.bytes.begin(), feed.bytes.begin() + prefix_bytes);
        auto left = static_cast<std::uint64_t>(has + 1);
        for (; left > 0x7f; left >>= 7) out.push_back(static_cast<std::uint8_t>(left | 0x80));
        out.push_back(static_cast<std::uint8_t>(left));
    }
    return out;
}

std::unordered_map<std::uint64_t, std::int64_t> unpack(ByteView packed) {
    std::unordered_map<std::uint64_t, std::int64_t> clock;
    std::size_t at = 0;
    while (at + prefix_bytes < packed.size()) {
        std::uint64_t prefix;
        std::memcpy(&prefix, packed.data() + at, prefix_bytes);
        at += prefix_bytes;
        std::uint64_t number = 0;
        for (unsigned shift = 0; at < packed.size() && shift < 63; shift += 7) {
            std::uint8_t byte = packed[at++];
            number |= std::uint64_t{byte & 0x7fU} << shift;
            if (byte < 0x80) break;
        }
        clock[prefix] = static_cast<std::int64_t>(number) - 1;
    }
    return clock;
}

PeerClock of_feeds(const std::unordered_map<std::uint64_t, std::int64_t>& clock,
                   const std::set<FeedId>& feeds) {
    PeerClock out;
    for (const FeedId& feed : feeds) {
        auto found = clock.find(prefix_of(feed));
        if (found != clock.end()) out.push_back({feed, found->second});
    }
    return out;
}

/// The name of the JavaScript's file for a peer.
std::string js_name(const FeedId& peer) {
    std::string name;
    for (char each : peer.text()) {
        if (each == '=') continue;
        name += each == '+' ? '-' : each == '/' ? '_' : each;
    }
    return name;
}

}  // namespace

/// The database; one job at a time uses it, and the lock is for one that nobody waits for any more.
class PeerClocks::Table {
 public:
    Table(sqlite::Database database, std::string js_folder)
        : database_(std::move(database)), js_folder_(std::move(js_folder)) {}

    /// Made where it is missing.
    static Result<sqlite::Database> database(const std::string& path) {
        auto opened = sqlite::Database::open(path, {false, cache_bytes});
        if (!opened) return opened;
        auto made = opened->run(
            "create table if not exists clock "
            "(peer blob primary key, used integer not null, packed blob not null) without rowid");
        if (!made) return std::move(made).error().in(path);
        return opened;
    }

    Result<std::optional<Bytes>> read(const FeedId& peer) {
        auto found = database_.prepare("select packed from clock where peer = ?");
        if (!found) return std::move(found).error();
        found->bind(1, peer.view());
        auto row = found->step();
        if (!row) return std::move(row).error();
        if (!*row) return std::optional<Bytes>();
        return std::optional(base::to_bytes(found->bytes(0)));
    }

    Result<void> write(const std::map<FeedId, PeerClock>& clocks) {
        std::lock_guard lock(mutex_);
        auto changing = sqlite::Transaction::begin(database_);
        if (!changing) return std::move(changing).error();
        auto last = database_.number("select max(used) from clock");
        if (!last) return std::move(last).error();
        auto put = database_.prepare("insert or replace into clock values (?, ?, ?)");
        if (!put) return std::move(put).error();
        for (const auto& [peer, clock] : clocks) {
            Bytes packed = pack(clock);
            put->bind(1, peer.view()).bind(2, *last + 1).bind(3, ByteView(packed));
            if (auto ok = put->run(); !ok) return ok;
        }
        auto forget = database_.prepare(
            "delete from clock where peer in "
            "(select peer from clock order by used desc limit -1 offset ?)");
        if (!forget) return std::move(forget).error();
        forget->bind(1, static_cast<std::int64_t>(limits::peer_clocks_max));
        if (auto ok = forget->run(); !ok) return ok;
        return (*changing)->commit();
    }

    PeerClock load(const FeedId& peer, const std::set<FeedId>& feeds) {
        std::lock_guard lock(mutex_);
        auto row = read(peer);
        if (!row) return {};
        if (*row) return of_feeds(unpack(**row), feeds);
        auto alone = database_.number("pragma user_version");
        if (!alone || *alone == without_js_files) return {};
        return import(peer, feeds);
    }

    Result<void> forget() {
        std::lock_guard lock(mutex_);
        if (auto ok = database_.run("delete from clock"); !ok) return ok;
        return database_.run("pragma user_version = 1");
    }

 private:
    static constexpr std::int64_t without_js_files = 1;  // what `forget` leaves behind

    PeerClock import(const FeedId& peer, const std::set<FeedId>& feeds) {
        base::PosixFiles files;
        auto text =
            base::read_file(files, js_folder_ + "/" + js_name(peer), limits::peer_clock_bytes_max);
        auto document = text ? json::Document::parse(*text) : Result<json::Document>(text.error());
        if (!document) return {};
        PeerClock clock;
        for (json::Member member : document->root().members()) {
            auto feed = FeedId::parse(member.name);
            double has = member.value.number(-2);
            if (!feed || has < -1 || has > 1e15 || feeds.count(*feed) == 0) continue;
            clock.push_back({*feed, static_cast<std::int64_t>(has)});
        }
        return clock;
    }

    std::mutex mutex_;
    sqlite::Database database_;
    std::string js_folder_;
};

namespace {

PeerClock load_job(std::shared_ptr<PeerClocks::Table> table, FeedId peer, std::set<FeedId> feeds) {
    return table->load(peer, feeds);
}

bool write_job(std::shared_ptr<PeerClocks::Table> table, std::map<FeedId, PeerClock> clocks) {
    return table->write(clocks).has_value();
}

}  // namespace

Result<std::unique_ptr<PeerClocks>> PeerClocks::open(io::Pool& pool, const std::string& path,
                                                     const std::string& js_folder) {
    auto database = Table::database(path);
    if (!database && database.error().code == Errc::corrupt) {
        base::PosixFiles files;
        auto removed = sqlite::remove_database(files, path);
        if (!removed) return std::move(removed).error();
        database = Table::database(path);
    }
    if (!database) return std::move(database).error();
    auto table = std::make_shared<Table>(std::move(*database), js_folder);
    return std::unique_ptr<PeerClocks>(new PeerClocks(pool, std::move(table)));
}

Result<void> PeerClocks::forget() { return table_ ? table_->forget() : Result<void>(); }

PeerClocks::PeerClocks(io::Pool& pool, std::shared_ptr<Table> table)
    : pool_(pool), table_(std::move(table)) {
    if (table_) writer_ = write_all();
}

PeerClocks::~PeerClocks() = default;

io::Task<PeerClock> PeerClocks::load(FeedId peer, std::set<FeedId> feeds) {
    if (auto found = unwritten_.find(peer); found != unwritten_.end()) co_return found->second;
    if (!table_) co_return PeerClock();
    auto loading = pool_.run(&load_job, table_, peer, std::move(feeds));
    co_return co_await loading;
}

void PeerClocks::save(const FeedId& peer, PeerClock clock) {
    unwritten_[peer] = std::move(clock);
    written_.reset();
    something_.set();
}

io::Task<void> PeerClocks::write_all() {
    while (true) {
        while (unwritten_.empty()) {
            written_.set();
            something_.reset();
            co_await something_.wait();
        }
        auto batch = unwritten_;
        auto writing = pool_.run(&write_job, table_, batch);
        bool written = co_await writing;
        (void)written;  // nothing depends on it
        for (const auto& [peer, clock] : batch) {
            auto now = unwritten_.find(peer);
            if (now != unwritten_.end() && now->second == clock) unwritten_.erase(now);
        }
    }
}

io::Task<void> PeerClocks::flushed() {
    while (table_ && !unwritten_.empty()) co_await written_.wait();
}

}  // namespace sbot::replication
