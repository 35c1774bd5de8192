#include "flume/core_loader.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/assert.h"
#include "base/limits.h"
#include "flume/core_schema.h"
#include "flume/core_tables.h"

namespace sbot::flume {
namespace {

std::int64_t number(Offset offset) { return static_cast<std::int64_t>(offset); }

/// An entry of an index, so that numbers compare as SQLite compares what they stand for.
struct IndexKey {
    std::uint64_t part[3];

    bool operator<(const IndexKey& other) const {
        for (int i = 0; i < 2; ++i) {
            if (part[i] != other.part[i]) return part[i] < other.part[i];
        }
        return part[2] < other.part[2];
    }
};

constexpr std::uint64_t sign = std::uint64_t{1} << 63;

std::uint64_t ordered(double value) {
    const auto bits = std::bit_cast<std::uint64_t>(value == 0 ? 0.0 : value);
    return (bits & sign) != 0 ? ~bits : bits | sign;
}
double real_of(std::uint64_t part) {
    return std::bit_cast<double>((part & sign) != 0 ? part ^ sign : ~part);
}
std::uint64_t ordered(std::int64_t value) { return static_cast<std::uint64_t>(value) ^ sign; }
std::int64_t integer_of(std::uint64_t part) { return static_cast<std::int64_t>(part ^ sign); }

/// A name and its id, for the index of names.
struct NameEntry {
    char text[limits::name_bytes_max] = {};
    std::uint8_t size = 0;
    std::uint32_t id = 0;

    bool operator<(const NameEntry& other) const {
        const int order = std::memcmp(text, other.text, sizeof text);
        return order != 0 ? order < 0 : size < other.size;
    }
};

/// The roots of an empty database's trees, by name.
class Roots {
 public:
    static Result<Roots> read(sqlite::Database& database) {
        auto row = database.prepare("SELECT name,rootpage FROM sqlite_schema WHERE rootpage>0");
        if (!row) return std::move(row).error();
        Roots roots;
        for (;;) {
            auto more = row->step();
            if (!more) return std::move(more).error();
            if (!*more) return roots;
            roots.all_.emplace(row->text(0), static_cast<std::uint32_t>(row->integer(1)));
        }
    }
    std::uint32_t operator[](const std::string& name) const {
        const auto found = all_.find(name);
        SBOT_ASSERT(found != all_.end());
        return found->second;
    }

 private:
    std::unordered_map<std::string, std::uint32_t> all_;
};

}  // namespace

struct CoreLoader::Files {
    /// The columns of its entries: integers, and reals where the letter is an `r`.
    struct Index {
        sqlite::Tree tree;
        std::string_view columns;
        RunSorter<IndexKey> sorter;

        Result<void> add(std::uint64_t first, std::uint64_t second, std::uint64_t third = 0) {
            return sorter.add({{first, second, third}});
        }
        Result<void> finish() {
            sqlite::Record row;
            auto done = sorter.drain([&](const IndexKey& key) {
                row.clear();
                for (std::size_t i = 0; i < columns.size(); ++i) {
                    if (columns[i] == 'r') {
                        row.real(real_of(key.part[i]));
                    } else {
                        row.integer(integer_of(key.part[i]));
                    }
                }
                tree.add(row.bytes());
            });
            tree.finish();
            return done;
        }
    };

    std::unique_ptr<sqlite::PageFile> pages;
    SpillFile spill;
    sqlite::Record record;
    sqlite::Tree names, messages, contents, contacts, unreadable, links, by_name;
    RunSorter<NameEntry> sorted_names;
    Index by_key, by_feed, by_received, by_rts, by_type, by_opened, by_root, by_part, by_dest,
        by_contact, by_contacted;

