// Configuration files and command lines: always an object or an error, and what was read is the
// same after it was written as JSON and read again.

#include <cmath>
#include <cstdlib>

#include "sbot/arguments.h"
#include "sbot/config_file.h"

using namespace sbot;

namespace {

void must(bool holds) {
    if (!holds) std::abort();
}

void comes_back(const base::Tree& tree) {
    must(tree.is_object());
    std::string text = tree.to_json();
    auto document = json::Document::parse(std::string_view(text));
    must(document.has_value());
    must(base::Tree::from(document->root())->to_json() == text);
    base::Tree merged = base::Tree::object();
    merged.merge(tree);
    merged.merge(tree);
    must(merged.to_json() == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view text = base::text_of({data, size});
    if (auto config = app::parse_config_text(text)) comes_back(*config);

    std::vector<std::string> lines;
    while (!text.empty()) {
        std::string_view line = text.substr(0, text.find('\n'));
        lines.emplace_back(line);
        text.remove_prefix(std::min(text.size(), line.size() + 1));
    }
    auto command = app::CommandLine::parse(lines);
    if (command) comes_back(command->command.options);
    comes_back(app::config_of_environment(lines, "ssb_"));
    return 0;
}
