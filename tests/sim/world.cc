#include "tests/sim/world.h"

#include <algorithm>
#include <set>

namespace sbot::sim {
namespace {

constexpr Millis tick_ms = 1000;
constexpr std::size_t links_per_node = 4;
constexpr Millis fetch_wait_ms = 3000;
constexpr Sequence fetch_min = 4;

FeedId id_of(NodeNumber number) {
    FeedId id;
    for (std::size_t i = 0; i < 4; ++i) {
        id.bytes[i] = static_cast<std::uint8_t>(number >> (8 * i));
    }
    id.bytes[31] = 1;
    return id;
}

NodeNumber number_of(const FeedId& id) {
    NodeNumber number = 0;
    for (std::size_t i = 4; i-- > 0;) number = number << 8 | id.bytes[i];
    return number;
}

struct Node {
    Kind kind = Kind::honest;
    std::unique_ptr<Ebt> ebt;
    std::map<NodeNumber, std::vector<std::uint32_t>> log;  // branch of each message, by author
    std::map<NodeNumber, replication::PeerClock> clocks;
    std::set<NodeNumber> links;
    std::uint64_t life = 0;                                     // a restart is a new one
    std::map<std::pair<NodeNumber, NodeNumber>, Millis> heard;  // in a run: by peer and author

    bool is_good() const { return kind == Kind::honest || kind == Kind::slow; }
    Sequence has(NodeNumber author) const {
        auto found = log.find(author);
        return found == log.end() ? 0 : found->second.size();
    }
};

class World {
 public:
    World(std::uint64_t seed, const Options& options) : random_(seed), options_(options) {}

    Outcome run() {
        make_nodes();
        for (NodeNumber i = 0; i < nodes_.size(); ++i) add_links(i);
        at(0, [this] { tick(); });
        at(random(500), [this] { disturb(); });
        advance(options_.chaos_ms);
        chaos_over_ = true;
        for (NodeNumber i = 0; i < nodes_.size(); ++i) add_links(i);
        join_good_nodes();
        advance(options_.chaos_ms + options_.calm_ms);
        judge();
        return outcome_;
    }

 private:
    struct Event {
        Millis when;
        std::uint64_t order;
        std::function<void()> what;
        bool operator>(const Event& other) const {
            return when != other.when ? when > other.when : order > other.order;
        }
    };
    using Pair = std::pair<NodeNumber, NodeNumber>;

    std::uint64_t random(std::uint64_t below) { return below == 0 ? 0 : random_() % below; }
    void at(Millis delay, std::function<void()> what) {
        events_.push({now_ + delay, ++order_, std::move(what)});
    }
    void advance(Millis until) {
        while (!events_.empty() && events_.top().when <= until) {
            Event next = events_.top();
            events_.pop();
            now_ = next.when;
            next.what();
        }
        now_ = until;
    }

    void make_nodes() {
        nodes_.resize(options_.nodes);
        for (NodeNumber i = 0; i < nodes_.size(); ++i) {
            std::uint64_t dice = random(20);
            if (dice < 7) nodes_[i].kind = static_cast<Kind>(dice + 1);
            if (i < 2) nodes_[i].kind = Kind::honest;
            nodes_[i].log[i].resize(random(20));
            start(i);
        }
    }

    /// Anew, with what is in its log.
    void start(NodeNumber number) {
        Node& node = nodes_[number];
        ++node.life;
        node.ebt = std::make_unique<Ebt>(id_of(number), random_(), random(3) == 0 ? 0 : fetch_min);
        node.heard.clear();
        for (NodeNumber i = 0; i < nodes_.size(); ++i) {
            node.ebt->request(id_of(i), true, node.has(i));
        }
    }

    // --- links

