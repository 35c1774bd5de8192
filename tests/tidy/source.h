#pragma once

#include <string>
#include <string_view>
#include <vector>

/// What the tests about the source read: files of the repository as text. May be slow, and aborts
/// where the tree cannot be read: it is no server.
namespace sbot::tidy {

struct File {
    std::string path;  ///< from the root, with '/'
    std::string text;

    /// The first folder of the path, "." for files of the root.
    std::string folder() const;
    bool ends_with(std::string_view suffix) const {
        return std::string_view(path).ends_with(suffix);
    }
    bool starts_with(std::string_view prefix) const {
        return std::string_view(path).starts_with(prefix);
    }
};

/// Every file that belongs to the project: no builds, no packages, no hidden folders (but .ci).
/// Sorted by path.
std::vector<File> repository();

/// Those of C++.
std::vector<File> sources(const std::vector<File>& files);

std::vector<std::string_view> lines_of(std::string_view text);

/// 1 for the first.
std::size_t line_at(std::string_view text, std::size_t position);

/// The same text with comments, and the insides of string and character literals, turned into
/// blanks. Positions stay, line ends too.
std::string only_code(std::string_view text);

}  // namespace sbot::tidy
