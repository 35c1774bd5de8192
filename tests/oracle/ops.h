#pragma once

#include <span>
#include <string_view>

#include "base/json.h"

/// The oracle's operations, grouped by the pure core they ask. One JSON request a line comes in,
/// one answer a line goes out; main.cc does the lines.
namespace sbot::oracle {

/// Writes the answer's members into the object that is open in `answer`. False: refused (the line
/// then says `threw`, whatever was written).
using Op = bool (*)(json::Value request, json::Writer& answer);

struct NamedOp {
    std::string_view name;
    Op op;
};

std::span<const NamedOp> ebt_ops();
std::span<const NamedOp> flumelog_ops();
std::span<const NamedOp> json_ops();
std::span<const NamedOp> refs_ops();
std::span<const NamedOp> packet_ops();
std::span<const NamedOp> boxstream_ops();
std::span<const NamedOp> message_ops();
std::span<const NamedOp> graph_ops();

}  // namespace sbot::oracle
