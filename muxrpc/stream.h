#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "io/task.h"
#include "muxrpc/codec.h"

/// Values that come one after another, and the errors that travel with them.
namespace sbot::muxrpc {

/// An error as it crosses the wire: clients print and compare these texts, so they are the
/// reference's where it has one. Never holds our own context or a secret.
struct RemoteError {
    std::string message;
    std::string name = "Error";
    std::string stack{};
};

/// A value, or what the caller on the other side is told instead.
template <typename T>
using Reply = base::Result<T, RemoteError>;
template <typename T>
using AsyncReply = io::Task<Reply<T>>;

/// Where items come from. Dropping it gives it up; a source of a peer is then told so.
class Source {
 public:
    virtual ~Source() = default;
    /// The next item, nothing at the end, or an error; after one of the latter two it is not asked
    /// again. One call at a time. Dropping the task loses at most the item on its way.
    virtual AsyncReply<std::optional<Body>> next() = 0;
};

/// Where items go. Dropping it without an end says that something broke.
class Sink {
 public:
    virtual ~Sink() = default;
    /// Done when the item has been accepted below the high-water mark: awaiting it is the
    /// back-pressure. An error means that nobody takes any more items.
    virtual AsyncReply<void> send(Body item) = 0;
    virtual void end() = 0;
    virtual void fail(RemoteError why) = 0;
};

}  // namespace sbot::muxrpc
