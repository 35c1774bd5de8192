#include "replication/ebt_notes.h"
#include "tests/oracle/ops.h"

namespace sbot::oracle {
namespace {

using replication::Note;

bool note(json::Value request, json::Writer& answer) {
    double sequence = request["seq"].number();
    Note note = Note::refusal();
    if (sequence >= 0) note = {static_cast<Sequence>(sequence), true, request["receive"].is_true()};
    answer.member("note", replication::encode(note));
    return true;
}

/// What the reference reads out of values that are no notes, which ours passes over.
Note reference_reading(json::Value value, double& sequence) {
    double number = value.is_true() ? 1 : value.number();
    sequence = -1;
    if (value.is_number() && number < 0 && number == static_cast<double>(std::int64_t(number))) {
        sequence = static_cast<double>(std::int64_t(number) >> 1);
    }
    if (value.is("4")) number = 4;
    return {0, true, (std::int64_t(number) & 1) == 0};
}

bool parse(json::Value request, json::Writer& answer) {
    json::Value value = request["note"];
    double sequence = -1;
    auto read = replication::decode(value);
    Note note = read ? *read : reference_reading(value, sequence);
    if (read && note.replicate) sequence = static_cast<double>(note.sequence);
    answer.member("seq", sequence).member("replicate", note.replicate);
    answer.member("receive", note.receive);
    return true;
}

constexpr NamedOp ops[] = {{"ebt.note", note}, {"ebt.parse", parse}};

}  // namespace

std::span<const NamedOp> ebt_ops() { return ops; }

}  // namespace sbot::oracle
