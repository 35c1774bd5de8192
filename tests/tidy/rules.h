#pragma once

#include <string>
#include <vector>

#include "tests/tidy/source.h"

/// The rules of the house, each as a function from a file to what is wrong with it, one sentence
/// each ("path:line: ..."). Nothing wrong: an empty list.
namespace sbot::tidy {

using Complaints = std::vector<std::string>;

/// The arrows between folders, and who may use which library.
Complaints wrong_includes(const File& file);

/// Shapes inside a `co_await` expression that g++ 12 miscompiles.
Complaints wrong_co_awaits(const File& file);

/// Lines over 100 characters, files over 800 lines, notes to self, blanks at line ends.
Complaints wrong_lines(const File& file);

/// Folders that need a README.md and have none.
Complaints missing_readmes(const std::vector<File>& files);

/// Lock files that name where packages were downloaded from.
Complaints named_downloads(const File& file);

}  // namespace sbot::tidy
