#include "sbot/blob_methods.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <utility>

#include "base/limits.h"
#include "base/number.h"
#include "sbot/remote_error.h"

namespace sbot::app {
namespace {

using blobs::Held;
using muxrpc::Allow;
using muxrpc::AsyncReply;
using muxrpc::Body;
using muxrpc::RemoteError;
using muxrpc::Reply;
using muxrpc::Request;
using SourceReply = Reply<std::unique_ptr<muxrpc::Source>>;

constexpr std::uint64_t shelf_count = 256;

/// What JavaScript puts into a sentence for a value; not more of it than an error may quote.
std::string quoted(json::Value value) {
    if (!value.exists()) return "undefined";
    if (value.is_object()) return "[object Object]";
    std::string text = value.is_string() ? std::string(value.string()) : json::compact(value);
    if (text.size() > limits::error_quote_bytes_max) text.resize(limits::error_quote_bytes_max);
    return text;
}

/// What calling something on nothing says in the reference.
RemoteError no_function() { return RemoteError{"cb is not a function", "TypeError"}; }
/// The disk does not do what it should. Strangers need not know where it is.
RemoteError no_blob() { return RemoteError{"could not get blob"}; }

/// The words that Node finds for a file that is not there.
RemoteError no_file(std::string_view call, const std::string& path) {
    return RemoteError{"ENOENT: no such file or directory, " + std::string(call) + " '" + path +
                       "'"};
}

/// What a call is about: one blob or a list of them.
struct Asked {
    std::vector<BlobId> ids;
    bool is_list = false;
};

/// `ID`, `{id: ID}` or a list of `ID`. An error holds the part that is none.
base::Result<Asked, json::Value> asked(json::Value given) {
    Asked all;
    all.is_list = given.is_array();
    if (!all.is_list) {
        auto id = BlobId::parse(given.is_object() ? given["id"].string() : given.string());
        if (!id) return json::Value();
        all.ids.push_back(*id);
        return all;
    }
    for (json::Value element : given.elements()) {
        auto id = BlobId::parse(element.string());
        if (!id) return element;
        all.ids.push_back(*id);
    }
    return all;
}

/// One answer, or a list of them, each written by `write`.
template <typename Write>
Body answers(const Asked& what, const std::vector<std::optional<Held>>& found, Write write) {
    json::Writer out;
    if (what.is_list) out.begin_array();
    for (const auto& one : found) write(out, one);
    if (what.is_list) out.end_array();
    return Body::json(out.text());
}

AsyncReply<Body> has(BlobKeeper& blobs, Request request) {
    auto what = asked(request.arg(0));
    if (!what) {
        json::Value wrong = what.error();
        co_return RemoteError{"invalid id:" + (wrong.exists() ? quoted(wrong) : "null")};
    }
    // The reference never answers this.
    if (what->ids.empty()) co_return RemoteError{"invalid id: the list is empty"};
    auto finding = blobs.find(what->ids);
    auto found = co_await finding;
    if (!found) co_return no_blob();
    co_return answers(*what, *found, [](json::Writer& out, const std::optional<Held>& blob) {
        out.value(blob.has_value());
    });
}

AsyncReply<Body> size(BlobKeeper& blobs, Request request) {
    auto what = asked(request.arg(0));
    if (!what) {
        if (!request.arg(0).is_array()) co_return no_function();
        co_return RemoteError{"not a valid id:" + quoted(what.error())};
    }
    auto finding = blobs.find(what->ids);
    auto found = co_await finding;
    if (!found) co_return remote(found.error());
    co_return answers(*what, *found, [](json::Writer& out, const std::optional<Held>& blob) {
        if (blob) {
            out.value(static_cast<double>(blob->bytes));
        } else {
            out.null();
        }
    });
}

void write_meta(json::Writer& out, const Held& blob) {
    out.begin_object().member("id", blob.id.text());
    out.member("size", static_cast<double>(blob.bytes)).member("ts", blob.since_ms).end_object();
}

AsyncReply<Body> meta(BlobKeeper& blobs, Request request) {
    auto what = asked(request.arg(0));
    if (!what || what->is_list) co_return RemoteError{"not a valid id:" + quoted(request.arg(0))};
    auto finding = blobs.find(what->ids);
    auto found = co_await finding;
    if (!found) co_return remote(found.error());
    const std::optional<Held>& blob = found->front();
    if (!blob) co_return no_file("stat", blobs.store().path_of(what->ids[0]));
    json::Writer out;
    write_meta(out, *blob);
    co_return Body::json(out.text());
}

AsyncReply<Body> remove(BlobKeeper& blobs, Request request) {
    auto what = asked(request.arg(0));
    if (!request.arg(0).is_array() && !what) co_return no_function();
    if (!what || what->is_list) co_return RemoteError{"not valid id:" + quoted(request.arg(0))};
    BlobId id = what->ids[0];
    auto removing = blobs.remove(id);
    auto removed = co_await removing;
    if (!removed && removed.error().code == Errc::not_found) {
        co_return no_file("unlink", blobs.store().path_of(id));
    }
    if (!removed) co_return remote(removed.error());
    co_return nothing();
}

/// Which part of which blob, and what the blob must be like.
struct Wanted {
    BlobId id;
    bool plain = false;    ///< asked for by its id alone
    bool nothing = false;  ///< a slice that ends where it begins
    double from = 0;
    double upto = INFINITY;
    json::Value size;       ///< its exact size, if set
    double max = INFINITY;  ///< its greatest size
};

/// What the reference sends for a slice that ends where it begins. Its own client takes it for the
/// goodbye and hangs up; others see an item of no bytes.
Body an_empty_item() {
    Body item;
    item.even_empty = true;
    return item;
}

/// The bytes of a blob, a part at a time; between parts nothing is held.
class BlobSource final : public muxrpc::Source {
 public:
    /// `request` keeps what `wanted` refers to.
    BlobSource(BlobKeeper& blobs, Request request, Wanted wanted)
        : blobs_(blobs), request_(std::move(request)), wanted_(wanted) {}

