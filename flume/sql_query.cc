#include "flume/sql_query.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/base64.h"
#include "base/limits.h"
#include "base/utf.h"

namespace sbot::flume {
namespace {

// Beyond it, a double no longer tells two integers apart.
constexpr std::int64_t exact_integer_max = (std::int64_t{1} << 53) - 1;

bool is_exact(double number) {
    return number == std::trunc(number) &&
           std::abs(number) <= static_cast<double>(exact_integer_max);
}

void append_text(std::string& out, std::string_view text) {
    if (base::is_utf8(text)) {
        json::append_string(out, text);
    } else {
        json::append_string(out, base::to_utf8(base::bytes_of(text)));
    }
}

/// Bytes as they are written into JSON, and read from it.
constexpr std::string_view bytes_member = "base64";

bool is_bytes(json::Value value) { return value.size() == 1 && value[bytes_member].is_string(); }

Error too_long() {
    return error(Errc::limit, "params: a value may have " +
                                  std::to_string(limits::sql_value_bytes_max) + " bytes");
}

/// Whether a word, or part of one, is in an SQL text, where capitals do not matter.
bool mentions(std::string_view sql, std::string_view word) {
    auto same = [](char a, char b) { return (a | 0x20) == b; };
    return std::search(sql.begin(), sql.end(), word.begin(), word.end(), same) != sql.end();
}

}  // namespace

SqlQuery::SqlQuery(sqlite::Database database, std::shared_ptr<const Brake> brake,
                   std::string_view sql)
    : database_(std::move(database)),
      brake_(std::move(brake)),
      fence_(database_, brake_,
             [this, names = mentions(sql, "names"), with = mentions(sql, "with")](
                 std::string_view table, std::string_view column, std::string_view inside) {
                 // Views only look names up, which are as old as the rows that lead to them.
                 if (table == "names" && !names) return;
                 // The query may have tables of its own, called like views of ours.
                 reads_ |= parts_read(table, column, with ? std::string_view() : inside);
             }) {}

Result<std::unique_ptr<SqlQuery>> SqlQuery::prepare(const std::string& path, std::string_view sql,
                                                    std::shared_ptr<const Brake> brake) {
    sqlite::Database::Options how;
    how.read_only = true;
    how.cache_bytes = limits::sql_cache_bytes;
    how.sort_in_files = true;
    auto database = sqlite::Database::open(path, how);
    if (!database) return std::move(database).error();
    std::unique_ptr<SqlQuery> query(new SqlQuery(std::move(*database), std::move(brake), sql));
    auto statement = query->fence_.prepare(sql);
    if (!statement) return query->explained(std::move(statement).error());
    query->statement_ = std::move(*statement);
    for (int i = 0; i < query->statement_.columns(); ++i) {
        query->columns_.emplace_back(query->statement_.column_name(i));
        std::string& name = query->names_.emplace_back();
        append_text(name, query->columns_.back());
        name += ':';
    }
    return query;
}

Result<void> SqlQuery::bind(json::Value params) {
    const int count = statement_.parameters();
    if (params.is_array()) {
        if (params.size() != static_cast<std::size_t>(count)) {
            return error(Errc::invalid, "params has " + std::to_string(params.size()) +
                                            " values, the query wants " + std::to_string(count));
        }
        int at = 0;
        for (json::Value value : params.elements()) {
            if (auto ok = bind_one(++at, value); !ok) return ok;
        }
        return {};
    }
    if (params.exists() && !params.is_null() && !params.is_object()) {
        return error(Errc::invalid, "params must be a list or an object");
    }
    std::size_t used = 0;
    for (int at = 1; at <= count; ++at) {
        std::string_view name = statement_.parameter_name(at);
        if (name.empty() || name[0] == '?') {
            return error(Errc::invalid,
                         "the query has parameters without a name: give params as a "
                         "list, or call them :name");
        }
        json::Value value = params[name.substr(1)];
        if (!value.exists()) {
            return error(Errc::invalid, "the query has a parameter " + std::string(name) +
                                            " that is not in params");
        }
        if (auto ok = bind_one(at, value); !ok) return ok;
        ++used;
    }
    if (used < params.size()) {
        for (json::Member member : params.members()) {
            bool found = false;
            for (int at = 1; at <= count; ++at) {
                found = found || statement_.parameter_name(at).substr(1) == member.name;
            }
            if (!found) {
                return error(Errc::invalid, "params has \"" + std::string(member.name) +
                                                "\", which the query does not use");
            }
        }
    }
    return {};
}

Result<void> SqlQuery::bind_one(int at, json::Value value) {
    switch (value.kind()) {
        case json::Kind::absent:
        case json::Kind::null: statement_.bind_null(at); return {};
        case json::Kind::boolean:
            statement_.bind(at, static_cast<std::int64_t>(value.is_true()));
            return {};
        case json::Kind::number:
            if (is_exact(value.number())) {
                statement_.bind(at, static_cast<std::int64_t>(value.number()));
            } else {
                statement_.bind(at, value.number());
            }
            return {};
        case json::Kind::string:
            bound_.push_back(base::to_utf8(base::bytes_of(value.string())));
            break;
        case json::Kind::array:
        case json::Kind::object: {
            if (!is_bytes(value)) {
                bound_.push_back(json::compact(value));
                break;
            }
            auto bytes = base::from_base64(value[bytes_member].string());
            if (!bytes) return error(Errc::invalid, "params: {\"base64\": …} is no base64");
            bound_.emplace_back(base::text_of(*bytes));
            if (bound_.back().size() > limits::sql_value_bytes_max) return too_long();
            statement_.bind(at, base::bytes_of(bound_.back()));
            return {};
        }
    }
    if (bound_.back().size() > limits::sql_value_bytes_max) return too_long();
    statement_.bind(at, std::string_view(bound_.back()));
    return {};
}

Result<bool> SqlQuery::step() {
    auto more = statement_.step();
    if (!more) return explained(std::move(more).error());
    return more;
}

/// SQLite's words, or better ones.
Error SqlQuery::explained(Error why) const {
    if (why.code == Errc::cancelled && brake_->late()) {
        return error(Errc::timeout,
                     "the query took too long and was stopped: ask for less, let it use an index "
                     "(EXPLAIN QUERY PLAN says which it uses), or give it more time with timeout");
    }
    if (why.code == Errc::cancelled && fence_.was_too_big()) {
        return error(Errc::limit,
                     "the query was stopped, SQLite's memory is used up: ask for fewer or smaller "
                     "values at once");
    }
    if (why.code == Errc::limit && fence_.had_too_many_words()) {
        return error(Errc::limit,
                     "too many words in a full text query, or too many places of them in one text "
                     "to make a snippet of: search for fewer");
    }
    return why;
}

void SqlQuery::append_cell(std::string& out, std::size_t column) const {
    using Kind = sqlite::Statement::Kind;
    const int at = static_cast<int>(column);
    switch (statement_.kind(at)) {
        case Kind::null: out += "null"; return;
        case Kind::integer: {
            const std::int64_t number = statement_.integer(at);
            const bool exact = number <= exact_integer_max && number >= -exact_integer_max;
            const std::string digits = std::to_string(number);
            out += exact ? digits : '"' + digits + '"';
            return;
        }
        case Kind::real: {
            const double number = statement_.real(at);
            if (std::isfinite(number)) {
                json::append_number(out, number);
            } else {
                out += number > 0 ? "\"Infinity\"" : "\"-Infinity\"";
            }
            return;
        }
        case Kind::text: append_text(out, statement_.text(at)); return;
        case Kind::bytes:
            out += "{\"base64\":\"" + base::to_base64(statement_.bytes(at)) + "\"}";
            return;
    }
}

Result<std::string> SqlQuery::row(bool as_list) const {
    std::string out(1, as_list ? '[' : '{');
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        if (i > 0) out += ',';
        if (!as_list) out += names_[i];
        append_cell(out, i);
        if (out.size() > limits::sql_row_bytes_max) {
            return error(Errc::limit, "a row of the answer has more than " +
                                          std::to_string(limits::sql_row_bytes_max) + " bytes");
        }
    }
    out += as_list ? ']' : '}';
    return out;
}

}  // namespace sbot::flume
