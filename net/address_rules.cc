#include "net/address_rules.h"

#include <algorithm>
#include <bitset>
#include <cmath>

#include "base/json.h"
#include "base/letters.h"
#include "base/number.h"
#include "message/refs.h"
#include "net/address.h"

namespace sbot::net {
namespace {

using base::is_digit;

constexpr double usual_port = 8008;
constexpr std::size_t key_digits = 44;

bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

/// How many of the characters from `at` on are digits, three at most.
std::size_t digits_at(std::string_view text, std::size_t at) {
    std::size_t count = 0;
    while (count < 3 && at + count < text.size() && is_digit(text[at + count])) ++count;
    return count;
}

/// Where the last of four numbers begins if an IPv4 address may stand at `at`.
std::optional<std::size_t> last_number(std::string_view text, std::size_t at) {
    for (int i = 0; i < 3; ++i) {
        std::size_t count = digits_at(text, at);
        at += count;
        if (count == 0 || at == text.size() || text[at] != '.') return std::nullopt;
        ++at;
    }
    if (digits_at(text, at) == 0) return std::nullopt;
    return at;
}

bool is_ipv4_shape(std::string_view text) {
    auto last = last_number(text, 0);
    return last && *last + digits_at(text, *last) == text.size();
}

/// The rule of npm `ip`: `::` or not, then up to eight groups, then `::` or not; a group is an IPv4
/// address or not, up to four hex digits, up to two colons. Far too generous, and it must be as
/// generous here. All ways to read the text are followed at once, as sets of positions.
class Ipv6Shape {
 public:
    explicit Ipv6Shape(std::string_view text) : text_(text) {}

    bool matches() {
        if (text_.size() > bytes_max) return false;
        Positions at;
        at.set(0);
        at |= colons(at, 2, 2);
        Positions ends = at;
        for (int group = 0; group < 8; ++group) {
            at = colons(hex_digits(at | ipv4(at)), 0, 2);
            ends |= at;
        }
        ends |= colons(ends, 2, 2);
        return ends.test(text_.size());
    }

 private:
    static constexpr std::size_t bytes_max = 2 + 8 * (15 + 4 + 2) + 2;
    using Positions = std::bitset<bytes_max + 1>;

    Positions ipv4(const Positions& from) const {
        Positions to;
        for (std::size_t at = 0; at < text_.size(); ++at) {
            if (!from.test(at)) continue;
            auto last = last_number(text_, at);
            if (!last) continue;
            std::size_t count = digits_at(text_, *last);
            for (std::size_t taken = 1; taken <= count; ++taken) to.set(*last + taken);
        }
        return to;
    }
    Positions hex_digits(const Positions& from) const { return run(from, 0, 4, is_hex); }
    Positions colons(const Positions& from, std::size_t least, std::size_t most) const {
        return run(from, least, most, [](char c) { return c == ':'; });
    }
    Positions run(const Positions& from, std::size_t least, std::size_t most,
                  bool (*fits)(char)) const {
        Positions to;
        for (std::size_t at = 0; at <= text_.size(); ++at) {
            if (!from.test(at)) continue;
            for (std::size_t count = 0; count <= most; ++count) {
                if (count >= least) to.set(at + count);
                if (at + count >= text_.size() || !fits(text_[at + count])) break;
            }
        }
        return to;
    }

