#include "sbot/links_methods.h"

#include <deque>
#include <utility>

#include "flume/envelope.h"
#include "flume/links.h"
#include "flume/log.h"
#include "message/refs.h"
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

// Messages looked at in one job: some 10 ms.
constexpr std::size_t messages_at_once = 256;
constexpr std::size_t rows_at_once = 128;

struct LinkOptions {
    std::string source, dest, rel;  ///< empty: any; one letter of `@%&`: any of that kind
    bool meta = true, keys = true, values = false;
    bool reverse = false, live = false, old = true, sync = true;

    bool backwards() const { return !dest.empty() && source.empty(); }
    static bool fits(std::string_view wanted, std::string_view found) {
        if (wanted.size() == 1) return found.starts_with(wanted);
        return wanted.empty() || wanted == found;
    }
    bool wants(std::string_view author, const flume::Link& link) const {
        return (rel.empty() || rel == link.rel) && fits(dest, link.dest) && fits(source, author);
    }
};

std::optional<std::string> id_or_kind(json::Value given) {
    if (!given.truthy()) return std::string();
    std::string_view text = given.string();
    if (text == "feed" || text == "@") return "@";
    if (text == "msg" || text == "%") return "%";
    if (text == "blob" || text == "&") return "&";
    if (!message::is_link(text)) return std::nullopt;
    return std::string(text);
}

bool is_switch(json::Value given) {
    return !given.truthy() || given.is_boolean() || given.is_number();
}

Reply<LinkOptions> link_options(json::Value given) {
    if (!given.truthy()) return param_required();
    if (!given.is_object() && !given.is_array()) return param_type("linksOpts");
    LinkOptions options;
    auto source = id_or_kind(given["source"]), dest = id_or_kind(given["dest"]);
    if (!source) return wrong_option("source", "id|filter");
    if (!dest) return wrong_option("dest", "id|filter");
    json::Value rel = given["rel"];
    if (rel.truthy() && !rel.is_string()) return wrong_option("rel", "string");
    for (std::string_view name : {"live", "reverse", "keys", "values"}) {
        const bool is_function = given.is_array() && name == "reverse";
        if (is_function || !is_switch(given[name])) return wrong_option(name, "boolean");
    }
    options.source = *source;
    options.dest = *dest;
    options.rel = rel.string();
    options.meta = !given["meta"].is_false();
    options.keys = !given["keys"].is_false();
    options.values = given["values"].is_true();
    options.reverse = given["reverse"].truthy();
    options.live = given["live"].is_true();
    options.old = !given["old"].is_false();
    options.sync = !given["sync"].is_false();
    if (!options.meta && !options.keys && !options.values) {
        return RemoteError{
            "makes no sense to return stream without results"
            "set at least one of {keys, values, meta} to true"};
    }
    return options;
}

/// A message in its readable form: opened if it is private and for us.
struct Readable {
    std::string record;
    json::Document document;
    std::string opened;
    json::Document opened_document;
    std::optional<flume::Envelope> envelope;
    json::Value content;

    bool read(const Entries& entries, flume::Offset at) {
        auto data = entries.log->get(at);
        if (data) return take(entries, at, base::text_of(*data));
        if (is_damage(data.error())) entries.damage->met(at);
        return false;
    }
    bool take(const Entries& entries, flume::Offset at, std::string_view text) {
        record = text;
        opened.clear();
        auto parsed = flume::read_envelope(document, base::bytes_of(record));
        if (!parsed) {
            if (!document.root().exists()) entries.damage->met(at);  // else it is no message
            return false;
        }
        envelope = *parsed;
        content = envelope->content;
        if (!content.is_string()) return true;
        opened = unboxed_or_stored(envelope->value, entries.unboxer, {});
        if (opened_document.parse_borrowed(opened)) content = opened_document.root()["content"];
        return true;
    }
    std::string_view stored() const { return envelope->value.source(); }
    std::string_view plain() const { return opened.empty() ? stored() : opened; }
};

Body link_item(const LinkOptions& options, const flume::LinkRow& link, const Readable& message) {
    json::Writer out;
    if (options.meta) {
        out.begin_object().member("source", link.source).member("rel", link.rel);
        out.member("dest", link.dest);
        if (options.keys) out.member("key", link.key);
        if (options.values) out.name("value").raw(message.stored());
        out.end_object();
        return Body::json(out.text());
    }
    if (!options.values) return Body::utf8(link.key);
    if (!options.keys) return Body::json(message.plain());
    out.begin_object().member("key", link.key).name("value").raw(message.plain()).end_object();
    return Body::json(out.text());
}

