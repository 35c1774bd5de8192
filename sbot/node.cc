#include "sbot/node.h"

#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/assert.h"
#include "base/json.h"
#include "flume/deletion.h"
#include "sbot/blob_methods.h"
#include "sbot/js_views.h"
#include "sbot/kept_import.h"
#include "sbot/method_table.h"

namespace sbot::app {
namespace {

shs::KeyPair handshake_keys(const message::KeyPair& keys) {
    return {keys.id.bytes, shs::SecretKey(keys.secret)};
}

std::optional<message::FeedState> state_of(const std::optional<flume::FeedState>& state) {
    if (!state) return std::nullopt;
    return message::FeedState{state->key, state->sequence, state->claimed};
}

std::string contacts_path(const Settings& settings) {
    return settings.folder + "/flume/contacts.sqlite";
}

io::Task<std::optional<friends::Relation>> relation_of(Friends& friends, FeedId own, FeedId feed) {
    auto asking = friends.fresh();
    auto now = co_await asking;
    if (!now) co_return std::nullopt;
    co_return (*now)->graph().between(own, feed);
}

// Open files that connections leave to the log, the index and its readers, blobs and listeners.
constexpr std::size_t files_reserved = 64;

/// Those with which files can still be opened.
std::size_t connections_possible() {
    struct rlimit limit {};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return SIZE_MAX;
    std::size_t files = limit.rlim_cur;
    return std::max(files / 4, files - std::min(files, files_reserved));
}

}  // namespace

Node::Node(io::Loop& loop, Settings settings, base::Logger& log, FolderLock lock,
           message::KeyPair keys, std::unique_ptr<flume::Journal> journal,
           std::unique_ptr<flume::OffsetLog> entries)
    : loop_(loop),
      settings_(std::move(settings)),
      log_(log),
      lock_(std::move(lock)),
      keys_(std::move(keys)),
      journal_(std::move(journal)),
      entries_(std::move(entries)),
      unboxer_(keys_),
      opener_(unboxer_, random_),
      pool_(loop),
      identity_{settings_.network, handshake_keys(keys_)} {}

Result<std::unique_ptr<Node>> Node::start(io::Loop& loop, Settings settings, base::Logger& log) {
    std::string folder = settings.folder;
    if (auto made = make_folders(folder); !made) return std::move(made).error();
    auto lock = FolderLock::take(folder);
    if (!lock) return std::move(lock).error();
    if (std::string place = folder + "/socket";
        settings.unix_socket && !settings.net.empty() && !io::is_unix_path(place)) {
        settings.unix_socket = false;
        log.warning("folder", "no unix socket is made, its path would be too long: " + place +
                                  ". Programs here use the net address; a shorter --path helps");
    }
    base::SystemRandom random;
    auto keys = load_or_make_secret(folder, random, log);
    if (!keys) return std::move(keys).error();

    static base::PosixFiles files;
    const std::string log_path = folder + "/flume/log.offset";
    auto journal = flume::Journal::open(files, flume::journal_path(log_path), random);
    if (!journal) return std::move(journal).error();
    if (auto ok = import_kept_states(files, folder, **journal); !ok) return std::move(ok).error();
    auto entries = open_log(files, folder, **journal, log);
    if (!entries) return std::move(entries).error();

    std::unique_ptr<Node> node(new Node(loop, std::move(settings), log, std::move(*lock),
                                        std::move(*keys), std::move(*journal),
                                        std::move(*entries)));
    if (auto opened = node->open(); !opened) return std::move(opened).error();
    return node;
}

Result<void> Node::open() {
    if (auto ok = open_head(); !ok) return ok;
    if (auto ok = open_index(); !ok) return ok;
    make_friends();
    make_ways_to_log();
    if (auto ok = open_blobs(); !ok) return ok;
    auto invites = InviteCodes::open(files_, pool_, settings_.folder);
    if (!invites) return std::move(invites).error();
    invites_ = std::move(*invites);
    if (auto ok = make_replicator(); !ok) return ok;
    make_peers();
    gossip_.reset(
        new Gossip(loop_, files_, pool_, *peers_, log_, {settings_, keys_.id, distance()}));
    if (auto ok = gossip_->open(); !ok) return ok;
    lan_ = std::make_unique<Lan>(loop_, *gossip_, keys_, settings_, log_);
    add_methods();
    if (auto ok = write_manifest(); !ok) return ok;
    return loop_.run(listen());
}

/// What messages are written, and read by others, with.
void Node::make_ways_to_log() {
    indexer_ = std::make_unique<Indexer>(
        loop_, *entries_, *view_,
        [this](const Indexer::MovedOn& moved_on) { index_moved_on(moved_on); },
        settings_.index_lag_records_max);
    writer_ = std::make_unique<Writer>(loop_, *entries_, *indexer_,
                                       [this](const Batch& batch) { batch_done(batch); });
    time_.on_behind([this](double ms) {
        log_.warning("clock", "it is " + std::to_string(std::llround(ms / 1000)) +
                                  " s behind the times of messages that are here already; new ones "
                                  "are dated behind those until it has caught up");
    });
    feeds_ = std::make_unique<Feeds>(pool_, *writer_, keys_, settings_.hmac, time_, random_);
    readable_.reset(new Entries{entries_, unboxer_, std::make_shared<DamageNotice>(log_)});
    reading_ = std::make_unique<Reading>(pool_, readable_, *feeds_, *indexer_, view_->path());
}

void Node::make_peers() {
    Peers::Options options;
    options.own = keys_.id;
    options.masters = settings_.masters;
    options.handshake_ms = settings_.handshake_ms;
    options.distance = distance();
    options.inactivity_ms = settings_.inactivity_ms;
    options.connections_max = connections_possible();
    options.is_guest = [this](const FeedId& peer) {
        const InviteCodes::Code* code = invites_->find(peer);
        return code != nullptr && code->live();
    };
    options.company = [this](muxrpc::Session& session, FeedId peer) {
        return keep_company(session, peer);
    };
    options.blocked = [this](const FeedId& peer) { return friends_->now()->blocked(peer); };
    peers_ =
        std::make_unique<Peers>(loop_, identity_, router_, *replicator_, log_, std::move(options));
    friends_->observe(*peers_);
}

void Node::add_methods() {
    add_manifest_method(router_);
    server_services_.reset(new ServerServices{settings_, keys_.id, *peers_});
    add_server_methods(router_, *server_services_);
    replication_services_.reset(
        new ReplicationServices{loop_, keys_.id, *replicator_, *own_guard_, *feeds_, *reading_});
    add_replication_methods(router_, *replication_services_);
    raw_services_.reset(new RawServices{pool_, readable_, *indexer_, *feeds_, *reading_});
    log_services_.reset(
        new LogServices{*feeds_, *reading_, unboxer_, *raw_services_, *friends_, *own_guard_});
    add_log_methods(router_, *log_services_);
    add_raw_methods(router_, *raw_services_);
    links_services_.reset(new LinksServices{pool_, readable_, *indexer_, *reading_});
    add_links_methods(router_, *links_services_);
    sql_services_.reset(
        new SqlServices{loop_, pool_, readable_, *indexer_, *reading_, view_->path(), news_});
    add_sql_methods(router_, *sql_services_);
    status_services_.reset(new StatusServices{loop_, settings_, keys_.id, *entries_, *indexer_,
                                              *feeds_, *reading_, *replicator_, *own_guard_,
                                              [this](json::Writer& out) { write_status(out); }});
    add_status_methods(router_, *status_services_);
    index_care_ = std::make_unique<IndexCare>(loop_, log_, *indexer_, *reading_, *news_);
    delete_services_.reset(new DeleteServices{settings_.folder, view_->path(), files_, *journal_,
                                              *writer_, *reading_, *history_, *index_care_});
    add_delete_methods(router_, *delete_services_);
    friend_services_.reset(new FriendServices{pool_, keys_.id, *friends_, *feeds_, *reading_});
    add_friend_methods(router_, *friend_services_);
    add_blob_methods(router_, *blobs_, *blob_wants_);
    add_invites();
    gossip_services_.reset(new GossipServices{loop_, settings_, *gossip_});
    add_gossip_methods(router_, *gossip_services_);
    add_conn_methods(router_, *gossip_services_);
    add_help_methods(router_);
    take_named_arguments(router_);
    auto described = check_methods(router_);
    if (!described) log_.error("methods", described.error().what);
    SBOT_ASSERT(described.has_value());
}

/// The parts of `status` that others know.
/// Neither of these is among the reference's.
void Node::write_status(json::Writer& out) const {
    gossip_->write_status(out);
    if (index_care_->stuck_readers() == 0) return;
    out.name("index").begin_object();
    out.member("stuckReaders", static_cast<double>(index_care_->stuck_readers()));
    out.member("walBytes", static_cast<double>(index_care_->stuck_bytes())).end_object();
}

/// As the peers and the scheduler ask for it: negative for a blocked feed, far where it is unknown.
std::function<double(const FeedId&)> Node::distance() {
    return [this](const FeedId& feed) -> double {
        const auto& now = *friends_->now();
        if (now.blocked(feed)) return -1;
        auto hops = now.hops_of(feed);
        return hops == friends::nowhere || hops < 0 ? 1e9 : static_cast<double>(hops);
    };
}

void Node::add_invites() {
    auto relation = [this](FeedId feed) { return relation_of(*friends_, keys_.id, feed); };
    auto accepted = [this](const std::string& address) { gossip_->accepted(address); };
    invite_services_.reset(new InviteServices{loop_, settings_, keys_.id, *invites_, *feeds_,
                                              *reading_, random_, std::move(relation),
                                              std::move(accepted)});
    add_invite_methods(router_, *invite_services_);
}

Result<std::unique_ptr<flume::OffsetLog>> Node::open_log(base::Files& files,
                                                         const std::string& folder,
                                                         flume::Journal& journal,
                                                         base::Logger& log) {
    flume::OffsetLog::Options how;
    how.generation = journal.generation();
    auto entries = flume::OffsetLog::open(files, folder + "/flume/log.offset", how);
    if (!entries) return entries;
    if (auto cut = (*entries)->recovery().bytes_cut; cut > 0) {
        log.warning("log", "cut " + std::to_string(cut) + " bytes of an unfinished write");
        if (auto ok = journal.rewind((*entries)->end()); !ok) return std::move(ok).error();
    }
    return entries;
}

/// Before anything is made of the log: whether it is the one we know.
Result<void> Node::open_head() {
    const bool was_cut = entries_->recovery().bytes_cut > 0;
    if (auto ok = flume::take_stand_ins_back(*entries_, *journal_); !ok) return ok;
    auto finished = flume::finish_deletions(*entries_, *journal_);
    if (!finished) return std::move(finished).error();
    deletions_finished_ = *finished;
    own_head_ = std::make_unique<OwnHead>(files_, settings_.folder, *journal_, keys_.id, log_);
    if (auto ok = own_head_->look(*entries_); !ok) return ok;
    if (auto from = own_head_->beginning().void_from) {
        auto told = *from > 0 ? journal_->rewind(*from) : journal_->new_generation(random_);
        if (!told) return told;
        auto again = open_log(files_, settings_.folder, *journal_, log_);
        if (!again) return std::move(again).error();
        entries_ = std::move(*again);
    }
    own_head_->keep(*entries_);
    // Not before: they know of messages of ours that the log has lost.
    return was_cut ? forget_js_views(files_, settings_.folder) : Result<void>();
}

Result<void> Node::open_index() {
    flume::CoreView::Options options;
    options.path = settings_.folder + "/flume/core.sqlite";
    options.unbox = [this](json::Value value) { return opener_.open(value); };
    options.kept = [this] { return flume::kept_states(*journal_); };
    options.wal_bytes_max = settings_.index_wal_bytes_max;
    CommitNews::follow(news_, loop_, options);
    auto view = flume::CoreView::open(std::move(options));
    if (!view) return std::move(view).error();
    view_ = std::move(*view);
    if (view_->was_spoilt()) {
        log_.notice("index",
                    "it was damaged, or the machine stopped while it was open: "
                    "it is made anew");
    }
    if (view_->covered().upto && !entries_->latest()) {
        if (auto ok = begin_without_log(); !ok) return ok;
    }
    if (deletions_finished_) {
        log_.notice("index", "a deletion was cut short; it is finished, and the index made anew");
        auto removed = flume::sqlite::remove_database(files_, contacts_path(settings_));
        if (!removed) return removed;
        return view_->clear(entries_->generation());
    }
    const bool had_some = view_->covered().upto.has_value();
    auto settled = flume::settle(*view_, *entries_);
    if (!settled) return std::move(settled).error();
    if (*settled && had_some) {
        log_.notice("index", "the index does not fit the log and is made anew");
    }
    return {};
}

/// The log is lost, its index is not. That knows how far our feed had come: nothing is published
/// before peers have brought all of it.
Result<void> Node::begin_without_log() {
    if (!settings_.all["recover"].truthy()) {
        return error(Errc::corrupt, settings_.folder +
                                        "/flume/log.offset holds nothing, but its index knows of "
                                        "messages: put the log back, or start with --recover to "
                                        "get them from peers again");
    }
    auto reader = flume::CoreReader::open(view_->path());
    if (!reader) return std::move(reader).error();
    auto own = (*reader)->feed_state(keys_.id);
    if (!own) return std::move(own).error();
    return *own ? own_head_->saw_beyond((*own)->sequence) : Result<void>();
}

void Node::make_friends() {
    Friends::Options options;
    options.view.path = contacts_path(settings_);
    options.view.own = keys_.id;
    options.view.unbox = [this](json::Value value) { return opener_.open(value); };
    options.hops_max = settings_.hops_max;
    friends_ = std::make_unique<Friends>(loop_, pool_, entries_, log_, std::move(options));
}

Result<void> Node::open_blobs() {
    auto store = blobs::Store::open(files_, settings_.folder + "/blobs", settings_.blob_bytes_max);
    if (!store) return std::move(store).error();
    blob_store_ = std::move(*store);
    blobs_ = std::make_unique<BlobKeeper>(loop_, *blob_store_, clock_);
    blob_wants_ = std::make_unique<BlobWants>(loop_, *blobs_);
    return {};
}

Result<void> Node::write_manifest() {
    auto manifest = json::Document::parse(router_.manifest());
    std::string text;
    json::append_pretty(text, manifest->root());
    const std::string path = settings_.folder + "/manifest.json";
    // Nearly always it is what the last start wrote: two waits for the disk saved.
    auto there = base::read_file(files_, path, text.size());
    if (there && base::text_of(*there) == text) return {};
    return base::write_file_atomically(files_, path, base::bytes_of(text), 0644);
}

io::Async<void> Node::listen() {
    for (const ListenAt& at : settings_.net) {
        auto opening = io::listen_tcp(loop_, at.host, at.port);
        auto listener = co_await opening;
        if (!listener) {
            co_return std::move(listener).error().in("cannot listen on " + at.host + " port " +
                                                     std::to_string(at.port));
        }
        peers_->serve(std::move(*listener));
    }
    if (settings_.unix_socket) {
        std::string place = settings_.folder + "/socket";
        if (auto ok = check_socket_place(place); !ok) co_return std::move(ok).error();
        auto listener = io::listen_unix(loop_, place);
        if (!listener) co_return std::move(listener).error();
        peers_->serve(std::move(*listener));
    }
    co_return {};
}

/// From an empty one: at speed and beside it. Meanwhile the empty one takes what we publish.
io::Async<flume::Damage> Node::make_index() {
    if (own_head_->beginning().known) {
        auto own = own_head_->start(*entries_);
        feeds_->load_own(state_of(own.state), own.last_received);
    } else {
        auto finding = pool_.run(&find_own, std::shared_ptr<const flume::Log>(entries_), keys_.id,
                                 view_->options().kept());
        auto own = co_await finding;
        if (!own) co_return std::move(own).error();
        auto kept = own_head_->keep_js_end(own->state);
        if (!kept) co_return std::move(kept).error();
        feeds_->load_own(state_of(own->state), own->last_received);
    }
    auto building = indexer_->build();
    auto damage = co_await building;
    if (!damage) co_return damage;
    co_await reading_->pause();
    auto adopting = indexer_->adopt();
    auto adopted = co_await adopting;
    if (!adopted) co_return std::move(adopted).error();
    co_return damage;
}

io::Task<void> Node::index_texts() {
    auto indexing = indexer_->catch_up_texts();
    auto done = co_await indexing;
    if (!done) log_.error("index", done.error().what);
}

/// Where the index turns out to be damaged it is made from nothing, once.
io::Async<void> Node::index() {
    auto indexing = take_up();
    auto done = co_await indexing;
    if (done || done.error().code != Errc::corrupt) co_return done;
    log_.warning("index", "it is damaged and made anew: " + done.error().what);
    auto renewing = indexer_->renew();
    auto renewed = co_await renewing;
    if (!renewed) co_return renewed;
    auto again = take_up();
    co_return co_await again;
}

/// Brings the index up to the log's end, and takes from it what the other parts begin with.
io::Async<void> Node::take_up() {
    flume::Damage met;
    if (indexer_->wants_build()) {
        auto making = make_index();
        auto made = co_await making;
        if (!made) co_return std::move(made).error();
        met = *made;
    }
    auto indexing = indexer_->catch_up();
    auto damage = co_await indexing;
    if (damage && met.places > 0) damage = met;
    if (!damage) co_return std::move(damage).error();
    if (damage->places > 0) {
        log_.error("log", "flume/log.offset is damaged in " + std::to_string(damage->places) +
                              " places, " + std::to_string(damage->bytes) +
                              " bytes in all, the first at " + std::to_string(damage->first) +
                              "; the messages there are passed over, nothing was changed");
    }
    if (auto there = view_->in_place(); !there) co_return there;
    auto reader = flume::CoreReader::open(view_->path());
    if (!reader) co_return std::move(reader).error();
    auto states = (*reader)->all_states();
    if (!states) co_return std::move(states).error();
    auto kept = own_head_->keep_js_ends(*states, *entries_);
    if (!kept) co_return std::move(kept).error();
    auto odd = (*reader)->unreadable(1);
    if (odd && !odd->empty()) {
        const auto& [offset, why] = odd->front();
        log_.warning("log", "the entry at " + std::to_string(offset) +
                                " of flume/log.offset, and perhaps others, is passed over: " + why);
    }
    flume::PageOf last;
    last.reverse = true;
    last.limit = 1;
    auto rows = (*reader)->by_received(last);
    if (!rows) co_return std::move(rows).error();
    double last_received = rows->empty() ? 0 : rows->front().at;
    if (auto told = tell_js(*states); !told) co_return std::move(told).error();
    if (!own_head_->beginning().known) own_head_->learn(*states, view_->covered().upto);
    std::vector<std::pair<FeedId, message::FeedState>> feeds;
    feeds.reserve(states->size());
    for (const flume::FeedState& state : *states) {
        feeds.push_back({state.feed, {state.key, state.sequence, state.claimed}});
    }
    feeds_->load(std::move(feeds), last_received);
    reading_->open(last_received);
    befriending_ = befriend();
    co_return {};
}

/// A JavaScript server that goes on with the folder cannot read deleted messages' places in their
/// feeds from the log, and knows nothing of the journal.
Result<void> Node::tell_js(const std::vector<flume::FeedState>& states) {
    auto upto = view_->covered().upto;
    if (!upto || !ends_deleted(states, *journal_, {})) return {};
    return write_js_last(files_, settings_.folder, states, *upto);
}

Result<void> Node::make_replicator() {
    history_ = std::make_unique<FeedHistory>(*reading_);
    auto clocks = replication::PeerClocks::open(pool_, settings_.folder + "/flume/peers.sqlite",
                                                settings_.folder + "/ebt");
    if (!clocks) return std::move(clocks).error();
    clocks_ = std::move(*clocks);
    if (own_head_->beginning().copied_or_restored) {
        // What peers and we knew of each other then would hide from both what we lack now.
        if (auto forgotten = clocks_->forget(); !forgotten) return forgotten;
    }
    auto on_trouble = [this](const FeedId& peer, const FeedId& feed, const std::string& why) {
        log_.warning("replication",
                     peer.text() + " sent a bad message of " + feed.text() + ": " + why);
    };
    replication::Replicator::Options options;
    options.own = keys_.id;
    Bytes salt(sizeof options.salt);
    random_.fill(salt);
    options.salt = base::load_be(salt, salt.size());
    options.rank = [this](const FeedId& feed) -> std::size_t {
        auto hops = friends_->now()->hops_of(feed);
        if (feed == keys_.id) return 0;
        return hops == friends::nowhere || hops < 0 ? SIZE_MAX : static_cast<std::size_t>(hops);
    };
    replicator_ = std::make_unique<replication::Replicator>(
        loop_, pool_, *feeds_, *history_, *clocks_, options, std::move(on_trouble));
    passing_on_ = std::make_unique<PassingOn>(loop_, *friends_, *replicator_, *feeds_);
    auto doubt = replication::OwnFeed::Doubt::none;
    if (own_head_->beginning().copied_or_restored) doubt = replication::OwnFeed::Doubt::restored;
    if (settings_.all["recover"].truthy()) doubt = replication::OwnFeed::Doubt::recover;
    own_guard_ = std::make_unique<OwnGuard>(loop_, *friends_, *replicator_, *feeds_, log_, doubt,
                                            [this] { own_head_->confirm(); });
    feeds_->before_publish([this] { return own_guard_->clear_to_publish(); });
    feeds_->after_contact([this] { return friends_->in_force(); });
    feeds_->set_own_beyond(own_head_->beginning().beyond);
    feeds_->on_own_beyond([this](Sequence sequence) {
        if (auto ok = own_head_->saw_beyond(sequence); !ok) log_.warning("head", ok.error().what);
        own_guard_->seen_beyond();
    });
    feeds_->set_own_fork(own_head_->beginning().forked);
    if (feeds_->own_fork() > 0) own_guard_->seen_fork();
    feeds_->on_own_fork([this](Sequence sequence) {
        if (auto ok = own_head_->saw_fork(sequence); !ok) log_.warning("head", ok.error().what);
        own_guard_->seen_fork();
    });
    return {};
}

io::Task<void> Node::befriend() {
    auto loading = friends_->load(*indexer_);
    auto loaded = co_await loading;
    if (!loaded) log_.error("friends", loaded.error().what);
    replicator_->start();  // with all that is wanted by then
    // Not before either: whom to dial depends on who is near.
    gossip_->start(*reading_);
    lan_->start();
    texts_ = index_texts();  // peers wait for the above, nobody for this
    auto blocking = pass_blocks();
    co_await blocking;
}

/// Besides replication, with each peer.
io::Task<void> Node::keep_company(muxrpc::Session& session, FeedId peer) {
    auto hearing = blob_wants_->hear(session);
    auto questioning = own_guard_->question(session, peer);
    co_await hearing;
    co_await questioning;
}

/// Whoever blocks a peer has us keep that feed from it.
io::Task<void> Node::pass_blocks() {
    Friends::Edges edges(*friends_);
    edges.lost = true;  // what was said before
    while (true) {
        if (std::exchange(edges.lost, false)) {
            edges.waiting.clear();
            const friends::Graph graph = friends_->now()->graph();
            for (friends::FeedIndex from = 0; from < graph.edges->feeds(); ++from) {
                for (const friends::Edge& edge : graph.edges->of(from)) {
                    if (edge.relation != friends::Relation::block) continue;
                    replicator_->block((*graph.names)[from], (*graph.names)[edge.to], true);
                }
            }
        }
        for (const auto& told : std::exchange(edges.waiting, {})) {
            replicator_->block(told.from, told.to, told.relation == friends::Relation::block);
        }
        co_await friends_->changed().wait();
    }
}

void Node::batch_done(const Batch& batch) {
    feeds_->batch_done(batch);
    if (batch.failed) {
        // Whoever goes on publishing does not fill the disk with it.
        if (batch.failed->what != last_failure_) log_.error("log", batch.failed->what);
        last_failure_ = batch.failed->what;
    } else {
        last_failure_.clear();
        own_head_->note(batch);
        if (batch.records.back().author != keys_.id) gossip_->downloading();
        history_->remember(batch);
    }
    passing_on_->batch_done(batch);
}

void Node::index_moved_on(const Indexer::MovedOn& moved_on) {
    if (moved_on.failed) {
        const bool seen_to = index_care_->failed(*moved_on.failed);
        if (!seen_to) log_.error("index", moved_on.failed->what);
    }
    reading_->grown(moved_on);
}

io::Task<void> Node::stop() {
    lan_->close();
    gossip_->run_scheduler(false);
    co_await peers_->close();
    co_await gossip_->close();
    co_await writer_->flushed();
    co_await indexer_->level();
    co_await clocks_->flushed();
    if (auto left = flume::leave_stand_in(*entries_, *journal_); !left) {
        log_.warning("log", left.error().what);
    }
}

}  // namespace sbot::app