    std::string_view text_;
};

bool is_label(std::string_view label, bool underscore_fits) {
    if (label.empty() || label.size() > 63) return false;
    if (label.starts_with('-') || label.ends_with('-')) return false;
    if (!underscore_fits && label.find('_') != std::string_view::npos) return false;
    std::size_t doubles = 0;
    std::size_t encoded = 0;
    for (std::size_t at = label.find("--"); at != std::string_view::npos;
         at = label.find("--", at + 2)) {
        ++doubles;
        encoded += label.substr(0, at).ends_with("xn");
    }
    return doubles == encoded;
}

bool is_domain(std::string_view text) {
    if (text.ends_with('.')) text.remove_suffix(1);
    if (text.size() > 253) return false;
    std::string lower(text);
    for (char& c : lower) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
        bool fits = is_digit(c) || (c >= 'a' && c <= 'z') || c == '-' || c == '.' || c == '_';
        if (!fits) return false;
    }
    std::size_t dot = lower.rfind('.');
    if (dot == std::string::npos) return false;
    std::string_view top = std::string_view(lower).substr(dot + 1);
    bool encoded = top.size() > 4 && top.starts_with("xn--");
    if (encoded) top.remove_prefix(4);
    if (top.empty() || top.find_first_of("-_") != std::string_view::npos) return false;
    if (!encoded && std::all_of(top.begin(), top.end(), is_digit)) return false;
    std::string_view labels = std::string_view(lower).substr(0, dot);
    for (;;) {
        std::size_t end = std::min(labels.find('.'), labels.size());
        bool last = end == labels.size();
        if (!is_label(labels.substr(0, end), !last)) return false;
        if (last) return true;
        labels.remove_prefix(end + 1);
    }
}

/// `host:port:ID` at its last two colons. What is not there is empty.
struct LegacyParts {
    std::string_view host, port, id;
};
LegacyParts split_legacy(std::string_view text) {
    LegacyParts parts;
    auto take_last = [&] {
        std::size_t colon = text.rfind(':');
        std::string_view last = colon == std::string_view::npos ? text : text.substr(colon + 1);
        text = colon == std::string_view::npos ? "" : text.substr(0, colon);
        return last;
    };
    parts.id = take_last();
    parts.port = take_last();
    parts.host = text;
    return parts;
}

std::optional<RefAddress> parse_multiserver(std::string_view text) {
    auto address = MultiserverAddress::parse(text);
    if (!address) return std::nullopt;
    for (auto& layers : address->alternatives) {
        if (layers.size() < 2 || !layers[1].name.starts_with("shs")) continue;
        const std::string& transport = layers[0].name;
        bool web = transport == "ws" || transport == "wss";
        if (!web && transport != "net" && transport != "onion") continue;

        auto& where = layers[0].data;
        auto& whom = layers[1].data;
        if (where.empty() || whom.empty()) return std::nullopt;
        RefAddress found;
        found.port = base::to_number(where.back());
        found.host = web ? transport + ':' : "";
        for (std::size_t i = 0; i + 1 < where.size(); ++i) {
            if (i > 0) found.host += ':';
            found.host += where[i];
        }
        found.key = '@' + whom[0] + ".ed25519";
        if (!is_address(found)) return std::nullopt;
        if (whom.size() > 2 && !whom[2].empty()) found.seed = std::move(whom[2]);
        return found;
    }
    return std::nullopt;
}

std::string to_multiserver(const RefAddress& address) {
    bool web = address.host.starts_with("ws:") || address.host.starts_with("wss:");
    std::string out = web ? "" : address.host.ends_with(".onion") ? "onion:" : "net:";
    out += address.host;
    out += ':';
    json::append_number(out, address.port);
    out += "~shs:";
    out += address.key.substr(1, key_digits);
    return out;
}

/// A legacy invite without what follows `#`, at its one `~`.
struct LegacyInvite {
    std::string_view address, seed;
};
std::optional<LegacyInvite> split_legacy_invite(std::string_view text) {
    std::size_t hash = std::min(text.find('#'), text.size());
    // The reference cuts with an expression in which `.` takes no line end.
    std::string_view redirect = text.substr(hash);
    if (base::first_line(redirect) != redirect) return std::nullopt;
    text = text.substr(0, hash);
    std::size_t tilde = text.find('~');
    if (tilde == std::string_view::npos) return std::nullopt;
    LegacyInvite invite{text.substr(0, tilde), text.substr(tilde + 1)};
    bool seed = invite.seed.size() == key_digits && invite.seed.back() == '=' &&
                std::all_of(invite.seed.begin(), invite.seed.end() - 1, [](char c) {
                    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           c == '/' || c == '+';
                });
    if (!seed || !is_address(invite.address)) return std::nullopt;
    return invite;
}

std::optional<std::string> redirect_of(std::string_view text) {
    std::size_t hash = text.find('#');
    if (hash == std::string_view::npos) return std::nullopt;
    return std::string(text.substr(hash));
}

RefAddress legacy_address(std::string_view text) {
    LegacyParts parts = split_legacy(text);
    RefAddress address;
    address.host = parts.host;
    address.port = parts.port.empty() ? usual_port : base::to_number(parts.port);
    address.key = parts.id;
    return address;
}

}  // namespace

