#include "base/json.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "base/byte_scan.h"
#include "base/letters.h"
#include "base/utf.h"

namespace sbot::json {
namespace {

namespace scan = base::scan;
using base::is_digit;

constexpr std::uint32_t no_index_key = std::numeric_limits<std::uint32_t>::max();
// Node lists and source positions are 32 bit.
constexpr std::size_t source_bytes_max = std::size_t{1} << 31;
// Up to here a plain comparison of all names beats a table.
constexpr std::size_t names_compared_directly_max = 24;

/// The value of a name that JavaScript orders as an array index (canonical decimal 0 … 2^32-2).
std::uint32_t index_key(std::string_view name) {
    if (name.empty() || name.size() > 10 || name[0] < '0' || name[0] > '9') return no_index_key;
    if (name[0] == '0') return name.size() == 1 ? 0 : no_index_key;
    std::uint64_t value = 0;
    for (char c : name) {
        if (c < '0' || c > '9') return no_index_key;
        value = value * 10 + static_cast<std::uint64_t>(c - '0');
    }
    return value < no_index_key ? static_cast<std::uint32_t>(value) : no_index_key;
}

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

/// Length of the well-formed UTF-8 sequence at `p`, 0 if there is none.
std::size_t utf8_sequence(const char* p, const char* end) {
    std::size_t length = 2;
    auto lead = static_cast<std::uint8_t>(*p);
    if (lead >= 0xe0) length = 3;
    if (lead >= 0xf0) length = 4;
    if (static_cast<std::size_t>(end - p) < length) return 0;
    return base::is_utf8({p, length}) ? length : 0;
}

}  // namespace

class Parser {
 public:
    Parser(Document& document, std::size_t depth_max)
        : doc_(document),
          start_(doc_.source_.data()),
          at_(start_),
          end_(start_ + doc_.source_.size()),
          depth_max_(depth_max) {}

    Result<void> run();
    bool bad_utf8() const { return bad_utf8_; }

 private:
    using Node = Document::Node;

    /// An array or object that is not closed yet.
    struct Open {
        std::uint32_t node;
        std::uint32_t last_child;  // 0: none yet
        std::uint32_t count;
        bool odd;  // has a name that looks like an index
    };

    std::uint32_t position() const { return static_cast<std::uint32_t>(at_ - start_); }
    Error fail(const char* what) const {
        return error(Errc::invalid,
                     "JSON: " + std::string(what) + " at position " + std::to_string(at_ - start_));
    }
    void skip_space() {
        while (at_ < end_ && is_space(*at_)) ++at_;
    }
    std::uint32_t add(Kind kind) {
        doc_.nodes_.emplace_back();
        Node& node = doc_.nodes_.back();
        node.kind = kind;
        node.begin = position();
        return static_cast<std::uint32_t>(doc_.nodes_.size() - 1);
    }
    void link(std::uint32_t child) {
        Open& parent = open_.back();
        if (parent.last_child == 0) {
            doc_.nodes_[parent.node].children.first = child;
        } else {
            doc_.nodes_[parent.last_child].next = child;
        }
        parent.last_child = child;
        ++parent.count;
    }

    Result<void> value();
    Result<void> name();
    Result<void> string(std::uint32_t node);
    Result<void> escape();
    Result<void> number(std::uint32_t node);
    Result<void> literal(std::string_view word, std::uint32_t node);
    int hex4();
    void close();
    bool has_duplicates(const Node& object) const;
    void reorder(Node& object);

