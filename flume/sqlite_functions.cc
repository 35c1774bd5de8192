#include "flume/sqlite_functions.h"

#include <sqlite3.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "flume/sqlite_fence.h"

namespace sbot::flume::sqlite {
namespace {

// What one call may cost, each some tens of milliseconds: characters that printf fills up with;
// bytes of arguments; bytes that are looked through, arguments times bytes; members compared with
// members, as bytes times bytes.
constexpr std::size_t fill_max = 1000000;
constexpr std::size_t arguments_bytes_max = std::size_t{4} << 20;
constexpr std::size_t json_work_max = std::size_t{8} << 20;
constexpr std::size_t patch_work_max = std::size_t{1} << 30;
// SQLite recurses on a path it has to make.
constexpr std::size_t json_path_bytes_max = 1000;
// With fewer arguments, these functions cost no more than what they are given.
constexpr int many_arguments = 9;
constexpr int arguments_max = 127;
constexpr int compares_between_looks = 10000;
constexpr std::size_t statements_kept_max = 32;
constexpr unsigned json_subtype = 'J';
#ifdef SQLITE_RESULT_SUBTYPE
constexpr int function_flags =
    SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS | SQLITE_SUBTYPE | SQLITE_RESULT_SUBTYPE;
#else
constexpr int function_flags =
    SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS | SQLITE_SUBTYPE;
#endif

BoundedFunctions& self_of(sqlite3_context* context) {
    return *static_cast<BoundedFunctions*>(sqlite3_user_data(context));
}

bool is_null(sqlite3_value* value) { return sqlite3_value_type(value) == SQLITE_NULL; }
std::size_t bytes_of(sqlite3_value* value) {
    const int type = sqlite3_value_type(value);
    if (type != SQLITE_TEXT && type != SQLITE_BLOB) return 0;
    return static_cast<std::size_t>(sqlite3_value_bytes(value));
}
/// As text; without data where SQLite has none.
std::string_view text_of(sqlite3_value* value) {
    const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(value));
    if (text == nullptr) return {};
    return {text, static_cast<std::size_t>(sqlite3_value_bytes(value))};
}
std::string_view blob_of(sqlite3_value* value) {
    const auto* data = static_cast<const char*>(sqlite3_value_blob(value));
    return {data == nullptr ? "" : data, static_cast<std::size_t>(sqlite3_value_bytes(value))};
}

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

/// Linear, which std::string_view::find is not.
std::size_t place_of(std::string_view in, std::string_view what, std::size_t from) {
    const void* found = memmem(in.data() + from, in.size() - from, what.data(), what.size());
    if (found == nullptr) return in.npos;
    return static_cast<std::size_t>(static_cast<const char*>(found) - in.data());
}

void refuse(sqlite3_context* context, const std::string& why) {
    sqlite3_result_error(context, why.c_str(), -1);
    sqlite3_result_error_code(context, SQLITE_TOOBIG);
}

// --- instr and replace

struct FreeValue {
    void operator()(sqlite3_value* value) const { sqlite3_value_free(value); }
};
using Copy = std::unique_ptr<sqlite3_value, FreeValue>;

/// From 1, in characters of text; 0: nowhere. A character is found where it begins, or at the
/// beginning, as SQLite does.
int place_in_text(std::string_view in, std::string_view what) {
    std::size_t at = 0;
    if (continues(what[0])) {
        if (in.substr(0, what.size()) != what) return 0;
    } else if ((at = place_of(in, what, 0)) == in.npos) {
        return 0;
    }
    if (at == 0) return 1;
    auto begins = [](char c) { return !continues(c); };
    return 1 + static_cast<int>(std::count_if(in.begin() + 1, in.begin() + at + 1, begins));
}

void instr(sqlite3_context* context, int, sqlite3_value** values) {
    if (is_null(values[0]) || is_null(values[1])) return;
    const bool blobs = sqlite3_value_type(values[0]) == SQLITE_BLOB &&
                       sqlite3_value_type(values[1]) == SQLITE_BLOB;
    // To ask for its text makes a text of a blob, for all who have the value.
    const Copy copies[] = {Copy(sqlite3_value_dup(values[0])), Copy(sqlite3_value_dup(values[1]))};
    if (!copies[0] || !copies[1]) return sqlite3_result_error_nomem(context);
    const auto read = blobs ? &blob_of : &text_of;
    const std::string_view in = read(copies[0].get()), what = read(copies[1].get());
    int place = 1;
    if (blobs && !what.empty()) {
        const std::size_t at = place_of(in, what, 0);
        place = at == in.npos ? 0 : static_cast<int>(at) + 1;
    } else if (!what.empty()) {
        place = place_in_text(in, what);
    }
    sqlite3_result_int(context, place);
}

void replace(sqlite3_context* context, int, sqlite3_value** values) {
    const std::string_view in = text_of(values[0]);
    if (in.data() == nullptr) return;
    const std::string_view what = text_of(values[1]);
    if (what.data() == nullptr) return;
    if (what.empty() || what[0] == '\0') {
        sqlite3_result_value(context, values[0]);
        return;
    }
    const std::string_view by = text_of(values[2]);
    if (by.data() == nullptr) return;
    const auto limit = static_cast<std::size_t>(
        sqlite3_limit(sqlite3_context_db_handle(context), SQLITE_LIMIT_LENGTH, -1));
    std::string out;
    for (std::size_t from = 0;;) {
        const std::size_t at = place_of(in, what, from);
        out += in.substr(from, at == in.npos ? in.npos : at - from);
        if (out.size() > limit) return sqlite3_result_error_toobig(context);
        if (at == in.npos) break;
        out += by;
        from = at + what.size();
    }
    sqlite3_result_text64(context, out.data(), out.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}

// --- trim, ltrim, rtrim

/// The characters of a set, up to a zero byte.
std::vector<std::string_view> characters_of(std::string_view set) {
    set = set.substr(0, set.find('\0'));
    std::vector<std::string_view> characters;
    for (std::size_t at = 0; at < set.size();) {
        std::size_t end = at + 1;
        if (static_cast<unsigned char>(set[at]) >= 0xc0) {
            while (end < set.size() && continues(set[end])) ++end;
        }
        characters.push_back(set.substr(at, end - at));
        at = end;
    }
    return characters;
}

/// Takes characters away at one end, as long as they are in the set. False: the brake was pulled.
class Trimmer {
 public:
    Trimmer(std::vector<std::string_view> set, const Brake& brake)
        : set_(std::move(set)), brake_(brake) {}

    bool trim(std::string_view& text, bool front) {
        while (!text.empty()) {
            std::size_t taken = 0;
            for (std::string_view each : set_) {
                if (++compares_ % compares_between_looks == 0 && brake_.over()) return false;
                if (front ? text.starts_with(each) : text.ends_with(each)) {
                    taken = each.size();
                    break;
                }
            }
            if (taken == 0) break;
            if (front) text.remove_prefix(taken);
            if (!front) text.remove_suffix(taken);
        }
        return true;
    }

 private:
    const std::vector<std::string_view> set_;
    const Brake& brake_;
    int compares_ = 0;
};

template <bool left, bool right>
void trim(sqlite3_context* context, int count, sqlite3_value** values) {
    if (is_null(values[0])) return;
    std::string_view text = text_of(values[0]);
    const std::string_view set = count > 1 ? text_of(values[1]) : std::string_view(" ");
    if (text.data() == nullptr || set.data() == nullptr) return;
    Trimmer trimmer(characters_of(set), self_of(context).brake());
    if ((left && !trimmer.trim(text, true)) || (right && !trimmer.trim(text, false))) {
        return sqlite3_result_error_code(context, SQLITE_INTERRUPT);
    }
    sqlite3_result_text64(context, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}

// --- what is looked at, and then left to SQLite

/// What is wrong with a format; empty if nothing.
std::string wrong_format(std::string_view format) {
    std::size_t all = 0;
    for (std::size_t at = format.find('%'); at < format.size(); at = format.find('%', at)) {
        std::size_t number = 0;
        for (++at; at < format.size(); ++at) {
            const char c = format[at];
            if (c == '*') return "printf(): no * in a format: write the number itself";
            const bool digit = c >= '0' && c <= '9';
            if (digit) number = std::min(number * 10 + static_cast<std::size_t>(c - '0'), fill_max);
            if (digit) continue;
            all += std::exchange(number, 0);
            if (std::string_view("-+ #!,l.").find(c) == std::string_view::npos) break;
        }
        all += number;
        if (at < format.size()) ++at;
        if (all >= fill_max) {
            return "printf(): the widths and precisions of a format must be below " +
                   std::to_string(fill_max) + " together";
        }
    }
    return {};
}

std::size_t bytes_of_all(int count, sqlite3_value** values) {
    std::size_t bytes = 0;
    for (int i = 0; i < count; ++i) bytes += bytes_of(values[i]);
    return bytes;
}

bool too_much(sqlite3_context* context, const char* name, std::size_t work, std::size_t max) {
    if (work <= max) return false;
    refuse(context, std::string(name) + "(): too much work for one call: give it less");
    return true;
}

void print(sqlite3_context* context, int count, sqlite3_value** values) {
    const std::string wrong = count == 0 ? std::string() : wrong_format(text_of(values[0]));
    if (!wrong.empty()) return refuse(context, wrong);
    if (too_much(context, "printf", bytes_of_all(count, values), arguments_bytes_max)) return;
    self_of(context).original(context, "printf", count, values);
}

void json_patch(sqlite3_context* context, int count, sqlite3_value** values) {
    const std::size_t work = bytes_of(values[0]) * bytes_of(values[1]);
    if (too_much(context, "json_patch", work, patch_work_max)) return;
    self_of(context).original(context, "json_patch", count, values);
}

/// A function of a document and of paths, each followed by `values` values.
void with_paths(sqlite3_context* context, const char* name, int count, sqlite3_value** values,
                int values_each) {
    if (count > 0) {
        const std::size_t work = bytes_of(values[0]) * static_cast<std::size_t>(count);
        if (too_much(context, name, work, json_work_max)) return;
    }
    if (too_much(context, name, bytes_of_all(count, values), arguments_bytes_max)) return;
    for (int i = 1; i < count; i += 1 + values_each) {
        if (too_much(context, name, bytes_of(values[i]), json_path_bytes_max)) return;
    }
    self_of(context).original(context, name, count, values);
}

constexpr char json_set_name[] = "json_set", json_insert_name[] = "json_insert",
               json_replace_name[] = "json_replace", json_remove_name[] = "json_remove",
               json_extract_name[] = "json_extract", json_array_name[] = "json_array",
               json_object_name[] = "json_object";

template <const char* name, int values_each>
void json_at_paths(sqlite3_context* context, int count, sqlite3_value** values) {
    with_paths(context, name, count, values, values_each);
}

template <const char* name>
void json_of_many(sqlite3_context* context, int count, sqlite3_value** values) {
    if (too_much(context, name, bytes_of_all(count, values), arguments_bytes_max)) return;
    self_of(context).original(context, name, count, values);
}

using Function = void (*)(sqlite3_context*, int, sqlite3_value**);

struct Named {
    const char* name;
    int count;  // of arguments, -1: any
    Function function;
};

constexpr Named replaced[] = {
    {"instr", 2, &instr},
    {"replace", 3, &replace},
    {"trim", 1, &trim<true, true>},
    {"trim", 2, &trim<true, true>},
    {"ltrim", 1, &trim<true, false>},
    {"ltrim", 2, &trim<true, false>},
    {"rtrim", 1, &trim<false, true>},
    {"rtrim", 2, &trim<false, true>},
    {"printf", -1, &print},
    {"format", -1, &print},
    {"json_patch", 2, &json_patch},
    {json_set_name, -1, &json_at_paths<json_set_name, 1>},
    {json_insert_name, -1, &json_at_paths<json_insert_name, 1>},
    {json_replace_name, -1, &json_at_paths<json_replace_name, 1>},
    {json_remove_name, -1, &json_at_paths<json_remove_name, 0>},
};

/// With few arguments they stay SQLite's: indexes are made with them.
constexpr Named replaced_with_many[] = {
    {json_extract_name, many_arguments, &json_at_paths<json_extract_name, 0>},
    {json_array_name, many_arguments, &json_of_many<json_array_name>},
    {json_object_name, many_arguments, &json_of_many<json_object_name>},
};

}  // namespace

void BoundedFunctions::Close::operator()(sqlite3* connection) const { sqlite3_close(connection); }
void BoundedFunctions::Finalize::operator()(sqlite3_stmt* made) const { sqlite3_finalize(made); }

BoundedFunctions::BoundedFunctions(sqlite3* connection, const Brake& brake) : brake_(brake) {
    auto take = [&](const Named& each, int count) {
        sqlite3_create_function_v2(connection, each.name, count, function_flags, this,
                                   each.function, nullptr, nullptr, nullptr);
    };
    for (const Named& each : replaced) take(each, each.count);
    for (const Named& each : replaced_with_many) {
        for (int count = each.count; count <= arguments_max; ++count) take(each, count);
    }
}

BoundedFunctions::~BoundedFunctions() = default;

sqlite3_stmt* BoundedFunctions::statement(const std::string& sql) {
    auto found = statements_.find(sql);
    if (found != statements_.end()) return found->second.get();
    if (!plain_) {
        sqlite3* raw = nullptr;
        const int result =
            sqlite3_open_v2(":memory:", &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
        plain_.reset(raw);
        if (result != SQLITE_OK) return nullptr;
        sqlite3_limit(raw, SQLITE_LIMIT_LENGTH, static_cast<int>(limits::sql_value_bytes_max));
    }
    sqlite3_stmt* raw = nullptr;
    sqlite3_prepare_v3(plain_.get(), sql.c_str(), -1, 0, &raw, nullptr);
    if (raw == nullptr) return nullptr;
    if (statements_.size() == statements_kept_max) statements_.clear();
    statements_[sql].reset(raw);
    return raw;
}

void BoundedFunctions::original(sqlite3_context* context, const char* name, int count,
                                sqlite3_value** values) {
    std::string sql = std::string("SELECT ") + name + '(';
    for (int i = 0; i < count; ++i) {
        // That a text is JSON is known of values, not of parameters.
        const bool is_json = sqlite3_value_subtype(values[i]) == json_subtype;
        sql += std::string(i > 0 ? "," : "") + (is_json ? "json(?)" : "?");
    }
    sql += ')';
    sqlite3_stmt* made = statement(sql);
    if (made == nullptr) {
        const char* why = plain_ ? sqlite3_errmsg(plain_.get()) : "out of memory";
        return sqlite3_result_error(context, why, -1);
    }
    int result = SQLITE_OK;
    for (int i = 0; i < count && result == SQLITE_OK; ++i) {
        result = sqlite3_bind_value(made, i + 1, values[i]);
    }
    if (result == SQLITE_OK) result = sqlite3_step(made);
    if (result == SQLITE_ROW) {
        sqlite3_result_value(context, sqlite3_column_value(made, 0));
        const bool is_json = std::string_view(name).starts_with("json");
        if (is_json && sqlite3_column_type(made, 0) == SQLITE_TEXT) {
            sqlite3_result_subtype(context, json_subtype);
        }
    } else {
        sqlite3_result_error(context, sqlite3_errmsg(plain_.get()), -1);
        sqlite3_result_error_code(context, result & 0xff);
    }
    sqlite3_reset(made);
    sqlite3_clear_bindings(made);
}

}  // namespace sbot::flume::sqlite
