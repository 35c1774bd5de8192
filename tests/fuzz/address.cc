// Addresses and references: what was read can be written and read again, and the ways to ask about
// one text agree with each other.

#include <cstdlib>

#include "base/utf.h"
#include "message/ids.h"
#include "message/refs.h"
#include "net/address.h"
#include "net/address_rules.h"

using namespace sbot;

namespace {

void must(bool holds) {
    if (!holds) std::abort();
}

void grammar(std::string_view text) {
    auto address = net::MultiserverAddress::parse(text);
    if (!address || text.find('!') != std::string_view::npos) return;
    must(address->text() == text);
}

void dialling(std::string_view text) {
    auto target = net::dial_target(text);
    if (!target) return;
    if (auto* socket = std::get_if<net::UnixTarget>(&*target)) {
        // The two things a path cannot hold.
        if (socket->path.find(';') != std::string::npos || socket->path.ends_with(':')) return;
        auto again = net::dial_target(net::unix_address(socket->path));
        must(again && std::get<net::UnixTarget>(*again).path == socket->path);
        return;
    }
    auto& net = std::get<net::NetTarget>(*target);
    std::string written = net::net_address(net.host, net.port, net.remote);
    auto again = net::dial_target(written);
    must(again.has_value());
    auto& same = std::get<net::NetTarget>(*again);
    must(same.host == net.host.substr(0, net.host.find('%')));
    must(same.port == net.port && same.remote == net.remote);
    must(net::is_address(written));
    must(net::key_of_address(written) == net.remote.text());
}

void rules(std::string_view text) {
    auto invite = net::parse_invite(text);
    must(invite.has_value() == net::is_invite(text));
    if (invite) must(message::is_feed(invite->key) && net::is_address(invite->remote));
    auto address = net::parse_address(text);
    if (address && text.find('~') != std::string_view::npos) {
        must(net::is_address(*address));
        // An invite ends at the first `#`.
        must(text.find('#') != std::string_view::npos || net::is_multiserver_invite(text));
    }
    if (net::type_of(text) == net::RefType::address) must(net::is_address(text));
    (void)net::is_host(text);
}

void references(std::string_view text) {
    if (FeedId::parse(text)) must(message::is_feed(text) && message::is_feed_type(text));
    if (MessageId::parse(text)) must(message::is_msg(text));
    if (BlobId::parse(text)) must(message::is_blob_link(text));
    if (auto found = message::extract(text)) {
        auto link = message::parse_link(*found);
        must(link && link->link == *found && !link->query);
    }
    if (auto link = message::parse_link(text)) must(message::extract(text) == link->link);
    if (auto channel = message::normalize_channel(text)) {
        must(!channel->empty() && (!base::is_utf8(text) || base::utf16_length(*channel) <= 30));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view text = base::text_of({data, size});
    grammar(text);
    dialling(text);
    rules(text);
    references(text);
    return 0;
}
