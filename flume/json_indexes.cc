#include "flume/json_indexes.h"

#include <algorithm>
#include <utility>

#include "base/json.h"
#include "base/limits.h"

namespace sbot::flume {
namespace {

constexpr std::size_t name_bytes_max = 40;

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

Result<void> check_json_index(sqlite::Database& database, const JsonIndex& index) {
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
        auto wrong = error(Errc::invalid, "\"" + path +
                                              "\" is no path to a member of the content, like "
                                              "$.about or $.mentions[0].link");
        if (path.size() < 2 || path.size() > limits::json_index_path_bytes_max) return wrong;
        if (path[0] != '$' || path.find('\0') != path.npos) return wrong;
        auto tried = database.prepare("SELECT json_extract('{}',?)");
        if (!tried) return std::move(tried).error();
        if (!tried->bind(1, std::string_view(path)).step()) return wrong;
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
        if (!check_json_index(database, index)) continue;
        if (auto ok = make_json_index(database, index); !ok) return ok;
    }
    for (const std::string& name : gone) {
        if (!is_good_name(name)) continue;
        if (auto ok = drop_json_index(database, name); !ok) return ok;
    }
    return {};
}

}  // namespace sbot::flume
