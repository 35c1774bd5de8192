#include "bindings/node/promises.h"

#include "flume/flume.h"

namespace sbot::node {

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

namespace {

void on_worker(napi_env, void* data) {
    auto& work = *static_cast<Work*>(data);
    if (work.execute(work.error)) return;
    if (work.error.empty()) work.error = sbot_flume_error();
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

}  // namespace

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
    return given;
}

napi_value refuse(napi_env env) {
    napi_throw_type_error(env, nullptr, "not what follow or view gave");
    return nullptr;
}

}  // namespace sbot::node