    Files(std::unique_ptr<sqlite::PageFile> file, SpillFile spilled, const Roots& roots)
        : pages(std::move(file)),
          spill(std::move(spilled)),
          names(table(roots["names"])),
          messages(table(roots["messages"])),
          contents(table(roots["contents"])),
          contacts(table(roots["contacts"])),
          unreadable(table(roots["unreadable"])),
          links(*pages, sqlite::Tree::Kind::index, roots["links"]),
          by_name(*pages, sqlite::Tree::Kind::index, roots["by_name"]),
          sorted_names(spill, limits::core_loader_run_bytes),
          by_key(index(roots["by_key"], "ii")),
          by_feed(index(roots["by_feed"], "iii")),
          by_received(index(roots["by_received"], "ri")),
          by_rts(index(roots["by_rts"], "rii")),
          by_type(index(roots["by_type"], "iri")),
          by_opened(index(roots["by_opened"], "ri")),
          by_root(index(roots["by_root"], "iri")),
          by_part(index(roots["by_part"], "iii")),
          by_dest(index(roots["by_dest"], "iii")),
          by_contact(index(roots["by_contact"], "iii")),
          by_contacted(index(roots["by_contacted"], "iii")) {}

    sqlite::Tree table(std::uint32_t root) { return {*pages, sqlite::Tree::Kind::table, root}; }
    Index index(std::uint32_t root, std::string_view columns) {
        return {{*pages, sqlite::Tree::Kind::index, root},
                columns,
                {spill, limits::core_loader_run_bytes}};
    }
};

// --- making

CoreLoader::CoreLoader(Options options)
    : options_(std::move(options)), hasher_({}, options_.secret) {}
CoreLoader::~CoreLoader() = default;

Result<std::unique_ptr<CoreLoader>> CoreLoader::make(Options options) {
    std::unique_ptr<CoreLoader> loader(new CoreLoader(std::move(options)));
    const std::string& path = loader->options_.path;
    Result<Roots> roots = Roots();
    {
        auto database = sqlite::Database::open_unjournalled(path, limits::core_builder_cache_bytes);
        if (!database) return std::move(database).error();
        if (auto ok = CoreTables::create(*database, loader->options_.generation, {}); !ok) {
            return std::move(ok).error();
        }
        if (auto ok = CoreTables::make_indexes(*database); !ok) return std::move(ok).error();
        roots = Roots::read(*database);
        if (!roots) return std::move(roots).error();
    }
    auto pages = sqlite::PageFile::open(path);
    if (!pages) return std::move(pages).error();
    auto spill = SpillFile::make(path + "-spill");
    if (!spill) return std::move(spill).error();
    loader->files_ = std::make_unique<Files>(std::move(*pages), std::move(*spill), *roots);
    for (const FeedState& state : loader->options_.kept) {
        std::string text = state.feed.text();
        const Name name{text, loader->hasher_.hash(text)};
        auto known = loader->feed(state.feed, name);
        if (!known) return std::move(known).error();
        // The first one for a feed counts.
        if ((*known)->state.sequence == 0) (*known)->state = state;
    }
    return loader;
}

// --- rows

Result<void> CoreLoader::add(const RowBatch& batch) {
    for (const MessageRows& rows : batch.messages()) {
        if (auto ok = add(batch, rows); !ok) return ok;
    }
    return files_->pages->status();
}

Result<void> CoreLoader::add(const RowBatch& batch, const MessageRows& rows) {
    sqlite::Record& record = files_->record;
    record.clear();
    if (!rows.unreadable.empty()) {
        files_->unreadable.add(number(rows.offset), record.null().text(rows.unreadable).bytes());
        return {};
    }
    auto author = feed(rows.feed, rows.author);
    if (!author) return std::move(author).error();
    if (moves_on((*author)->state, rows)) (*author)->state = state_after(rows);
    const std::int64_t author_id = (*author)->id;
    ++count_;
    if (auto ok = add_message(rows, author_id); !ok) return ok;
    if (rows.content) {
        record.clear();
        files_->contents.add(number(rows.offset), record.null().text(*rows.content).bytes());
    }
    if (auto ok = add_links(batch, rows); !ok) return ok;
    return rows.contact ? add_contact(rows, author_id) : Result<void>();
}

Result<void> CoreLoader::add_message(const MessageRows& rows, std::int64_t author) {
    auto key = id_of(rows.key);
    if (!key) return std::move(key).error();
    const std::int64_t type = rows.type ? id_of(types_, *rows.type) : 0;
    sqlite::Record& record = files_->record;
    record.clear();
    record.null().integer(*key).integer(author).integer(number(rows.sequence));
    record.real(rows.received).real(rows.claimed).real(rows.resolved);
    type != 0 ? record.integer(type) : record.null();
    record.integer(static_cast<std::int64_t>(rows.privacy));
    std::int64_t root = 0;
    for (const Name* name : {&rows.root, &rows.fork, &rows.branch}) {
        if (name->text.empty()) {
            record.null();
            continue;
        }
        auto id = id_of(*name);
        if (!id) return std::move(id).error();
        record.integer(*id);
        if (name == &rows.root) root = *id;
    }
    files_->messages.add(number(rows.offset), record.bytes());

    Files& to = *files_;
    const auto offset = ordered(number(rows.offset)), received = ordered(rows.received);
    const auto resolved = ordered(rows.resolved), by = ordered(author);
    auto done = to.by_key.add(ordered(*key), offset);
    if (done) done = to.by_feed.add(by, ordered(number(rows.sequence)), offset);
    if (done) done = to.by_received.add(received, offset);
    if (done) done = to.by_rts.add(resolved, by, offset);
    if (done && type != 0) done = to.by_type.add(ordered(type), received, offset);
    if (done && rows.privacy == Privacy::opened) done = to.by_opened.add(received, offset);
    if (done && root != 0) done = to.by_root.add(ordered(root), resolved, offset);
    if (done && root != 0) done = to.by_part.add(by, ordered(root), offset);
    return done;
}

Result<void> CoreLoader::add_links(const RowBatch& batch, const MessageRows& rows) {
    const auto links = batch.links(rows);
    if (links.empty()) return {};
    const std::int64_t at = number(rows.offset);
    // The table's order is that of ids.
    sorted_links_.clear();
    for (const MessageLink& link : links) {
        auto dest = id_of(link.dest);
        if (!dest) return std::move(dest).error();
        sorted_links_.push_back({id_of(rels_, link.rel), *dest, link.value});
    }
    std::sort(sorted_links_.begin(), sorted_links_.end(), [](const LinkIds& a, const LinkIds& b) {
        return std::pair(a.rel, a.dest) < std::pair(b.rel, b.dest);
    });
    sqlite::Record& record = files_->record;
    for (const LinkIds& link : sorted_links_) {
        record.clear();
        record.integer(at).integer(link.rel).integer(link.dest);
        link.value ? record.real(*link.value) : record.null();
        files_->links.add(record.bytes());
        auto done = files_->by_dest.add(ordered(link.dest), ordered(at), ordered(link.rel));
        if (!done) return done;
    }
    return {};
}

Result<void> CoreLoader::add_contact(const MessageRows& rows, std::int64_t author) {
    auto contact = id_of(rows.contact->contact);
    if (!contact) return std::move(contact).error();
    const std::int64_t at = number(rows.offset);
    sqlite::Record& record = files_->record;
    record.clear();
    record.null().integer(author).integer(*contact).integer(rows.contact->state);
    files_->contacts.add(at, record.bytes());
    auto done = files_->by_contact.add(ordered(author), ordered(*contact), ordered(at));
    if (!done) return done;
    return files_->by_contacted.add(ordered(*contact), ordered(author), ordered(at));
}

Result<CoreLoader::Feed*> CoreLoader::feed(const FeedId& id, const Name& name) {
    auto [found, is_new] = feeds_.try_emplace(id);
    Feed& feed = found->second;
    if (is_new) {
        auto given = id_of(name);
        if (!given) return std::move(given).error();
        feed.id = *given;
        feed.state.feed = id;
    }
    return &feed;
}

Result<std::int64_t> CoreLoader::id_of(const Name& name) {
    std::uint32_t& id = ids_.find(name.hash);
    if (id != 0) return static_cast<std::int64_t>(id);
    if (ids_.size() > UINT32_MAX) return error(Errc::limit, "core view: too many names");
    id = static_cast<std::uint32_t>(ids_.size());
    SBOT_ASSERT(name.text.size() <= limits::name_bytes_max);
    NameEntry entry;
    std::memcpy(entry.text, name.text.data(), name.text.size());
    entry.size = static_cast<std::uint8_t>(name.text.size());
    entry.id = id;
    if (auto ok = files_->sorted_names.add(entry); !ok) return std::move(ok).error();
    sqlite::Record record;
    files_->names.add(id, record.null().text(name.text).bytes());
    return static_cast<std::int64_t>(id);
}

std::int64_t CoreLoader::id_of(Words& words, std::string_view word) {
    std::uint32_t& id = words.ids.find(hasher_.hash(word));
    if (id == 0) {
        words.texts.emplace_back(word);
        id = static_cast<std::uint32_t>(words.texts.size());
    }
    return static_cast<std::int64_t>(id);
}

// --- the end

Result<void> CoreLoader::finish(const Coverage& covered) {
    if (auto ok = finish_trees(); !ok) return ok;
    files_.reset();
    return write_rest(covered);
}

Result<void> CoreLoader::finish_trees() {
    Files& to = *files_;
    for (auto* tree :
         {&to.names, &to.messages, &to.contents, &to.contacts, &to.unreadable, &to.links}) {
        tree->finish();
    }
    for (auto* index :
         {&to.by_key, &to.by_feed, &to.by_received, &to.by_rts, &to.by_type, &to.by_opened,
          &to.by_root, &to.by_part, &to.by_dest, &to.by_contact, &to.by_contacted}) {
        if (auto ok = index->finish(); !ok) return ok;
    }
    auto done = to.sorted_names.drain([&](const NameEntry& entry) {
        to.record.clear();
        to.record.text({entry.text, entry.size}).integer(entry.id);
        to.by_name.add(to.record.bytes());
    });
    if (!done) return done;
    to.by_name.finish();
    return to.pages->finish();
}

/// What there is little of, through SQLite.
Result<void> CoreLoader::write_rest(const Coverage& covered) {
    auto database =
        sqlite::Database::open_unjournalled(options_.path, limits::core_builder_cache_bytes);
    if (!database) return std::move(database).error();
    if (auto ok = database->run("BEGIN"); !ok) return ok;
    auto row = database->prepare(
        "INSERT INTO authors(id,name,key,sequence,claimed,offset) VALUES(?,?,?,?,?,?)");
    if (!row) return std::move(row).error();
    for (const auto& [id, feed] : feeds_) {
        const std::string name = id.text();
        const FeedState& state = feed.state;
        row->bind(1, feed.id).bind(2, name).bind(3, state.key.view());
        row->bind(4, number(state.sequence)).bind(5, state.claimed).bind(6, number(state.offset));
        if (auto ok = row->run(); !ok) return ok;
    }
    const std::pair<const char*, const Words*> words[] = {
        {"INSERT INTO types(id,name) VALUES(?,?)", &types_},
        {"INSERT INTO rels(id,name) VALUES(?,?)", &rels_},
    };
    for (auto [sql, all] : words) {
        auto word = database->prepare(sql);
        if (!word) return std::move(word).error();
        std::int64_t id = 0;
        for (const std::string& text : all->texts) {
            if (auto ok = word->bind(1, ++id).bind(2, text).run(); !ok) return ok;
        }
    }
    auto progress = database->prepare("UPDATE progress SET upto=?,key=?,count=?");
    if (!progress) return std::move(progress).error();
    progress->bind_null(1).bind(2, covered.key).bind(3, count_);
    if (covered.upto) progress->bind(1, number(*covered.upto));
    if (auto ok = progress->run(); !ok) return ok;
    return database->run("COMMIT");
}

}  // namespace sbot::flume
