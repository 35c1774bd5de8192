// gossip.json and conn.json as other programs wrote them: what was read is written so that it reads
// the same.

#include <cstdlib>

#include "base/bytes.h"
#include "net/peer_table.h"

using namespace sbot;

namespace {

void must(bool holds) {
    if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view text = base::text_of(ByteView(data, size));
    if (net::PeerTable table{FeedId()}; table.read_gossip(text)) {
        std::string written = table.gossip_json();
        net::PeerTable again{FeedId()};
        must(again.read_gossip(written).has_value());
        must(again.all().size() == table.all().size());
        must(again.gossip_json() == written);
    }
    if (net::PeerTable table{FeedId()}; table.read_conn(text)) {
        std::string written = table.conn_json();
        net::PeerTable again{FeedId()};
        must(again.read_conn(written).has_value());
        must(again.all().size() == table.all().size());
        must(again.conn_json() == written);
    }
    return 0;
}
