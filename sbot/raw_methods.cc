#include "sbot/raw_methods.h"

#include <cmath>
#include <deque>
#include <utility>

#include "flume/log.h"
#include "sbot/remote_error.h"
#include "sbot/shape.h"
#include "sbot/stream_options.h"

namespace sbot::app {
namespace {

using muxrpc::Allow;
using muxrpc::AsyncReply;
using muxrpc::Body;
using muxrpc::RemoteError;
using muxrpc::Reply;
using muxrpc::Request;
using muxrpc::Source;

constexpr std::size_t page_entries = 128;
constexpr double offset_max = 9007199254740991.0;

/// What flumelog-offset's streams are asked for. Bounds are offsets.
struct RawOptions {
    flume::Range range;
    bool nothing = false;  ///< bounds that no entry meets
    bool offsets = true, values = true;
    bool old = true, live = false;
    std::optional<std::uint64_t> limit;  ///< counts deleted entries too
};

RawOptions raw_options(json::Value given) {
    RawOptions options;
    flume::Range& range = options.range;
    range.with_deleted = true;
    range.reverse = given["reverse"].truthy();
    options.offsets = !given["seqs"].is_false();
    options.values = !given["values"].is_false();
    options.old = !given["old"].is_false();
    options.live = (given["live"].truthy() || !options.old) && !range.reverse;
    double limit = given["limit"].number();
    // Counted down to nothing over there, which a broken number never gets to.
    if (limit > 0 && limit == std::floor(limit))
        options.limit = static_cast<std::uint64_t>(std::min(limit, offset_max));
    // From null the reference reads nothing.
    json::Value low = first_lower(given), high = first_upper(given);
    if (low.is_null()) options.nothing = true;
    if (low.is_number() && low.number() >= 0) {
        auto at = static_cast<flume::Offset>(std::min(low.number(), offset_max));
        (given["gt"].exists() ? range.gt : range.gte) = at;
    }
    if (high.is_number() && high.number() < 0) options.nothing = true;
    if (high.is_number() && high.number() >= 0) {
        auto at = static_cast<flume::Offset>(std::min(high.number(), offset_max));
        (given["lt"].exists() ? range.lt : range.lte) = at;
    }
    return options;
}

struct RawJob {
    std::shared_ptr<const Entries> entries;
    flume::Range range;
    bool offsets, values, raw;
    bool unbox;  // else as stored
    std::size_t limit;
};

struct RawPage {
    std::deque<Body> items;
    std::optional<flume::Offset> last;
    std::size_t met = 0;
    bool exhausted = false;
    std::optional<Error> failed;
};

std::optional<Body> raw_item(const RawJob& job, const flume::Entry& entry) {
    std::string offset = std::to_string(entry.offset);
    if (job.offsets && !job.values) return Body::json(offset);
    if (entry.data.empty()) return std::nullopt;  // deleted
    const std::string_view stored = base::text_of(entry.data);
    // Whatever is JSON goes out: others may have other things than messages in their log.
    if (!json::well_formed(stored)) {
        job.entries->damage->met(entry.offset);
        return std::nullopt;
    }
    std::optional<Body> value;
    // Where only values are asked for the reference passes its own opening by.
    if (job.unbox && (job.offsets || job.values)) {
        Shape shape;
        shape.unboxer = &job.entries->unboxer;
        value = shaped(stored, shape, 0);
    } else {
        value = Body::json(stored);
    }
    if (!value || !job.offsets) return value;
    json::Writer out;
    out.begin_object();
    if (job.raw) out.name("seq").raw(offset);
    out.name("value").raw(value->text());
    if (!job.raw) out.name("seq").raw(offset);
    out.end_object();
    return Body::json(out.text());
}

RawPage read_raw(RawJob job) {
    RawPage page;
    auto cursor = job.entries->log->scan(job.range);
    if (!cursor) {
        page.failed = std::move(cursor).error();
        return page;
    }
    while (page.met < job.limit) {
        auto entry = (*cursor)->next();
        if (!entry) {
            page.failed = std::move(entry).error();
            break;
        }
        if (!*entry) {
            page.exhausted = true;
            break;
        }
        ++page.met;
        page.last = (*entry)->offset;
        if (auto item = raw_item(job, **entry)) page.items.push_back(std::move(*item));
    }
    job.entries->damage->met((*cursor)->damage());
    return page;
}

class RawStream final : public Source {
 public:
    RawStream(RawServices& services, RawOptions options, bool unbox)
        : services_(services), options_(options), unbox_(unbox) {
        if (options_.old) return;
        // What comes while the call waits for the index is news.
        read_upto_ = services_.indexer.stored();
        exhausted_ = true;
        if (read_upto_) options_.range.gt = read_upto_;
    }