    AsyncReply<std::optional<Body>> next() override {
        if (!checked_) {
            auto checking = check();
            auto wrong = co_await checking;
            if (wrong) co_return std::move(*wrong);
            checked_ = true;
            if (wanted_.nothing) co_return std::optional(an_empty_item());
        }
        if (at_ >= end_) co_return std::optional<Body>();
        std::size_t count = std::min<std::uint64_t>(end_ - at_, limits::blob_part_bytes);
        auto reading = blobs_.read(wanted_.id, at_, count);
        auto part = co_await reading;
        if (!part) co_return no_blob();
        // An empty item would be taken for the end of the connection by the reference.
        if (part->empty()) co_return std::optional<Body>();
        at_ += part->size();
        co_return std::optional(Body::binary(std::move(*part)));
    }

 private:
    io::Task<std::optional<RemoteError>> check() {
        std::vector<BlobId> ids = {wanted_.id};
        auto finding = blobs_.find(std::move(ids));
        auto found = co_await finding;
        if (!found || !found->front()) {
            co_return wanted_.plain ? no_blob() : RemoteError{"stat failed"};
        }
        auto bytes = static_cast<double>(found->front()->bytes);
        bool exact = !wanted_.size.exists() || wanted_.size.is_null() ||
                     (wanted_.size.is_number() && wanted_.size.number() == bytes);
        if (!exact || wanted_.max < bytes) {
            std::string is;
            json::append_number(is, bytes);
            co_return RemoteError{"incorrect file length, requested:" + quoted(wanted_.size) +
                                  " file was:" + is + " for file:" + wanted_.id.text()};
        }
        at_ = static_cast<std::uint64_t>(std::clamp(wanted_.from, 0.0, bytes));
        end_ = static_cast<std::uint64_t>(std::clamp(wanted_.upto, 0.0, bytes));
        co_return std::nullopt;
    }

    BlobKeeper& blobs_;
    Request request_;
    Wanted wanted_;
    bool checked_ = false;
    std::uint64_t at_ = 0, end_ = 0;
};

/// `{id | key | hash, size, max}`, the first of the names that is set.
Reply<Wanted> wanted(json::Value given, std::string_view method) {
    if (!given.exists() || given.is_null()) {
        std::string what = given.exists() ? "null" : "undefined";
        return RemoteError{"Cannot read properties of " + what + " (reading 'id')", "TypeError"};
    }
    json::Value name = given["id"];
    if (!name.truthy()) name = given["key"];
    if (!name.truthy()) name = given["hash"];
    auto id = BlobId::parse(name.string());
    if (!id) return RemoteError{"multiblob." + std::string(method) + ": {id} is mandatory"};
    Wanted blob;
    blob.id = *id;
    blob.size = given["size"];
    json::Value max = given["max"];
    double most = max.is_string() ? base::to_number(max.string()) : max.number(INFINITY);
    if (!std::isnan(most)) blob.max = most;
    return blob;
}

SourceReply get(BlobKeeper& blobs, Request request) {
    json::Value given = request.arg(0);
    Wanted blob;
    if (auto id = BlobId::parse(given.string())) {
        blob.id = *id;
        blob.plain = true;
    } else {
        auto described = wanted(given, "get");
        if (!described) return std::move(described).error();
        blob = *described;
    }
    return SourceReply(std::make_unique<BlobSource>(blobs, std::move(request), blob));
}

SourceReply get_slice(BlobKeeper& blobs, Request request) {
    json::Value given = request.arg(0);
    auto blob = wanted(given, "getSlice");
    if (!blob) return std::move(blob).error();
    for (const char* name : {"start", "end"}) {
        if (given[name].is_number() || given[name].is_null()) continue;
        return RemoteError{"multiblob.getSlice: {" + std::string(name) + "} must be a number"};
    }
    blob->from = given["start"].number(0);
    // As in the reference, where 0 counts as not given.
    if (given["end"].truthy()) blob->upto = given["end"].number();
    blob->nothing = blob->from == blob->upto;
    return SourceReply(std::make_unique<BlobSource>(blobs, std::move(request), *blob));
}

struct ListOptions {
    bool old, live, sync, with_sizes;