    void add_links(NodeNumber number) {
        while (nodes_[number].links.size() < std::min(links_per_node, nodes_.size() - 1)) {
            auto other = static_cast<NodeNumber>(random(nodes_.size()));
            if (other != number && nodes_[number].links.count(other) == 0) join(number, other);
        }
    }
    /// Honest nodes are in one piece at the end, whoever else is between them.
    void join_good_nodes() {
        std::optional<NodeNumber> last;
        for (NodeNumber i = 0; i < nodes_.size(); ++i) {
            if (!nodes_[i].is_good()) continue;
            if (last && nodes_[i].links.count(*last) == 0) join(i, *last);
            last = i;
        }
    }
    void join(NodeNumber dialler, NodeNumber called) {
        nodes_[dialler].links.insert(called);
        nodes_[called].links.insert(dialler);
        ++line_[key(dialler, called)];
        open(called, dialler, Ebt::Role::called);
        open(dialler, called, Ebt::Role::dialled);
        flush(called);
    }
    void open(NodeNumber here, NodeNumber peer, Ebt::Role role) {
        nodes_[here].ebt->open(id_of(peer), role, nodes_[here].clocks[peer], now_);
    }
    void cut(NodeNumber one, NodeNumber other) {
        nodes_[one].links.erase(other);
        nodes_[other].links.erase(one);
        ++line_[key(one, other)];
        for (auto [here, peer] : {Pair(one, other), Pair(other, one)}) {
            if (auto slot = nodes_[here].ebt->slot_of(id_of(peer))) {
                nodes_[here].clocks[peer] = nodes_[here].ebt->close(*slot);
            }
        }
        flush(one);
        flush(other);
    }
    void cut_all(NodeNumber number) {
        while (!nodes_[number].links.empty()) cut(number, *nodes_[number].links.begin());
    }
    static Pair key(NodeNumber one, NodeNumber other) {
        return {std::min(one, other), std::max(one, other)};
    }

    /// A stream keeps its order (TCP does); how long it takes is random, and so is which of a
    /// node's streams is heard first. What was on the way when a link was cut is lost.
    void send(NodeNumber from, NodeNumber to, Packet packet) {
        Millis delay = 1 + random(100);
        if (nodes_[from].kind == Kind::slow || nodes_[to].kind == Kind::slow) delay += random(1000);
        Millis& last = last_arrival_[{from, to}];
        last = std::max(last, now_ + delay);
        if (packet.kind == Packet::Kind::notes) ++outcome_.notes_items;
        if (packet.kind == Packet::Kind::message) ++outcome_.sent;
        if (packet.kind == Packet::Kind::part) ++outcome_.sent;
        std::uint64_t line = line_[key(from, to)];
        events_.push({last, ++order_, [this, from, to, line, packet = std::move(packet)] {
                          if (line_[key(from, to)] == line) arrive(from, to, packet);
                      }});
    }

    // --- what nodes do

    void arrive(NodeNumber from, NodeNumber to, const Packet& packet) {
        Node& node = nodes_[to];
        auto slot = node.ebt->slot_of(id_of(from));
        if (!slot) return;
        const Message& message = packet.message;
        FeedId feed = id_of(message.author);
        switch (packet.kind) {
            case Packet::Kind::notes: node.ebt->notes(*slot, packet.notes, now_); break;
            case Packet::Kind::part:
                if (!node.ebt->to_fetch(*slot, feed)) break;
                node.heard[{from, message.author}] = now_;
                [[fallthrough]];
            case Packet::Kind::message:
                if (node.ebt->message(*slot, feed, message.sequence, now_)) take(to, from, message);
                break;
            case Packet::Kind::request: give_run(to, from, message); break;
            case Packet::Kind::end: end_run(to, from, message.author); break;
        }
        flush(to);
    }

    void take(NodeNumber here, NodeNumber from, const Message& message) {
        Node& node = nodes_[here];
        auto& log = node.log[message.author];
        FeedId feed = id_of(message.author);
        if (message.sequence > log.size() + 1) {
            node.ebt->missed(feed);
        } else if (message.sequence == log.size() + 1) {
            bool fits = log.empty() || log.back() == 0 || log.back() == message.branch;
            if (message.forged || !fits) {
                node.ebt->refused(feed, id_of(from));
                return;
            }
            log.push_back(message.branch);
            ++outcome_.needed;
            node.ebt->stored(feed, log.size());
        }
    }

