#include <map>
#include <random>

#include "friends/snapshot.h"
#include "tests/vectors.h"

namespace sbot::friends {
namespace {

FeedId feed_of(int number) {
    FeedId id;
    id.bytes[0] = static_cast<std::uint8_t>(number);
    id.bytes[1] = static_cast<std::uint8_t>(number >> 8);
    return id;
}

/// "f7" is the seventh feed, "b" one more.
FeedId named(std::string_view name) {
    if (name.size() == 1) return feed_of(1000 + name[0]);
    return feed_of(std::stoi(std::string(name.substr(1))));
}

Relation relation_of(json::Value number) {
    return static_cast<Relation>(static_cast<int>(number.number()));
}

using Map = std::map<FeedId, double>;

Map map_of(json::Value object) {
    Map map;
    for (json::Member each : object.members()) map[named(each.name)] = each.value.number();
    return map;
}

Map map_of(const Names& names, const Hops& hops) {
    Map map;
    for (FeedIndex feed : hops.reached) map[names[feed]] = hops.to[feed];
    return map;
}

/// News about feeds that need not be known yet.
class Teller {
 public:
    explicit Teller(Snapshot start) : now(std::move(start)) {}

    void add(const FeedId& from, const FeedId& to, Relation relation) {
        FeedIndex source = index_of(from);
        news_.contacts.push_back({source, index_of(to), relation});
    }
    void add(json::Value edge) {
        add(named(edge.at(0).string()), named(edge.at(1).string()), relation_of(edge.at(2)));
    }
    /// What changed.
    std::vector<HopsChange> tell() {
        Snapshot before = now;
        now = now.after(std::exchange(news_, {}));
        return now.changes_since(before);
    }

    Snapshot now;

