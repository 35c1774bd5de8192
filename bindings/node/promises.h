#pragma once

#include <node_api.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

/// What all of the addon needs of N-API: values, promises that a worker thread keeps, and handles.
namespace sbot::node {

napi_value text(napi_env env, const std::string& value);
napi_value number(napi_env env, double value);
napi_value truth(napi_env env, bool value);
napi_value object(napi_env env);
void set(napi_env env, napi_value in, const char* name, napi_value value);
/// Of what is no text and no number: empty, and 0.
std::string text_of(napi_env env, napi_value value);
double number_of(napi_env env, napi_value value);

/// A promise, what a worker does for it, and how the result becomes a value.
struct Work {
    /// False: `why` says why, or else the C interface does.
    std::function<bool(std::string& why)> execute;
    std::function<napi_value(napi_env)> result;
    std::string error;
    napi_deferred deferred = nullptr;
    napi_async_work work = nullptr;
};

napi_value promise(napi_env env, std::unique_ptr<Work> work);

/// Four of them, undefined where there are fewer.
std::vector<napi_value> arguments(napi_env env, napi_callback_info info);

/// What JavaScript holds until it is collected.
template <typename Type>
napi_value hold(napi_env env, std::shared_ptr<Type> handle) {
    napi_value made = nullptr;
    auto end = [](napi_env, void* data, void*) {
        delete static_cast<std::shared_ptr<Type>*>(data);
    };
    napi_create_external(env, new std::shared_ptr<Type>(std::move(handle)), end, nullptr, &made);
    return made;
}
template <typename Type>
std::shared_ptr<Type> held(napi_env env, napi_value value) {
    void* data = nullptr;
    if (napi_get_value_external(env, value, &data) != napi_ok) return nullptr;
    return *static_cast<std::shared_ptr<Type>*>(data);
}

/// Throws that a handle is none.
napi_value refuse(napi_env env);

}  // namespace sbot::node
