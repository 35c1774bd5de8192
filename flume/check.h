#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/files.h"
#include "flume/log.h"
#include "flume/sqlite.h"

/// Looking at a folder's log, journal and index without changing anything, also while a server
/// writes them; and mending what can be mended, while none does.
namespace sbot::flume {

/// Told of progress: so much of so much of the log was read.
using OnProgress = std::function<void(Offset done, Offset total)>;

struct CheckReport {
    std::uint64_t bytes = 0, torn_bytes = 0;  ///< of the log; behind its last whole entry
    std::uint64_t entries = 0, messages = 0, deleted = 0, feeds = 0;
    std::uint64_t deleted_unknown = 0;  ///< the journal does not know of them: another program's
    Damage damage;
    std::uint64_t journal_bytes = 0, journal_pending = 0;
    bool has_journal = false, has_index = false;
    bool index_damaged = false;         ///< it is there, and cannot be trusted
    std::uint64_t deleted_beyond = 0;   ///< by the journal, where the log has come to no more
    Offset index_behind = 0;            ///< bytes of the log that the index has not seen yet
    std::uint64_t trouble_count = 0;    ///< in all
    std::vector<std::string> troubles;  ///< the first of them, a line each

    bool good() const { return trouble_count == 0; }
};

/// Compares everything with everything: lengths and ends of the records, each feed's chain
/// (sequences without a gap that no deletion explains, `previous`), log against journal, the index
/// in itself and against both. Error where that cannot be done at all, for the log or the journal;
/// an index that cannot be read is a trouble.
Result<CheckReport> check(base::Files& files, const std::string& log_path,
                          const std::string& index_path, const OnProgress& progress);

/// Reads all of a database's pages. Error `corrupt` with what SQLite finds wrong with them.
Result<void> check_pages(sqlite::Database& database);

struct Repaired {
    std::uint64_t bytes_cut = 0;        ///< torn, behind the last whole entry
    std::uint64_t places = 0;           ///< damaged ones in the log, blank entries now
    std::uint64_t journal_records = 0;  ///< spoilt ones, left out
    std::uint64_t deletions = 0;        ///< entries that were to be blank, and were not
    std::uint64_t noted = 0;            ///< blank entries that the journal did not know
    bool anything() const { return bytes_cut + places + journal_records + deletions + noted > 0; }
};

/// Makes log and journal whole again. What lay in damaged places is put beside the log first, as
/// `log.damaged-OFFSET`, and a spoilt journal as `log.journal.damaged`. The index is not touched:
/// one that was there no longer fits. Nobody else may have the folder.
Result<Repaired> repair(base::Files& files, const std::string& log_path);

}  // namespace sbot::flume
