#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/result.h"

/// JSON as V8 reads and writes it: `JSON.parse` and `JSON.stringify`, to the byte.
///
/// Made for bytes that a stranger sent: no recursion, bounded depth, errors as values. Protocol
/// source: ECMA-262, "The JSON Object" and "Number::toString".
///
/// Text inside is UTF-8 in which an unpaired surrogate, which JSON can spell as an escape, takes
/// the three bytes its code would have (WTF-8). It is written out as an escape again, so it never
/// leaves as such.
namespace sbot::json {

enum class Kind : std::uint8_t { absent, null, boolean, number, string, array, object };

class Document;
class Members;
class Elements;

/// A value inside a `Document`, which must outlive it. Small, copied freely. A default-made one is
/// "absent", JavaScript's undefined: what asking for a member that is not there gives.
class Value {
 public:
    Value() = default;

    Kind kind() const;
    bool exists() const { return document_ != nullptr; }
    bool is_null() const { return kind() == Kind::null; }
    bool is_boolean() const { return kind() == Kind::boolean; }
    bool is_number() const { return kind() == Kind::number; }
    bool is_string() const { return kind() == Kind::string; }
    bool is_array() const { return kind() == Kind::array; }
    bool is_object() const { return kind() == Kind::object; }
    /// Exactly the boolean true.
    bool is_true() const;
    bool is_false() const;
    /// A string equal to `text`.
    bool is(std::string_view text) const { return is_string() && string() == text; }
    /// What an `if` in JavaScript makes of it: absent, null, false, 0 and "" are falsy.
    bool truthy() const;

    /// The number, or `otherwise` where it is none.
    double number(double otherwise = 0) const;
    /// The text, or an empty one where it is no string. Lives as long as the document.
    std::string_view string() const;

    /// Elements of an array or members of an object, 0 for the rest.
    std::size_t size() const;
    /// A member by name (absent if there is none, or this is no object). Linear.
    Value operator[](std::string_view name) const;
    /// An element by index (absent past the end). Linear.
    Value at(std::size_t index) const;
    /// In JavaScript's order: integer-like names first, ascending; a repeated name has its last
    /// value at the place of its first. Empty where this is no object.
    Members members() const;
    Elements elements() const;

    /// The characters this value was read from, as they came.
    std::string_view source() const;

 private:
    friend class Document;
    friend class Members;
    friend class Elements;
    Value(const Document* document, std::uint32_t index) : document_(document), index_(index) {}

    const Document* document_ = nullptr;
    std::uint32_t index_ = 0;
};

struct Member {
    std::string_view name;
    Value value;
};

/// A parsed text. Values borrow from it; it can be moved (values then point at the old place and
/// must be asked for again) and used again for another text without new allocations.
class Document {
 public:
    Document() = default;
    Document(const Document&) = delete;
    Document& operator=(const Document&) = delete;
    Document(Document&&) = default;
    Document& operator=(Document&&) = default;

    /// Parses and keeps a copy of the text. Malformed UTF-8 becomes U+FFFD first, one for each
    /// maximal bad part. Errors: `invalid`, with the position; `limit` for nesting over
    /// `depth_max`.
    static Result<Document> parse(std::string_view text,
                                  std::size_t depth_max = limits::json_depth_max);
    static Result<Document> parse(ByteView text, std::size_t depth_max = limits::json_depth_max);

    /// The same without the copy: `text` must outlive the document and its values. Replaces what
    /// this document held.
    Result<void> parse_borrowed(std::string_view text,
                                std::size_t depth_max = limits::json_depth_max);

    /// The top-level value; absent before the first parse.
    Value root() const { return nodes_.empty() ? Value() : Value(this, 0); }

 private:
    friend class Value;
    friend class Members;
    friend class Elements;
    friend class Parser;

