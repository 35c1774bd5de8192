#include "replication/peek.h"

#include <charconv>

namespace sbot::replication {
namespace {

constexpr std::size_t sequence_digits_max = 15;

bool skip(std::string_view& text, std::string_view part) {
    if (!text.starts_with(part)) return false;
    text.remove_prefix(part.size());
    return true;
}

std::optional<FeedId> author(std::string_view& text) {
    if (!skip(text, "\"author\":\"") || text.size() < FeedId::text_bytes + 1) return std::nullopt;
    auto id = FeedId::parse(text.substr(0, FeedId::text_bytes));
    text.remove_prefix(FeedId::text_bytes);
    if (!skip(text, "\"")) return std::nullopt;
    return id;
}

std::optional<Sequence> sequence(std::string_view& text) {
    if (!skip(text, "\"sequence\":")) return std::nullopt;
    Sequence number = 0;
    std::string_view digits = text.substr(0, sequence_digits_max);
    auto [end, wrong] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (wrong != std::errc() || number == 0) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - digits.data()));
    return number;
}

}  // namespace

std::optional<std::pair<FeedId, Sequence>> peek_message(std::string_view text) {
    if (!skip(text, "{\"previous\":")) return std::nullopt;
    if (!skip(text, "null,")) {
        if (!skip(text, "\"%") || text.size() < MessageId::text_bytes) return std::nullopt;
        text.remove_prefix(MessageId::text_bytes - 1);
        if (!skip(text, "\",")) return std::nullopt;
    }
    bool author_first = text.starts_with("\"author\"");
    std::optional<FeedId> who;
    std::optional<Sequence> which;
    if (author_first) who = author(text);
    if (author_first && !skip(text, ",")) return std::nullopt;
    which = sequence(text);
    if (!author_first && skip(text, ",")) who = author(text);
    if (!who || !which || !skip(text, ",")) return std::nullopt;
    return std::pair(*who, *which);
}

}  // namespace sbot::replication
