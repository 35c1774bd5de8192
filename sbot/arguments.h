#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/tree.h"

/// The command line, by the rules of npm minimist 1.2.8, so that what works with the JavaScript
/// server's command works here.
namespace sbot::app {

/// Words and options of one list of arguments. Bytes that are no UTF-8 become U+FFFD.
///
///     --k v  --k=v  -k v  -k=v     a value; what looks like a number is one, all else is text
///     --k                          true, at the end or before another option; --no-k is false
///     --a.b v                      an option inside an object
///     -abc 3  -n5                  a and b true, c 3; n 5
///     --k 1 --k 2                  a list
struct Arguments {
    /// In order, each a number or a text (`-` is one); what `--_` sets comes here too.
    base::Tree::List words;
    base::Tree options = base::Tree::object();

    /// Errors: `invalid` where an option would have to be an object and a value at once (`--a 1
    /// --a.b 2`), or has no name (`--=x=y`); `limit` where it is nested too deep.
    static Result<Arguments> parse(std::span<const std::string> arguments);
};

/// A whole command line, without the program's name, cut at its first `--`.
struct CommandLine {
    Arguments command;
    Arguments weak;                 ///< behind the cut: configuration that files override
    std::vector<std::string> rest;  ///< the same, as it came
    bool cut = false;               ///< there was a `--`

    static Result<CommandLine> parse(std::span<const std::string> arguments);

    /// Whether a running server is asked: anything but the commands that are done here.
    bool calls_a_method() const;
    /// Settings that files override: those behind the cut; without one, all options too, as the
    /// reference has it.
    const base::Tree& weak_settings() const;

    /// What the reference shows as `_` in its configuration: the words, then everything behind the
    /// cut.
    base::Tree all_words() const;
};

}  // namespace sbot::app
