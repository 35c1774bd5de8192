#include "bindings/node/sql.h"

#include <cmath>
#include <set>

#include "bindings/node/promises.h"

namespace sbot::node {
namespace {

constexpr std::int64_t exact_integer_max = (std::int64_t{1} << 53) - 1;

}  // namespace

Query open_query(const std::string& db, const std::string& sql) {
    sbot_flume_query* raw = nullptr;
    sbot_flume_query_open(db.c_str(), sql.c_str(), &raw);
    return Query(raw);
}

namespace {

Cell cell_of(const sbot_flume_value& value) {
    const std::string data(value.data != nullptr ? value.data : "", value.length);
    switch (value.kind) {
        case SBOT_FLUME_INTEGER: return value.integer;
        case SBOT_FLUME_REAL: return value.real;
        case SBOT_FLUME_TEXT: return data;
        case SBOT_FLUME_BYTES: return Bytes{data};
        default: return {};
    }
}

bool bind_cell(sbot_flume_query* query, int at, const Cell& cell) {
    sbot_flume_value value{};
    const std::string* data = nullptr;
    if (auto* whole = std::get_if<std::int64_t>(&cell)) {
        value.kind = SBOT_FLUME_INTEGER;
        value.integer = *whole;
    } else if (auto* real = std::get_if<double>(&cell)) {
        value.kind = SBOT_FLUME_REAL;
        value.real = *real;
    } else if ((data = std::get_if<std::string>(&cell)) != nullptr) {
        value.kind = SBOT_FLUME_TEXT;
    } else if (auto* bytes = std::get_if<Bytes>(&cell)) {
        value.kind = SBOT_FLUME_BYTES;
        data = &bytes->data;
    }
    if (data != nullptr) value.data = data->data();
    if (data != nullptr) value.length = data->size();
    return sbot_flume_query_bind(query, at, &value) == SBOT_FLUME_OK;
}

/// The value for a parameter; `names.size()` if there is none.
std::size_t find_value(const std::string& name, const Parameters& given) {
    for (std::size_t i = 0; i < given.names.size(); ++i) {
        if (given.names[i] == name || given.names[i] == name.substr(1)) return i;
    }
    return given.names.size();
}

bool bind_by_name(sbot_flume_query* query, const Parameters& given, std::string& why) {
    std::set<std::size_t> used;
    for (int at = 1; at <= sbot_flume_query_parameters(query); ++at) {
        const std::string name = sbot_flume_query_parameter_name(query, at);
        if (name.empty() || name[0] == '?') {
            why = "the query has parameters without a name: give them as a list";
            return false;
        }
        const std::size_t found = find_value(name, given);
        if (found == given.names.size()) {
            why = "the query has a parameter " + name + ", which is missing";
            return false;
        }
        used.insert(found);
        if (!bind_cell(query, at, given.values[found])) return false;
    }
    for (std::size_t i = 0; i < given.names.size(); ++i) {
        if (used.contains(i)) continue;
        why = "the query does not use the parameter \"" + given.names[i] + '"';
        return false;
    }
    return true;
}

}  // namespace

bool bind_all(sbot_flume_query* query, const Parameters& given, std::string& why) {
    if (given.by_name) return bind_by_name(query, given, why);
    const int count = sbot_flume_query_parameters(query);
    if (static_cast<std::size_t>(count) != given.values.size()) {
        why = "the query wants " + std::to_string(count) + " parameters, there are " +
              std::to_string(given.values.size());
        return false;
    }
    for (int at = 1; at <= count; ++at) {
        if (!bind_cell(query, at, given.values[static_cast<std::size_t>(at) - 1])) return false;
    }
    return true;
}

bool name_columns(sbot_flume_query* query, std::vector<std::string>& names, std::string& why) {
    std::set<std::string> seen;
    for (int i = 0; i < sbot_flume_query_columns(query); ++i) {
        names.emplace_back(sbot_flume_query_name(query, i));
        if (seen.insert(names.back()).second) continue;
        why = "two columns are called \"" + names.back() + "\": name one of them with AS";
        return false;
    }
    return true;
}

bool read_rows(sbot_flume_query* query, std::size_t rows_max, std::vector<Row>& rows) {
    const int columns = sbot_flume_query_columns(query);
    while (rows.size() < rows_max) {
        const int status = sbot_flume_query_step(query);
        if (status == SBOT_FLUME_END) break;
        if (status != SBOT_FLUME_OK) return false;
        Row row;
        for (int i = 0; i < columns; ++i) {
            sbot_flume_value value{};
            sbot_flume_query_value(query, i, &value);
            row.push_back(cell_of(value));
        }
        rows.push_back(std::move(row));
    }
    return true;
}

namespace {

bool ask(const std::string& db, const std::string& sql, const Parameters& parameters,
         std::size_t rows_max, Answer& answer, std::string& why) {
    Query query = open_query(db, sql);
    return query && bind_all(query.get(), parameters, why) &&
           name_columns(query.get(), answer.names, why) &&
           read_rows(query.get(), rows_max, answer.rows);
}

napi_value value_of(napi_env env, const Cell& cell) {
    napi_value made = nullptr;
    if (auto* whole = std::get_if<std::int64_t>(&cell)) {
        if (*whole <= exact_integer_max && *whole >= -exact_integer_max) {
            return number(env, static_cast<double>(*whole));
        }
        napi_create_bigint_int64(env, *whole, &made);
    } else if (auto* real = std::get_if<double>(&cell)) {
        return number(env, *real);
    } else if (auto* words = std::get_if<std::string>(&cell)) {
        return text(env, *words);
    } else if (auto* bytes = std::get_if<Bytes>(&cell)) {
        napi_create_buffer_copy(env, bytes->data.size(), bytes->data.data(), nullptr, &made);
    } else {
        napi_get_null(env, &made);
    }
    return made;
}

}  // namespace

napi_value rows_of(napi_env env, const std::vector<std::string>& names,
                   const std::vector<Row>& rows) {
    napi_value list = nullptr;
    napi_create_array_with_length(env, rows.size(), &list);
    for (std::uint32_t at = 0; at < rows.size(); ++at) {
        napi_value one = object(env);
        for (std::size_t i = 0; i < names.size(); ++i) {
            set(env, one, names[i].c_str(), value_of(env, rows[at][i]));
        }
        napi_set_element(env, list, at, one);
    }
    return list;
}

namespace {

/// Bytes of a Buffer or another Uint8Array.
bool bytes_of(napi_env env, napi_value value, Cell& cell) {
    bool is_array = false;
    napi_typedarray_type type = napi_int8_array;
    std::size_t length = 0;
    void* data = nullptr;
    if (napi_is_typedarray(env, value, &is_array) != napi_ok || !is_array) return false;
    napi_get_typedarray_info(env, value, &type, &length, &data, nullptr, nullptr);
    if (type != napi_uint8_array) return false;
    cell = Bytes{length == 0 ? std::string() : std::string(static_cast<char*>(data), length)};
    return true;
}

Cell cell_of(double number) {
    const bool exact = number == std::trunc(number) &&
                       std::abs(number) <= static_cast<double>(exact_integer_max) &&
                       !(number == 0 && std::signbit(number));
    if (exact) return static_cast<std::int64_t>(number);
    return number;
}

/// What SQLite has such a value for. False: it has none.
bool cell_of(napi_env env, napi_value value, Cell& cell) {
    napi_valuetype type = napi_undefined;
    napi_typeof(env, value, &type);
    switch (type) {
        case napi_null: cell = {}; return true;
        case napi_boolean: {
            bool is = false;
            napi_get_value_bool(env, value, &is);
            cell = std::int64_t{is};
            return true;
        }
        case napi_number: cell = cell_of(number_of(env, value)); return true;
        case napi_bigint: {
            std::int64_t whole = 0;
            bool exact = false;
            napi_get_value_bigint_int64(env, value, &whole, &exact);
            cell = whole;
            return exact;
        }
        case napi_string: cell = text_of(env, value); return true;
        case napi_object: return bytes_of(env, value, cell);
        default: return false;
    }
}

}  // namespace

bool parameters_of(napi_env env, napi_value given, Parameters& parameters) {
    bool is_list = false;
    napi_is_array(env, given, &is_list);
    parameters.by_name = !is_list;
    napi_value names = nullptr;
    std::uint32_t count = 0;
    if (!is_list && napi_get_property_names(env, given, &names) != napi_ok) {
        napi_throw_type_error(env, nullptr, "parameters must be a list or an object");
        return false;
    }
    napi_get_array_length(env, is_list ? given : names, &count);
    for (std::uint32_t i = 0; i < count; ++i) {
        napi_value name = nullptr, value = nullptr;
        std::string called = std::to_string(i + 1);
        if (is_list) {
            napi_get_element(env, given, i, &value);
        } else {
            napi_get_element(env, names, i, &name);
            called = text_of(env, name);
            napi_get_property(env, given, name, &value);
            parameters.names.push_back(called);
        }
        if (cell_of(env, value, parameters.values.emplace_back())) continue;
        const std::string why = "parameter " + called +
                                " must be null, a boolean, a number, a BigInt of 64 bits, a "
                                "string, or a Buffer or Uint8Array";
        napi_throw_type_error(env, nullptr, why.c_str());
        return false;
    }
    return true;
}

/// query(db, sql, parameters, rows): a list of objects.
napi_value query(napi_env env, napi_callback_info info) {
    auto given = arguments(env, info);
    Parameters parameters;
    if (!parameters_of(env, given[2], parameters)) return nullptr;
    auto answer = std::make_shared<Answer>();
    auto work = std::make_unique<Work>();
    work->execute = [answer, db = text_of(env, given[0]), sql = text_of(env, given[1]),
                     parameters = std::move(parameters),
                     rows_max =
                         static_cast<std::size_t>(number_of(env, given[3]))](std::string& why) {
        return ask(db, sql, parameters, rows_max, *answer, why);
    };
    work->result = [answer](napi_env its) { return rows_of(its, answer->names, answer->rows); };
    return promise(env, std::move(work));
}
}  // namespace sbot::node