bool is_host(std::string_view text) {
    for (std::string_view web : {"ws://", "wss://"}) {
        if (!text.starts_with(web)) continue;
        text.remove_prefix(web.size());
        break;
    }
    return is_ipv4_shape(text) || Ipv6Shape(text).matches() || is_domain(text) ||
           text == "localhost";
}

bool is_loose_port(double port) {
    return std::isfinite(port) && port == std::trunc(port) && port <= 65536;
}

bool is_address(const RefAddress& address) {
    return message::is_feed(address.key) && is_loose_port(address.port) && is_host(address.host);
}

bool is_address(std::string_view text) {
    for (std::size_t at = text.find('~'); at != std::string_view::npos;
         at = text.find('~', at + 1)) {
        if (at == 0 || text[at - 1] == '!') continue;
        if (MultiserverAddress::parse(text)) return true;
        break;
    }
    LegacyParts parts = split_legacy(text);
    if (parts.id.size() == text.size()) return false;  // no colon: no port either
    RefAddress address;
    address.host = parts.host;
    address.port = base::to_number(parts.port);
    address.key = parts.id;
    return is_address(address);
}

std::optional<RefAddress> parse_address(std::string_view text) {
    if (text.find('~') != std::string_view::npos) return parse_multiserver(text);
    return legacy_address(text);
}

std::optional<std::string> key_of_address(std::string_view text) {
    auto address = MultiserverAddress::parse(text);
    if (!address) return std::nullopt;
    for (const auto& layers : address->alternatives) {
        for (const auto& protocol : layers) {
            if (!protocol.name.starts_with("shs")) continue;
            // Clients see this text, so it is the same as JavaScript's.
            return '@' + (protocol.data.empty() ? "undefined" : protocol.data[0]) + ".ed25519";
        }
    }
    return std::nullopt;
}

bool is_legacy_invite(std::string_view text) { return split_legacy_invite(text).has_value(); }

bool is_multiserver_invite(std::string_view text) {
    return parse_multiserver(text.substr(0, text.find('#'))).has_value();
}

bool is_invite(std::string_view text) {
    return is_legacy_invite(text) || is_multiserver_invite(text);
}

std::optional<RefInvite> parse_invite(std::string_view text) {
    // Not assigned: g++ 12 with the thread sanitizer then warns of what is no error.
    RefInvite invite{{}, {}, {}, redirect_of(text)};
    if (auto legacy = split_legacy_invite(text)) {
        RefAddress address = legacy_address(legacy->address);
        if (address.port == 0) address.port = usual_port;
        if (address.host.empty()) address.host = "localhost";
        invite.remote = to_multiserver(address);
        invite.invite = invite.remote + ':' + std::string(legacy->seed);
        invite.key = std::move(address.key);
        return invite;
    }
    invite.invite = text.substr(0, text.find('#'));
    auto address = parse_multiserver(invite.invite);
    if (!address) return std::nullopt;
    invite.remote = to_multiserver(*address);
    invite.key = std::move(address->key);
    return invite;
}

RefType type_of(std::string_view text) {
    if (message::is_feed(text)) return RefType::feed;
    if (message::is_msg(text)) return RefType::msg;
    if (message::is_blob(text)) return RefType::blob;
    if (is_address(text)) return RefType::address;
    if (is_invite(text)) return RefType::invite;
    return RefType::none;
}

}  // namespace sbot::net
