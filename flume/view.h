#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "flume/log.h"

/// Views: what is derived from the log and may be thrown away at any time.
namespace sbot::flume {

/// How far a view has come.
struct Coverage {
    std::uint64_t generation = 0;  ///< of the log it was fed from
    std::optional<Offset> upto;    ///< the last entry it has seen, and all before; none: nothing
    std::string key;               ///< that entry's message key, to know the log again by
};

/// Where a batch stands to what the view has seen.
enum class Place : std::uint8_t {
    next,   ///< it follows directly: coverage moves on
    ahead,  ///< entries in between are still to come: coverage stays; met again, they change
            ///< nothing
};

/// Used from one thread at a time, its writer's lane.
class View {
 public:
    virtual ~View() = default;

    virtual std::string_view name() const = 0;
    /// Raise it and the view is rebuilt.
    virtual int version() const = 0;
    virtual Coverage covered() const = 0;
    /// Takes entries in, in the order of the log; rows and coverage in one transaction. An entry
    /// that was taken in before changes nothing, nor does a deleted one (without data); one the
    /// view cannot read is noted and passed over.
    /// Errors: `corrupt` (then `clear` and `catch_up` help), `io`, `timeout`; the view is as
    /// before.
    virtual Result<void> apply(std::span<const Entry> batch, Place place) = 0;
    /// Entries are about to be deleted from the log: takes out what came from them. Data as it was.
    virtual Result<void> retract(std::span<const Entry> entries) = 0;
    /// Empties it, for a log of this generation.
    virtual Result<void> clear(std::uint64_t generation) = 0;
};

/// The message key at the start of an entry, without looking at the rest; empty if there is none.
std::string_view key_of(ByteView data);

/// To be asked after opening: clears a view that was fed from another log than this one, or has
/// seen more than there is. True if it was cleared.
Result<bool> settle(View& view, const Log& log);

struct Progress {
    std::size_t applied = 0;  ///< entries
    bool level = false;       ///< the view has seen all that was synced
    Damage damage;            ///< in the part of the log that was read
};
/// Feeds the view the next `entries_max` entries or somewhat fewer, in several transactions; none
/// that may not be on the disk yet.
Result<Progress> catch_up(View& view, const Log& log, std::size_t entries_max);

/// The same for as long as `until` allows, at least one transaction; for those who share a thread.
Result<Progress> process(View& view, const Log& log, std::size_t entries_max,
                         std::chrono::steady_clock::time_point until);

}  // namespace sbot::flume