    void flush(NodeNumber number) {
        Node& node = nodes_[number];
        for (Slot slot : node.ebt->take_awake()) {
            NodeNumber peer = number_of(node.ebt->peer_of(slot));
            if (auto notes = node.ebt->take_notes(slot)) {
                Packet packet;
                packet.kind = Packet::Kind::notes;
                packet.notes = *notes;
                if (node.kind == Kind::liar) boast(packet.notes);
                send(number, peer, std::move(packet));
            }
            for (const FeedId& feed : node.ebt->take_fetches(slot)) fetch(number, slot, feed);
            while (auto span = node.ebt->next_to_send(slot)) {
                span->last = std::min(span->last, span->first + random(5));
                if (!node.ebt->sending(slot, *span)) continue;
                for (Sequence i = span->first; i <= span->last; ++i) {
                    give(number, peer, number_of(span->feed), i, Packet::Kind::message);
                }
            }
        }
    }

    void fetch(NodeNumber here, Slot slot, const FeedId& feed) {
        auto span = nodes_[here].ebt->to_fetch(slot, feed);
        if (!span) return;
        Packet packet;
        packet.kind = Packet::Kind::request;
        packet.message = {number_of(feed), span->first, 0, false};
        NodeNumber peer = number_of(nodes_[here].ebt->peer_of(slot));
        nodes_[here].heard[{peer, packet.message.author}] = 0;
        send(here, peer, packet);
        watch_run(here, peer, packet.message.author, now_);
    }

    /// Whatever is there, in order, to the end.
    void give_run(NodeNumber here, NodeNumber to, const Message& first) {
        if (nodes_[here].kind == Kind::staller) return;
        for (Sequence i = first.sequence; i <= nodes_[here].has(first.author); ++i) {
            give(here, to, first.author, i, Packet::Kind::part);
        }
        Packet packet;
        packet.kind = Packet::Kind::end;
        packet.message.author = first.author;
        send(here, to, packet);
    }

    void end_run(NodeNumber here, NodeNumber peer, NodeNumber author) {
        Node& node = nodes_[here];
        const bool useful = node.heard[{peer, author}] > 0;
        if (auto slot = node.ebt->slot_of(id_of(peer))) {
            node.ebt->fetched(*slot, id_of(author), useful);
        }
    }

    /// A run in which nothing comes is given up.
    void watch_run(NodeNumber here, NodeNumber peer, NodeNumber author, Millis since) {
        const std::uint64_t line = line_[key(here, peer)];
        at(fetch_wait_ms, [=, this] {
            auto slot = nodes_[here].ebt->slot_of(id_of(peer));
            if (line_[key(here, peer)] != line || !slot) return;
            if (!nodes_[here].ebt->to_fetch(*slot, id_of(author))) return;
            const Millis heard = nodes_[here].heard[{peer, author}];
            if (heard > since) return watch_run(here, peer, author, heard);
            end_run(here, peer, author);
            flush(here);
        });
    }

    void boast(std::vector<FeedNote>& notes) {
        for (FeedNote& each : notes) {
            if (each.note.replicate && random(2) == 0) each.note.sequence += random(1000);
        }
    }

    void give(NodeNumber from, NodeNumber to, NodeNumber author, Sequence sequence,
              Packet::Kind kind) {
        const Node& node = nodes_[from];
        if (node.kind == Kind::staller) return;
        Packet packet;
        packet.kind = kind;
        packet.message = {author, sequence, node.log.at(author)[sequence - 1], false};
        if (node.kind == Kind::forger) packet.message.forged = random(3) == 0;
        if (node.kind == Kind::liar && random(2) == 0) packet.message.sequence += 1 + random(9);
        if (node.kind == Kind::trickler && author != from) {
            // The one behind, or the first one again, but never the next.
            packet.message.sequence = random(2) == 0 ? sequence + 1 : 1;
        }
        if (node.kind == Kind::forker && author == from && sequence > 3) {
            packet.message.branch = 1 + to % 2;
        }
        send(from, to, packet);
    }