/// One step of gathering what is there: which messages, by the narrowest way to them.
struct GatherJob {
    std::unique_ptr<flume::CoreReader> reader;
    std::unique_ptr<flume::LinkSorter> sorter;
    std::shared_ptr<const Entries> entries;
    LinkOptions options;
    std::optional<flume::Row> after;  // offset, and sequence where a feed is read
    flume::Offset upto;
};
struct Gathered {
    std::unique_ptr<flume::CoreReader> reader;
    std::unique_ptr<flume::LinkSorter> sorter;
    std::optional<flume::Row> last;
    bool all = false;
    std::optional<Error> failed;
};

Result<std::vector<flume::Row>> some_of_the_log(const GatherJob& job) {
    flume::Range range;
    if (job.after) range.gt = job.after->offset;
    range.lte = job.upto;
    auto cursor = job.entries->log->scan(range);
    if (!cursor) return std::move(cursor).error();
    std::vector<flume::Row> rows;
    while (rows.size() < messages_at_once) {
        auto entry = (*cursor)->next();
        if (!entry) return std::move(entry).error();
        if (!*entry) break;
        rows.push_back({0, (*entry)->offset, {}});
    }
    job.entries->damage->met((*cursor)->damage());
    return rows;
}

Result<std::vector<flume::Row>> candidates(const GatherJob& job) {
    if (job.options.dest.size() > 1) {
        std::optional<flume::Offset> after;
        if (job.after) after = job.after->offset;
        auto offsets = job.reader->by_dest(job.options.dest, after, messages_at_once);
        if (!offsets) return std::move(offsets).error();
        std::vector<flume::Row> rows;
        for (flume::Offset at : *offsets) rows.push_back({0, at, {}});
        return rows;
    }
    if (job.options.source.size() > 1) {
        auto feed = FeedId::parse(job.options.source);
        if (!feed) return std::vector<flume::Row>();
        flume::PageOf page;
        page.after = job.after;
        page.limit = messages_at_once;
        return job.reader->by_feed(*feed, page);
    }
    return some_of_the_log(job);
}

Result<void> sort_in(GatherJob& job, const std::vector<flume::Row>& rows) {
    Readable message;
    if (auto ok = job.sorter->begin(); !ok) return ok;
    for (const flume::Row& row : rows) {
        if (row.offset > job.upto) continue;
        if (!message.read(*job.entries, row.offset)) continue;  // deleted, or no message
        std::string author = message.envelope->author.text();
        if (!LinkOptions::fits(job.options.source, author)) continue;
        for (const flume::Link& link : flume::links_of(message.content)) {
            if (!job.options.wants(author, link)) continue;
            auto added = job.sorter->add(author, link, message.envelope->sequence,
                                         message.envelope->key.text(), row.offset);
            if (!added) return added;
        }
    }
    return job.sorter->end();
}

Gathered gather(GatherJob job) {
    Gathered result;
    auto rows = candidates(job);
    if (!rows) {
        result.failed = std::move(rows).error();
        return result;
    }
    if (auto sorted = sort_in(job, *rows); !sorted) {
        result.failed = std::move(sorted).error();
        return result;
    }
    result.all = rows->size() < messages_at_once;
    if (!rows->empty()) result.last = rows->back();
    result.reader = std::move(job.reader);
    result.sorter = std::move(job.sorter);
    return result;
}

struct Given {
    std::unique_ptr<flume::LinkSorter> sorter;
    std::deque<Body> items;
    bool all = false;
    std::optional<Error> failed;
};

Given give(std::unique_ptr<flume::LinkSorter> sorter, std::shared_ptr<const Entries> entries,
           LinkOptions options) {
    Given result;
    auto rows = sorter->next(options.reverse, rows_at_once);
    if (!rows) {
        result.failed = std::move(rows).error();
        return result;
    }
    result.all = rows->size() < rows_at_once;
    Readable message;
    for (const flume::LinkRow& row : *rows) {
        if (options.values && !message.read(*entries, row.offset)) continue;
        result.items.push_back(link_item(options, row, message));
    }
    result.sorter = std::move(sorter);
    return result;
}

/// New messages come in the order of the log, and their links in that of their content.
struct Fresh {
    std::deque<Body> items;
    std::optional<Error> failed;
};

