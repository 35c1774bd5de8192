#include "sbot/delete_methods.h"

#include <utility>

#include "flume/core_reader.h"
#include "message/refs.h"
#include "sbot/js_views.h"
#include "sbot/remote_error.h"
#include "sbot/stream_options.h"

namespace sbot::app {
namespace {

using muxrpc::Allow;
using muxrpc::AsyncReply;
using muxrpc::Body;
using muxrpc::RemoteError;
using muxrpc::Request;

// Entries blanked in one job of the index's lane.
constexpr std::size_t entries_at_once = 200;

/// What must be true of the JavaScript's files before entries go, on the index's lane.
Result<void> prepare_js_views(DeleteServices& services, std::span<const flume::Deleted> entries) {
    auto reader = flume::CoreReader::open(services.index_path);
    if (!reader) return std::move(reader).error();
    auto states = (*reader)->all_states();
    if (!states) return std::move(states).error();
    auto upto = (*reader)->covered();
    if (!upto) return std::move(upto).error();
    add_kept(*states, services.journal);
    if (auto ok = forget_js_views(services.files, services.folder); !ok) return ok;
    if (!*upto || !ends_deleted(*states, services.journal, entries)) return {};
    return write_js_last(services.files, services.folder, *states, **upto);
}

io::Async<void> erase(DeleteServices& services, std::vector<flume::Offset> offsets) {
    services.history.forget();
    flume::BeforeErasing before = [&services](std::span<const flume::Deleted> entries) {
        return prepare_js_views(services, entries);
    };
    auto erasing = services.writer.erase(std::move(offsets), services.journal, std::move(before));
    co_return co_await erasing;
}

AsyncReply<Body> delete_message(DeleteServices& services, MessageId key) {
    auto finding = services.reading.offset_of(key);
    auto offset = co_await finding;
    if (!offset) co_return remote(offset.error());
    auto reading = services.reading.by_offset(*offset);
    auto record = co_await reading;
    if (!record) co_return remote(record.error());
    std::vector<flume::Offset> offsets(1, *offset);
    auto erasing = erase(services, std::move(offsets));
    auto erased = co_await erasing;
    if (!erased) co_return remote(erased.error());
    co_return nothing();
}

AsyncReply<Body> delete_feed(DeleteServices& services, FeedId feed) {
    auto listing = services.reading.all_of(feed);
    auto entries = co_await listing;
    if (!entries) co_return remote(entries.error());
    json::Writer out;
    out.begin_array();
    std::vector<flume::Offset> offsets;
    for (std::size_t i = 0; i < entries->size(); ++i) {
        out.value((*entries)[i].first);
        offsets.push_back((*entries)[i].second);
        if (offsets.size() < entries_at_once && i + 1 < entries->size()) continue;
        auto erasing = erase(services, std::exchange(offsets, {}));
        auto erased = co_await erasing;
        if (!erased) co_return remote(erased.error());
    }
    out.end_array();
    co_return Body::json(out.text());
}

AsyncReply<Body> del(DeleteServices& services, Request request) {
    co_await services.reading.ready().wait();
    json::Value given = request.arg(0);
    if (!given.truthy()) co_return param_required();
    std::string_view target = given.string();
    bool is_message = message::is_msg(target), is_feed = message::is_feed(target);
    if (!is_message && !is_feed) {
        if (!message::is_msg_link(target)) co_return param_type("feedId");
        co_return RemoteError{"deletion target must be a message or feed"};
    }
    if (is_message) {
        auto key = MessageId::parse(target);
        if (!key) {
            co_return RemoteError{"Key not found in database [" + std::string(target) + "]",
                                  "NotFoundError"};
        }
        auto deleting = delete_message(services, *key);
        co_return co_await deleting;
    }
    auto feed = FeedId::parse(target);
    if (!feed) co_return Body::json("[]");
    auto deleting = delete_feed(services, *feed);
    co_return co_await deleting;
}

AsyncReply<Body> rebuild(DeleteServices& services, Request) {
    auto rebuilding = services.care.rebuild();
    auto rebuilt = co_await rebuilding;
    if (!rebuilt) co_return remote(rebuilt.error());
    co_return nothing();
}

}  // namespace

void add_delete_methods(muxrpc::Router& router, DeleteServices& services) {
    router.async("del", Allow::local,
                 [&services](Request request) { return del(services, std::move(request)); });
    router.async("rebuild", Allow::local,
                 [&services](Request request) { return rebuild(services, std::move(request)); });
}

}  // namespace sbot::app