    Document& doc_;
    const char* start_;
    const char* at_;
    const char* end_;
    std::size_t depth_max_;
    std::vector<Open> open_;
    bool bad_utf8_ = false;
};

Result<void> Parser::run() {
    skip_space();
    if (auto ok = value(); !ok) return ok;
    while (!open_.empty()) {
        skip_space();
        if (at_ == end_) return fail("unexpected end");
        Open& top = open_.back();
        bool is_object = doc_.nodes_[top.node].kind == Kind::object;
        if (*at_ == (is_object ? '}' : ']')) {
            ++at_;
            close();
            continue;
        }
        if (top.count > 0) {
            if (*at_ != ',') return fail("expected a comma or a closing bracket");
            ++at_;
            skip_space();
        }
        if (is_object) {
            if (auto ok = name(); !ok) return ok;
        } else {
            // A node's index is known before it is made: children are linked by it.
            link(static_cast<std::uint32_t>(doc_.nodes_.size()));
        }
        if (auto ok = value(); !ok) return ok;
    }
    skip_space();
    if (at_ != end_) return fail("unexpected text after the value");
    return {};
}

Result<void> Parser::value() {
    if (at_ == end_) return fail("unexpected end");
    switch (*at_) {
        case '{':
        case '[': {
            if (open_.size() >= depth_max_) {
                return error(Errc::limit, "JSON: nested deeper than " + std::to_string(depth_max_));
            }
            std::uint32_t node = add(*at_ == '{' ? Kind::object : Kind::array);
            doc_.nodes_[node].children = {0, 0};
            open_.push_back({node, 0, 0, false});
            ++at_;
            return {};
        }
        case '"': return string(add(Kind::string));
        case 't': return literal("true", add(Kind::boolean));
        case 'f': return literal("false", add(Kind::boolean));
        case 'n': return literal("null", add(Kind::null));
        default: return number(add(Kind::number));
    }
}

Result<void> Parser::name() {
    if (at_ == end_ || *at_ != '"') return fail("expected a name in quotes");
    std::uint32_t node = add(Kind::string);
    link(node);
    if (auto ok = string(node); !ok) return ok;
    if (index_key(doc_.text_of(doc_.nodes_[node])) != no_index_key) open_.back().odd = true;
    skip_space();
    if (at_ == end_ || *at_ != ':') return fail("expected a colon");
    ++at_;
    skip_space();
    return {};
}

Result<void> Parser::literal(std::string_view word, std::uint32_t node) {
    if (static_cast<std::size_t>(end_ - at_) < word.size() ||
        std::memcmp(at_, word.data(), word.size()) != 0) {
        return fail("unexpected character");
    }
    at_ += word.size();
    doc_.nodes_[node].flag = word[0] == 't';
    doc_.nodes_[node].end = position();
    return {};
}

Result<void> Parser::number(std::uint32_t node) {
    const char* from = at_;
    bool negative = *at_ == '-';
    if (negative) ++at_;
    if (at_ == end_ || !is_digit(*at_)) return fail("unexpected character");
    std::uint64_t whole = 0;
    const char* digits = at_;
    if (*at_ == '0') {
        ++at_;
    } else {
        while (at_ < end_ && is_digit(*at_)) {
            whole = whole * 10 + static_cast<std::uint64_t>(*at_++ - '0');
        }
    }
    bool exact = at_ - digits <= 15;
    if (at_ < end_ && *at_ == '.') {
        exact = false;
        ++at_;
        if (at_ == end_ || !is_digit(*at_)) return fail("expected a digit");
        while (at_ < end_ && is_digit(*at_)) ++at_;
    }
    if (at_ < end_ && (*at_ == 'e' || *at_ == 'E')) {
        exact = false;
        ++at_;
        if (at_ < end_ && (*at_ == '+' || *at_ == '-')) ++at_;
        if (at_ == end_ || !is_digit(*at_)) return fail("expected a digit");
        while (at_ < end_ && is_digit(*at_)) ++at_;
    }
    double parsed = static_cast<double>(whole);
    if (exact) {
        if (negative) parsed = -parsed;
    } else if (std::from_chars(from, at_, parsed).ec == std::errc::result_out_of_range) {
        // Neither value nor sign is given then; strtod tells infinity from zero.
        parsed = std::strtod(std::string(from, at_).c_str(), nullptr);
    }
    doc_.nodes_[node].number = parsed;
    doc_.nodes_[node].end = position();
    return {};
}

Result<void> Parser::string(std::uint32_t node) {
    ++at_;
    const char* plain = at_;  // since here nothing had to be changed
    std::size_t decoded_from = doc_.decoded_.size();
    bool decoded = false;
    for (;;) {
        while (end_ - at_ >= 8) {
            std::uint64_t word;
            std::memcpy(&word, at_, 8);
            std::uint64_t special = scan::escaped_in_json(word) | scan::not_ascii(word);
            if (special != 0) {
                at_ += scan::first(special);
                break;
            }
            at_ += 8;
        }
        if (at_ == end_) return fail("string without an end");
        auto c = static_cast<std::uint8_t>(*at_);
        if (c == '"') break;
        if (c == '\\') {
            doc_.decoded_.append(plain, at_);
            decoded = true;
            ++at_;
            if (auto ok = escape(); !ok) return ok;
            plain = at_;
        } else if (c < 0x20) {
            return fail("control character in a string");
        } else if (c >= 0x80) {
            std::size_t length = utf8_sequence(at_, end_);
            if (length == 0) {
                bad_utf8_ = true;
                return fail("malformed UTF-8");
            }
            at_ += length;
        } else {
            ++at_;
        }
    }
    Node& made = doc_.nodes_[node];
    if (decoded) {
        doc_.decoded_.append(plain, at_);
        made.flag = true;
        made.text = {static_cast<std::uint32_t>(decoded_from),
                     static_cast<std::uint32_t>(doc_.decoded_.size() - decoded_from)};
    } else {
        made.text = {static_cast<std::uint32_t>(plain - start_),
                     static_cast<std::uint32_t>(at_ - plain)};
    }
    ++at_;
    made.end = position();
    return {};
}

int Parser::hex4() {
    if (end_ - at_ < 4) return -1;
    int value = 0;
    for (int i = 0; i < 4; ++i) {
        char c = at_[i];
        int digit = is_digit(c)            ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0) return -1;
        value = value << 4 | digit;
    }
    at_ += 4;
    return value;
}