    explicit ListOptions(json::Value given)
        : old(!given["old"].is_false()),
          live(given["live"].is_true() || !old),
          sync(!given["sync"].is_false()),
          with_sizes(given["long"].truthy() || given["size"].truthy() || given["meta"].truthy()) {}
};

/// The ids of all blobs, or what is known of them: a shelf at a time, then those to come.
class ListSource final : public muxrpc::Source {
 public:
    ListSource(BlobKeeper& blobs, ListOptions options)
        : blobs_(blobs), options_(options), next_news_(blobs.news_end()) {
        if (!options_.old) {
            next_shelf_ = shelf_count;
            marked_ = true;
        }
    }

    AsyncReply<std::optional<Body>> next() override {
        while (items_.empty() && next_shelf_ < shelf_count) {
            auto listing =
                blobs_.shelf(static_cast<std::uint8_t>(next_shelf_++), options_.with_sizes);
            auto listed = co_await listing;
            if (!listed) co_return remote(listed.error());
            items_.assign(listed->begin(), listed->end());
        }
        if (!items_.empty()) {
            Held blob = items_.front();
            items_.pop_front();
            co_return std::optional(item(blob));
        }
        if (!options_.live) co_return std::optional<Body>();
        if (!std::exchange(marked_, true) && options_.sync) {
            co_return std::optional(Body::json("{\"sync\":true}"));
        }
        auto waiting = blobs_.news(next_news_++);
        auto fresh = co_await waiting;
        if (!fresh) co_return remote(fresh.error());
        co_return std::optional(item(*fresh));
    }

 private:
    Body item(const Held& blob) const {
        if (!options_.with_sizes) return Body::utf8(blob.id.text());
        json::Writer out;
        write_meta(out, blob);
        return Body::json(out.text());
    }

    BlobKeeper& blobs_;
    ListOptions options_;
    std::uint64_t next_news_;
    std::uint64_t next_shelf_ = 0;
    bool marked_ = false;
    std::deque<Held> items_;
};

SourceReply list(BlobKeeper& blobs, Request request) {
    return SourceReply(std::make_unique<ListSource>(blobs, ListOptions(request.arg(0))));
}

AsyncReply<void> add(BlobKeeper& blobs, Request request, std::unique_ptr<muxrpc::Source> in) {
    json::Value given = request.arg(0);
    auto expected = BlobId::parse(given.is_object() ? given["id"].string() : given.string());
    if (!expected && given.truthy()) co_return RemoteError{"not a valid hash: " + quoted(given)};
    auto adding = blobs.add(expected, std::move(in));
    auto added = co_await adding;
    if (!added) co_return std::move(added).error();
    co_return {};
}

}  // namespace

void add_blob_methods(muxrpc::Router& router, BlobKeeper& blobs, BlobWants& wants) {
    auto with = [&blobs](auto* method) {
        return [&blobs, method](Request request) { return method(blobs, std::move(request)); };
    };
    router.sink("blobs.add", Allow::local,
                [&blobs](Request request, std::unique_ptr<muxrpc::Source> in) {
                    return add(blobs, std::move(request), std::move(in));
                });
    router.source("blobs.createWants", Allow::peer,
                  [&wants](Request request) { return wants.tell(request); });
    router.source("blobs.get", Allow::peer, with(&get));
    router.source("blobs.getSlice", Allow::peer, with(&get_slice));
    router.async("blobs.has", Allow::peer, with(&has));
    router.source("blobs.ls", Allow::local, with(&list));
    router.async("blobs.meta", Allow::local, with(&meta));
    router.async("blobs.rm", Allow::local, with(&remove));
    router.async("blobs.size", Allow::local, with(&size));
}

}  // namespace sbot::app
