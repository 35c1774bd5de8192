#include "sbot/method_table.h"

#include <algorithm>

namespace sbot::app {
namespace {

using muxrpc::Allow;
using enum muxrpc::MethodKind;

constexpr MethodArgument keys{"keys", "boolean", "items have a key", true, "true"};
constexpr MethodArgument values{"values", "boolean", "items have a value", true, "true"};
constexpr MethodArgument live{"live", "boolean", "go on with what comes in from now on", true,
                              "false"};
constexpr MethodArgument old{"old", "boolean", "begin with what is stored", true, "true"};
constexpr MethodArgument mark{"sync", "boolean",
                              "mark the end of the stored part of a live stream with {sync: true}",
                              true, "true"};
constexpr MethodArgument reverse{"reverse", "boolean", "the newest first", true, "false"};
constexpr MethodArgument limit{"limit", "number", "at most as many stored items"};
constexpr MethodArgument unboxed{"private", "boolean", "open private messages that are for us",
                                 true, "false"};
constexpr MethodArgument the_feed{"id", "FeedId", "the feed", false};
constexpr MethodArgument the_blob{"id", "BlobId", "the blob, or a list of blobs", false};
constexpr MethodArgument an_address{"address", "MultiServerAddress",
                                    "where the peer listens, with its key", false};

constexpr MethodArgument log_stream[] = {
    {"gt", "timestamp", "only received after"},
    {"gte", "timestamp", "only received at or after"},
    {"lt", "timestamp", "only received before"},
    {"lte", "timestamp", "only received at or before"},
    reverse,
    limit,
    live,
    old,
    mark,
    keys,
    values,
    unboxed,
    {"raw", "boolean", "items as in the log, with their offset as seq", true, "false"}};
constexpr MethodArgument feed_stream[] = {{"gt", "timestamp", "only dated at or after"},
                                          {"gte", "timestamp", "only dated at or after"},
                                          {"lt", "timestamp", "only dated before"},
                                          {"lte", "timestamp", "only dated before"},
                                          reverse,
                                          limit,
                                          live,
                                          old,
                                          mark,
                                          keys,
                                          values,
                                          unboxed};
constexpr MethodArgument user_stream[] = {the_feed,
                                          {"gt", "SequenceNumber", "only after this message"},
                                          {"gte", "SequenceNumber", "only from this message on"},
                                          {"lt", "SequenceNumber", "only before this message"},
                                          {"lte", "SequenceNumber", "only up to this message"},
                                          reverse,
                                          limit,
                                          live,
                                          old,
                                          mark,
                                          keys,
                                          values,
                                          unboxed};
constexpr MethodArgument history_stream[] = {
    the_feed, {"seq", "SequenceNumber", "the first message", true, "0"}, limit, live, old, keys,
    values};
constexpr MethodArgument raw_stream[] = {
    {"gt", "offset", "only behind this place in the log"},
    {"gte", "offset", "only from this place on"},
    {"lt", "offset", "only before this place"},
    {"lte", "offset", "only up to this place"},
    reverse,
    limit,
    live,
    old,
    {"seqs", "boolean", "items have their offset", true, "true"},
    values};
constexpr MethodArgument type_stream[] = {{"type", "string", "what content.type must be", false},
                                          {"gt", "timestamp", "only received after"},
                                          {"gte", "timestamp", "only received at or after"},
                                          {"lt", "timestamp", "only received before"},
                                          {"lte", "timestamp", "only received at or before"},
                                          reverse,
                                          limit,
                                          live,
                                          old,
                                          mark,
                                          keys,
                                          values,
                                          unboxed};
constexpr MethodArgument link_stream[] = {
    {"source", "FeedId", "who links, or @ for any"},
    {"dest", "string", "what is linked to: an id, or one of @ % & for all of a kind"},
    {"rel", "string", "the member of the content that holds the link"},
    {"meta", "boolean", "items say source, rel and dest", true, "true"},
    keys,
    {"values", "boolean", "items have the message", true, "false"},
    live,
    old,
    mark,
    reverse};

constexpr MethodArgument sql_query[] = {
    {"sql", "string", "one SELECT on the tables of docs/schema.md", false},
    {"params", "any", "values for ? as a list, or for :name as an object"},
    {"limit", "number", "at most as many rows"},
    {"lists", "boolean", "rows are lists, not objects", true, "false"},
    {"since", "number",
     "wait until the index has this offset of the log; true: what the log has now"},
    {"timeout", "number", "milliseconds, for that and then for the query", true, "30000"},
    {"live", "boolean",
     "go on: {sync: true}, then {added, removed, changed} whenever the answer has changed", true,
     "false"},
    {"key", "string", "the columns by which a live query knows its rows"}};
constexpr MethodArgument sql_index[] = {
    {"name", "string", "what to call it: small letters, digits and _", false},
    {"path", "string", "the member, like $.about or $.mentions[0].link, or a list of such", false}};
constexpr MethodArgument an_sql_index[] = {{"name", "string", "the index", false}};

constexpr MethodArgument publish_content[] = {
    {"type", "string", "of the content, 3 to 52 characters; all other options go into it too",
     false},
    {"recps", "FeedId", "who can read it: it goes out encrypted"}};
constexpr MethodArgument add_message[] = {
    {"message", "Message", "a signed message, the next one of its feed", false}};
constexpr MethodArgument get_message[] = {
    {"id", "MessageId", "the message, or its offset in the log", false},
    unboxed,
    {"unbox", "string", "the key to open it with, with --private"},
    {"meta", "boolean", "with key and time of arrival", true, "false"}};
constexpr MethodArgument a_feed[] = {the_feed};
constexpr MethodArgument delete_what[] = {{"id", "MessageId", "a message, or a feed", false}};
constexpr MethodArgument scope[] = {
    {"scope", "string", "device, local or public", true, "\"device\""}};
constexpr MethodArgument address_text[] = {
    {"address", "string", "addresses, with ; between them", false}};
constexpr MethodArgument auth_request[] = {
    {"request", "object", "what the reference's oldest clients send", true}};

constexpr MethodArgument a_peer[] = {an_address};
constexpr MethodArgument add_peer[] = {
    an_address, {"source", "string", "where it is known from: manual, seed, friends, …"}};
constexpr MethodArgument peer_id[] = {{"id", "FeedId", "the server's id", false}};
constexpr MethodArgument conn_peer[] = {
    an_address, {"data", "object", "what to remember of it: type, autoconnect, …"}};
constexpr MethodArgument gossip_type[] = {
    {"type", "string", "global, local, seed or friends", true, "\"global\""}};
constexpr MethodArgument ping[] = {
    {"timeout", "number", "milliseconds between two pings", true, "300000"}};
constexpr MethodArgument replicate_feed[] = {
    the_feed, {"replicate", "boolean", "false: no longer", true, "true"}};

constexpr MethodArgument block_passing[] = {
    {"from", "FeedId", "whose feed"},
    {"to", "FeedId", "the peer that gets and gives it no more"},
    {"blocking", "boolean", "false: no longer", true, "false"}};
constexpr MethodArgument follow_wants[] = {
    {"live", "boolean", "go on with what changes", true, "false"}};
constexpr MethodArgument ebt_options[] = {{"options", "object", "`{version: 3}`"}};
constexpr MethodArgument ebt_feed[] = {
    {"id", "FeedId", "of which feed, the own one if there is none"}};

constexpr MethodArgument create_invite[] = {
    {"uses", "number", "how many may use it", true, "1"},
    {"note", "any", "goes into the message by which we follow the guest"},
    {"external", "Host", "the host to dial, instead of the configured one"},
    {"modern", "boolean", "an invite over a WebSocket, for one use", true, "false"}};
constexpr MethodArgument use_invite[] = {{"feed", "FeedId", "the feed to follow", false}};
constexpr MethodArgument accept_invite[] = {{"invite", "InviteCode", "the code", false}};
constexpr MethodArgument from_feed{"source", "FeedId", "who says it", false};
constexpr MethodArgument to_feed{"dest", "FeedId", "of whom", false};
constexpr MethodArgument an_edge[] = {from_feed, to_feed};
constexpr MethodArgument some_edges[] = {{"source", "FeedId", "only of this feed"},
                                         {"dest", "FeedId", "only about this feed"}};
constexpr MethodArgument ask_hops[] = {
    {"start", "FeedId", "the feed to begin at, our own if there is none"},
    {"max", "number", "how far to go; as configured if there is none"},
    {"reverse", "boolean", "how far all others are from it", true, "false"}};
constexpr MethodArgument hop_stream[] = {live, old};
constexpr MethodArgument friend_stream[] = {
    live, old, {"meta", "boolean", "items say how far the feed is", true, "false"}};
constexpr MethodArgument readers{"recps", "FeedId", "who can read it: it goes out encrypted"};
constexpr MethodArgument follow_feed[] = {
    the_feed, {"state", "boolean", "false: no longer", true, "true"}, readers};
constexpr MethodArgument block_feed[] = {the_feed,
                                         {"state", "boolean", "false: no longer", true, "true"},
                                         {"reason", "string", "why"},
                                         readers};

constexpr MethodArgument a_blob[] = {the_blob};
constexpr MethodArgument add_blob[] = {{"id", "BlobId", "what the bytes must hash to"}};
constexpr MethodArgument get_blob[] = {{"id", "BlobId", "the blob", false},
                                       {"size", "number", "refuse a blob of another size"},
                                       {"max", "number", "refuse a larger blob"}};
constexpr MethodArgument get_slice[] = {{"id", "BlobId", "the blob", false},
                                        {"start", "number", "the first byte", false},
                                        {"end", "number", "the byte behind the last", false},
                                        {"size", "number", "refuse a blob of another size"},
                                        {"max", "number", "refuse a larger blob"}};
constexpr MethodArgument list_blobs[] = {
    {"meta", "boolean", "id, size and time of each", true, "false"},
    {"long", "boolean", "the same as --meta", true, "false"},
    live,
    old,
    mark};

constexpr MethodEntry table[] = {
    {"whoami", sync, Allow::local, "the id of this server"},
    {"version", sync, Allow::local, "the version of ssb-db that this server stands in for"},
    {"manifest", sync, Allow::peer, "all methods with their kinds"},
    {"help", sync, Allow::local, "all methods with their arguments"},
    {"status", sync, Allow::local, "the state of the indexes and connections"},
    {"progress", sync, Allow::local, "how far the indexes are"},
    {"address", sync, Allow::local, "the addresses of this server", scope, 1},
    {"getAddress", async, Allow::invite, "the addresses of this server", scope, 1},
    {"auth", async, Allow::local, "does nothing: the handshake has proved who calls", auth_request,
     1},

    {"publish", async, Allow::local, "sign a message of ours and store it", publish_content},
    {"add", async, Allow::local, "store a message that was signed elsewhere", add_message, 1},
    {"createWriteStream", sink, Allow::local, "store signed messages, dropping bad ones"},
    {"get", async, Allow::local, "one message", get_message},
    {"createLogStream", source, Allow::local, "all messages in the order they arrived", log_stream},
    {"createFeedStream", source, Allow::local, "all messages in the order of their dates",
     feed_stream},
    {"createUserStream", source, Allow::local, "the messages of one feed", user_stream},
    {"createHistoryStream", source, Allow::peer, "the messages of one feed, for other servers",
     history_stream},
    {"createSequenceStream", source, Allow::local, "where the log ends, whenever that changes"},
    {"createRawLogStream", source, Allow::local, "the entries of the log, as they are", raw_stream},
    {"messagesByType", source, Allow::local, "all messages of one type", type_stream},
    {"links", source, Allow::local, "who links to what", link_stream},
    {"latest", source, Allow::local, "the last message's number and date, for each feed"},
    {"getLatest", async, Allow::local, "the last message of a feed", a_feed, 1},
    {"latestSequence", async, Allow::local, "the number of a feed's last message", a_feed, 1},
    {"getFeedState", async, Allow::local, "key and number of a feed's last message", a_feed, 1},
    {"getVectorClock", async, Allow::local, "the number of the last message, for each feed"},
    {"del", async, Allow::local, "delete a message or a feed here (nowhere else)", delete_what, 1},
    {"rebuild", async, Allow::local, "make all indexes anew"},

    {"sql.query", source, Allow::local, "rows of the index, and what changes", sql_query},
    {"sql.index", async, Allow::local, "make an index on a member of the content", sql_index},
    {"sql.dropIndex", async, Allow::local, "drop it again", an_sql_index},
    {"sql.indexes", async, Allow::local, "the indexes on members of the content"},
    {"sql.help", sync, Allow::local, "the methods of this group"},

    {"multiserver.address", sync, Allow::local, "the addresses of this server", scope, 1},
    {"multiserver.parse", sync, Allow::local, "take addresses apart", address_text, 1},
    {"multiserver.help", sync, Allow::local, "the methods of this group"},

    {"gossip.peers", sync, Allow::local, "the servers that are known, and their state"},
    {"gossip.add", sync, Allow::local, "add a server to the table", add_peer, 2},
    {"gossip.remove", sync, Allow::local, "forget a server", peer_id, 1},
    {"gossip.get", sync, Allow::local, "what is known of a server", peer_id, 1},
    {"gossip.connect", async, Allow::local, "connect to a peer", a_peer, 1},
    {"gossip.disconnect", async, Allow::local, "end all connections with a peer", peer_id, 1},
    {"gossip.changes", source, Allow::local, "servers found and lost, connections made and ended"},
    {"gossip.reconnect", sync, Allow::local, "end all connections and begin anew"},
    {"gossip.enable", sync, Allow::local, "dial servers of a kind", gossip_type, 1},
    {"gossip.disable", sync, Allow::local, "dial no servers of a kind", gossip_type, 1},
    {"gossip.ping", duplex, Allow::peer, "tell each other the time, to see if the peer lives",
     ping},
    {"gossip.help", sync, Allow::local, "the methods of this group"},

    {"conn.connect", async, Allow::local, "connect to a peer", conn_peer, 2},
    {"conn.disconnect", async, Allow::local, "end all connections with a peer", a_peer, 1},
    {"conn.peers", source, Allow::local, "who is connected: a list, again at each change"},
    {"conn.stagedPeers", source, Allow::local,
     "who was found and is not remembered: a list, again at each change"},
    {"conn.dbPeers", sync, Allow::local, "the servers that are remembered"},
    {"conn.remember", sync, Allow::local, "remember a server", conn_peer, 2},
    {"conn.forget", sync, Allow::local, "forget a server", a_peer, 1},
    {"conn.stage", sync, Allow::local, "offer a server to the scheduler", conn_peer, 2},
    {"conn.unstage", sync, Allow::local, "take that back", a_peer, 1},
    {"conn.start", sync, Allow::local, "let the scheduler dial"},
    {"conn.stop", sync, Allow::local, "end all connections, and let the scheduler dial no more"},
    {"conn.ping", duplex, Allow::peer, "tell each other the time, to see if the peer lives", ping},
    {"conn.help", sync, Allow::local, "the methods of this group"},

    {"connScheduler.start", sync, Allow::local, "let the scheduler dial"},
    {"connScheduler.stop", sync, Allow::local,
     "end all connections, and let the scheduler dial no more"},
    {"connScheduler.help", sync, Allow::local, "the methods of this group"},

    {"replicate.request", sync, Allow::local, "replicate a feed, or stop that", replicate_feed},
    {"replicate.block", sync, Allow::local, "keep a feed from a peer, or stop that", block_passing},
    {"replicate.upto", source, Allow::local, "the feeds that are fetched, with their numbers",
     follow_wants},
    {"replicate.changes", source, Allow::local, "how far everything is, while that changes"},
    {"replicate.help", sync, Allow::local, "the methods of this group"},

    {"ebt.replicate", duplex, Allow::peer, "exchange feeds (epidemic broadcast trees)",
     ebt_options},
    {"ebt.request", sync, Allow::local, "replicate a feed, or stop that", replicate_feed},
    {"ebt.block", sync, Allow::local, "keep a feed from a peer, or stop that", block_passing},
    {"ebt.peerStatus", sync, Allow::local, "who has how much of a feed, and why none of it comes",
     ebt_feed, 1},
    {"ebt.help", sync, Allow::local, "the methods of this group"},

    {"invite.create", async, Allow::local, "make an invite to this server", create_invite},
    {"invite.use", async, Allow::invite, "have this server follow the guest", use_invite},
    {"invite.accept", async, Allow::local,
     "have a pub follow us by its invite, follow it and connect", accept_invite},
    {"invite.help", sync, Allow::local, "the methods of this group"},
    {"friends.isFollowing", async, Allow::local, "whether a feed follows another", an_edge},
    {"friends.isBlocking", async, Allow::local, "whether a feed blocks another", an_edge},
    {"friends.hops", async, Allow::local, "how far every feed is", ask_hops},
    {"friends.hopStream", source, Allow::local, "how far every feed is, and what changes",
     hop_stream},
    {"friends.get", async, Allow::local, "who follows (true) or blocks (false) whom", some_edges},
    {"friends.stream", source, Allow::local, "who follows or blocks whom, and what changes"},
    {"friends.createFriendStream", source, Allow::local, "the feeds that are near, one by one",
     friend_stream},
    {"friends.onEdge", sync, Allow::local, "nothing: it takes a function"},
    {"friends.follow", async, Allow::local, "publish that we follow a feed", follow_feed, 1},
    {"friends.block", async, Allow::local, "publish that we block a feed", block_feed, 1},
    {"friends.help", sync, Allow::local, "the methods of this group"},

    {"blobs.add", sink, Allow::local, "store a blob", add_blob},
    {"blobs.createWants", source, Allow::peer, "for peers: which blobs are wanted, and found here"},
    {"blobs.get", source, Allow::peer, "the bytes of a blob", get_blob},
    {"blobs.getSlice", source, Allow::peer, "some bytes of a blob", get_slice},
    {"blobs.has", async, Allow::peer, "whether a blob is here", a_blob},
    {"blobs.size", async, Allow::local, "the size of a blob, null if it is not here", a_blob},
    {"blobs.meta", async, Allow::local, "id, size and time of a blob", a_blob},
    {"blobs.ls", source, Allow::local, "the blobs that are here", list_blobs},
    {"blobs.rm", async, Allow::local, "delete a blob here (nowhere else)", a_blob},
    {"blobs.help", sync, Allow::local, "the methods of this group"},
};

constexpr MethodGroup groups[] = {
    {"", "an append-only log of signed messages, its feeds and their replication"},
    {"sql", "SQL on the index of all messages"},
    {"multiserver", "addresses that this server listens on"},
    {"gossip", "connections to peers"},
    {"conn", "connections to peers, as newer applications ask for them"},
    {"connScheduler", "whether peers are dialled by themselves"},
    {"replicate", "which feeds to fetch"},
    {"ebt", "exchange of feeds with peers"},
    {"invite", "codes by which a pub follows a guest"},
    {"friends", "who follows and blocks whom, and how far everybody is"},
    {"blobs", "files, each named by its hash"},
};

constexpr std::string_view group_of(std::string_view path) {
    return path.substr(0, path.find('.') == path.npos ? 0 : path.find('.'));
}

constexpr std::string_view name_in_group(std::string_view path) {
    return path.substr(path.find('.') + 1);
}

const MethodEntry* entry_of(std::string_view path) {
    const auto* found = std::find_if(std::begin(table), std::end(table),
                                     [&](const MethodEntry& each) { return each.path == path; });
    return found == std::end(table) ? nullptr : found;
}

std::string_view who(Allow allow) {
    switch (allow) {
        case Allow::local: return "local";
        case Allow::peer: return "everybody";
        case Allow::invite: return "invited";
    }
    return "";
}

void write_arguments(json::Writer& out, const MethodEntry& method) {
    out.name("args").begin_object();
    for (const MethodArgument& each : method.arguments) {
        out.name(each.name).begin_object();
        out.member("type", each.type).member("description", each.description);
        out.name("optional").raw(each.optional ? "true" : "false");
        if (!each.otherwise.empty()) out.name("default").raw(each.otherwise);
        out.end_object();
    }
    out.end_object();
}

muxrpc::AsyncReply<muxrpc::Body> answer_help(const muxrpc::Router& router, std::string group) {
    auto text = help_text(router, group);
    co_return muxrpc::Body::json(text ? *text : "null");
}

/// `{id, state}` as `[id, {state}]`. Nothing where that is not what was meant.
std::optional<std::string> in_places(const MethodEntry& method, json::Value args) {
    json::Value given = args.at(0);
    const MethodArgument& first = method.arguments[0];
    if (args.size() != 1 || !given.is_object() || !given[first.name].exists()) return std::nullopt;
    for (json::Member member : given.members()) {
        bool known = std::any_of(method.arguments.begin(), method.arguments.end(),
                                 [&](const auto& each) { return each.name == member.name; });
        if (!known) return std::nullopt;
    }
    auto places = method.arguments.first(method.by_place);
    auto options = method.arguments.subspan(method.by_place);
    auto is_given = [&](const MethodArgument& each) { return given[each.name].exists(); };
    bool has_options = std::any_of(options.begin(), options.end(), is_given);
    while (!has_options && !is_given(places.back())) places = places.first(places.size() - 1);
    json::Writer out;
    out.begin_array();
    for (const MethodArgument& each : places) {
        out.raw(is_given(each) ? given[each.name].source() : "null");
    }
    if (has_options) out.begin_object();
    for (const MethodArgument& each : options) {
        if (is_given(each)) out.name(each.name).raw(given[each.name].source());
    }
    if (has_options) out.end_object();
    out.end_array();
    return std::move(out).text();
}

/// `friends.follow ID [options]`
std::string usage_of(const MethodEntry& method) {
    std::string out(method.path);
    for (const MethodArgument& each : method.arguments.first(method.by_place)) {
        std::string name(each.name);
        std::transform(name.begin(), name.end(), name.begin(),
                       [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
        out += each.optional ? " [" + name + "]" : " " + name;
    }
    if (method.arguments.size() > method.by_place) out += " [options]";
    return out;
}

}  // namespace

std::span<const MethodEntry> method_table() { return table; }
std::span<const MethodGroup> method_groups() { return groups; }

Result<void> check_methods(const muxrpc::Router& router) {
    for (const auto& [path, method] : router.methods()) {
        const MethodEntry* entry = entry_of(path);
        if (entry == nullptr) return error(Errc::invalid, path + " is not in the table of methods");
        if (entry->kind != method.kind || entry->allow != method.allow) {
            return error(Errc::invalid, path + " has another kind or other permissions than in " +
                                            "the table of methods");
        }
    }
    return {};
}

void take_named_arguments(muxrpc::Router& router) {
    for (const MethodEntry& each : table) {
        if (each.by_place == 0 || !router.methods().contains(each.path)) continue;
        router.adapt(each.path, [&each](muxrpc::Request& request) {
            auto text = in_places(each, request.args);
            if (!text) return;
            auto document = json::Document::parse(*text);
            if (!document) return;
            request.body = std::make_shared<const json::Document>(std::move(*document));
            request.args = request.body->root();
        });
    }
}

std::optional<std::string> help_text(const muxrpc::Router& router, std::string_view group) {
    json::Writer out;
    bool any = false;
    out.begin_object();
    for (const MethodGroup& each : groups) {
        if (each.name == group) out.member("description", each.description);
    }
    out.name("commands").begin_object();
    for (const MethodEntry& each : table) {
        if (group_of(each.path) != group || !router.methods().contains(each.path)) continue;
        any = true;
        out.name(name_in_group(each.path)).begin_object();
        out.member("type", muxrpc::name_of(each.kind)).member("description", each.description);
        write_arguments(out, each);
        if (each.by_place > 0) out.member("single", each.arguments[0].name);
        out.end_object();
    }
    out.end_object().end_object();
    if (!any) return std::nullopt;
    return std::move(out).text();
}

void add_help_methods(muxrpc::Router& router) {
    for (const MethodGroup& each : groups) {
        std::string name(each.name);
        if (!name.empty() && !help_text(router, name)) continue;
        router.sync(name.empty() ? "help" : name + ".help", Allow::local,
                    [&router, name](muxrpc::Request) { return answer_help(router, name); });
    }
}

std::string methods_page() {
    std::string out =
        "# Methods\n\n"
        "Made from the table in `sbot/method_table.cc`; a test says when this page is stale.\n\n"
        "A method's options are the members of one object, its last argument; most that have one\n"
        "required option take its value alone as well. Where arguments have their places, as in\n"
        "`gossip.get ID`, they can be given by name all the same: `gossip.get --id ID`, over RPC "
        "one\n"
        "object of them all, `{id: ID}`. *Who*: `local` are the own key, configured masters and "
        "the\n"
        "unix socket; `everybody` also any peer, `invited` also who holds an invite.\n";
    for (const MethodGroup& group : groups) {
        std::string name(group.name);
        out += "\n## " + (name.empty() ? "Top level" : name) + "\n\n" +
               std::string(group.description) + "\n";
        for (const MethodEntry& each : table) {
            if (group_of(each.path) != group.name) continue;
            out += "\n### " + std::string(each.path) + "\n\n" + std::string(each.description) +
                   " (" + std::string(muxrpc::name_of(each.kind)) + ", " +
                   std::string(who(each.allow)) + ")\n";
            if (each.arguments.empty()) continue;
            if (each.by_place > 0) out += "\n`" + usage_of(each) + "`\n";
            out += "\n| option | type | |\n|---|---|---|\n";
            for (const MethodArgument& argument : each.arguments) {
                out += "| `" + std::string(argument.name) + "` | " + std::string(argument.type) +
                       " | " + std::string(argument.description);
                if (!argument.optional) out += "; required";
                if (!argument.otherwise.empty()) {
                    out += "; default `" + std::string(argument.otherwise) + "`";
                }
                out += " |\n";
            }
        }
    }
    return out;
}

}  // namespace sbot::app
