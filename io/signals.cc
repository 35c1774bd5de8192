#include "io/signals.h"

#include <algorithm>

#include "base/assert.h"
#include "io/uv_internal.h"

namespace sbot::io {

struct Signals::Handle {
    uv_signal_t signal{};
    Signals* owner = nullptr;
};

Signals::Signals(Loop& loop, std::initializer_list<int> numbers) {
    for (int number : numbers) {
        auto* handle = new Handle;
        handle->owner = this;
        handle->signal.data = handle;
        uv_signal_init(loop.uv(), &handle->signal);
        handles_.push_back(handle);
        int failed = uv_signal_start(
            &handle->signal,
            [](uv_signal_t* signal, int which) {
                Signals& self = *static_cast<Handle*>(signal->data)->owner;
                auto known = std::find(self.caught_.begin(), self.caught_.end(), which);
                if (known == self.caught_.end()) self.caught_.push_back(which);
                self.something_caught_.set();
            },
            number);
        SBOT_ASSERT(failed == 0);
    }
}

Signals::~Signals() {
    for (Handle* handle : handles_) {
        uv_close(reinterpret_cast<uv_handle_t*>(&handle->signal),
                 [](uv_handle_t* closed) { delete static_cast<Handle*>(closed->data); });
    }
}

Task<int> Signals::next() {
    while (caught_.empty()) {
        something_caught_.reset();
        co_await something_caught_.wait();
    }
    int first = caught_.front();
    caught_.erase(caught_.begin());
    co_return first;
}

}  // namespace sbot::io