    void tick() {
        for (NodeNumber i = 0; i < nodes_.size(); ++i) {
            if (nodes_[i].kind == Kind::trickler && random(2) == 0) publish(i, 1);
            nodes_[i].ebt->tick(now_);
            flush(i);
        }
        at(tick_ms, [this] { tick(); });
    }

    void disturb() {
        if (chaos_over_) return;
        auto number = static_cast<NodeNumber>(random(nodes_.size()));
        std::uint64_t dice = random(10);
        if (dice < 6) publish(number, 1 + random(4));
        if (dice == 6 && !nodes_[number].links.empty()) cut(number, *nodes_[number].links.begin());
        if (dice == 7) add_links(number);
        if (dice == 8) restart(number);
        at(random(200), [this] { disturb(); });
    }

    void publish(NodeNumber number, std::uint64_t count) {
        Node& node = nodes_[number];
        // One that lost messages of its own would fork: it is up to the node to know (not here).
        if (node.kind == Kind::loser) return;
        for (; count > 0; --count) node.log[number].push_back(0);
        node.ebt->stored(id_of(number), node.has(number));
        flush(number);
    }

    void restart(NodeNumber number) {
        cut_all(number);
        Node& node = nodes_[number];
        if (node.kind == Kind::loser) {
            for (auto& [author, log] : node.log) {
                if (author != number)
                    log.resize(log.size() - std::min<std::size_t>(log.size(), random(10)));
            }
        }
        start(number);
        add_links(number);
    }

    /// Every good node has all that any good node has of every honest feed. (What a liar or a
    /// forger sends of its own feed comes late, if at all.)
    void judge() {
        for (NodeNumber author = 0; author < nodes_.size(); ++author) {
            if (!nodes_[author].is_good() && nodes_[author].kind != Kind::loser) continue;
            Sequence most = 0;
            for (const Node& node : nodes_) {
                if (node.is_good()) most = std::max(most, node.has(author));
            }
            for (NodeNumber i = 0; i < nodes_.size(); ++i) {
                if (!nodes_[i].is_good() || nodes_[i].has(author) == most) continue;
                outcome_.converged = false;
                outcome_.why = "node " + std::to_string(i) + " has " +
                               std::to_string(nodes_[i].has(author)) + " of " +
                               std::to_string(most) + " messages of node " +
                               std::to_string(author) + links_of(i, author);
                return;
            }
        }
    }

    /// How it stands between a node and its peers, for whoever looks for the reason.
    std::string links_of(NodeNumber number, NodeNumber author) const {
        std::string text;
        for (NodeNumber other : nodes_[number].links) {
            for (auto [here, there] : {Pair(number, other), Pair(other, number)}) {
                const Node& node = nodes_[here];
                auto slot = node.ebt->slot_of(id_of(there));
                auto relation = node.ebt->relation(id_of(author), *slot);
                text += "\n  " + std::to_string(here) + " (kind " +
                        std::to_string(static_cast<int>(node.kind)) + ", has " +
                        std::to_string(node.has(author)) + ") of " + std::to_string(there) + ":";
                if (!relation) continue;
                text += " has " + std::to_string(relation->has) + ", sent " +
                        std::to_string(relation->sent) + (relation->open ? ", open" : "") +
                        (relation->tx ? ", tx" : "") + (relation->rx ? ", rx" : "") +
                        (relation->refused ? ", refused" : "");
            }
        }
        return text;
    }

    std::mt19937_64 random_;
    Options options_;
    std::vector<Node> nodes_;
    std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
    std::map<Pair, std::uint64_t> line_;  // changes with every cut and join
    std::map<Pair, Millis> last_arrival_;
    Millis now_ = 0;
    std::uint64_t order_ = 0;
    bool chaos_over_ = false;
    Outcome outcome_;
};

}  // namespace

Outcome run(std::uint64_t seed, const Options& options) { return World(seed, options).run(); }

}  // namespace sbot::sim
