#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "base/assert.h"

/// Errors as values: `Result<T>` holds a `T` or an `Error`, with the member names of std::expected.
namespace sbot::base {

/// What the caller can do about it: hang up, retry, refuse, rebuild.
enum class Errc {
    closed,       ///< the other side ended, or the thing was closed
    cancelled,    ///< given up by us
    timeout,      ///< a time limit ran out
    io,           ///< the operating system refused (its text is in `what`)
    corrupt,      ///< stored bytes are not what they must be
    invalid,      ///< input that breaks a format's or a protocol's rules
    denied,       ///< not allowed for this caller
    limit,        ///< a bound of ours was reached
    not_found,    ///< no such thing
    unsupported,  ///< a thing we do not do
};

std::string_view name_of(Errc code);

/// `what` says where and why, in words for a log or a terminal; it never holds a secret.
struct Error {
    Errc code = Errc::invalid;
    std::string what;

    /// The same error, seen from one layer further out: "where: what".
    Error in(std::string_view where) && {
        what.insert(0, ": ");
        what.insert(0, where);
        return std::move(*this);
    }
};

inline Error error(Errc code, std::string what) { return Error{code, std::move(what)}; }

/// The text of an `errno` value, after what was tried: "open /x: No such file or directory".
Error errno_error(std::string_view what, int error_number);

/// `E` is what went wrong: `Error` inside the program, another type at its borders.
template <typename T, typename E = Error>
class [[nodiscard]] Result {
 public:
    using value_type = T;

    Result(T value) : held_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit
    Result(E wrong) : held_(std::in_place_index<1>, std::move(wrong)) {}  // NOLINT: implicit

    bool has_value() const { return held_.index() == 0; }
    explicit operator bool() const { return has_value(); }

    T& value() & { return checked(); }
    const T& value() const& { return const_cast<Result*>(this)->checked(); }
    T&& value() && { return std::move(checked()); }
    T& operator*() & { return checked(); }
    const T& operator*() const& { return value(); }
    T&& operator*() && { return std::move(checked()); }
    T* operator->() { return &checked(); }
    const T* operator->() const { return &value(); }

    E& error() & { return failed(); }
    const E& error() const& { return const_cast<Result*>(this)->failed(); }
    E&& error() && { return std::move(failed()); }

    T value_or(T otherwise) && { return has_value() ? std::move(checked()) : std::move(otherwise); }

 private:
    T& checked() {
        SBOT_ASSERT(has_value());
        return *std::get_if<0>(&held_);
    }
    E& failed() {
        SBOT_ASSERT(!has_value());
        return *std::get_if<1>(&held_);
    }

    std::variant<T, E> held_;
};

template <typename E>
class [[nodiscard]] Result<void, E> {
 public:
    using value_type = void;

    Result() = default;
    Result(E wrong) : error_(std::move(wrong)) {}  // NOLINT: implicit, as for values

    bool has_value() const { return !error_.has_value(); }
    explicit operator bool() const { return has_value(); }

    E& error() & { return failed(); }
    const E& error() const& { return const_cast<Result*>(this)->failed(); }
    E&& error() && { return std::move(failed()); }

 private:
    E& failed() {
        SBOT_ASSERT(error_.has_value());
        return *error_;
    }

    std::optional<E> error_;
};

}  // namespace sbot::base

namespace sbot {
using base::Errc;
using base::Error;
using base::Result;
}  // namespace sbot
