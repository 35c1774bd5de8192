#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace sbot::base {

/// A JavaScript value that owns its parts and can be changed: configuration, options of a command.
/// A value type, at most `limits::tree_depth_max` levels deep. (For what peers send there is
/// json::Value, which is read only and cheaper.)
///
/// Members of an object come in JavaScript's order: names that are indices first, ascending, then
/// the rest as they were added. `__proto__` is never a member, as in the libraries this follows.
class Tree {
 public:
    enum class Kind : std::uint8_t { null, boolean, number, text, list, object };
    struct Member;
    using List = std::vector<Tree>;
    using Object = std::vector<Member>;

    Tree() = default;
    Tree(bool truth);             // NOLINT: implicit, as in JavaScript
    Tree(double number);          // NOLINT
    Tree(int number);             // NOLINT
    Tree(std::string text);       // NOLINT
    Tree(std::string_view text);  // NOLINT
    Tree(const char* text);       // NOLINT
    Tree(List items);             // NOLINT
    static Tree object();

    /// A copy of parsed JSON; an absent value is null. Errors: `limit` where it is too deep.
    static Result<Tree> from(json::Value value);

    Kind kind() const { return static_cast<Kind>(held_.index()); }
    bool is_null() const { return kind() == Kind::null; }
    bool is_boolean() const { return kind() == Kind::boolean; }
    bool is_number() const { return kind() == Kind::number; }
    bool is_text() const { return kind() == Kind::text; }
    bool is_list() const { return kind() == Kind::list; }
    bool is_object() const { return kind() == Kind::object; }
    bool is_true() const { return is_boolean() && std::get<bool>(held_); }
    bool is_false() const { return is_boolean() && !std::get<bool>(held_); }
    /// What an `if` in JavaScript makes of it.
    bool truthy() const;

    double number(double otherwise = 0) const;
    /// Empty where this is no text (no list, no object).
    const std::string& text() const;
    const List& items() const;
    const Object& members() const;

    /// A member by name; null (not to be changed) where there is none or this is no object.
    const Tree* find(std::string_view name) const;
    Tree* find(std::string_view name);
    /// The same for reading on: a null tree where there is none.
    const Tree& operator[](std::string_view name) const;
    /// By names with dots between them, `friends.hops`.
    const Tree& at(std::string_view path) const;

    /// Makes this an object if it is none. A known name keeps its place.
    void set(std::string_view name, Tree value);
    void remove(std::string_view name);
    /// By names with dots between them. What is no object on the way is replaced by one. Errors:
    /// `limit` where the path is too deep.
    Result<void> set_at(std::string_view path, Tree value);
    /// Makes this a list if it is none.
    void push(Tree item);

    /// Puts `over` on top: objects member by member at all levels, all else (lists too) replaced.
    /// Nothing happens unless both are objects.
    void merge(const Tree& over);

    /// `JSON.stringify(x)`, and with an indent of two blanks.
    std::string to_json() const;
    std::string to_pretty_json() const;

    bool operator==(const Tree& other) const;

 private:
    explicit Tree(Object members);

    std::variant<std::monostate, bool, double, std::string, List, Object> held_;
};

struct Tree::Member {
    std::string name;
    Tree value;

    bool operator==(const Member&) const = default;
};

// Here, where `Member` is complete.
inline Tree::Tree(bool truth) : held_(truth) {}
inline Tree::Tree(double number) : held_(number) {}
inline Tree::Tree(int number) : held_(static_cast<double>(number)) {}
inline Tree::Tree(std::string text) : held_(std::move(text)) {}
inline Tree::Tree(std::string_view text) : held_(std::string(text)) {}
inline Tree::Tree(const char* text) : held_(std::string(text)) {}
inline Tree::Tree(List items) : held_(std::move(items)) {}
inline Tree::Tree(Object members) : held_(std::move(members)) {}
inline Tree Tree::object() { return Tree(Object()); }

/// The names of a dotted path; always one at least.
std::vector<std::string> split_path(std::string_view path);

}  // namespace sbot::base