Result<void> Parser::escape() {
    if (at_ == end_) return fail("string without an end");
    char c = *at_++;
    switch (c) {
        case '"':
        case '\\':
        case '/': doc_.decoded_ += c; return {};
        case 'b': doc_.decoded_ += '\b'; return {};
        case 'f': doc_.decoded_ += '\f'; return {};
        case 'n': doc_.decoded_ += '\n'; return {};
        case 'r': doc_.decoded_ += '\r'; return {};
        case 't': doc_.decoded_ += '\t'; return {};
        case 'u': break;
        default: --at_; return fail("unknown escape");
    }
    int unit = hex4();
    if (unit < 0) return fail("expected four hex digits");
    auto code = static_cast<char32_t>(unit);
    if (code >= 0xd800 && code < 0xdc00 && end_ - at_ >= 6 && at_[0] == '\\' && at_[1] == 'u') {
        const char* back = at_;
        at_ += 2;
        int low = hex4();
        if (low >= 0xdc00 && low < 0xe000) {
            code = 0x10000 + ((code - 0xd800) << 10) + (static_cast<char32_t>(low) - 0xdc00);
        } else {
            at_ = back;  // an escape of its own, also if it is broken
        }
    }
    base::append_code_point(doc_.decoded_, code);
    return {};
}

void Parser::close() {
    Open done = open_.back();
    open_.pop_back();
    Node& node = doc_.nodes_[done.node];
    node.end = position();
    node.children.count = done.count;
    if (node.kind == Kind::object && done.count > 1 && (done.odd || has_duplicates(node))) {
        reorder(node);
    }
}

bool Parser::has_duplicates(const Node& object) const {
    if (object.children.count <= names_compared_directly_max) {
        for (std::uint32_t a = object.children.first; a != 0; a = doc_.nodes_[a].next) {
            std::string_view name = doc_.text_of(doc_.nodes_[a]);
            for (std::uint32_t b = doc_.nodes_[a].next; b != 0; b = doc_.nodes_[b].next) {
                if (doc_.nodes_[b].text.length == name.size() &&
                    doc_.text_of(doc_.nodes_[b]) == name) {
                    return true;
                }
            }
        }
        return false;
    }
    std::vector<std::string_view> names;
    names.reserve(object.children.count);
    for (std::uint32_t i = object.children.first; i != 0; i = doc_.nodes_[i].next) {
        names.push_back(doc_.text_of(doc_.nodes_[i]));
    }
    std::sort(names.begin(), names.end());
    return std::adjacent_find(names.begin(), names.end()) != names.end();
}

/// Links the members anew as V8 keeps them: of equal names the last value at the first one's
/// place, index-like names in front by number.
void Parser::reorder(Node& object) {
    struct Entry {
        std::uint32_t index;  // of the name, `no_index_key` for the rest
        std::uint32_t place;
        std::uint32_t node;
    };
    std::vector<Entry> entries;
    entries.reserve(object.children.count);
    for (std::uint32_t i = object.children.first; i != 0; i = doc_.nodes_[i].next) {
        auto place = static_cast<std::uint32_t>(entries.size());
        entries.push_back({index_key(doc_.text_of(doc_.nodes_[i])), place, i});
    }
    auto text = [this](const Entry& e) { return doc_.text_of(doc_.nodes_[e.node]); };
    std::sort(entries.begin(), entries.end(), [&](const Entry& a, const Entry& b) {
        int order = text(a).compare(text(b));
        return order != 0 ? order < 0 : a.place < b.place;
    });
    std::size_t kept = 0;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        if (kept > 0 && text(entries[kept - 1]) == text(entries[i])) {
            entries[kept - 1].node = entries[i].node;
        } else {
            entries[kept++] = entries[i];
        }
    }
    entries.resize(kept);
    std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
        return a.index != b.index ? a.index < b.index : a.place < b.place;
    });
    object.children = {entries.front().node, static_cast<std::uint32_t>(kept)};
    for (std::size_t i = 0; i < kept; ++i) {
        doc_.nodes_[entries[i].node].next = i + 1 < kept ? entries[i + 1].node : 0;
    }
}

