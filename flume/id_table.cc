#include "flume/id_table.h"

namespace sbot::flume {
namespace {

constexpr std::size_t slots_at_first = 1 << 12;

}  // namespace

void IdTable::clear() {
    slots_.assign(slots_at_first, {});
    used_ = 0;
}

IdTable::Slot& IdTable::slot(const NameHash& hash) {
    const std::size_t mask = slots_.size() - 1;
    std::size_t at = hash.place & mask;
    while (slots_[at].id != 0 &&
           (slots_[at].place != hash.place || slots_[at].check != hash.check)) {
        at = (at + 1) & mask;
    }
    return slots_[at];
}

std::uint32_t& IdTable::find(const NameHash& hash) {
    if (used_ + used_ / 3 >= slots_.size()) grow();
    Slot& found = slot(hash);
    if (found.id == 0) {
        found.place = hash.place;
        found.check = hash.check;
        ++used_;
    }
    return found.id;
}

void IdTable::grow() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& each : old) {
        if (each.id != 0) slot({each.place, each.check}) = each;
    }
}

}  // namespace sbot::flume