 private:
    FeedIndex index_of(const FeedId& feed) {
        if (auto known = now.graph().names->find(feed)) return *known;
        for (std::size_t i = 0; i < news_.feeds.size(); ++i) {
            if (news_.feeds[i] == feed) {
                return static_cast<FeedIndex>(now.graph().names->size() + i);
            }
        }
        news_.feeds.push_back(feed);
        return static_cast<FeedIndex>(now.graph().names->size() + news_.feeds.size() - 1);
    }
    News news_;
};

Map own_map(const Snapshot& snapshot) { return map_of(*snapshot.graph().names, snapshot.hops()); }

TEST(Contact, says_what_the_reference_reads) {
    for (const json::Document& line : tests::read_vectors("graph.jsonl")) {
        json::Value vector = line.root();
        if (!vector["kind"].is("contact")) continue;
        auto statement = statement_in(vector["content"]);
        json::Value edge = vector["edge"];
        // The reference takes a name that no feed can have.
        if (edge.is_null() || edge.at(0).string().ends_with(".sha256")) {
            EXPECT_FALSE(statement) << vector.source();
            continue;
        }
        ASSERT_TRUE(statement) << vector.source();
        EXPECT_EQ(statement->about.text(), edge.at(0).string());
        EXPECT_EQ(statement->relation, relation_of(edge.at(1))) << vector.source();
    }
}

TEST(Hops, agree_with_the_reference_for_a_graph_loaded_at_once) {
    for (const json::Document& line : tests::read_vectors("graph.jsonl")) {
        json::Value vector = line.root();
        if (!vector["kind"].is("scratch")) continue;
        Teller teller(Snapshot(named(vector["start"].string()), vector["max"].number()));
        for (json::Value edge : vector["edges"].elements()) teller.add(edge);
        teller.tell();
        EXPECT_EQ(own_map(teller.now), map_of(vector["hops"])) << vector.source();
    }
}

TEST(Hops, agree_with_the_reference_under_any_option) {
    for (const json::Document& line : tests::read_vectors("graph.jsonl")) {
        json::Value vector = line.root();
        if (!vector["kind"].is("options")) continue;
        Teller teller(Snapshot(named(vector["start"].string()), vector["max"].number()));
        for (json::Value edge : vector["edges"].elements()) teller.add(edge);
        teller.tell();
        json::Value options = vector["opts"];
        HopsQuery query;
        query.own_max = teller.now.hops_max();
        query.max = options["max"].truthy() ? options["max"].number() : query.own_max;
        query.reverse = options["reverse"].is_true();
        Map expected = map_of(vector["hops"]);
        if (options["start"].truthy()) {
            auto start = teller.now.graph().names->find(named(options["start"].string()));
            if (!start) continue;  // nothing to compute
            query.start = *start;
        }
        Hops got = hops(*teller.now.graph().edges, query);
        EXPECT_EQ(map_of(*teller.now.graph().names, got), expected) << vector.source();
    }
}

TEST(Snapshot, tells_the_same_changes_as_the_reference_edge_by_edge) {
    for (const json::Document& line : tests::read_vectors("graph.jsonl")) {
        json::Value vector = line.root();
        if (!vector["kind"].is("updates")) continue;
        Teller teller(Snapshot(named(vector["start"].string()), vector["max"].number()));
        for (json::Value step : vector["steps"].elements()) {
            teller.add(step);
            Map emitted;
            for (const HopsChange& change : teller.tell()) {
                if (change.hops != nowhere) emitted[change.feed] = change.hops;
            }
            EXPECT_EQ(emitted, map_of(step.at(3))) << vector.source();
        }
        EXPECT_EQ(own_map(teller.now), map_of(vector["hops"])) << vector.source();
    }
}

TEST(Snapshot, is_right_where_the_reference_is_not) {
    for (const json::Document& line : tests::read_vectors("graph.jsonl")) {
        json::Value vector = line.root();
        if (!vector["kind"].is("reference-fault")) continue;
        Teller teller(Snapshot(named(vector["start"].string()), vector["max"].number()));
        for (json::Value step : vector["steps"].elements()) {
            teller.add(step);
            teller.tell();
        }
        EXPECT_EQ(own_map(teller.now), map_of(vector["right"])) << vector.source();
    }
}

TEST(Snapshot, tells_of_feeds_that_drop_out) {
    FeedId own = feed_of(1), friend_ = feed_of(2), far = feed_of(3);
    Teller teller(Snapshot(own, 2));
    teller.add(own, friend_, Relation::follow);
    teller.add(friend_, far, Relation::follow);
    EXPECT_EQ(teller.tell(), (std::vector<HopsChange>{{friend_, 1}, {far, 2}}));
    teller.add(own, friend_, Relation::unfollow);
    EXPECT_EQ(teller.tell(), (std::vector<HopsChange>{{friend_, -2}, {far, nowhere}}));
    EXPECT_FALSE(teller.now.blocked(friend_));
    teller.add(own, friend_, Relation::block);
    auto changes = teller.tell();
    ASSERT_EQ(changes.size(), 1U);
    EXPECT_TRUE(changes[0].blocked());
    EXPECT_FALSE(changes[0].wanted());
    EXPECT_TRUE(teller.now.blocked(friend_));
    EXPECT_TRUE(teller.now.blocks(own, friend_));
    EXPECT_FALSE(teller.now.blocks(friend_, own));
}

TEST(Snapshot, compares_by_name_with_one_that_was_told_anew) {
    FeedId own = feed_of(1), one = feed_of(2), other = feed_of(3);
    Snapshot before(own, 2);
    before =
        before.after({false, {one, other}, {{0, 1, Relation::follow}, {0, 2, Relation::follow}}});
    News anew{true, {own, other, one}, {{0, 1, Relation::follow}}};
    Snapshot after = before.after(anew);
    EXPECT_EQ(after.changes_since(before), (std::vector<HopsChange>{{one, nowhere}}));
}

TEST(Snapshot, never_blocks_itself) {
    FeedId own = feed_of(1);
    Teller teller(Snapshot(own, 2));
    teller.add(own, own, Relation::block);
    EXPECT_TRUE(teller.tell().empty());
    EXPECT_FALSE(teller.now.blocked(own));
    EXPECT_TRUE(teller.now.blocks(own, own));
}

TEST(Edges, keep_the_order_in_which_they_were_drawn) {
    std::vector<Contact> first = {{1, 2, Relation::follow},
                                  {0, 1, Relation::follow},
                                  {1, 0, Relation::follow},
                                  {1, 2, Relation::block}};
    Edges edges = Edges().with(first, 3);
    EXPECT_EQ(edges.size(), 3U);
    std::vector<Contact> second = {{1, 1, Relation::follow}, {1, 0, Relation::unfollow}};
    edges = edges.with(second, 5);
    EXPECT_EQ(edges.feeds(), 5U);
    auto row = edges.of(1);
    EXPECT_EQ(
        std::vector<Edge>(row.begin(), row.end()),
        (std::vector<Edge>{{2, Relation::block}, {0, Relation::unfollow}, {1, Relation::follow}}));
    EXPECT_EQ(edges.between(0, 1), Relation::follow);
    EXPECT_FALSE(edges.between(0, 2));
    EXPECT_TRUE(edges.of(4).empty());
}

TEST(Edges, in_pieces_are_those_told_at_once) {
    std::mt19937 random(7);
    for (int round = 0; round < 50; ++round) {
        std::size_t feeds = 2 + random() % 30;
        std::vector<Contact> all(random() % 200);
        for (Contact& each : all) {
            each.from = static_cast<FeedIndex>(random() % feeds);
            each.to = static_cast<FeedIndex>(random() % feeds);
            each.relation = static_cast<Relation>(1 - static_cast<int>(random() % 4));
        }
        Edges whole = Edges().with(all, feeds), pieces;
        for (std::size_t at = 0; at < all.size();) {
            std::size_t count = std::min<std::size_t>(1 + random() % 9, all.size() - at);
            pieces = pieces.with(std::span(all).subspan(at, count), feeds);
            at += count;
        }
        if (all.empty()) pieces = pieces.with({}, feeds);
        Edges twice = whole.reversed().reversed();
        for (FeedIndex from = 0; from < feeds; ++from) {
            auto a = whole.of(from), b = pieces.of(from), c = twice.of(from);
            EXPECT_TRUE(std::equal(a.begin(), a.end(), b.begin(), b.end()));
            EXPECT_TRUE(std::is_permutation(a.begin(), a.end(), c.begin(), c.end()));
        }
    }
}

TEST(Names, are_found_whenever_they_came) {
    Names names;
    for (int batch = 0; batch < 10; ++batch) {
        std::vector<FeedId> more;
        for (int i = 0; i < 7; ++i) more.push_back(feed_of((batch * 7 + i) * 37 % 1000));
        names = names.with(more);
    }
    for (FeedIndex i = 0; i < names.size(); ++i) EXPECT_EQ(names.find(names[i]), i);
    EXPECT_FALSE(names.find(feed_of(1001)));
}

}  // namespace
}  // namespace sbot::friends
