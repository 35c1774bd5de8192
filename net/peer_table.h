#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "base/tree.h"
#include "message/ids.h"

/// The servers we know of, and how it went with each: the tables of ssb-gossip and ssb-conn in one.
/// Pure: no clock, no files. Protocol source: ssb-gossip 1.1, ssb-conn-db 1.0 (docs/peers.md).
namespace sbot::net {

enum class PeerState : std::uint8_t { none, connecting, connected, disconnecting };

/// One server. Times are milliseconds since 1970.
struct KnownPeer {
    std::string address;  ///< multiserver text
    FeedId key;
    /// What the files and calls say of it besides (`source`, `failure`, `stateChange`, `duration`,
    /// …), also what only other programs understand.
    base::Tree data = base::Tree::object();
    PeerState state = PeerState::none;
    bool staged = false;      ///< found, but not remembered: never written down
    double heard = 0;         ///< the last time it announced itself on the LAN
    std::string lan_address;  ///< and where it said it was
    std::uint32_t links = 0;  ///< connections with it
    double linked_since = 0;  ///< when the first of them came about
    /// What `conn.stage` says of one that is remembered (staged ones have it in `data`); null: it
    /// is not staged.
    base::Tree offer;
    /// Where it came from, if somebody asked for it: the reference calls all that a file had
    /// `stored`, but the files still say this.
    std::string asked_as;

    const std::string& source() const { return data["source"].text(); }
    /// It is here because somebody wants it, not because it was met somewhere.
    bool asked_for() const {
        return !asked_as.empty() || data.find("birth") != nullptr || data["autoconnect"].is_false();
    }
    const std::string& type() const { return data["type"].text(); }
    double state_change() const { return data["stateChange"].number(); }
    double failures() const { return data["failure"].number(); }
    /// It has been reached once, and held a connection for some time.
    bool reached() const { return data.at("duration.mean").number() > 0; }
    bool is_lan() const { return source() == "local" || type() == "lan"; }
};

/// Adds a value to `{mean, stdev, count, sum, sqsum}`, npm statistics 3's.
base::Tree with_sample(const base::Tree& statistics, double value);

class PeerTable {
 public:
    explicit PeerTable(const FeedId& own) : own_(own) {}

    // ---- the files. An entry nobody here understands is kept and written back.

    /// gossip.json: a list. Errors: `corrupt`, and nothing has changed.
    Result<void> read_gossip(std::string_view json);
    /// conn.json: an object by addresses. As there, up to nine characters at its end may be
    /// garbage.
    Result<void> read_conn(std::string_view json);
    std::string gossip_json() const;
    std::string conn_json() const;
    /// Grows with whatever would change the files.
    std::uint64_t version() const { return version_; }
    void touch() { ++version_; }

    // ---- asking. Pointers live until the entry is removed.

    KnownPeer* find(const FeedId& key);
    KnownPeer* find(std::string_view address);
    const std::vector<std::unique_ptr<KnownPeer>>& all() const { return peers_; }

    // ---- changing

    struct Added {
        KnownPeer* peer = nullptr;  ///< null: ourselves, or there is no room
        bool is_new = false;
    };
    /// `gossip.add`: one entry for a key. `given` may hold more members (of an object handed in).
    Added add(std::string address, const FeedId& key, std::string_view source, double now,
              base::Tree given = base::Tree::object());
    /// `conn.remember`: one entry for an address.
    Added remember(std::string address, const FeedId& key, const base::Tree& data, double now);
    /// `conn.stage`: one entry for an address too. Who is staged already is not new, and what is
    /// said of it is renewed.
    Added stage(std::string address, const FeedId& key, const base::Tree& data, double now);
    /// `conn.unstage` of one that is remembered. True if it was staged besides.
    bool withdraw(KnownPeer& peer);
    /// `conn.forget` of one that is staged besides: it is only that from now on. False: it is not.
    bool keep_offer_only(KnownPeer& peer);
    void remove(KnownPeer& peer);

    /// Forgets LAN peers that have been silent and are not connected; gives their entries' keys.
    std::vector<FeedId> forget_silent(double now);
    /// Drops servers that never answered in a hundred tries and that nobody asked for.
    std::vector<FeedId> prune_dead();

    // ---- what happened

    void dialling(KnownPeer& peer, double now);
    void dial_failed(KnownPeer& peer, std::string_view why, double now);
    void linked(KnownPeer& peer, bool dialled, double now);
    void unlinked(KnownPeer& peer, double now);
    void pinged(KnownPeer& peer, double rtt_ms, double skew_ms);
    /// It was reached there.
    void moved(KnownPeer& peer, std::string address);

    /// An entry as `gossip.peers` has it.
    static base::Tree gossip_entry(const KnownPeer& peer, bool with_state);

 private:
    KnownPeer* insert(KnownPeer peer);
    bool make_room();
    void import(base::Tree entry, std::string address, std::string_view source);

    FeedId own_;
    std::vector<std::unique_ptr<KnownPeer>> peers_;
    std::unordered_map<FeedId, KnownPeer*> by_key_;  // the first of each
    std::unordered_map<std::string, KnownPeer*> by_address_;
    base::Tree::List odd_gossip_;
    base::Tree::Object odd_conn_;
    std::uint64_t version_ = 0;
};

std::string_view name_of(PeerState state);

}  // namespace sbot::net
