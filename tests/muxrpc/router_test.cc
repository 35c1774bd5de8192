#include "muxrpc/router.h"

#include <gtest/gtest.h>

namespace sbot::muxrpc {
namespace {

AsyncReply<Body> nothing(Request) { co_return Body::json("null"); }

Router some_methods() {
    Router router;
    router.sync("whoami", Allow::local, &nothing);
    router.async("gossip.connect", Allow::local, &nothing);
    router.source("live", Allow::peer, {});
    router.duplex("gossip.ping", Allow::peer, {});
    router.sink("blobs.add", Allow::local, {});
    router.async("invite.use", Allow::invite, &nothing);
    router.async("gossips", Allow::local, &nothing);
    return router;
}

TEST(Router, the_manifest_is_in_the_order_of_registration_with_groups_together) {
    EXPECT_EQ(some_methods().manifest(),
              R"({"whoami":"sync","gossip":{"connect":"async","ping":"duplex"},"live":"source",)"
              R"("blobs":{"add":"sink"},"invite":{"use":"async"},"gossips":"async"})");
    EXPECT_EQ(Router().manifest(), "{}");
}

TEST(Router, permissions_are_those_of_the_whole_path) {
    Router router = some_methods();
    auto may = [&router](std::vector<std::string> path, std::string_view type, Rights rights) {
        return router.find(path, type, rights).has_value();
    };
    EXPECT_TRUE(may({"gossip", "ping"}, "duplex", Rights::peer));
    EXPECT_FALSE(may({"gossip", "connect"}, "async", Rights::peer));
    EXPECT_FALSE(may({"gossip"}, "async", Rights::local));
    EXPECT_FALSE(may({"gossip", "ping", "x"}, "duplex", Rights::local));
    EXPECT_FALSE(may({"gossip.ping"}, "duplex", Rights::local));
    EXPECT_FALSE(may({}, "async", Rights::local));
    EXPECT_TRUE(may({"invite", "use"}, "async", Rights::invite));
    EXPECT_FALSE(may({"invite", "use"}, "async", Rights::peer));
    EXPECT_FALSE(may({"live"}, "source", Rights::invite));
    for (std::string_view type : {"sync", "async"}) {
        EXPECT_TRUE(may({"whoami"}, type, Rights::local));
        EXPECT_TRUE(may({"gossip", "connect"}, type, Rights::local));
        EXPECT_FALSE(may({"live"}, type, Rights::local));
    }
}

}  // namespace
}  // namespace sbot::muxrpc
