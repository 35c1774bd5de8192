#include "flume/json_indexes.h"

#include <algorithm>
#include <utility>

#include "base/json.h"
#include "base/limits.h"

namespace sbot::flume {
namespace {

constexpr std::size_t name_bytes_max = 40;
constexpr std::size_t position_digits_max = 6;

std::string quoted(std::string_view text) {
    std::string out = "'";
    for (char c : text) {
        if (c == '\'') out += c;
        out += c;
    }
    return out + "'";
}

bool is_good_name(std::string_view name) {
    auto good = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
    return !name.empty() && name.size() <= name_bytes_max &&
           std::all_of(name.begin(), name.end(), good);
}

/// The length of the step that a path begins with: `.name`, `."any name"`, `[12]` or `[#-12]`; 0 if
/// that is none.
std::size_t step_at(std::string_view path) {
    if (path.starts_with(".\"")) {
        const std::size_t end = path.find('"', 2);
        return end == path.npos ? 0 : end + 1;
    }
    if (path.starts_with('.')) {
        const std::size_t end = std::min(path.find_first_of(".[", 1), path.size());
        return end > 1 ? end : 0;
    }
    const std::size_t digits = path.starts_with("[#-") ? 3 : 1;
    const std::size_t end = path.find_first_not_of("0123456789", digits);
    if (!path.starts_with('[') || end == path.npos || path[end] != ']') return 0;
    return end > digits && end - digits <= position_digits_max ? end + 1 : 0;
}

/// SQLite reads a path only as far as the content it looks into goes: one that is wrong further on
/// would make an insert fail some day.
bool is_good_path(std::string_view path) {
    if (path.size() > limits::json_index_path_bytes_max || !path.starts_with("$")) return false;
    if (path.find('\0') != path.npos || path == "$") return false;
    for (path.remove_prefix(1); !path.empty();) {
        const std::size_t step = step_at(path);
        if (step == 0) return false;
        path.remove_prefix(step);
    }
    return true;
}

}  // namespace

std::string JsonIndex::expression(std::size_t path, std::string_view column) const {
    return "json_extract(" + std::string(column) + "," + quoted(paths[path]) + ")";
}

std::string json_indexes_path(const std::string& core_path) {
    return base::folder_of(core_path) + "/core.indexes.json";
}

Result<std::vector<JsonIndex>> read_json_indexes(base::Files& files, const std::string& path) {
    std::vector<JsonIndex> indexes;
    auto text = base::read_file(files, path, limits::json_indexes_file_bytes_max);
    if (!text && text.error().code == Errc::not_found) return indexes;
    if (!text) return std::move(text).error();
    auto spoilt = [&path] {
        return error(Errc::corrupt, path +
                                        ": damaged; mend or remove it. Until then no index on "
                                        "content is made");
    };
    auto document = json::Document::parse(*text);
    if (!document || !document->root().is_object()) return spoilt();
    for (json::Member member : document->root().members()) {
        JsonIndex index{std::string(member.name), {}};
        for (json::Value one : member.value.elements()) index.paths.emplace_back(one.string());
        indexes.push_back(std::move(index));
    }
    return indexes;
}

Result<void> write_json_indexes(base::Files& files, const std::string& path,
                                const std::vector<JsonIndex>& indexes) {
    json::Writer out;
    out.begin_object();
    for (const JsonIndex& index : indexes) {
        out.name(index.name).begin_array();
        for (const std::string& one : index.paths) out.value(one);
        out.end_array();
    }
    out.end_object();
    return base::write_file_atomically(files, path, base::bytes_of(out.text() + "\n"));
}

Result<void> check_json_index(const JsonIndex& index) {
    if (!is_good_name(index.name)) {
        return error(Errc::invalid,
                     "an index needs a name of small letters, digits and _, at most " +
                         std::to_string(name_bytes_max));
    }
    if (index.paths.empty() || index.paths.size() > limits::json_index_paths_max) {
        return error(Errc::invalid, "an index needs a path, or a list of at most " +
                                        std::to_string(limits::json_index_paths_max));
    }
    for (const std::string& path : index.paths) {
        if (is_good_path(path)) continue;
        return error(Errc::invalid, "\"" + path +
                                        "\" is no path to a member of the content, like $.about, "
                                        "$.mentions[0].link, $.\"a name\" or $.items[#-1]");
    }
    return {};
}

Result<void> make_json_index(sqlite::Database& database, const JsonIndex& index) {
    std::string sql = "CREATE INDEX IF NOT EXISTS " + index.sql_name() + " ON contents(";
    for (std::size_t i = 0; i < index.paths.size(); ++i) {
        if (i > 0) sql += ',';
        sql += index.expression(i);
    }
    return database.run((sql + ")").c_str());
}

Result<void> drop_json_index(sqlite::Database& database, std::string_view name) {
    JsonIndex index{std::string(name), {}};
    return database.run(("DROP INDEX IF EXISTS " + index.sql_name()).c_str());
}

Result<void> make_json_indexes(sqlite::Database& database, const std::vector<JsonIndex>& indexes) {
    std::vector<std::string> gone;
    {
        auto row = database.prepare(
            "SELECT substr(name,6) FROM sqlite_master WHERE type='index' AND name GLOB 'json_*'");
        if (!row) return std::move(row).error();
        for (;;) {
            auto more = row->step();
            if (!more) return std::move(more).error();
            if (!*more) break;
            gone.emplace_back(row->text(0));
        }
    }
    for (const JsonIndex& index : indexes) {
        std::erase(gone, index.name);
        // What somebody wrote into the file by hand.
        if (!check_json_index(index)) continue;
        if (auto ok = make_json_index(database, index); !ok) return ok;
    }
    for (const std::string& name : gone) {
        if (!is_good_name(name)) continue;
        if (auto ok = drop_json_index(database, name); !ok) return ok;
    }
    return {};
}

}  // namespace sbot::flume
