#include <map>
#include <string>

#include "friends/hops.h"
#include "tests/oracle/ops.h"

// Follow graphs. Tests name feeds as they like ("a"), so names are made up to stand for them.

namespace sbot::oracle {
namespace {

using friends::FeedIndex;
using friends::Relation;

class Naming {
 public:
    FeedIndex index(std::string_view name) {
        auto [at, added] = indexes_.emplace(name, static_cast<FeedIndex>(names_.size()));
        if (added) names_.push_back(at->first);
        return at->second;
    }
    const std::string& name(FeedIndex index) const { return names_[index]; }
    std::size_t size() const { return names_.size(); }

 private:
    std::map<std::string, FeedIndex, std::less<>> indexes_;
    std::vector<std::string> names_;
};

Relation relation_of(json::Value number) {
    return static_cast<Relation>(static_cast<int>(number.number()));
}

bool hops(json::Value request, json::Writer& answer) {
    Naming naming;
    std::vector<friends::Contact> contacts;
    for (json::Member from : request["graph"].members()) {
        for (json::Member to : from.value.members()) {
            contacts.push_back(
                {naming.index(from.name), naming.index(to.name), relation_of(to.value)});
        }
    }
    for (json::Value update : request["updates"].elements()) {
        contacts.push_back({naming.index(update.at(0).string()),
                            naming.index(update.at(1).string()), relation_of(update.at(2))});
    }
    friends::HopsQuery query;
    json::Value options = request["opts"];
    query.own = naming.index(request["start"].string());
    query.start = options["start"].truthy() ? naming.index(options["start"].string()) : query.own;
    query.own_max = request["max"].number();
    query.max = options["max"].truthy() ? options["max"].number() : query.own_max;
    query.reverse = options["reverse"].is_true();
    friends::Edges edges = friends::Edges().with(contacts, naming.size());
    friends::Hops result = friends::hops(edges, query);
    answer.name("hops").begin_object();
    for (FeedIndex feed : result.reached) answer.member(naming.name(feed), result.to[feed]);
    answer.end_object();
    return true;
}

bool contacts(json::Value request, json::Writer& answer) {
    friends::Graph graph;
    for (json::Value message : request["messages"].elements()) {
        auto author = FeedId::parse(message["value"]["author"].string());
        auto statement = friends::statement_in(message["value"]["content"]);
        if (!author || !statement) continue;
        friends::News news;
        for (const FeedId& feed : {*author, statement->about}) {
            if (!graph.names->find(feed)) graph = graph.with({false, {feed}, {}});
        }
        news.contacts.push_back({*graph.names->find(*author), *graph.names->find(statement->about),
                                 statement->relation});
        graph = graph.with(news);
    }
    answer.name("graph").begin_object();
    for (FeedIndex from = 0; from < graph.names->size(); ++from) {
        if (graph.edges->of(from).empty()) continue;
        answer.name((*graph.names)[from].text()).begin_object();
        for (const friends::Edge& edge : graph.edges->of(from)) {
            answer.member((*graph.names)[edge.to].text(), static_cast<double>(edge.relation));
        }
        answer.end_object();
    }
    answer.end_object();
    return true;
}

constexpr NamedOp ops[] = {{"hops", &hops}, {"contacts", &contacts}};

}  // namespace

std::span<const NamedOp> graph_ops() { return ops; }

}  // namespace sbot::oracle
