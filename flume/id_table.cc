#include "flume/id_table.h"

namespace sbot::flume {
namespace {

constexpr std::size_t slots_at_first = 1 << 12;

}  // namespace

void IdTable::clear() {
    slots_.assign(slots_at_first, {});
    used_ = 0;
}

std::size_t IdTable::at(const NameHash& hash) const {
    const std::size_t mask = slots_.size() - 1;
    std::size_t at = hash.place & mask;
    while (slots_[at].id != 0 &&
           (slots_[at].place != hash.place || slots_[at].check != hash.check)) {
        at = (at + 1) & mask;
    }
    return at;
}

std::uint32_t& IdTable::find(const NameHash& hash) {
    if (used_ + used_ / 3 >= slots_.size()) grow();
    Slot& found = slots_[at(hash)];
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
        if (each.id != 0) slots_[at({each.place, each.check})] = each;
    }
}

std::uint32_t& RecentIds::find(const NameHash& hash) {
    std::uint32_t& id = young_.find(hash);
    if (id == 0) id = old_.known(hash);
    return id;
}

void RecentIds::forget_old(std::size_t names_max) {
    if (young_.size() < names_max / 2) return;
    std::swap(old_, young_);
    young_.clear();
}

void RecentIds::clear() {
    young_.clear();
    old_.clear();
}

}  // namespace sbot::flume
