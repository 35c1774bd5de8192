// Node's side of flume/flume.h, by N-API. Everything that reads a disk is done by a worker thread
// of Node's pool; what is left for the main thread is to make values of the results.

#include <node_api.h>

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <variant>
#include <vector>

#include "flume/flume.h"

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
using Cell = std::variant<std::monostate, std::int64_t, double, std::string>;

napi_value text(napi_env env, const std::string& value) {
    napi_value made = nullptr;
    napi_create_string_utf8(env, value.data(), value.size(), &made);
    return made;
}
napi_value number(napi_env env, double value) {
    napi_value made = nullptr;
    napi_create_double(env, value, &made);
    return made;
}
napi_value truth(napi_env env, bool value) {
    napi_value made = nullptr;
    napi_get_boolean(env, value, &made);
    return made;
}
napi_value object(napi_env env) {
    napi_value made = nullptr;
    napi_create_object(env, &made);
    return made;
}
void set(napi_env env, napi_value in, const char* name, napi_value value) {
    napi_set_named_property(env, in, name, value);
}

std::string text_of(napi_env env, napi_value value) {
    std::size_t length = 0;
    if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok) return {};
    std::string out(length, '\0');
    napi_get_value_string_utf8(env, value, out.data(), length + 1, &length);
    return out;
}
double number_of(napi_env env, napi_value value) {
    double out = 0;
    napi_get_value_double(env, value, &out);
    return out;
}

/// A promise, what a worker does for it, and how the result becomes a value.
struct Work {
    std::function<bool()> execute;  // false: `error` says why
    std::function<napi_value(napi_env)> result;
    std::string error;
    napi_deferred deferred = nullptr;
    napi_async_work work = nullptr;
};

void on_worker(napi_env, void* data) {
    auto& work = *static_cast<Work*>(data);
    if (work.execute()) return;
    work.error = sbot_flume_error();
    if (work.error.empty()) work.error = "failed";
}

void on_main(napi_env env, napi_status, void* data) {
    std::unique_ptr<Work> work(static_cast<Work*>(data));
    if (work->error.empty()) {
        napi_resolve_deferred(env, work->deferred, work->result(env));
    } else {
        napi_value error = nullptr;
        napi_create_error(env, nullptr, text(env, work->error), &error);
        napi_reject_deferred(env, work->deferred, error);
    }
    napi_delete_async_work(env, work->work);
}

napi_value promise(napi_env env, std::unique_ptr<Work> work) {
    napi_value made = nullptr;
    napi_create_promise(env, &work->deferred, &made);
    napi_create_async_work(env, nullptr, text(env, "sbot flume"), &on_worker, &on_main, work.get(),
                           &work->work);
    napi_queue_async_work(env, work->work);
    (void)work.release();  // `on_main` ends it
    return made;
}

std::vector<napi_value> arguments(napi_env env, napi_callback_info info) {
    std::size_t count = 4;
    std::vector<napi_value> given(count);
    napi_get_cb_info(env, info, &count, given.data(), nullptr, nullptr);
    return given;  // undefined where there are fewer
}

napi_value hold(napi_env env, Held handle) {
    napi_value made = nullptr;
    auto end = [](napi_env, void* data, void*) { delete static_cast<Held*>(data); };
    napi_create_external(env, new Held(std::move(handle)), end, nullptr, &made);
    return made;
}
Held held(napi_env env, napi_value value) {
    void* data = nullptr;
    if (napi_get_value_external(env, value, &data) != napi_ok) return nullptr;
    return *static_cast<Held*>(data);
}

napi_value refuse(napi_env env) {
    napi_throw_type_error(env, nullptr, "not what follow or view gave");
    return nullptr;
}

/// follow(log, position): a promise of a handle.
napi_value follow(napi_env env, napi_callback_info info) {
    auto given = arguments(env, info);
    auto handle = std::make_shared<Handle>();
    auto work = std::make_unique<Work>();
    work->execute = [handle, log = text_of(env, given[0]), position = text_of(env, given[1])] {
        return sbot_flume_follow(log.c_str(), position.c_str(), &handle->follower) == SBOT_FLUME_OK;
    };
    work->result = [handle](napi_env its) { return hold(its, handle); };
    return promise(env, std::move(work));
}

