#pragma once

#include <map>
#include <memory>
#include <string>

struct sqlite3;
struct sqlite3_context;
struct sqlite3_stmt;
struct sqlite3_value;

namespace sbot::flume::sqlite {

class Brake;

/// SQLite looks around between its instructions, and a function call is one of them. These take the
/// place of those functions of its own whose cost is a product of lengths, or has no bound at all,
/// and of those that recurse on what they are given: the same results, but linear (`instr`,
/// `replace`), looking at the brake (`trim` and its like), or refused beforehand where they would
/// cost too much (`printf`, and JSON functions with large or many arguments).
class BoundedFunctions {
 public:
    /// On this connection from now on; what uses them must not outlive this.
    BoundedFunctions(sqlite3* connection, const Brake& brake);
    ~BoundedFunctions();
    BoundedFunctions(const BoundedFunctions&) = delete;
    BoundedFunctions& operator=(const BoundedFunctions&) = delete;

    const Brake& brake() const { return brake_; }
    /// What SQLite's own function gives, by another connection, which has no other.
    void original(sqlite3_context* context, const char* name, int count, sqlite3_value** values);

 private:
    struct Close {
        void operator()(sqlite3* connection) const;
    };
    struct Finalize {
        void operator()(sqlite3_stmt* statement) const;
    };

    sqlite3_stmt* statement(const std::string& sql);

    const Brake& brake_;
    std::unique_ptr<sqlite3, Close> plain_;  // opened when it is needed
    std::map<std::string, std::unique_ptr<sqlite3_stmt, Finalize>> statements_;
};

}  // namespace sbot::flume::sqlite