Fresh fresh_links(std::shared_ptr<const Entries> entries, flume::Range range, LinkOptions options) {
    Fresh result;
    auto cursor = entries->log->scan(range);
    if (!cursor) {
        result.failed = std::move(cursor).error();
        return result;
    }
    Readable message;
    while (true) {
        auto entry = (*cursor)->next();
        if (!entry) result.failed = entry.error();
        if (!entry || !*entry) return result;
        const std::string_view stored = base::text_of((*entry)->data);
        if (!message.take(*entries, (*entry)->offset, stored)) continue;
        std::string author = message.envelope->author.text();
        for (const flume::Link& link : flume::links_of(message.content)) {
            if (!options.wants(author, link)) continue;
            flume::LinkRow row{author, link.rel, link.dest, message.envelope->key.text(),
                               (*entry)->offset};
            result.items.push_back(link_item(options, row, message));
        }
    }
}

class LinkStream final : public Source {
 public:
    LinkStream(LinksServices& services, LinkOptions options)
        : services_(services), options_(std::move(options)), upto_(services.indexer.stored()) {}

    AsyncReply<std::optional<Body>> next() override {
        if (part_ == Part::start) {
            auto waiting = services_.reading.level();
            co_await waiting;
            // What comes while the call waits for the index is news for who asks for nothing older.
            if (options_.old) upto_ = services_.indexer.indexed();
            part_ = options_.old && upto_ ? Part::gather : Part::mark;
        }
        while (items_.empty()) {
            if (part_ == Part::done) co_return std::optional<Body>();
            if (part_ == Part::mark) {
                part_ = options_.live || !options_.old ? Part::live : Part::done;
                bool marked = options_.live && options_.old && options_.sync;
                if (marked) co_return std::optional(Body::json("{\"sync\":true}"));
                continue;
            }
            auto working = step();
            auto failed = co_await working;
            if (failed) co_return remote(*failed);
        }
        Body item = std::move(items_.front());
        items_.pop_front();
        co_return std::optional(std::move(item));
    }

 private:
    enum class Part { start, gather, give, mark, live, done };

    io::Task<std::optional<Error>> step() {
        if (part_ == Part::gather) {
            auto gathering = gather_some();
            co_return co_await gathering;
        }
        if (part_ == Part::give) {
            auto giving =
                services_.pool.run(&give, std::move(sorter_), services_.entries, options_);
            Given given = co_await giving;
            sorter_ = std::move(given.sorter);
            items_ = std::move(given.items);
            if (given.all) {
                sorter_.reset();
                part_ = Part::mark;
            }
            co_return std::move(given.failed);
        }
        while (services_.indexer.indexed() <= upto_) co_await services_.reading.grown().wait();
        co_await services_.reading.ready().wait();
        flume::Range range;
        range.gt = upto_;
        upto_ = range.lte = services_.indexer.indexed();
        auto reading = services_.pool.run(&fresh_links, services_.entries, range, options_);
        Fresh fresh = co_await reading;
        items_ = std::move(fresh.items);
        co_return std::move(fresh.failed);
    }

    io::Task<std::optional<Error>> gather_some() {
        auto placing = services_.reading.in_place();
        co_await placing;
        co_await services_.reading.ready().wait();
        Reading::Use use(services_.reading);
        if (!sorter_) {
            auto made = flume::LinkSorter::make(options_.backwards());
            if (!made) co_return std::move(made).error();
            sorter_ = std::move(*made);
        }
        auto reader = services_.reading.take_reader();
        if (!reader) co_return std::move(reader).error();
        GatherJob job{
            std::move(*reader), std::move(sorter_), services_.entries, options_, after_, *upto_};
        auto gathering = services_.pool.run(&gather, std::move(job));
        Gathered gathered = co_await gathering;
        services_.reading.give_back(std::move(gathered.reader));
        sorter_ = std::move(gathered.sorter);
        if (gathered.last) after_ = gathered.last;
        if (gathered.all) part_ = Part::give;
        if (gathered.failed) services_.reading.suspect(*gathered.failed);
        co_return std::move(gathered.failed);
    }

    LinksServices& services_;
    LinkOptions options_;
    Part part_ = Part::start;
    std::optional<flume::Offset> upto_;
    std::optional<flume::Row> after_;
    std::unique_ptr<flume::LinkSorter> sorter_;
    std::deque<Body> items_;
};

}  // namespace

void add_links_methods(muxrpc::Router& router, LinksServices& services) {
    router.source("links", Allow::local,
                  [&services](const Request& request) -> Reply<std::unique_ptr<Source>> {
                      auto options = link_options(request.arg(0));
                      if (!options) return std::move(options).error();
                      return Reply<std::unique_ptr<Source>>(
                          std::make_unique<LinkStream>(services, std::move(*options)));
                  });
}

}  // namespace sbot::app
