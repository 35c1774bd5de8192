#include "sbot/config_file.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/json.h"
#include "base/letters.h"
#include "base/utf.h"

namespace sbot::app {
namespace {

using base::Tree;

Error at_line(std::size_t line, std::string_view reason) {
    return base::error(Errc::invalid, "line " + std::to_string(line) + ": " + std::string(reason));
}

std::size_t line_of(std::string_view text, std::size_t position) {
    std::string_view before = text.substr(0, position);
    return 1 + static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n'));
}

/// Comments become blanks, so that positions stay. Texts in quotes are left alone.
std::string without_comments(std::string_view text) {
    std::string out(text);
    auto blank = [&](std::size_t from, std::size_t to) {
        for (std::size_t i = from; i < to; ++i) {
            if (out[i] != '\n') out[i] = ' ';
        }
    };
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '"') {
            for (++i; i < text.size() && text[i] != '"'; ++i) {
                if (text[i] == '\\') ++i;
            }
        } else if (text.substr(i, 2) == "//") {
            std::size_t end = std::min(text.find('\n', i), text.size());
            blank(i, end);
            i = end;
        } else if (text.substr(i, 2) == "/*") {
            std::size_t end = text.find("*/", i + 2);
            end = end == std::string_view::npos ? text.size() : end + 2;
            blank(i, end);
            i = end - 1;
        }
    }
    return out;
}

/// The parser says where it stopped in the last word of its error.
std::size_t position_in(const Error& wrong) {
    std::size_t position = 0;
    std::size_t word = wrong.what.rfind(' ') + 1;
    std::from_chars(wrong.what.data() + word, wrong.what.data() + wrong.what.size(), position);
    return position;
}

Result<Tree> parse_json(std::string_view text) {
    std::string plain = without_comments(text);
    auto document = json::Document::parse(plain, limits::tree_depth_max);
    if (!document) {
        const Error& wrong = document.error();
        if (wrong.code == Errc::limit) return wrong;
        return at_line(line_of(plain, position_in(wrong)), wrong.what);
    }
    return Tree::from(document->root());
}

/// Splits a section's name at its dots. One behind a `\` is part of a name; only in the last name
/// the `\` is taken away.
std::vector<std::string> section_path(std::string_view name) {
    std::vector<std::string> names(1);
    for (std::size_t i = 0; i < name.size(); ++i) {
        if (name[i] == '.') {
            names.emplace_back();
        } else if (name.substr(i, 2) == "\\.") {
            names.back() += "\\.";
            ++i;
        } else {
            names.back() += name[i];
        }
    }
    return names;
}

std::string without_escapes(std::string_view name) {
    std::string out;
    for (std::size_t i = 0; i < name.size(); ++i) {
        if (name.substr(i, 2) == "\\.") ++i;
        out += name[i];
    }
    return out;
}

class IniParser {
 public:
    Result<Tree> parse(std::string_view text) {
        std::size_t line = 0;
        while (!text.empty()) {
            ++line;
            std::size_t end = std::min(text.find('\n'), text.size());
            // A lone carriage return ends a line as well.
            std::string_view rest = text.substr(0, end);
            while (!rest.empty()) {
                std::size_t part = std::min(rest.find('\r'), rest.size());
                if (auto ok = this->line(rest.substr(0, part)); !ok) {
                    return at_line(line, ok.error().what);
                }
                rest.remove_prefix(std::min(part + 1, rest.size()));
            }
            text.remove_prefix(std::min(end + 1, text.size()));
        }
        return nested();
    }

 private:
    static Error wrong(std::string_view reason) {
        return base::error(Errc::invalid, std::string(reason));
    }

