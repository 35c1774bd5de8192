// Node's side of flume/flume.h, by N-API. Everything that reads a disk is done by a worker thread
// of Node's pool; what is left for the main thread is to make values of the results.

#include <node_api.h>

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "bindings/node/promises.h"
#include "bindings/node/sql.h"
#include "flume/flume.h"

namespace sbot::node {
namespace {

/// What JavaScript holds: used by one worker at a time, ended when nobody holds it any more.
struct Handle {
    std::mutex busy;
    sbot_flume_follower* follower = nullptr;
    sbot_flume_index* index = nullptr;

    ~Handle() {
        if (follower != nullptr) sbot_flume_unfollow(follower);
        if (index != nullptr) sbot_flume_index_close(index);
    }
};
using Held = std::shared_ptr<Handle>;

struct Item {
    int kind;
    std::uint64_t offset;
    std::string data;
};
/// follow(log, position): a promise of a handle.
napi_value follow(napi_env env, napi_callback_info info) {
    auto given = arguments(env, info);
    auto handle = std::make_shared<Handle>();
    auto work = std::make_unique<Work>();
    work->execute = [handle, log = text_of(env, given[0]),
                     position = text_of(env, given[1])](std::string&) {
        return sbot_flume_follow(log.c_str(), position.c_str(), &handle->follower) == SBOT_FLUME_OK;
    };
    work->result = [handle](napi_env its) { return hold(its, handle); };
    return promise(env, std::move(work));
}

/// next(handle, count): {news: [{kind, offset, data}], position}.
napi_value next(napi_env env, napi_callback_info info) {
    auto given = arguments(env, info);
    Held handle = held<Handle>(env, given[0]);
    if (!handle || handle->follower == nullptr) return refuse(env);
    auto items = std::make_shared<std::vector<Item>>();
    auto position = std::make_shared<std::string>();
    auto work = std::make_unique<Work>();
    work->execute = [=,
                     count_max = static_cast<std::size_t>(number_of(env, given[1]))](std::string&) {
        std::lock_guard lock(handle->busy);
        const sbot_flume_news* news = nullptr;
        std::size_t count = 0;
        int status = sbot_flume_next(handle->follower, count_max, 0, &news, &count);
        if (status > SBOT_FLUME_END) return false;
        for (std::size_t i = 0; i < count; ++i) {
            std::string data;
            if (news[i].data != nullptr) data.assign(news[i].data, news[i].length);
            items->push_back({news[i].kind, news[i].offset, std::move(data)});
        }
        *position = sbot_flume_position(handle->follower);
        return true;
    };
    work->result = [=](napi_env its) {
        const char* const names[] = {"entry", "deleted", "reindex", "rewound"};
        napi_value list = nullptr;
        napi_create_array_with_length(its, items->size(), &list);
        std::uint32_t at = 0;
        for (const Item& item : *items) {
            napi_value one = object(its);
            set(its, one, "kind", text(its, names[item.kind & 3]));
            set(its, one, "offset", number(its, static_cast<double>(item.offset)));
            if (item.kind == SBOT_FLUME_ENTRY) set(its, one, "data", text(its, item.data));
            napi_set_element(its, list, at++, one);
        }
        napi_value result = object(its);
        set(its, result, "news", list);
        set(its, result, "position", text(its, *position));
        return result;
    };
    return promise(env, std::move(work));
}

/// view(log, db): a promise of a handle.
napi_value view(napi_env env, napi_callback_info info) {
    auto given = arguments(env, info);
    auto handle = std::make_shared<Handle>();
    auto work = std::make_unique<Work>();
    work->execute = [handle, log = text_of(env, given[0]),
                     db = text_of(env, given[1])](std::string&) {
        return sbot_flume_index_open(log.c_str(), db.c_str(), &handle->index) == SBOT_FLUME_OK;
    };
    work->result = [handle](napi_env its) { return hold(its, handle); };
    return promise(env, std::move(work));
}

/// process(handle, count): {level, done, total}.
napi_value process(napi_env env, napi_callback_info info) {
    auto given = arguments(env, info);
    Held handle = held<Handle>(env, given[0]);
    if (!handle || handle->index == nullptr) return refuse(env);
    struct Done {
        std::uint64_t done = 0, total = 0;
        bool level = false;
    };
    auto state = std::make_shared<Done>();
    auto work = std::make_unique<Work>();
    work->execute = [=,
                     count_max = static_cast<std::size_t>(number_of(env, given[1]))](std::string&) {
        std::lock_guard lock(handle->busy);
        int status =
            sbot_flume_index_process(handle->index, count_max, 0, &state->done, &state->total);
        state->level = status == SBOT_FLUME_END;
        return status <= SBOT_FLUME_END;
    };
    work->result = [=](napi_env its) {
        napi_value result = object(its);
        set(its, result, "level", truth(its, state->level));
        set(its, result, "done", number(its, static_cast<double>(state->done)));
        set(its, result, "total", number(its, static_cast<double>(state->total)));
        return result;
    };
    return promise(env, std::move(work));
}

napi_value start(napi_env env, napi_value exports) {
    const std::pair<const char*, napi_callback> all[] = {
        {"follow", &follow}, {"next", &next}, {"view", &view}, {"process", &process},
        {"query", &query},   {"live", &live}, {"look", &look}, {"stop", &stop}};
    for (auto& [name, call] : all) {
        napi_value made = nullptr;
        napi_create_function(env, name, NAPI_AUTO_LENGTH, call, nullptr, &made);
        set(env, exports, name, made);
    }
    return exports;
}

}  // namespace
}  // namespace sbot::node

NAPI_MODULE(NODE_GYP_MODULE_NAME, sbot::node::start)
