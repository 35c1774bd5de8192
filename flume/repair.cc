#include <algorithm>
#include <set>

#include "base/checked_line.h"
#include "base/limits.h"
#include "base/random.h"
#include "flume/check.h"
#include "flume/deletion.h"
#include "flume/journal_text.h"
#include "flume/offset_log.h"

namespace sbot::flume {
namespace {

/// Writes a journal anew that has spoilt records: what good ones say was deleted, of a new
/// generation. Gives how many records were left out.
Result<std::uint64_t> salvage_journal(base::Files& files, const std::string& path) {
    auto content = base::read_file(files, path, SIZE_MAX);
    if (!content && content.error().code == Errc::not_found) return 0;
    if (!content) return std::move(content).error();
    std::uint64_t bad = 0, bad_at_end = 0;
    std::vector<Change> deletions;
    for (std::string_view rest = base::text_of(*content); !rest.empty();) {
        std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(rest.size(), line.size() + 1));
        auto text = base::checked_text(line);
        auto change = text ? change_of(*text) : error(Errc::invalid, "");
        bad_at_end = change ? 0 : bad_at_end + 1;
        if (!change) ++bad;
        if (change && change->kind == Change::Kind::del) deletions.push_back(*change);
    }
    if (bad == bad_at_end && bad <= 1) return 0;  // torn at most: opening it is enough
    if (auto ok = base::write_file_atomically(files, path + ".damaged", *content); !ok) {
        return std::move(ok).error();
    }
    const std::string draft = path + ".new";
    if (auto ok = files.remove(draft); !ok) return std::move(ok).error();
    base::SystemRandom random;
    auto fresh = Journal::open(files, draft, random);
    if (!fresh) return std::move(fresh).error();
    for (const Change& change : deletions) {
        auto at = (*fresh)->intend_deletion(change.deleted);
        if (!at) return std::move(at).error();
    }
    if (auto ok = files.rename(draft, path); !ok) return std::move(ok).error();
    if (auto ok = files.sync_folder(base::folder_of(path)); !ok) return std::move(ok).error();
    return bad;
}

/// Offsets that the journal says are deleted, and what of the log is to be blank by it.
struct Known {
    std::set<Offset> offsets;
    std::vector<Deleted> entries;
};

Result<Known> known_deleted(base::Files& files, const std::string& path) {
    auto file = files.open(path, {});
    if (!file) return std::move(file).error();
    Known known;
    JournalReader reader(**file);
    for (;;) {
        auto change = reader.next();
        if (!change) return std::move(change).error();
        if (!*change) return known;
        const Offset cut = (*change)->kind == Change::Kind::rewind ? (*change)->to : UINT64_MAX;
        known.offsets.erase(known.offsets.lower_bound(cut), known.offsets.end());
        for (const Deleted& entry : (*change)->deleted) {
            if (!entry.offset) continue;
            known.offsets.insert(*entry.offset);
            if (entry.is_message) known.entries.push_back(entry);
        }
    }
}

/// Makes blank entries of a place without any, so that every reader can step over it. What lay
/// there is put beside the log. Gives false where it is too small to be made one.
Result<bool> cover(base::Files& files, const std::string& log_path, Offset from, Offset to) {
    const std::size_t frame = overhead(Mode::bits32);
    if (to - from <= frame) return false;
    auto file = files.open(log_path, {});
    if (!file) return std::move(file).error();
    Bytes content(to - from);
    auto got = (*file)->read_at(from, content);
    if (!got) return std::move(got).error();
    const std::string aside = base::folder_of(log_path) + "/log.damaged-" + std::to_string(from);
    if (auto ok = base::write_file_atomically(files, aside, content); !ok) {
        return std::move(ok).error();
    }
    Bytes blanks;
    for (Offset at = from; at < to;) {
        Offset left = to - at;
        // Not so large that what is left is too small for another one.
        Offset size = std::min<Offset>(left, limits::record_bytes_max);
        if (left > size && left - size <= frame) size -= 2 * frame;
        append_record(blanks, Bytes(size - frame), at, Mode::bits32);
        at += size;
    }
    if (auto ok = (*file)->write_at(from, blanks); !ok) return std::move(ok).error();
    if (auto ok = (*file)->sync(); !ok) return std::move(ok).error();
    return true;
}

/// Covers all damaged places.
Result<std::uint64_t> cover_damage(base::Files& files, const std::string& log_path,
                                   const Log& log) {
    Range all;
    all.with_deleted = true;
    auto cursor = log.scan(all);
    if (!cursor) return std::move(cursor).error();
    auto file = files.open(log_path, {});
    if (!file) return std::move(file).error();
    std::uint64_t places = 0;
    Offset expected = 0;
    for (;;) {
        auto entry = (*cursor)->next();
        if (!entry) return std::move(entry).error();
        const Offset here = *entry ? (*entry)->offset : log.end();
        if (here > expected) {
            auto covered = cover(files, log_path, expected, here);
            if (!covered) return std::move(covered).error();
            if (*covered) ++places;
        }
        if (!*entry) return places;
        std::uint8_t length[4];
        auto got = (*file)->read_at(here, length);
        if (!got) return std::move(got).error();
        expected = here + load_length(length) + overhead(Mode::bits32);
    }
}

/// Tells the journal of blank entries that it does not know.
Result<std::uint64_t> note_blanks(const Log& log, Journal& journal, const Known& known) {
    Range all;
    all.with_deleted = true;
    auto cursor = log.scan(all);
    if (!cursor) return std::move(cursor).error();
    std::vector<Deleted> unknown;
    std::uint64_t noted = 0;
    for (bool more = true; more;) {
        auto entry = (*cursor)->next();
        if (!entry) return std::move(entry).error();
        more = entry->has_value();
        if (more && (*entry)->data.empty() && !known.offsets.contains((*entry)->offset)) {
            Deleted deleted;
            deleted.offset = (*entry)->offset;
            unknown.push_back(deleted);
        }
        if (unknown.empty() || (more && unknown.size() < limits::journal_entries_max)) continue;
        auto at = journal.intend_deletion(unknown);
        if (!at) return std::move(at).error();
        if (auto ok = journal.deletion_done(*at); !ok) return std::move(ok).error();
        noted += unknown.size();
        unknown.clear();
    }
    return noted;
}

}  // namespace

