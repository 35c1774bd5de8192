#include "net/address.h"

#include <algorithm>
#include <charconv>

#include "base/base64.h"
#include "base/letters.h"

namespace sbot::net {
namespace {

using base::is_digit;

constexpr std::size_t host_bytes_max = 253;  // of a domain name
constexpr std::size_t key_bytes = 32;
/// What fits into the kernel's `sockaddr_un` with its closing zero.
constexpr std::size_t socket_path_bytes_max = 107;
constexpr std::string_view escapable = "!~:;";

Error invalid(std::string what) { return base::error(Errc::invalid, std::move(what)); }

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }

/// Reads by the grammar, left to right; every character decides on its own what it is.
class GrammarReader {
 public:
    explicit GrammarReader(std::string_view text) : text_(text) {}

    Result<MultiserverAddress> read() {
        MultiserverAddress address;
        address.alternatives.emplace_back();
        for (;;) {
            Protocol protocol;
            if (!name(protocol.name)) return fail();
            while (take(':')) data(protocol.data.emplace_back());
            address.alternatives.back().push_back(std::move(protocol));
            if (at_ == text_.size()) return address;
            if (take(';')) {
                address.alternatives.emplace_back();
            } else if (!take('~')) {
                return fail();
            }
        }
    }

 private:
    bool name(std::string& out) {
        std::size_t start = at_;
        if (at_ == text_.size() || !is_lower(text_[at_])) return false;
        ++at_;
        while (at_ < text_.size() &&
               (is_lower(text_[at_]) || is_digit(text_[at_]) || text_[at_] == '-')) {
            ++at_;
        }
        out = text_.substr(start, at_ - start);
        return out.size() >= 2;
    }

    void data(std::string& out) {
        for (; at_ < text_.size(); ++at_) {
            char c = text_[at_];
            bool plain = (c >= '"' && c <= '9') || (c >= '<' && c <= '}');
            if (!plain) {
                bool escape = c == '!' && at_ + 1 < text_.size() &&
                              escapable.find(text_[at_ + 1]) != std::string_view::npos;
                if (!escape) return;
                c = text_[++at_];
            }
            out += c;
        }
    }

    bool take(char c) {
        if (at_ == text_.size() || text_[at_] != c) return false;
        ++at_;
        return true;
    }

    Error fail() const { return invalid("no multiserver address, at " + std::to_string(at_)); }

    std::string_view text_;
    std::size_t at_ = 0;
};

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    for (;;) {
        std::size_t end = std::min(text.find(separator), text.size());
        parts.push_back(text.substr(0, end));
        if (end == text.size()) return parts;
        text.remove_prefix(end + 1);
    }
}

/// At each `~`; a `!` takes the character behind it as it is.
std::vector<std::string> split_layers(std::string_view text) {
    std::vector<std::string> layers(1);
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '~') {
            layers.emplace_back();
            continue;
        }
        if (text[i] == '!' && i + 1 < text.size()) ++i;
        layers.back() += text[i];
    }
    return layers;
}

/// What a resolver or a socket may be asked for; whether it exists is theirs to say. A zone can
/// only stand behind an IPv6 address.
bool can_be_host(std::string_view host) {
    if (host.size() > host_bytes_max) return false;
    std::size_t percent = std::min(host.find('%'), host.size());
    if (percent < host.size()) {
        std::string_view zone = host.substr(percent + 1);
        bool ipv6 = host.substr(0, percent).find(':') != std::string_view::npos;
        if (!ipv6 || zone.empty() || zone.find_first_of(":%") != std::string_view::npos) {
            return false;
        }
    }
    return !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
        return is_digit(c) || is_lower(c) || (c >= 'A' && c <= 'Z') ||
               std::string_view(".-_:%").find(c) != std::string_view::npos;
    });
}

/// Host and port, the port behind the last colon.
struct HostPort {
    std::string_view host, port;
};
std::optional<HostPort> split_host(std::string_view text) {
    std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    return HostPort{text.substr(0, colon), text.substr(colon + 1)};
}

Result<DialTarget> net_shs(std::string_view transport, std::string_view transform) {
    auto where = split_host(transport.substr(std::string_view("net:").size()));
    if (!where) return invalid("net address without a port");
    auto whom = split(transform, ':');
    auto target = NetTarget::from_parts(where->host, where->port, whom.size() > 1 ? whom[1] : "");
    if (!target) return std::move(target).error();
    if (whom.size() > 2) {
        Bytes seed = base::from_base64_lenient(whom[2]);
        if (seed.size() != key_bytes) return invalid("seed that is not 32 bytes");
        target->seed.emplace(std::span<const std::uint8_t, key_bytes>(seed));
        explicit_bzero(seed.data(), seed.size());
    }
    return DialTarget(*std::move(target));
}