    Result<void> line(std::string_view text) {
        std::string_view content = base::trimmed(text);
        if (content.empty() || content[0] == ';' || content[0] == '#') return {};
        if (content[0] == '[') return section(text);
        std::size_t equals = std::min(text.find('='), text.size());
        auto key = plain_text(scalar(text.substr(0, equals)));
        if (!key) return wrong("key that is no text");
        if (key->empty()) return wrong("value without a key");
        Tree value = true;
        if (equals < text.size()) value = scalar(text.substr(equals + 1));
        if (value.is_text()) value = keyword(value.text());
        return set(*std::move(key), std::move(value));
    }

    Result<void> section(std::string_view text) {
        if (text[0] != '[' || text.find(']') != text.size() - 1) {
            return wrong("section that is not alone between [ and ]");
        }
        auto name = plain_text(scalar(text.substr(1, text.size() - 2)));
        if (!name) return wrong("section whose name is no text");
        section_ = *std::move(name);
        if (section_path(*section_).size() > limits::tree_depth_max)
            return wrong("nested too deep");
        Tree* known = out_.find(*section_);
        if (!known || !known->truthy()) {
            out_.set(*section_, Tree::object());
        } else if (!known->is_object()) {
            return wrong("section with the name of a value: " + *section_);
        }
        return {};
    }

    Result<void> set(std::string key, Tree value) {
        Tree* target = section_ ? out_.find(*section_) : &out_;
        if (!target) return {};  // the section __proto__
        bool item = key.size() > 2 && key.ends_with("[]");
        if (item) key.resize(key.size() - 2);
        Tree* known = target->find(key);
        if (item && (!known || !known->truthy())) {
            target->set(key, Tree::List());
        } else if (item && !known->is_list()) {
            Tree first = *known;
            *known = Tree::List();
            known->push(std::move(first));
        }
        known = target->find(key);
        // A list stays one even where the brackets were forgotten.
        if (known && known->is_list()) {
            known->push(std::move(value));
        } else {
            target->set(key, std::move(value));
        }
        return {};
    }

    /// Trimmed; in quotes: what JSON makes of it (of the inside, for single ones); else without
    /// escapes, up to the first comment.
    static Tree scalar(std::string_view text) {
        text = base::trimmed(text);
        if (text.empty()) return "";
        bool quoted = text.front() == text.back() && (text[0] == '"' || text[0] == '\'');
        if (quoted) {
            if (text[0] == '\'') text = text.size() > 1 ? text.substr(1, text.size() - 2) : "";
            auto document = json::Document::parse(text, limits::tree_depth_max);
            if (!document) return text;
            return Tree::from(document->root()).value_or(text);
        }
        std::string plain;
        for (std::size_t i = 0; i < text.size(); ++i) {
            constexpr std::string_view special = "\\;#";
            if (text[i] == ';' || text[i] == '#') break;
            bool escape = text[i] == '\\' && i + 1 < text.size() &&
                          special.find(text[i + 1]) != std::string_view::npos;
            if (escape) {
                plain += text[++i];
            } else if (text[i] == '\\' && i + 1 < text.size()) {
                plain += text.substr(i, 2);
                ++i;
            } else {
                plain += text[i];
            }
        }
        return base::trimmed(plain);
    }

    static Tree keyword(const std::string& text) {
        if (text == "true") return true;
        if (text == "false") return false;
        if (text == "null") return {};
        return text;
    }

    /// What a quoted name comes to in JavaScript, unless it is a list or an object.
    static std::optional<std::string> plain_text(const Tree& tree) {
        if (tree.is_text()) return tree.text();
        if (tree.is_list() || tree.is_object()) return std::nullopt;
        return tree.to_json();
    }

