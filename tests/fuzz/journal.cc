// Any bytes as a journal: what is read does not depend on how much of it is there yet; records read
// are written the same again; opening cuts off a torn end at most, or leaves the file alone.

#include <cstdlib>
#include <vector>

#include "base/checked_line.h"
#include "base/memory_files.h"
#include "base/random.h"
#include "flume/journal_text.h"

namespace {

using namespace sbot;
using flume::Change;

void must(bool true_of_all_journals) {
    if (!true_of_all_journals) std::abort();
}

/// All records; false where reading ended with an error.
bool read(const base::File& file, std::uint64_t from, std::vector<Change>& into) {
    flume::JournalReader reader(file, from);
    for (;;) {
        auto change = reader.next();
        if (!change) return false;
        if (!*change) return true;
        must((*change)->at >= from && reader.position() == (*change)->next);
        into.push_back(std::move(**change));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    base::MemoryFiles disk;
    // Mostly it is texts that are tried, in lines with the right checksum.
    std::string lines;
    if (size > 0 && data[0] != '0') {
        std::string_view rest = base::text_of({data, size});
        while (!rest.empty()) {
            std::string_view text = rest.substr(0, rest.find('\n'));
            rest.remove_prefix(std::min(rest.size(), text.size() + 1));
            base::append_checked_line(lines, text);
        }
    } else {
        lines = base::to_text({data, size});
    }
    disk.put("/j", base::bytes_of(lines));
    auto file = disk.open("/j", {});
    must(file.has_value());
    std::vector<Change> all;
    const bool good = read(**file, 0, all);
    for (const Change& change : all) {
        if (change.kind == Change::Kind::other) continue;
        auto again = flume::change_of(flume::text_of(change));
        must(again.has_value());
        again->at = change.at;
        again->next = change.next;
        must(*again == change);
    }
    // The same in two parts.
    std::size_t half = all.size() / 2;
    std::vector<Change> parts(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(half));
    must(read(**file, half == 0 ? 0 : all[half - 1].next, parts) == good && parts == all);

    base::SystemRandom random;
    auto journal = flume::Journal::open(disk, "/j", random);
    must(journal.has_value() == good);
    if (!good) {
        must(base::text_of(disk.content("/j")) == lines);
        return 0;
    }
    must((*journal)->rewind(1).has_value());
    std::vector<Change> now;
    must(read(**file, 0, now) && now.back().to == 1);
    must(now.size() == all.size() + 1 || now.size() == all.size() + 2);
    for (std::size_t i = 0; i < all.size(); ++i) must(now[i] == all[i]);
    return 0;
}
