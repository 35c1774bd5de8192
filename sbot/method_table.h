#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "muxrpc/router.h"

/// What there is to know about every method, told once: from here come the permissions, the
/// manifest, `help` and docs/methods.md.
namespace sbot::app {

/// One argument, or one member of the object that is the argument.
struct MethodArgument {
    std::string_view name;
    std::string_view type;  ///< a word for people: "FeedId", "boolean"
    std::string_view description;
    bool optional = true;
    std::string_view otherwise{};  ///< JSON of what is taken where it is missing, if anything is
};

struct MethodEntry {
    std::string_view path;  ///< "blobs.get"
    muxrpc::MethodKind kind;
    muxrpc::Allow allow;
    std::string_view description;  ///< one line, no full stop
    std::span<const MethodArgument> arguments{};
    /// So many of them are arguments of the call, in this order, and the rest members of an object
    /// behind those. None: all are members of one object, whatever else the method takes.
    std::size_t by_place = 0;
};

/// Methods whose paths begin with the same word.
struct MethodGroup {
    std::string_view name;  ///< "" for those without one
    std::string_view description;
};

/// All methods that are described, whether a server has them or not, in the order of `help`.
std::span<const MethodEntry> method_table();
std::span<const MethodGroup> method_groups();

/// Says what a server registered differently from the table: a method that is not in it, or one of
/// another kind or with other permissions. A mistake in the program, found at its first start.
Result<void> check_methods(const muxrpc::Router& router);

/// Has methods whose arguments go by place take one object of them by name as well, as `help` shows
/// them: `gossip.get --id ID` is `gossip.get ID`. What has other members stays as it is.
void take_named_arguments(muxrpc::Router& router);

/// The answer of `help` and `GROUP.help`, as npm muxrpc-usage reads it: `{"description",
/// "commands": {NAME: {"type", "description", "args": {NAME: {"type", "description",
/// "optional"}}, "single"}}}`. Only what the server has; nothing if that is nothing.
std::optional<std::string> help_text(const muxrpc::Router& router, std::string_view group);

/// Registers `help`, and `GROUP.help` for each group the server has methods of. Comes after all
/// others; the router must outlive its calls.
void add_help_methods(muxrpc::Router& router);

/// docs/methods.md.
std::string methods_page();

}  // namespace sbot::app
