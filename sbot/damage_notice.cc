#include "sbot/damage_notice.h"

#include <string>

#include "base/limits.h"

namespace sbot::app {
namespace {

std::string where(flume::Offset at) {
    return "the message at offset " + std::to_string(at) + " of flume/log.offset is damaged";
}

}  // namespace

void DamageNotice::met(flume::Offset at) {
    {
        std::lock_guard lock(mutex_);
        if (known_.size() >= limits::damage_places_remembered_max) known_.clear();
        if (!known_.insert(at).second) return;
    }
    log_.warning("log", where(at) + " and is passed over; `sbot flume check` says what else is");
}

std::size_t DamageNotice::count() const {
    std::lock_guard lock(mutex_);
    return known_.size();
}

Error damaged_error(flume::Offset at) {
    return error(Errc::corrupt, where(at) + ": run `sbot flume check`");
}

bool is_damage(const Error& wrong) {
    return wrong.code == Errc::not_found && !flume::is_deleted(wrong);
}

}  // namespace sbot::app
