#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// What ssb-ref 2.16 makes of texts: references (`@ % &`), links, channels. Looser than `Id::parse`
/// on purpose: rules that quote ssb-ref must accept what it accepts. Its functions for addresses
/// are in net/address_rules.h.
///
/// Texts are UTF-8 or WTF-8 (base/json.h), of any length; nothing here fails or recurses.
namespace sbot::message {

/// Sigil, 32 bytes in canonical base64, any one character (a dot in every sane id), suffix; to the
/// very end. A feed may end in `sha256` as well as in `ed25519`.
bool is_feed(std::string_view text);
bool is_msg(std::string_view text);
bool is_blob(std::string_view text);
/// The same with the suffix `cloaked`: names of private groups.
bool is_cloaked_msg(std::string_view text);

/// Of any format, ours or not: sigil, canonical base64 of any length (also none), a dot, a suffix
/// of letters, digits and `-`.
bool is_feed_type(std::string_view text);
bool is_msg_type(std::string_view text);
bool is_blob_type(std::string_view text);

/// A feed, message or blob; what follows a `?` does not count.
bool is_link(std::string_view text);
bool is_msg_link(std::string_view text);
bool is_blob_link(std::string_view text);

/// A query as Node's `querystring` reads it: names in order of first appearance, each with its
/// values (more than one where the name is repeated), percent-decoded, `+` for a blank.
using Query = std::vector<std::pair<std::string, std::vector<std::string>>>;

struct Link {
    std::string link;            ///< sigil, 44 characters, suffix; the base64 may be uncanonical
    std::optional<Query> query;  ///< there if a `?` and something followed

    /// The key of a private blob or message: a single `unbox`, with its `+` as they were.
    std::optional<std::string> unbox() const;
};
std::optional<Link> parse_link(std::string_view text);

/// The first reference somewhere in a text (a URL, say), also if percent-encoded. Neither base64
/// nor suffix are checked further.
std::optional<std::string> extract(std::string_view text);

/// The name by which a channel is kept: lower case, without white space and punctuation, at most 30
/// UTF-16 units (so it may end in half a character). Nothing if nothing is left.
std::optional<std::string> normalize_channel(std::string_view text);

}  // namespace sbot::message
