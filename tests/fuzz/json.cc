// JSON: whatever parses is printed to a text that parses to the same text again, with and without
// indentation, and a bound on the printing is kept. The quick check says what parsing says.

#include "base/json.h"

#include <cstdlib>

#include "base/assert.h"
#include "base/utf.h"

using namespace sbot;

namespace {

std::string pretty(json::Value value) {
    std::string out;
    SBOT_ASSERT(json::append_pretty(out, value));
    return out;
}

/// The text for a value printed with indentation, or compact.
std::string printed_again(const std::string& text, bool indented) {
    auto document = json::Document::parse(text);
    SBOT_ASSERT(document.has_value());
    return indented ? pretty(document->root()) : json::compact(document->root());
}

/// Walks over what the library's users see.
std::size_t count(json::Value value) {
    std::size_t seen = 1;
    std::vector<json::Value> open{value};
    while (!open.empty()) {
        json::Value top = open.back();
        open.pop_back();
        std::size_t children = 0;
        for (json::Member member : top.members()) {
            SBOT_ASSERT(member.value.exists());
            open.push_back(member.value);
            ++children;
        }
        for (json::Value element : top.elements()) {
            open.push_back(element);
            ++children;
        }
        SBOT_ASSERT(children == top.size());
        seen += children;
    }
    return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    // Indentation grows with the square of the depth.
    constexpr std::size_t depth_max = 200;
    const ByteView text(data, size);
    SBOT_ASSERT(json::well_formed(base::text_of(text)) == json::Document::parse(text).has_value());
    auto document = json::Document::parse(text, depth_max);
    if (!document) return 0;
    std::string compact = json::compact(document->root());
    std::string indented = pretty(document->root());
    SBOT_ASSERT(base::is_utf8(compact) && base::is_utf8(indented));
    SBOT_ASSERT(printed_again(compact, false) == compact);
    SBOT_ASSERT(printed_again(compact, true) == indented);
    SBOT_ASSERT(printed_again(indented, false) == compact);
    SBOT_ASSERT(printed_again(indented, true) == indented);
    SBOT_ASSERT(count(document->root()) <= size);

    std::string bounded;
    std::size_t half = indented.size() / 2;
    SBOT_ASSERT(!json::append_pretty(bounded, document->root(), half));
    SBOT_ASSERT(indented.starts_with(bounded));
    return 0;
}