    AsyncReply<std::optional<Body>> next() override {
        auto waiting = begin();
        co_await waiting;
        while (items_.empty()) {
            if (options_.nothing || options_.limit == 0u) co_return std::optional<Body>();
            auto upto = services_.indexer.indexed();
            if (exhausted_ && !options_.live) co_return std::optional<Body>();
            if (!upto || (exhausted_ && read_upto_ == upto)) {
                if (!options_.live) co_return std::optional<Body>();
                co_await services_.reading.grown().wait();
                continue;
            }
            auto reading = read(*upto);
            auto failed = co_await reading;
            if (failed) co_return std::move(*failed);
        }
        Body item = std::move(items_.front());
        items_.pop_front();
        co_return std::optional(std::move(item));
    }

 private:
    io::Task<void> begin() {
        if (std::exchange(begun_, true)) co_return;
        auto waiting = services_.reading.level();
        co_await waiting;
    }

    io::Task<std::optional<RemoteError>> read(flume::Offset upto) {
        RawJob job{services_.entries, options_.range, options_.offsets, options_.values,
                   !unbox_,           unbox_,         page_entries};
        // What is not indexed yet may not be on the disk either.
        if (!job.range.lte || *job.range.lte > upto) job.range.lte = upto;
        if (options_.limit) job.limit = std::min<std::uint64_t>(job.limit, *options_.limit);
        auto reading = services_.pool.run(&read_raw, std::move(job));
        RawPage page = co_await reading;
        if (page.failed) co_return remote(*page.failed);
        if (options_.limit) *options_.limit -= page.met;
        items_ = std::move(page.items);
        exhausted_ = page.exhausted;
        if (exhausted_) read_upto_ = upto;
        if (page.last) (options_.range.reverse ? options_.range.lt : options_.range.gt) = page.last;
        co_return std::nullopt;
    }

    RawServices& services_;
    RawOptions options_;
    bool unbox_;
    bool begun_ = false;
    bool exhausted_ = false;
    std::optional<flume::Offset> read_upto_;
    std::deque<Body> items_;
};

Reply<std::unique_ptr<Source>> create_raw_log_stream(RawServices& services,
                                                     const Request& request) {
    json::Value given = request.arg(0);
    if (auto options = standard_options(given); !options) return std::move(options).error();
    if (given["values"].is_false() || given["seqs"].is_false()) {
        return RemoteError{"Cannot read properties of undefined (reading 'value')", "TypeError"};
    }
    return raw_stream(services, given, false);
}

/// Messages in, nothing out: a bad one is passed over, as in the reference.
AsyncReply<void> create_write_stream(RawServices& services, std::unique_ptr<Source> in) {
    std::shared_ptr<Batch> last;
    while (true) {
        auto receiving = in->next();
        auto item = co_await receiving;
        if (!item) co_return std::move(item).error();
        if (!*item) break;
        json::Document document;
        if (!document.parse_borrowed((*item)->text())) continue;
        co_await services.reading.ready().wait();
        auto queueing = services.feeds.queue(document.root());
        auto batch = co_await queueing;
        if (batch) last = std::move(batch);
    }
    if (last) co_await last->done.wait();
    if (last && last->failed) co_return remote(*last->failed);
    co_return {};
}

}  // namespace

std::unique_ptr<Source> raw_stream(RawServices& services, json::Value options, bool unbox) {
    return std::make_unique<RawStream>(services, raw_options(options), unbox);
}

void add_raw_methods(muxrpc::Router& router, RawServices& services) {
    router.source("createRawLogStream", Allow::local, [&services](const Request& request) {
        return create_raw_log_stream(services, request);
    });
    router.sink("createWriteStream", Allow::local,
                [&services](Request, std::unique_ptr<Source> in) {
                    return create_write_stream(services, std::move(in));
                });
}

}  // namespace sbot::app
