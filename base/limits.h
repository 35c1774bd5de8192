#pragma once

#include <cstddef>
#include <cstdint>

/// Every bound of the server, in one place, each with its reason. Units are the last word of a
/// name.
namespace sbot::limits {

// --- connections
/// A whole handshake, from accept or connect (ssb-config's `timers.handshake` overrides it).
inline constexpr std::uint64_t handshake_ms_default = 5000;
/// Box-stream bodies: the protocol's own size; a longer one from a peer closes the session.
inline constexpr std::size_t box_body_bytes_max = 4096;
/// Connections that have not finished their handshake (each costs a descriptor and about 6 KB of
/// memory), and those that have.
inline constexpr std::size_t handshakes_max = 1024;
inline constexpr std::size_t peers_max = 400;
/// A peer without a word for this long is gone (`timers.inactivity` overrides it): twice the time
/// between two pings.
inline constexpr std::uint64_t inactivity_ms_default = 600000;

/// A host name: what DNS allows.
inline constexpr std::size_t host_bytes_max = 253;
/// Addresses of one name that are tried: enough for both families, and each gets its share of the
/// time.
inline constexpr std::size_t dial_addresses_max = 8;
/// One write to a socket: larger than any frame, and within the kernel's and libuv's int.
inline constexpr std::size_t write_bytes_max = std::size_t{1} << 30;
/// A UDP packet of local discovery: an address of each kind and a signature take a few hundred.
inline constexpr std::size_t datagram_bytes_max = 4096;

// --- muxrpc
/// One frame from a stranger: EBT notes reach megabytes, nothing else is near.
inline constexpr std::size_t frame_bytes_max_stranger = std::size_t{8} << 20;
/// One frame from ourselves (unix socket, own key, master): whole query answers and bulk adds.
inline constexpr std::size_t frame_bytes_max_self = std::size_t{64} << 20;
/// What all strangers together can make us hold: unfinished frames, queued items, unsent answers.
inline constexpr std::size_t strangers_bytes_max = std::size_t{256} << 20;
/// What each of them may always hold, so that a few greedy ones do not cost the others their
/// connections.
inline constexpr std::size_t stranger_bytes_granted = strangers_bytes_max / peers_max;
/// Unsent bytes for one peer above which its sources are not read, and the point to go on.
inline constexpr std::size_t send_high_bytes = std::size_t{256} << 10;
inline constexpr std::size_t send_low_bytes = std::size_t{64} << 10;
/// Items waiting for a consumer of ours in one stream before the session stops reading its socket.
inline constexpr std::size_t stream_queue_items_max = 256;
inline constexpr std::size_t stream_queue_bytes_max = std::size_t{1} << 20;
/// Open streams of one peer, and of one that we follow: without EBT it opens one for each feed it
/// wants. Unanswered requests.
inline constexpr std::size_t streams_per_peer_max = 8192;
inline constexpr std::size_t streams_per_friend_max = 32768;
inline constexpr std::size_t requests_per_peer_max = 1024;
/// A consumer without progress for this long loses its stream, not the connection.
inline constexpr std::uint64_t stream_stall_ms_max = 30000;

// --- JSON
/// Nesting: V8 itself prints no more than about 4,000 levels; a message has at most 62.
inline constexpr std::size_t json_depth_max = 4000;

// --- configuration
/// Levels of a configuration or of a command's options; ours have five.
inline constexpr std::size_t tree_depth_max = 100;

// --- messages
/// UTF-16 units of the canonical text with signature.
inline constexpr std::size_t message_units_max = 8192;
inline constexpr std::size_t private_recipients_max = 7;
/// Canonical text over the limit is printed so far to tell its size in the refusal; a few thousand
/// nested lists would make megabytes of blanks.
inline constexpr std::size_t oversize_text_bytes_max = std::size_t{1} << 20;
/// What a refusal quotes: any message within its limit fits (three bytes a unit).
inline constexpr std::size_t error_quote_bytes_max = std::size_t{24} << 10;
/// Recipients that a box1 reader looks for itself among: the reference counts its limit
/// inclusively.
inline constexpr std::size_t private_slots_tried_max = 8;
/// A `secret` file is about 800 bytes.
inline constexpr std::size_t secret_file_bytes_max = std::size_t{64} << 10;

// --- log
/// A record longer than this is damage: a message is at most 8,192 units, in UTF-8 and compact.
inline constexpr std::size_t record_bytes_max = std::size_t{1} << 20;
/// One read of the log by a cursor: some 350 messages; larger ones are not faster, and every open
/// cursor holds one.
inline constexpr std::size_t log_block_bytes = std::size_t{256} << 10;
/// The most a cursor may be told to read at a time: for views, whose transactions are the cheaper
/// the more they hold.
inline constexpr std::size_t log_block_bytes_max = std::size_t{4} << 20;

/// Damaged entries that a server remembers to have told of.
inline constexpr std::size_t damage_places_remembered_max = 1000;

/// Entries of one record of the journal (a deletion takes some 230 bytes each), and the longest
/// record: a reader holds one.
inline constexpr std::size_t journal_entries_max = 1000;
inline constexpr std::size_t journal_record_bytes_max = std::size_t{1} << 20;

/// How much of the log is read at start for messages of ours that the head file does not know: some
/// 50 ms.
inline constexpr std::uint64_t head_behind_bytes_max = std::uint64_t{32} << 20;

// --- views
/// Waiting for another connection to a view's database before giving up.
inline constexpr std::uint64_t view_busy_ms_max = 5000;
/// Pages the core view's writer keeps: its index by key is written at random places. With 40 MB
/// indexing what comes in takes a twelfth longer; a first sync stays below 100 MB in all.
inline constexpr std::size_t core_view_cache_bytes = std::size_t{48} << 20;
/// The contact view finds feeds by their names, and reads everything only from front to back.
inline constexpr std::size_t contact_view_cache_bytes = std::size_t{4} << 20;
/// Contacts that wait for a local stream which does not read them (65 bytes each).
inline constexpr std::size_t edges_waiting_max = std::size_t{1} << 16;
/// A reader goes through few pages at a time.
inline constexpr std::size_t core_reader_cache_bytes = std::size_t{8} << 20;
/// Feeds and types whose number the writer remembers (about 200 bytes each); a stranger can make up
/// a type for each message.
inline constexpr std::size_t core_view_feeds_cached_max = 100000;
inline constexpr std::size_t core_view_types_cached_max = 10000;
/// Names whose ids the writer remembers (32 bytes each at worst): what is linked to is mostly
/// young.
inline constexpr std::size_t core_names_remembered_max = 200000;
/// A core database being built: what is read of the log at a time, how many such loads there are
/// between the two threads, what is sorted in memory of each of the twelve indexes, and the pages
/// that SQLite keeps of the little that it writes.
inline constexpr std::size_t core_builder_block_bytes = std::size_t{128} << 10;
inline constexpr std::size_t core_builder_loads = 4;
inline constexpr std::size_t core_loader_run_bytes = std::size_t{2} << 20;
inline constexpr std::size_t core_builder_cache_bytes = std::size_t{4} << 20;
/// A name of a message, feed, blob or channel: of a channel, 30 UTF-16 units of up to three bytes.
inline constexpr std::size_t name_bytes_max = 91;
/// Pages in the core view's write-ahead log, 4 kB each, from which on they are brought into its
/// file where nobody waits, and where somebody always does.
inline constexpr int core_view_log_pages = 8000;
inline constexpr int core_view_log_pages_max = 32000;
/// A log with more bytes than this beyond an empty index is worth a full build.
inline constexpr std::size_t core_build_bytes_min = std::size_t{8} << 20;
/// Entries of one transaction where nobody waits: with 250, four times the work of 5,000.
inline constexpr std::size_t core_view_batch_entries = 5000;
/// Entries taken in at once whose posts are put into the full text with them; those of more wait
/// until there is nothing else to do.
inline constexpr std::size_t texts_at_once_max = 100;
/// A link's path of members, shortened to this.
inline constexpr std::size_t link_rel_bytes_max = 128;
/// Content nested deeper is not kept as JSON: SQLite reads 2,000 levels (3.40; 1,000 from 3.45 on),
/// and a query over all content must not fail for one message. A public one has 62 at most.
inline constexpr std::size_t sqlite_json_depth_max = 500;
/// Rows of one page of a query: no read transaction lasts longer than that takes.
inline constexpr std::size_t view_page_rows_max = 1000;
/// Read keys of single messages remembered, as many as the reference caches.
inline constexpr std::size_t read_keys_max = 512;
/// `flume/kept.json`, 180 bytes a feed.
inline constexpr std::size_t kept_states_bytes_max = std::size_t{64} << 20;
/// `flume/last.json` of the JavaScript server, 180 bytes a feed.
inline constexpr std::size_t js_last_bytes_max = std::size_t{64} << 20;
/// Links being sorted for one call; beyond, SQLite uses a temporary file.
inline constexpr std::size_t link_sorter_cache_bytes = std::size_t{16} << 20;

// --- SQL of others (sql.query)
/// The text of a query; what is longer was not written by hand, and parameters are for values.
inline constexpr std::size_t sql_text_bytes_max = std::size_t{64} << 10;
/// One value or row of SQLite's, and one row as JSON: a message has 8 KB. What functions do with a
/// value takes milliseconds for each MB.
inline constexpr std::size_t sql_value_bytes_max = std::size_t{1} << 20;
inline constexpr std::size_t sql_row_bytes_max = std::size_t{4} << 20;
inline constexpr std::size_t sql_columns_max = 100;
/// Pages a query keeps; beyond that, sorting goes into nameless files.
inline constexpr std::size_t sql_cache_bytes = std::size_t{4} << 20;
/// What SQLite may allocate in this process once there are queries: a query that looks around when
/// the first of these is in use is stopped, and beyond the second nothing is allocated. The node's
/// own part, with the caches of all connections, stays below 100 MB, and what two queries can
/// allocate between two looks, below that again.
inline constexpr std::int64_t sql_heap_bytes_wanted = std::int64_t{160} << 20;
inline constexpr std::int64_t sql_heap_bytes = std::int64_t{384} << 20;
/// How long a query may take, its caller's slowness included, unless it asks for another time; and
/// the longest it may ask for: as long as it reads, the write-ahead log cannot be cut.
inline constexpr std::uint64_t sql_ms_default = 30000;
inline constexpr std::uint64_t sql_ms_max = 600000;
/// Queries open at once, and as many live ones, each with a connection (some 100 KB, and the
/// pages), and those that compute: the pool has other things to do.
inline constexpr std::size_t sql_queries_max = 64;
inline constexpr std::size_t sql_running_max = 2;
/// The answer that a live query remembers, and the least time between two looks.
inline constexpr std::size_t sql_live_bytes_max = std::size_t{8} << 20;
inline constexpr std::uint64_t sql_live_ms_min = 100;
/// Indexes on members of the content; each costs every message that comes in.
inline constexpr std::size_t json_indexes_max = 32;
inline constexpr std::size_t json_index_paths_max = 4;
inline constexpr std::size_t json_index_path_bytes_max = 200;
inline constexpr std::size_t json_indexes_file_bytes_max = std::size_t{64} << 10;
/// The write-ahead log of the core database, where some reader keeps it from being cut (setting
/// `flume.walBytesMax`): several times what checkpoints leave, small beside the database.
inline constexpr std::uint64_t core_wal_bytes_max_default = std::uint64_t{256} << 20;

// --- peer table
/// Servers known, about 1.5 KB each; there are some hundred pubs, and anybody can announce more.
inline constexpr std::size_t peers_known_max = 5000;
/// Servers of the LAN that are not remembered: anybody on it can announce any number.
inline constexpr std::size_t lan_peers_max = 256;
/// Beacons looked at; each costs a signature check.
inline constexpr std::size_t beacons_per_second_max = 100;
/// An address text: one of each kind take some hundred.
inline constexpr std::size_t peer_address_bytes_max = 1024;
/// `gossip.json` and `conn.json`.
inline constexpr std::size_t peer_files_bytes_max = std::size_t{32} << 20;
/// Changes of the table that a reader of `gossip.changes` may fall behind before it is dropped.
inline constexpr std::size_t peer_news_max = 1000;

// --- invites
/// Codes that are remembered, 200 bytes each and as many on the disk; spent ones make room.
inline constexpr std::size_t invites_max = 10000;
inline constexpr std::size_t invites_file_bytes_max = std::size_t{64} << 20;
/// The LevelDB that a JavaScript server keeps its codes in: 200 bytes each, some of them stale.
inline constexpr std::size_t js_invites_bytes_max = std::size_t{64} << 20;
inline constexpr std::uint32_t invite_uses_max = 1000000;
/// A note goes into a contact message of ours, which must not outgrow a message.
inline constexpr std::size_t invite_note_bytes_max = 4000;
/// A code handed to `invite.accept`: an address and a seed take 150.
inline constexpr std::size_t invite_bytes_max = 4096;

// --- blobs
/// A blob must be smaller than this (`blobs.max` of the configuration overrides it): the protocol's
/// size, no peer fetches a larger one.
inline constexpr std::size_t blob_bytes_max_default = std::size_t{5} << 20;
/// What is read for one item of `blobs.get`, and at least written at a time: the reference's size,
/// and all that a stream of a blob holds.
inline constexpr std::size_t blob_part_bytes = std::size_t{64} << 10;
/// Blobs asked about in one job: each costs a look at the disk.
inline constexpr std::size_t blobs_asked_max = 256;
/// Blobs just stored that live lists have yet to tell; one that falls further behind ends.
inline constexpr std::size_t blob_news_max = 4096;
/// Answers to what a peer wants that wait until it reads them, each of at most `blobs_asked_max`.
inline constexpr std::size_t blob_answers_max = 64;

// --- replication
/// Feeds that EBT knows, wanted or only heard of: a peer can make up names without end.
inline constexpr std::size_t ebt_feeds_max = 200000;
/// Feeds that we do not want of which a peer's sequence is remembered, by peer; what it says of
/// others costs a byte each.
inline constexpr std::size_t ebt_unwanted_numbers_max = 4096;
/// Feeds and peers of which it is remembered that the peer sent a bad message of the feed, some 130
/// bytes each; the oldest is forgotten. Keys cost nothing, so whoever likes can fill it; who is
/// forgotten is asked again, and refused with his next bad message.
inline constexpr std::size_t ebt_refusals_max = 20000;
/// Feeds in one item of notes: some 60 bytes each, well below a frame.
inline constexpr std::size_t ebt_notes_per_item_max = 50000;
/// Messages that came and wait to be checked: of one peer, enough for two jobs, and of all.
inline constexpr std::size_t incoming_messages_per_peer_max = 768;
inline constexpr std::size_t incoming_bytes_max = std::size_t{8} << 20;

/// Prepared public keys of the feeds that messages came of last, 15 kB each. A job of the pool has
/// runs of some five feeds; what a feed of hundreds of messages lacks comes in the next few jobs.
inline constexpr std::size_t key_tables_bytes_max = std::size_t{1} << 20;
/// Messages just stored, kept for those who want them at once.
inline constexpr std::size_t recent_messages_bytes_max = std::size_t{1} << 20;
/// Peers whose clocks are remembered, and the longest clock: 10 bytes a feed.
inline constexpr std::size_t peer_clocks_max = 2000;
inline constexpr std::size_t peer_clock_bytes_max = std::size_t{4} << 20;

/// Messages stored beyond what the index covers, above which replication waits for it: a
/// moment of indexing, for that is what reading calls wait for. `flume.indexLagMax` sets another.
inline constexpr std::size_t index_lag_records_max_default = 8000;
inline constexpr std::size_t index_lag_records_max = 100'000;
/// The index's threads let those go first who publish, answer and check signatures: else the log's
/// writer waits for a core, and with it everyone who publishes.
inline constexpr int index_nice = 10;
/// Records that one job of the index's lane takes in, in one transaction: in a large index 2,000
/// each cost an eighth more, for each of them writes pages of its own. After a slice it ends early
/// for what was written here; its commit cannot, so that after something was written here jobs are
/// small for a while.
inline constexpr std::size_t index_job_records_max = 4000;
inline constexpr std::size_t index_slice_records = 250;
inline constexpr std::size_t index_watched_job_records_max = 500;
inline constexpr std::uint64_t index_watched_ms = 5000;
/// With so many before it, what is written here goes in first.
inline constexpr std::size_t index_urgent_records = 1000;
/// Unless somebody reads, the index rests ten times as long as its last job took, within these
/// bounds, so that what comes one by one goes in together: a transaction of one message costs five
/// times its share of a larger one. The least if something was written here, for those who read
/// the file themselves.
inline constexpr std::uint64_t index_rest_ms_min = 10;
inline constexpr std::uint64_t index_rest_ms_max = 300;
/// Posts put into the full text in one job, some 100 ms, and after how many it may end early. It
/// has its turn when nothing has come in for a moment, or when it had none for so long.
inline constexpr std::size_t texts_job_posts_max = 3000;
inline constexpr std::size_t texts_slice_posts = 200;
inline constexpr std::uint64_t texts_quiet_ms = 300;
inline constexpr std::uint64_t texts_wait_ms_max = 10000;
/// After an attempt that failed.
inline constexpr std::uint64_t index_retry_ms = 1000;
/// Accepted messages that wait for the writer, above which replication waits.
inline constexpr std::size_t unwritten_bytes_max = std::size_t{4} << 20;

}  // namespace sbot::limits
