#pragma once

#include <string>
#include <utility>
#include <variant>

#include "base/assert.h"

namespace sbot::message {

/// Why a message or an argument is not taken, in the words of the JavaScript server: clients and
/// peers compare them. What is quoted from the message is cut at `limits::error_quote_bytes_max`.
/// The text may hold WTF-8 (see base/json.h) and must leave through a JSON writer.
struct Refusal {
    std::string text;
    std::string name = "Error";  ///< the JavaScript error's name
    bool fatal = false;          ///< EBT then tells the peer to stop sending this feed
};

/// A `T`, or the refusal. Like `Result`, but with what goes over the wire instead of our own error.
template <typename T>
class [[nodiscard]] Verdict {
 public:
    Verdict(T good) : held_(std::in_place_index<0>, std::move(good)) {}      // NOLINT: implicit
    Verdict(Refusal why) : held_(std::in_place_index<1>, std::move(why)) {}  // NOLINT: implicit

    bool good() const { return held_.index() == 0; }
    explicit operator bool() const { return good(); }

    T& operator*() & {
        SBOT_ASSERT(good());
        return *std::get_if<0>(&held_);
    }
    const T& operator*() const& { return *const_cast<Verdict&>(*this); }
    T&& operator*() && { return std::move(**this); }
    T* operator->() { return &**this; }
    const T* operator->() const { return &**this; }

    Refusal& refusal() & {
        SBOT_ASSERT(!good());
        return *std::get_if<1>(&held_);
    }
    const Refusal& refusal() const& { return const_cast<Verdict*>(this)->refusal(); }
    Refusal&& refusal() && { return std::move(refusal()); }

 private:
    std::variant<T, Refusal> held_;
};

}  // namespace sbot::message
