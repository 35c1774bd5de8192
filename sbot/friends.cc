#include "sbot/friends.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/limits.h"
#include "sbot/counted.h"

namespace sbot::app {
namespace {

// A graph of this many edges takes a tenth of a millisecond: not worth a way to the pool.
constexpr std::size_t edges_at_once = 2000;
// Of a core's time, while messages keep coming: a twentieth.
constexpr std::uint64_t rest_factor = 20, rest_ms_max = 1000;
// Changes that observers hear of in one turn of the loop: well below a millisecond.
constexpr std::size_t changes_at_once = 64;

struct Opened {
    Result<std::unique_ptr<friends::ContactView>> view;
    Result<bool> settled = false;
};

Opened open_view(std::shared_ptr<const flume::Log> log, friends::ContactView::Options options) {
    Opened opened{friends::ContactView::open(std::move(options))};
    if (opened.view) opened.settled = flume::settle(**opened.view, *log);
    return opened;
}

}  // namespace

Friends::Friends(io::Loop& loop, io::Pool& pool, std::shared_ptr<const flume::Log> log,
                 base::Logger& logger, Options options)
    : loop_(loop),
      pool_(pool),
      log_(std::move(log)),
      logger_(logger),
      options_(std::move(options)),
      now_(std::make_shared<const friends::Snapshot>(options_.view.own, options_.hops_max)) {
    informer_ = inform();
}

Friends::~Friends() = default;

io::Async<void> Friends::load(Indexer& indexer) {
    indexer_ = &indexer;
    auto opening = open_and_feed();
    auto opened = co_await opening;
    if (!opened) {
        failed_ = opened.error();
        changed_.set();
        changed_.reset();
    }
    co_return std::move(opened);
}

io::Async<void> Friends::open_and_feed() {
    auto opening = pool_.run(&open_view, log_, options_.view);
    Opened opened = co_await opening;
    if (!opened.view) co_return std::move(opened.view).error().in("contacts");
    if (!opened.settled) co_return std::move(opened.settled).error().in("contacts");
    view_ = std::move(*opened.view);
    runner_ = run();
    SideView side;
    side.view = view_.get();
    side.fed = [this](Result<void> result, bool level) { return fed(std::move(result), level); };
    auto feeding = indexer_->feed(std::move(side));
    auto fed_all = co_await feeding;
    if (!fed_all) co_return std::move(fed_all).error();
    auto making = fresh();
    auto made = co_await making;
    if (!made) co_return std::move(made).error();
    co_return {};
}

/// On the indexer's lane.
SideView::Then Friends::fed(Result<void> result, bool level) {
    auto news = result ? view_->take_news() : Result<friends::News>(std::move(result).error());
    auto told = std::make_shared<Result<friends::News>>(std::move(news));
    return [this, told, level] { tell(std::move(*told), level); };
}

void Friends::tell(Result<friends::News> news, bool level) {
    if (!news) {
        logger_.error("friends", "the index of contacts cannot be written: " + news.error().what);
        return;
    }
    bool was_level = std::exchange(level_, level);
    if (news->empty() && was_level == level) return;
    pending_.append(std::move(*news));
    ++heard_;
    if (!level_) return;
    if (!making_ && small()) {
        included_ = heard_;
        advance(make(now_, std::exchange(pending_, {})));
    } else {
        something_.set();
    }
}

bool Friends::small() const {
    return now_->graph().edges->size() + pending_.contacts.size() < edges_at_once;
}

Friends::Made Friends::make(Snapshot before, friends::News news) {
    auto next = std::make_shared<const friends::Snapshot>(before->after(news));
    auto changes = next->changes_since(*before);
    std::stable_partition(changes.begin(), changes.end(),
                          [](const friends::HopsChange& each) { return each.blocked(); });
    return {std::move(next), std::move(changes), std::move(news)};
}

io::Task<void> Friends::run() {
    while (true) {
        while (!level_ || pending_.empty()) {
            something_.reset();
            co_await something_.wait();
        }
        making_ = true;
        std::uint64_t upto = heard_, began_ms = loop_.now_ms();
        auto making = pool_.run(&make, now_, std::exchange(pending_, {}));
        Made made = co_await making;
        making_ = false;
        included_ = upto;
        advance(std::move(made));
        auto resting = rest(std::min((loop_.now_ms() - began_ms) * rest_factor, rest_ms_max));
        co_await resting;
    }
}

/// A pause, unless somebody waits.
io::Task<void> Friends::rest(std::uint64_t rest_ms) {
    if (waiting_ > 0 || rest_ms == 0) co_return;
    hurry_.reset();
    auto resting = io::timeout(loop_, rest_ms, io::wait_for(hurry_));
    auto hurried = co_await resting;
    (void)hurried.has_value();
}

void Friends::advance(Made made) {
    now_ = std::move(made.snapshot);
    for (Edges* each : edges_) {
        // What is told anew was told before.
        if (made.news.anew) continue;
        if (each->waiting.size() + made.news.contacts.size() > limits::edges_waiting_max) {
            each->lost = true;
            continue;
        }
        const friends::Names& names = *now_->graph().names;
        for (const friends::Contact& edge : made.news.contacts) {
            each->waiting.push_back({names[edge.from], names[edge.to], edge.relation});
        }
    }
    to_tell_.insert(to_tell_.end(), made.changes.begin(), made.changes.end());
    untold_.set();
    changed_.set();
    changed_.reset();
}

io::Async<Friends::Snapshot> Friends::fresh() {
    Counted waiting(waiting_);
    if (indexer_ != nullptr) {
        auto indexing = indexer_->level();
        co_await indexing;
    }
    std::uint64_t wanted = heard_;
    hurry_.set();
    while (included_ == 0 || included_ < wanted) {
        if (failed_) co_return *failed_;
        co_await changed_.wait();
    }
    co_return now_;
}

io::Task<void> Friends::in_force() {
    if (included_ == 0 || failed_) co_return;
    auto making = fresh();
    auto made = co_await making;
    (void)made.has_value();
    while (!to_tell_.empty()) co_await loop_.yield();
    co_await loop_.yield();  // streams write theirs
}

void Friends::observe(friends::HopsObserver& observer) {
    observers_.push_back(&observer);
    SBOT_ASSERT(now_->hops().reached.size() == 1);  // at the start: all is still to come
    std::vector<friends::HopsChange> ourselves = {{options_.view.own, 0}};
    observer.hops_changed(ourselves);
}

io::Task<void> Friends::inform() {
    std::vector<friends::HopsChange> some;
    while (true) {
        while (to_tell_.empty()) {
            untold_.reset();
            co_await untold_.wait();
        }
        std::size_t count = std::min(to_tell_.size(), changes_at_once);
        auto end = to_tell_.begin() + static_cast<std::ptrdiff_t>(count);
        some.assign(to_tell_.begin(), end);
        to_tell_.erase(to_tell_.begin(), end);
        for (friends::HopsObserver* each : observers_) each->hops_changed(some);
        co_await loop_.yield();
    }
}

bool Friends::may_pass(const FeedId& feed, const FeedId& peer) const {
    return !now_->blocked(feed) && !now_->blocks(feed, peer);
}

}  // namespace sbot::app