    /// One value. Children of an array are linked by `next`; children of an object are name nodes
    /// linked by `next`, each with its value right behind it in the list. Index 0 ends a chain: the
    /// root is nobody's child.
    struct Node {
        Kind kind = Kind::absent;
        bool flag = false;                 // boolean's value; for strings: text lies in `decoded_`
        std::uint32_t next = 0;            // next sibling
        std::uint32_t begin = 0, end = 0;  // in the source
        struct Text {
            std::uint32_t offset, length;
        };
        struct Children {
            std::uint32_t first, count;
        };
        union {
            double number;
            Text text;
            Children children;
        };
        Node() : number(0) {}
    };

    std::string_view text_of(const Node& node) const;

    std::string_view source_;
    std::unique_ptr<char[]> owned_;
    std::string decoded_;  // strings that held escapes
    std::vector<Node> nodes_;
};

/// For `for (json::Member m : value.members())`.
class Members {
 public:
    class Iterator {
     public:
        Iterator(const Document* document, std::uint32_t index)
            : document_(document), index_(index) {}
        Member operator*() const;
        Iterator& operator++();
        bool operator!=(const Iterator& other) const { return index_ != other.index_; }

     private:
        const Document* document_;
        std::uint32_t index_;
    };
    Members(const Document* document, std::uint32_t first) : document_(document), first_(first) {}
    Iterator begin() const { return {document_, first_}; }
    Iterator end() const { return {document_, 0}; }

 private:
    const Document* document_;
    std::uint32_t first_;
};

/// For `for (json::Value v : value.elements())`.
class Elements {
 public:
    class Iterator {
     public:
        Iterator(const Document* document, std::uint32_t index)
            : document_(document), index_(index) {}
        Value operator*() const { return {document_, index_}; }
        Iterator& operator++();
        bool operator!=(const Iterator& other) const { return index_ != other.index_; }

     private:
        const Document* document_;
        std::uint32_t index_;
    };
    Elements(const Document* document, std::uint32_t first) : document_(document), first_(first) {}
    Iterator begin() const { return {document_, first_}; }
    Iterator end() const { return {document_, 0}; }

 private:
    const Document* document_;
    std::uint32_t first_;
};

/// Whether `Document::parse` would read it. Several times as fast.
bool well_formed(std::string_view text);

/// `JSON.stringify(value)`; an absent value is written as `null`.
void append_compact(std::string& out, Value value);
std::string compact(Value value);

/// `JSON.stringify(value, null, 2)`. Stops and gives false once `out` would grow by more than
/// `bytes_max`: indentation makes the text of a deep value much larger than its source.
bool append_pretty(std::string& out, Value value, std::size_t bytes_max = SIZE_MAX);

/// One string with quotes and escapes, one number, as V8 writes them.
void append_string(std::string& out, std::string_view text);
void append_number(std::string& out, double number);

/// Writes compact JSON piece by piece, commas by itself.
///
///     Writer w;
///     w.begin_object().member("id", id).name("list").begin_array().value(1.0).end_array();
///     w.end_object();
class Writer {
 public:
    Writer& begin_object() { return open('{'); }
    Writer& end_object() { return close('}'); }
    Writer& begin_array() { return open('['); }
    Writer& end_array() { return close(']'); }
    Writer& name(std::string_view name);
    Writer& value(std::string_view text);
    Writer& value(const char* text) { return value(std::string_view(text)); }
    Writer& value(double number);
    Writer& value(bool truth);
    Writer& value(Value copied);
    Writer& null();
    /// JSON text put in as it is.
    Writer& raw(std::string_view json);
    template <typename T>
    Writer& member(std::string_view key, T&& what) {
        return name(key).value(std::forward<T>(what));
    }

    const std::string& text() const& { return out_; }
    std::string text() && { return std::move(out_); }

 private:
    Writer& open(char bracket);
    Writer& close(char bracket);
    void separate();

    std::string out_;
    bool comma_ = false;
};

}  // namespace sbot::json
