#include "base/tree.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

namespace sbot::base {
namespace {

/// The depth of every tree is bounded, so functions here may call themselves.
constexpr std::size_t depth_max = limits::tree_depth_max;

const Tree null_tree;
constexpr std::uint32_t index_max = 4294967294;  // of an array, by ECMA-262

/// The number of a name that is an index: "0", "7", but not "07".
std::optional<std::uint32_t> index_of(std::string_view name) {
    std::uint32_t index = 0;
    auto [end, wrong] = std::from_chars(name.data(), name.data() + name.size(), index);
    bool whole = wrong == std::errc() && end == name.data() + name.size();
    if (!whole || index > index_max || (name.size() > 1 && name[0] == '0')) return std::nullopt;
    return index;
}

Error too_deep() {
    return error(Errc::limit, "nested deeper than " + std::to_string(depth_max) + " levels");
}

Result<Tree> copy(json::Value value, std::size_t depth) {
    switch (value.kind()) {
        case json::Kind::absent:
        case json::Kind::null: return Tree();
        case json::Kind::boolean: return Tree(value.is_true());
        case json::Kind::number: return Tree(value.number());
        case json::Kind::string: return Tree(value.string());
        case json::Kind::array:
        case json::Kind::object: break;
    }
    if (depth >= depth_max) return too_deep();
    if (value.is_array()) {
        Tree list{Tree::List()};
        for (json::Value item : value.elements()) {
            auto copied = copy(item, depth + 1);
            if (!copied) return copied;
            list.push(*std::move(copied));
        }
        return list;
    }
    Tree object = Tree::object();
    for (json::Member member : value.members()) {
        auto copied = copy(member.value, depth + 1);
        if (!copied) return copied;
        object.set(member.name, *std::move(copied));
    }
    return object;
}

/// `level` is how deep this value stands, for the indent.
void print(std::string& out, const Tree& tree, bool indented, std::size_t level) {
    auto line = [&](std::size_t at) {
        if (!indented) return;
        out += '\n';
        out.append(2 * at, ' ');
    };
    switch (tree.kind()) {
        case Tree::Kind::null: out += "null"; return;
        case Tree::Kind::boolean: out += tree.is_true() ? "true" : "false"; return;
        case Tree::Kind::number: json::append_number(out, tree.number()); return;
        case Tree::Kind::text: json::append_string(out, tree.text()); return;
        case Tree::Kind::list: {
            out += '[';
            for (const Tree& item : tree.items()) {
                if (&item != &tree.items().front()) out += ',';
                line(level + 1);
                print(out, item, indented, level + 1);
            }
            if (!tree.items().empty()) line(level);
            out += ']';
            return;
        }
        case Tree::Kind::object: {
            out += '{';
            for (const Tree::Member& member : tree.members()) {
                if (&member != &tree.members().front()) out += ',';
                line(level + 1);
                json::append_string(out, member.name);
                out += indented ? ": " : ":";
                print(out, member.value, indented, level + 1);
            }
            if (!tree.members().empty()) line(level);
            out += '}';
            return;
        }
    }
}

}  // namespace

std::vector<std::string> split_path(std::string_view path) {
    std::vector<std::string> names;
    for (;;) {
        std::size_t end = std::min(path.find('.'), path.size());
        names.emplace_back(path.substr(0, end));
        if (end == path.size()) return names;
        path.remove_prefix(end + 1);
    }
}

Result<Tree> Tree::from(json::Value value) { return copy(value, 0); }

bool Tree::truthy() const {
    switch (kind()) {
        case Kind::null: return false;
        case Kind::boolean: return is_true();
        case Kind::number: return number() != 0 && !std::isnan(number());
        case Kind::text: return !text().empty();
        case Kind::list:
        case Kind::object: break;
    }
    return true;
}

double Tree::number(double otherwise) const {
    return is_number() ? std::get<double>(held_) : otherwise;
}

const std::string& Tree::text() const {
    static const std::string none;
    return is_text() ? std::get<std::string>(held_) : none;
}

const Tree::List& Tree::items() const {
    static const List none;
    return is_list() ? std::get<List>(held_) : none;
}

const Tree::Object& Tree::members() const {
    static const Object none;
    return is_object() ? std::get<Object>(held_) : none;
}

const Tree* Tree::find(std::string_view name) const {
    for (const Member& member : members()) {
        if (member.name == name) return &member.value;
    }
    return nullptr;
}

Tree* Tree::find(std::string_view name) {
    return const_cast<Tree*>(static_cast<const Tree*>(this)->find(name));
}

const Tree& Tree::operator[](std::string_view name) const {
    const Tree* found = find(name);
    return found ? *found : null_tree;
}

const Tree& Tree::at(std::string_view path) const {
    const Tree* at = this;
    for (const std::string& name : split_path(path)) at = &(*at)[name];
    return *at;
}

void Tree::set(std::string_view name, Tree value) {
    if (!is_object()) held_ = Object();
    if (name == "__proto__") return;
    if (Tree* known = find(name)) {
        *known = std::move(value);
        return;
    }
    auto& members = std::get<Object>(held_);
    auto place = members.end();
    if (auto index = index_of(name)) {
        place = std::find_if(members.begin(), members.end(), [&](const Member& member) {
            auto other = index_of(member.name);
            return !other || *other > *index;
        });
    }
    members.insert(place, Member{std::string(name), std::move(value)});
}

void Tree::remove(std::string_view name) {
    if (!is_object()) return;
    std::erase_if(std::get<Object>(held_),
                  [&](const Member& member) { return member.name == name; });
}

Result<void> Tree::set_at(std::string_view path, Tree value) {
    auto names = split_path(path);
    if (names.size() > depth_max) return too_deep();
    Tree* at = this;
    for (std::size_t i = 0; i + 1 < names.size(); ++i) {
        if (names[i] == "__proto__") return {};
        Tree* next = at->find(names[i]);
        if (!next || !next->is_object()) {
            at->set(names[i], object());
            next = at->find(names[i]);
        }
        at = next;
    }
    at->set(names.back(), std::move(value));
    return {};
}

void Tree::push(Tree item) {
    if (!is_list()) held_ = List();
    std::get<List>(held_).push_back(std::move(item));
}

void Tree::merge(const Tree& over) {
    if (!is_object() || !over.is_object()) return;
    for (const Member& member : over.members()) {
        Tree* known = find(member.name);
        if (known && known->is_object() && member.value.is_object()) {
            known->merge(member.value);
        } else {
            set(member.name, member.value);
        }
    }
}

std::string Tree::to_json() const {
    std::string out;
    print(out, *this, false, 0);
    return out;
}

std::string Tree::to_pretty_json() const {
    std::string out;
    print(out, *this, true, 0);
    return out;
}

bool Tree::operator==(const Tree& other) const { return held_ == other.held_; }

}  // namespace sbot::base