Result<DialTarget> unix_noauth(std::string_view transport) {
    std::string_view path = transport.substr(std::string_view("unix:").size());
    // Patchwork puts a colon behind the path, which was a separator once.
    if (path.ends_with(':')) path.remove_suffix(1);
    if (path.empty() || path.size() > socket_path_bytes_max ||
        path.find('\0') != std::string_view::npos) {
        return invalid("socket path that is empty or too long");
    }
    return DialTarget(UnixTarget{std::string(path)});
}

Result<DialTarget> dial_alternative(std::string_view text) {
    auto layers = split_layers(text);
    if (layers.size() == 2) {
        bool shs = layers[1] == "shs" || layers[1].starts_with("shs:");
        bool noauth = layers[1] == "noauth" || layers[1].starts_with("noauth:");
        if (layers[0].starts_with("net:") && shs) return net_shs(layers[0], layers[1]);
        if (layers[0].starts_with("unix:") && noauth) return unix_noauth(layers[0]);
    }
    return base::error(Errc::unsupported, "no kind of address that can be dialled");
}

/// `host:port:@….ed25519`, told from the rest by its end; no port means the usual one.
std::optional<Result<DialTarget>> dial_legacy(std::string_view text) {
    if (text.find('~') != std::string_view::npos) return std::nullopt;
    auto id = split_host(text);
    if (!id || !id->port.starts_with('@')) return std::nullopt;
    auto where = split_host(id->host).value_or(HostPort{"", id->host});
    constexpr std::string_view usual_port = "8008";
    auto target =
        NetTarget::from_parts(where.host, where.port.empty() ? usual_port : where.port, id->port);
    if (!target) return std::move(target).error();
    return DialTarget(*std::move(target));
}

}  // namespace

Result<MultiserverAddress> MultiserverAddress::parse(std::string_view text) {
    return GrammarReader(text).read();
}

std::string MultiserverAddress::text() const {
    std::string out;
    for (const auto& alternative : alternatives) {
        if (&alternative != &alternatives.front()) out += ';';
        for (const auto& protocol : alternative) {
            if (&protocol != &alternative.front()) out += '~';
            out += protocol.name;
            for (const auto& datum : protocol.data) out.append(":").append(datum);
        }
    }
    return out;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
    std::uint16_t port = 0;
    if (text.empty() || text.starts_with('0')) return std::nullopt;
    auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (wrong != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return port;
}

Result<NetTarget> NetTarget::from_parts(std::string_view host, std::string_view port,
                                        std::string_view key) {
    NetTarget target;
    target.host = host.empty() ? "localhost" : host;
    if (!can_be_host(target.host)) return invalid("host that is no name and no address");
    auto number = parse_port(port);
    if (!number) return invalid("port that is not 1 to 65535");
    target.port = *number;
    auto id = key.starts_with('@') ? FeedId::parse(key)
                                   : FeedId::parse("@" + std::string(key) + ".ed25519");
    if (!id) return invalid("key that is not 32 bytes of base64");
    target.remote = *id;
    return target;
}

Result<DialTarget> dial_target(std::string_view text) {
    if (auto legacy = dial_legacy(text)) return *std::move(legacy);
    std::optional<Error> reason;
    for (std::string_view alternative : split(text, ';')) {
        auto target = dial_alternative(alternative);
        if (target) return target;
        bool better = !reason || (reason->code == Errc::unsupported &&
                                  target.error().code != Errc::unsupported);
        if (better) reason = std::move(target).error();
    }
    return *std::move(reason);
}

std::string net_address(std::string_view host, std::uint16_t port, const FeedId& key) {
    std::string out = "net:";
    out += host.substr(0, host.find('%'));
    out += ':';
    out += std::to_string(port);
    out += "~shs:";
    out += base::to_base64(key.view());
    return out;
}

std::string unix_address(std::string_view path) {
    std::string out = "unix:";
    for (char c : path) {
        // The one place where escapes are understood: layers are split with regard to them.
        if (c == '~' || c == '!') out += '!';
        out += c;
    }
    return out + "~noauth";
}

}  // namespace sbot::net
