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
    std::size_t size() const { return used_; }
    void clear();

 private:
    struct Slot {
        std::uint64_t place;
        std::uint32_t check;
        std::uint32_t id;
    };
    void grow();
    Slot& slot(const NameHash& hash);

    std::vector<Slot> slots_;
    std::size_t used_ = 0;
};

}  // namespace sbot::flume
