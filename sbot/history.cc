#include "sbot/history.h"

#include "base/limits.h"
#include "sbot/shape.h"

namespace sbot::app {
namespace {

constexpr std::size_t remembered_records_max = 64;

}  // namespace

io::Async<std::vector<Bytes>> FeedHistory::read(FeedId feed, Sequence first, Sequence last) {
    std::vector<Bytes> page;
    auto found = recent_.find({feed, first});
    while (found != recent_.end() && first + page.size() <= last &&
           found->first == Place(feed, first + page.size())) {
        page.push_back(found->second);
        ++found;
    }
    if (!page.empty()) co_return page;
    auto reading = reading_.values_of(feed, first, last);
    co_return co_await reading;
}

void FeedHistory::remember(const Batch& batch) {
    if (batch.records.size() > remembered_records_max) return;
    for (const Record& record : batch.records) {
        auto value = value_text(record.text);
        if (!value) continue;
        Place place(record.author, record.state.sequence);
        if (!recent_.emplace(place, base::to_bytes(*value)).second) continue;
        order_.push_back(place);
        bytes_ += value->size();
    }
    while (bytes_ > limits::recent_messages_bytes_max) {
        auto oldest = recent_.find(order_.front());
        bytes_ -= oldest->second.size();
        recent_.erase(oldest);
        order_.pop_front();
    }
}

void FeedHistory::forget() {
    recent_.clear();
    order_.clear();
    bytes_ = 0;
}

}  // namespace sbot::app
