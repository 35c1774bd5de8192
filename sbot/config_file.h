#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/tree.h"

/// Where configuration is written down: files and the environment, read as npm rc 1.2.8 does, since
/// JavaScript clients read the same ones and must come to the same settings.
namespace sbot::app {

/// A configuration file's text: JSON with `//` and `/* */` comments if it begins with `{`, else
/// INI. Always an object.
///
/// INI (npm ini 1.3.8): `key = value`, `[section.inside]`, `list[] = item`, comments from `;` or
/// `#`; `true`, `false`, `null` are those, a key alone is true, numbers stay text, quoted values
/// are read as JSON.
///
/// Errors: `invalid`, with line and reason. Where the reference drops what it does not understand
/// (a value without a key, a section named like a value), that is an error too: a server with
/// settings half read is worse than none.
Result<base::Tree> parse_config_text(std::string_view text);

/// The same for what a file holds. A byte order mark is skipped. What can only be a mistake is
/// refused where the reference makes something of it: bytes that are no UTF-8, control characters,
/// JSON that is no object.
Result<base::Tree> parse_config_file(std::string_view bytes);

/// What the environment (`NAME=value`) sets: names that begin with `prefix` (`ssb_`; the case does
/// not matter there, but in the rest it does), levels parted by `__`, empty ones left out. Values
/// are always texts.
base::Tree config_of_environment(std::span<const std::string> environment, std::string_view prefix);

}  // namespace sbot::app
