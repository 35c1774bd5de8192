#pragma once

#include <string>

#include "base/files.h"
#include "flume/journal.h"

namespace sbot::app {

/// Before there was a journal, `flume/kept.json` said how far feeds had come whose messages were
/// deleted. Moves what it says into the journal, once. Error `corrupt` for one that cannot be
/// read: what it held cannot be guessed, and without it our feed could fork.
Result<void> import_kept_states(base::Files& files, const std::string& folder,
                                flume::Journal& journal);

}  // namespace sbot::app