    /// Moves each section with dots in its name to its place, in the order of the names.
    Result<Tree> nested() {
        std::vector<std::string> moved;
        std::vector<std::string> names;
        for (const auto& member : out_.members()) names.push_back(member.name);
        for (const std::string& name : names) {
            const Tree* section = out_.find(name);
            if (!section || !section->is_object()) continue;
            auto path = section_path(name);
            std::string last = without_escapes(path.back());
            if (path.size() == 1 && last == path.back()) continue;
            Tree content = *section;
            Tree* at = &out_;
            for (std::size_t i = 0; i + 1 < path.size(); ++i) {
                if (path[i] == "__proto__") continue;
                Tree* next = at->find(path[i]);
                if (next && next->is_list()) return wrong("section inside a list: " + name);
                if (!next || !next->is_object()) at->set(path[i], Tree::object());
                at = at->find(path[i]);
            }
            at->set(last, std::move(content));
            moved.push_back(name);
        }
        for (const std::string& name : moved) out_.remove(name);
        return std::move(out_);
    }

    Tree out_ = Tree::object();
    std::optional<std::string> section_;
};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool has_prefix(std::string_view name, std::string_view prefix) {
    return name.size() >= prefix.size() &&
           std::equal(prefix.begin(), prefix.end(), name.begin(),
                      [](char a, char b) { return lower(a) == lower(b); });
}

std::vector<std::string> split_levels(std::string_view name) {
    std::vector<std::string> levels;
    for (;;) {
        std::size_t end = std::min(name.find("__"), name.size());
        if (end > 0) levels.emplace_back(name.substr(0, end));
        if (end == name.size()) return levels;
        name.remove_prefix(end + 2);
    }
}

/// The line of the first byte that no text file has, if there is one.
std::optional<std::size_t> odd_byte(std::string_view text) {
    auto odd = std::find_if(text.begin(), text.end(), [](char c) {
        return (c >= 0 && c < ' ' && (c < '\t' || c > '\r')) || c == '\x7f';
    });
    if (odd == text.end()) return std::nullopt;
    return line_of(text, static_cast<std::size_t>(odd - text.begin()));
}

/// Whether it is to be read as JSON, and not as INI. `text` is UTF-8.
bool begins_an_object(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
        char32_t code = base::next_code_point(text, at);
        if (code == '{') return true;
        if (!base::is_space(code)) break;
    }
    return false;
}

}  // namespace

Result<Tree> parse_config_text(std::string_view text) {
    std::string clean = base::to_utf8(base::bytes_of(text));
    return begins_an_object(clean) ? parse_json(clean) : IniParser().parse(clean);
}

Result<Tree> parse_config_file(std::string_view bytes) {
    constexpr std::string_view mark = "\xef\xbb\xbf";
    if (bytes.starts_with(mark)) bytes.remove_prefix(mark.size());
    if (!base::is_utf8(bytes)) {
        return base::error(Errc::invalid,
                           "it is no text in UTF-8: put a backup in its place, or move it away");
    }
    if (auto line = odd_byte(bytes)) {
        return at_line(*line, "a control character: put a backup in its place, or move it away");
    }
    // A list or a text would be taken for INI.
    if (!begins_an_object(bytes) && json::Document::parse(bytes, limits::tree_depth_max)) {
        return base::error(Errc::invalid,
                           "it must be an object, { \"name\": value }, or lines of name = value");
    }
    return parse_config_text(bytes);
}

Tree config_of_environment(std::span<const std::string> environment, std::string_view prefix) {
    Tree out = Tree::object();
    for (const std::string& raw : environment) {
        std::string clean = base::to_utf8(base::bytes_of(raw));
        std::string_view entry = clean;
        std::size_t equals = entry.find('=');
        if (equals == std::string_view::npos || !has_prefix(entry.substr(0, equals), prefix)) {
            continue;
        }
        auto levels = split_levels(entry.substr(prefix.size(), equals - prefix.size()));
        if (levels.empty() || levels.size() > limits::tree_depth_max) continue;
        Tree* at = &out;
        for (std::size_t i = 0; i + 1 < levels.size() && at; ++i) {
            if (!at->find(levels[i])) at->set(levels[i], Tree::object());
            at = at->find(levels[i]);
            if (at && !at->is_object()) at = nullptr;  // a value was there first
        }
        if (at) at->set(levels.back(), entry.substr(equals + 1));
    }
    return out;
}

}  // namespace sbot::app