/// next(handle, count): {news: [{kind, offset, data}], position}.
napi_value next(napi_env env, napi_callback_info info) {
    auto given = arguments(env, info);
    Held handle = held(env, given[0]);
    if (!handle || handle->follower == nullptr) return refuse(env);
    auto items = std::make_shared<std::vector<Item>>();
    auto position = std::make_shared<std::string>();
    auto work = std::make_unique<Work>();
    work->execute = [=, count_max = static_cast<std::size_t>(number_of(env, given[1]))] {
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
    work->execute = [handle, log = text_of(env, given[0]), db = text_of(env, given[1])] {
        return sbot_flume_index_open(log.c_str(), db.c_str(), &handle->index) == SBOT_FLUME_OK;
    };
    work->result = [handle](napi_env its) { return hold(its, handle); };
    return promise(env, std::move(work));
}

/// process(handle, count): {level, done, total}.
napi_value process(napi_env env, napi_callback_info info) {
    auto given = arguments(env, info);
    Held handle = held(env, given[0]);
    if (!handle || handle->index == nullptr) return refuse(env);
    struct Done {
        std::uint64_t done = 0, total = 0;
        bool level = false;
    };
    auto state = std::make_shared<Done>();
    auto work = std::make_unique<Work>();
    work->execute = [=, count_max = static_cast<std::size_t>(number_of(env, given[1]))] {
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

struct Answer {
    std::vector<std::string> names;
    std::vector<std::vector<Cell>> rows;
};

Cell cell_of(const sbot_flume_value& value) {
    switch (value.kind) {
        case SBOT_FLUME_INTEGER: return value.integer;
        case SBOT_FLUME_REAL: return value.real;
        case SBOT_FLUME_NULL: return {};
        default: return std::string(value.data != nullptr ? value.data : "", value.length);
    }
}

bool ask(const std::string& db, const std::string& sql, const std::vector<Cell>& parameters,
         std::size_t rows_max, Answer& answer) {
    sbot_flume_query* raw = nullptr;
    if (sbot_flume_query_open(db.c_str(), sql.c_str(), &raw) != SBOT_FLUME_OK) return false;
    std::unique_ptr<sbot_flume_query, void (*)(sbot_flume_query*)> query(raw,
                                                                         &sbot_flume_query_close);
    for (std::size_t i = 0; i < parameters.size(); ++i) {
        sbot_flume_value value{};
        if (auto* real = std::get_if<double>(&parameters[i])) {
            value.kind = SBOT_FLUME_REAL;
            value.real = *real;
        } else if (auto* words = std::get_if<std::string>(&parameters[i])) {
            value.kind = SBOT_FLUME_TEXT;
            value.data = words->data();
            value.length = words->size();
        }
        int status = sbot_flume_query_bind(raw, static_cast<int>(i) + 1, &value);
        if (status != SBOT_FLUME_OK) return false;
    }
    const int columns = sbot_flume_query_columns(raw);
    for (int i = 0; i < columns; ++i) answer.names.emplace_back(sbot_flume_query_name(raw, i));
    while (answer.rows.size() < rows_max) {
        int status = sbot_flume_query_step(raw);
        if (status == SBOT_FLUME_END) break;
        if (status != SBOT_FLUME_OK) return false;
        std::vector<Cell> row;
        for (int i = 0; i < columns; ++i) {
            sbot_flume_value value{};
            sbot_flume_query_value(raw, i, &value);
            row.push_back(cell_of(value));
        }
        answer.rows.push_back(std::move(row));
    }
    return true;
}

napi_value value_of(napi_env env, const Cell& cell) {
    if (auto* whole = std::get_if<std::int64_t>(&cell)) {
        return number(env, static_cast<double>(*whole));
    }
    if (auto* real = std::get_if<double>(&cell)) return number(env, *real);
    if (auto* words = std::get_if<std::string>(&cell)) return text(env, *words);
    napi_value null = nullptr;
    napi_get_null(env, &null);
    return null;
}

std::vector<Cell> parameters_of(napi_env env, napi_value list) {
    std::vector<Cell> cells;
    std::uint32_t count = 0;
    bool is_list = false;
    if (napi_is_array(env, list, &is_list) != napi_ok || !is_list) return cells;
    napi_get_array_length(env, list, &count);
    for (std::uint32_t i = 0; i < count; ++i) {
        napi_value item = nullptr;
        napi_valuetype type = napi_undefined;
        napi_get_element(env, list, i, &item);
        napi_typeof(env, item, &type);
        if (type == napi_number) {
            cells.emplace_back(number_of(env, item));
        } else if (type == napi_string) {
            cells.emplace_back(text_of(env, item));
        } else {
            cells.emplace_back();
        }
    }
    return cells;
}

/// query(db, sql, parameters, rows): a list of objects.
napi_value query(napi_env env, napi_callback_info info) {
    auto given = arguments(env, info);
    auto answer = std::make_shared<Answer>();
    auto work = std::make_unique<Work>();
    work->execute = [answer, db = text_of(env, given[0]), sql = text_of(env, given[1]),
                     parameters = parameters_of(env, given[2]),
                     rows_max = static_cast<std::size_t>(number_of(env, given[3]))] {
        return ask(db, sql, parameters, rows_max, *answer);
    };
    work->result = [answer](napi_env its) {
        napi_value list = nullptr;
        napi_create_array_with_length(its, answer->rows.size(), &list);
        for (std::uint32_t at = 0; at < answer->rows.size(); ++at) {
            napi_value one = object(its);
            for (std::size_t i = 0; i < answer->names.size(); ++i) {
                set(its, one, answer->names[i].c_str(), value_of(its, answer->rows[at][i]));
            }
            napi_set_element(its, list, at, one);
        }
        return list;
    };
    return promise(env, std::move(work));
}

napi_value start(napi_env env, napi_value exports) {
    const std::pair<const char*, napi_callback> all[] = {{"follow", &follow},
                                                         {"next", &next},
                                                         {"view", &view},
                                                         {"process", &process},
                                                         {"query", &query}};
    for (auto& [name, call] : all) {
        napi_value made = nullptr;
        napi_create_function(env, name, NAPI_AUTO_LENGTH, call, nullptr, &made);
        set(env, exports, name, made);
    }
    return exports;
}

}  // namespace

NAPI_MODULE(NODE_GYP_MODULE_NAME, start)
