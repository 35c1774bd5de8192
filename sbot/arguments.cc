#include "sbot/arguments.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/letters.h"
#include "base/number.h"
#include "base/utf.h"

namespace sbot::app {
namespace {

using base::is_digit;
using base::Tree;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_word_character(char c) { return is_letter(c) || is_digit(c) || c == '_'; }

/// `0x` and hex digits, or a decimal number with an `e` in lower case; nothing around it.
bool is_number(std::string_view text) {
    if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        return std::all_of(text.begin() + 2, text.end(), [](char c) {
            return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        });
    }
    if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
    if (text.empty() || text[0] == '+' || text[0] == '-') return false;
    bool plain = std::all_of(text.begin(), text.end(), [](char c) {
        return is_digit(c) || c == '.' || c == 'e' || c == '+' || c == '-';
    });
    return plain && !std::isnan(base::to_number(text));
}

Tree value_of(std::string_view text) {
    return is_number(text) ? Tree(base::to_number(text)) : Tree(text);
}

/// `-x…` or `--x…`: then it is not taken as another option's value. `-` and `---` are.
bool looks_like_option(std::string_view text) {
    if (!text.starts_with('-') || text.size() < 2) return false;
    return text[1] != '-' || (text.size() > 2 && text[2] != '-');
}

/// Ends in a number, as far as minimist looks: in a digit, or in a dot behind one.
bool ends_in_number(std::string_view text) {
    if (text.ends_with('.')) text.remove_suffix(1);
    return !text.empty() && is_digit(text.back());
}

/// Characters, each as the bytes it has.
std::vector<std::string_view> characters(std::string_view text) {
    std::vector<std::string_view> out;
    for (std::size_t at = 0; at < text.size();) {
        std::size_t start = at;
        (void)base::next_code_point(text, at);
        out.push_back(text.substr(start, at - start));
    }
    return out;
}

class Parser {
 public:
    explicit Parser(std::span<const std::string> arguments) : arguments_(arguments) {}

    Result<Arguments> parse() {
        while (at_ < arguments_.size()) {
            std::string_view argument = arguments_[at_++];
            Result<void> ok;
            bool dashes = argument.starts_with("--");
            if (dashes && !base::first_line(argument.substr(2)).empty()) {
                ok = long_option(argument.substr(2));
            } else if (!dashes && argument.size() > 1 && argument[0] == '-') {
                ok = short_options(argument.substr(1));
            } else {
                out_.words.push_back(value_of(argument));
            }
            if (!ok) return std::move(ok).error().in("option " + std::string(argument));
        }
        return std::move(out_);
    }

 private:
    Result<void> long_option(std::string_view text) {
        std::string_view name = base::first_line(text);
        std::size_t equals = name.find('=', 1);
        if (equals != std::string_view::npos) {
            if (name[0] == '=') return base::error(Errc::invalid, "no name before the =");
            return set(text.substr(0, equals), value_of(text.substr(equals + 1)));
        }
        if (name.size() > 3 && name.starts_with("no-")) return set(name.substr(3), false);
        return set(name, next_value().value_or(true));
    }

    /// All letters but the last are switches, unless what follows one is its value.
    Result<void> short_options(std::string_view text) {
        auto letters = characters(text);
        for (std::size_t i = 0; i + 1 < letters.size(); ++i) {
            std::string_view letter = letters[i];
            std::string_view after =
                text.substr(static_cast<std::size_t>(letter.data() + letter.size() - text.data()));
            if (after == "-") return set(letter, "-");
            bool named = letter.size() == 1 && is_letter(letter[0]);
            if (named && after[0] == '=') return set(letter, value_of(after.substr(1)));
            bool no_letter_next = i + 2 < letters.size() && !is_word_character(after[0]);
            if ((named && ends_in_number(after)) || no_letter_next) {
                return set(letter, value_of(after));
            }
            if (auto ok = set(letter, true); !ok) return ok;
        }
        if (letters.back() == "-") return {};
        if (at_ < arguments_.size() && arguments_[at_].empty()) return set(letters.back(), true);
        return set(letters.back(), next_value().value_or(true));
    }

    std::optional<Tree> next_value() {
        if (at_ == arguments_.size() || looks_like_option(arguments_[at_])) return std::nullopt;
        return value_of(arguments_[at_++]);
    }

    Result<void> set(std::string_view path, Tree value) {
        auto names = base::split_path(path);
        if (names[0] == "_") {  // minimist keeps the words under this name
            if (names.size() == 1) out_.words.push_back(std::move(value));
            return {};
        }
        if (names.size() > limits::tree_depth_max) {
            return base::error(Errc::limit, "nested too deep");
        }
        Tree* at = &out_.options;
        for (std::size_t i = 0; i + 1 < names.size(); ++i) {
            if (is_dropped(names[i])) return {};
            if (!at->find(names[i])) at->set(names[i], Tree::object());
            at = at->find(names[i]);
            if (!at->is_object()) {
                return base::error(Errc::invalid, names[i] + " is a value already");
            }
        }
        if (!is_dropped(names.back())) add(*at, names.back(), std::move(value));
        return {};
    }

    static bool is_dropped(std::string_view name) {
        return name == "__proto__" || name == "constructor";
    }

    /// A repeated option becomes a list; only a switch is replaced.
    static void add(Tree& object, const std::string& name, Tree value) {
        Tree* known = object.find(name);
        if (!known || known->is_boolean()) {
            object.set(name, std::move(value));
        } else if (known->is_list()) {
            known->push(std::move(value));
        } else {
            Tree first = std::move(*known);
            *known = Tree::List();
            known->push(std::move(first));
            known->push(std::move(value));
        }
    }

    std::span<const std::string> arguments_;
    std::size_t at_ = 0;
    Arguments out_;
};

/// What the system hands over may be no UTF-8; a tree's texts are.
std::vector<std::string> as_utf8(std::span<const std::string> arguments) {
    std::vector<std::string> out;
    for (const std::string& text : arguments) out.push_back(base::to_utf8(base::bytes_of(text)));
    return out;
}

}  // namespace

Result<Arguments> Arguments::parse(std::span<const std::string> arguments) {
    auto texts = as_utf8(arguments);
    return Parser(texts).parse();
}

Result<CommandLine> CommandLine::parse(std::span<const std::string> arguments) {
    auto cut = std::find(arguments.begin(), arguments.end(), "--");
    auto before = arguments.first(static_cast<std::size_t>(cut - arguments.begin()));
    auto behind = arguments.subspan(std::min(before.size() + 1, arguments.size()));
    auto command = Arguments::parse(before);
    if (!command) return std::move(command).error();
    auto weak = Arguments::parse(behind);
    if (!weak) return std::move(weak).error();
    bool is_cut = cut != arguments.end();
    return CommandLine{*std::move(command), *std::move(weak), as_utf8(behind), is_cut};
}

bool CommandLine::calls_a_method() const {
    constexpr std::string_view done_here[] = {"start", "server", "config", "flume"};
    if (command.words.empty()) return true;
    return std::find(std::begin(done_here), std::end(done_here), command.words[0].text()) ==
           std::end(done_here);
}

const Tree& CommandLine::weak_settings() const { return cut ? weak.options : command.options; }

base::Tree CommandLine::all_words() const {
    base::Tree all = command.words;
    for (const std::string& word : rest) all.push(word);
    return all;
}

}  // namespace sbot::app
