#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "flume/message_rows.h"

namespace sbot::flume {

/// Ids by the hash of names, 16 bytes each: an open hash table that doubles when it is three
/// quarters full.
class IdTable {
 public:
    IdTable() { clear(); }
    /// Where the id of this name stands, 0 for a new one; valid until the next call.
    std::uint32_t& find(const NameHash& hash);
    /// The id of this name, 0 if it has none here.
    std::uint32_t known(const NameHash& hash) const { return slots_[at(hash)].id; }
    std::size_t size() const { return used_; }
    void clear();

 private:
    struct Slot {
        std::uint64_t place;
        std::uint32_t check;
        std::uint32_t id;
    };
    void grow();
    std::size_t at(const NameHash& hash) const;

    std::vector<Slot> slots_;
    std::size_t used_ = 0;
};

/// The ids that were asked for of late.
class RecentIds {
 public:
    /// As IdTable's.
    std::uint32_t& find(const NameHash& hash);
    /// Forgets what was not asked for since the call before the last, if there are more than that
    /// many by now.
    void forget_old(std::size_t names_max);
    void clear();

 private:
    IdTable young_, old_;
};

}  // namespace sbot::flume