Result<Repaired> repair(base::Files& files, const std::string& log_path) {
    Repaired done;
    const std::string path = journal_path(log_path);
    auto dropped = salvage_journal(files, path);
    if (!dropped) return std::move(dropped).error();
    done.journal_records = *dropped;
    base::SystemRandom random;
    auto journal = Journal::open(files, path, random);
    if (!journal) return std::move(journal).error();
    auto log = OffsetLog::open(files, log_path, {});
    if (!log) return std::move(log).error();
    done.bytes_cut = (*log)->recovery().bytes_cut + (*journal)->bytes_cut();
    if ((*log)->recovery().bytes_cut > 0) {
        if (auto ok = (*journal)->rewind((*log)->end()); !ok) return std::move(ok).error();
    }
    auto covered = cover_damage(files, log_path, **log);
    if (!covered) return std::move(covered).error();
    done.places = *covered;
    auto known = known_deleted(files, path);
    if (!known) return std::move(known).error();
    for (const Deleted& entry : known->entries) {
        auto data = (*log)->get(*entry.offset);
        if (data && deleted_of({*entry.offset, *data}) == entry) ++done.deletions;
    }
    if (auto ok = blank(**log, known->entries); !ok) return std::move(ok).error();
    if (auto ok = finish_deletions(**log, **journal); !ok) return std::move(ok).error();
    auto noted = note_blanks(**log, **journal, *known);
    if (!noted) return std::move(noted).error();
    done.noted = *noted;
    return done;
}

}  // namespace sbot::flume