Result<Document> Document::parse(std::string_view text, std::size_t depth_max) {
    Document document;
    auto kept = std::make_unique_for_overwrite<char[]>(text.size() + 1);
    std::copy(text.begin(), text.end(), kept.get());
    auto ok = document.parse_borrowed({kept.get(), text.size()}, depth_max);
    if (!ok) return std::move(ok).error();
    // Where the text had to be mended, the document holds the mended one already.
    if (!document.owned_) document.owned_ = std::move(kept);
    return document;
}

Result<Document> Document::parse(ByteView text, std::size_t depth_max) {
    return parse(base::text_of(text), depth_max);
}

Result<void> Document::parse_borrowed(std::string_view text, std::size_t depth_max) {
    nodes_.clear();
    decoded_.clear();
    owned_.reset();
    if (text.size() > source_bytes_max) return error(Errc::limit, "JSON: text too long");
    source_ = text;
    Parser parser(*this, depth_max);
    auto done = parser.run();
    if (!done && parser.bad_utf8()) {
        std::string mended = base::to_utf8(base::bytes_of(text));
        owned_ = std::make_unique_for_overwrite<char[]>(mended.size() + 1);
        std::copy(mended.begin(), mended.end(), owned_.get());
        source_ = {owned_.get(), mended.size()};
        nodes_.clear();
        decoded_.clear();
        done = Parser(*this, depth_max).run();
    }
    if (!done) nodes_.clear();
    return done;
}

std::string_view Document::text_of(const Node& node) const {
    if (node.flag) return std::string_view(decoded_).substr(node.text.offset, node.text.length);
    return source_.substr(node.text.offset, node.text.length);
}

Kind Value::kind() const { return document_ ? document_->nodes_[index_].kind : Kind::absent; }
bool Value::is_true() const { return is_boolean() && document_->nodes_[index_].flag; }
bool Value::is_false() const { return is_boolean() && !document_->nodes_[index_].flag; }

bool Value::truthy() const {
    switch (kind()) {
        case Kind::absent:
        case Kind::null: return false;
        case Kind::boolean: return is_true();
        case Kind::number: return number() != 0;
        case Kind::string: return !string().empty();
        default: return true;
    }
}

double Value::number(double otherwise) const {
    return is_number() ? document_->nodes_[index_].number : otherwise;
}

std::string_view Value::string() const {
    return is_string() ? document_->text_of(document_->nodes_[index_]) : std::string_view();
}

std::size_t Value::size() const {
    Kind is = kind();
    return is == Kind::array || is == Kind::object ? document_->nodes_[index_].children.count : 0;
}

Value Value::operator[](std::string_view name) const {
    for (Member member : members()) {
        if (member.name == name) return member.value;
    }
    return {};
}

Value Value::at(std::size_t index) const {
    for (Value element : elements()) {
        if (index-- == 0) return element;
    }
    return {};
}

Members Value::members() const {
    return {document_, is_object() ? document_->nodes_[index_].children.first : 0};
}

Elements Value::elements() const {
    return {document_, is_array() ? document_->nodes_[index_].children.first : 0};
}

std::string_view Value::source() const {
    if (!exists()) return {};
    const auto& node = document_->nodes_[index_];
    return document_->source_.substr(node.begin, node.end - node.begin);
}

Member Members::Iterator::operator*() const {
    return {document_->text_of(document_->nodes_[index_]), Value(document_, index_ + 1)};
}
Members::Iterator& Members::Iterator::operator++() {
    index_ = document_->nodes_[index_].next;
    return *this;
}
Elements::Iterator& Elements::Iterator::operator++() {
    index_ = document_->nodes_[index_].next;
    return *this;
}

}  // namespace sbot::json
