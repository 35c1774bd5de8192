#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/files.h"
#include "base/logger.h"
#include "base/random.h"
#include "blobs/store.h"
#include "flume/core_view.h"
#include "flume/journal.h"
#include "flume/offset_log.h"
#include "io/loop.h"
#include "io/pool.h"
#include "message/content_opener.h"
#include "muxrpc/router.h"
#include "net/secure_stream.h"
#include "sbot/blob_keeper.h"
#include "sbot/blob_wants.h"
#include "sbot/commit_news.h"
#include "sbot/data_folder.h"
#include "sbot/delete_methods.h"
#include "sbot/feeds.h"
#include "sbot/friend_methods.h"
#include "sbot/friends.h"
#include "sbot/gossip.h"
#include "sbot/gossip_methods.h"
#include "sbot/history.h"
#include "sbot/index_care.h"
#include "sbot/invite_codes.h"
#include "sbot/invite_methods.h"
#include "sbot/lan.h"
#include "sbot/links_methods.h"
#include "sbot/log_methods.h"
#include "sbot/own_guard.h"
#include "sbot/own_head.h"
#include "sbot/passing_on.h"
#include "sbot/peers.h"
#include "sbot/raw_methods.h"
#include "sbot/reading.h"
#include "sbot/replication_methods.h"
#include "sbot/server_methods.h"
#include "sbot/settings.h"
#include "sbot/sql_methods.h"
#include "sbot/status_methods.h"
#include "sbot/writer.h"

namespace sbot::app {

/// The composition root: one server on one folder, made of everything below. Read `node.cc` from
/// top to bottom to see what there is and what knows what.
class Node {
 public:
    /// Takes the folder, opens or makes what is in it, and listens; calls that need the index wait
    /// until it covers the log. Errors: one line that says what to do.
    static Result<std::unique_ptr<Node>> start(io::Loop& loop, Settings settings,
                                               base::Logger& log);

    const FeedId& id() const { return keys_.id; }
    const Settings& settings() const { return settings_; }
    std::string address(std::string_view scope) const {
        return address_in(settings_, keys_.id, scope);
    }

    /// Brings the index up to date, then serves, and sets out to read who follows whom. Ends with
    /// an error if the index cannot be made.
    io::Async<void> index();

    /// Hangs up, and writes what was accepted.
    io::Task<void> stop();

 private:
    Node(io::Loop& loop, Settings settings, base::Logger& log, FolderLock lock,
         message::KeyPair keys, std::unique_ptr<flume::Journal> journal,
         std::unique_ptr<flume::OffsetLog> entries);

    static Result<std::unique_ptr<flume::OffsetLog>> open_log(base::Files& files,
                                                              const std::string& folder,
                                                              flume::Journal& journal,
                                                              base::Logger& log);
    Result<void> open();
    Result<void> open_head();
    Result<void> open_index();
    Result<void> begin_without_log();
    io::Async<void> take_up();
    io::Async<flume::Damage> make_index();
    io::Task<void> index_texts();
    Result<void> open_blobs();
    Result<void> tell_js(const std::vector<flume::FeedState>& states);
    void make_friends();
    io::Task<void> befriend();
    void add_methods();
    void add_invites();
    void write_status(json::Writer& out) const;
    std::function<double(const FeedId&)> distance();
    io::Async<void> listen();
    Result<void> write_manifest();
    void make_ways_to_log();
    Result<void> make_replicator();
    void make_peers();
    void batch_done(const Batch& batch);
    void index_moved_on(const Indexer::MovedOn& moved_on);
    io::Task<void> pass_blocks();
    io::Task<void> keep_company(muxrpc::Session& session, FeedId peer);

    io::Loop& loop_;
    Settings settings_;
    base::Logger& log_;
    FolderLock lock_;
    message::KeyPair keys_;
    std::unique_ptr<flume::Journal> journal_;
    std::shared_ptr<flume::OffsetLog> entries_;  // shared with reading jobs in the pool
    std::unique_ptr<OwnHead> own_head_;
    bool deletions_finished_ = false;  // at this start
    std::string last_failure_;         // of the log, as it was told
    std::unique_ptr<flume::CoreView> view_;
    std::shared_ptr<CommitNews> news_ = std::make_shared<CommitNews>();

    base::SystemClock clock_;
    base::MonotonicTime time_{clock_};
    base::SystemRandom random_;
    base::PosixFiles files_;
    message::Unboxer unboxer_;
    message::ContentOpener opener_;  // for the indexes
    std::shared_ptr<const Entries> readable_;
    io::Pool pool_;

    std::unique_ptr<Friends> friends_;
    std::unique_ptr<Indexer> indexer_;
    std::unique_ptr<Writer> writer_;
    std::unique_ptr<Feeds> feeds_;
    std::unique_ptr<Reading> reading_;
    std::unique_ptr<blobs::Store> blob_store_;
    std::unique_ptr<BlobKeeper> blobs_;
    std::unique_ptr<BlobWants> blob_wants_;
    std::unique_ptr<InviteCodes> invites_;

    muxrpc::Router router_;
    net::Identity identity_;
    // What calls under way wait on outlives the connections they came by.
    std::unique_ptr<RawServices> raw_services_;
    std::unique_ptr<LogServices> log_services_;
    std::unique_ptr<LinksServices> links_services_;
    std::unique_ptr<SqlServices> sql_services_;
    std::unique_ptr<StatusServices> status_services_;
    std::unique_ptr<IndexCare> index_care_;
    std::unique_ptr<DeleteServices> delete_services_;
    std::unique_ptr<FriendServices> friend_services_;
    std::unique_ptr<ServerServices> server_services_;
    std::unique_ptr<InviteServices> invite_services_;
    std::unique_ptr<FeedHistory> history_;
    std::unique_ptr<replication::PeerClocks> clocks_;
    std::unique_ptr<replication::Replicator> replicator_;
    std::unique_ptr<PassingOn> passing_on_;
    std::unique_ptr<ReplicationServices> replication_services_;
    std::unique_ptr<OwnGuard> own_guard_;
    std::unique_ptr<Gossip> gossip_;
    std::unique_ptr<GossipServices> gossip_services_;
    std::unique_ptr<Lan> lan_;
    std::unique_ptr<Peers> peers_;
    io::Task<void> befriending_;
    io::Task<void> texts_;  // the full text comes after all else
};

}  // namespace sbot::app
